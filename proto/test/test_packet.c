// SPDX-License-Identifier: MIT
// Every packet in every version: bytes typed from the standards, and what they decode to. They encode to the
// same bytes unless the vector is one of the longer forms that packet.h names.
#include "proto/packet.h"

#include "proto/test/block.h"
#include "proto/test/round_trip.h"
#include "proto/test/suite.h"

#define TEXT(text)                                                                                           \
    {                                                                                                        \
        (const uint8_t *)(text), sizeof(text) - 1                                                            \
    }

struct vector {
    uint8_t version;
    const char *bytes;
    struct packet packet;
    const char *shortest; // NULL: as `bytes`
};

static const struct vector connects[] = {
    // The examples of 3.1.1 and 5.0, section 3.1.2, with a payload.
    {4,
     "10 28 00 04 'MQTT' 04 ce 00 0a 00 02 'id' 00 03 'w/t' 00 07 'payload' 00 04 'user' 00 04 00 ff 00 fe",
     {.type = PACKET_CONNECT,
      .connect = {.version = 4,
                  .clean = true,
                  .has_will = true,
                  .has_user_name = true,
                  .has_password = true,
                  .keepalive_s = 10,
                  .client_id = TEXT("id"),
                  .will = {.topic = TEXT("w/t"), .payload = TEXT("payload"), .qos = 1},
                  .user_name = TEXT("user"),
                  .password = TEXT("\0\xff\0\xfe")}},
     NULL},
    {5,
     "10 34 00 04 'MQTT' 05 ce 00 0a 05 11 00 00 00 0a 00 02 'id' 05 18 00 00 00 1e 00 03 'w/t' 00 07 "
     "'payload' "
     "00 04 'user' 00 04 00 ff 00 fe",
     {.type = PACKET_CONNECT,
      .connect = {.version = 5,
                  .clean = true,
                  .has_will = true,
                  .has_user_name = true,
                  .has_password = true,
                  .keepalive_s = 10,
                  .properties = TEXT("\x11\0\0\0\x0a"),
                  .client_id = TEXT("id"),
                  .will = {.properties = TEXT("\x18\0\0\0\x1e"),
                           .topic = TEXT("w/t"),
                           .payload = TEXT("payload"),
                           .qos = 1},
                  .user_name = TEXT("user"),
                  .password = TEXT("\0\xff\0\xfe")}},
     NULL},
    {3,
     "10 10 00 06 'MQIsdp' 03 02 00 3c 00 02 'id'",
     {.type = PACKET_CONNECT,
      .connect = {.version = 3, .clean = true, .keepalive_s = 60, .client_id = TEXT("id")}},
     NULL},
    // The empty client id is the server's to judge; the will may be empty.
    {4,
     "10 0c 00 04 'MQTT' 04 00 ff ff 00 00",
     {.type = PACKET_CONNECT, .connect = {.version = 4, .keepalive_s = 65535}},
     NULL},
    {5, "10 0d 00 04 'MQTT' 05 00 00 00 00 00 00", {.type = PACKET_CONNECT, .connect = {.version = 5}}, NULL},
    {4,
     "10 11 00 04 'MQTT' 04 36 00 00 00 00 00 01 't' 00 00",
     {.type = PACKET_CONNECT,
      .connect = {.version = 4,
                  .clean = true,
                  .has_will = true,
                  .will = {.topic = TEXT("t"), .qos = 2, .retain = true}}},
     NULL},
    // A password alone is legal in 5.0.
    {5,
     "10 10 00 04 'MQTT' 05 40 00 00 00 00 00 00 01 'p'",
     {.type = PACKET_CONNECT, .connect = {.version = 5, .has_password = true, .password = TEXT("p")}},
     NULL},
    // User name and password may be empty and there.
    {4,
     "10 10 00 04 'MQTT' 04 c2 00 00 00 00 00 00 00 00",
     {.type = PACKET_CONNECT,
      .connect = {.version = 4, .clean = true, .has_user_name = true, .has_password = true}},
     NULL},
    // 3.1: announced and left out.
    {3,
     "10 10 00 06 'MQIsdp' 03 c2 00 00 00 02 'id'",
     {.type = PACKET_CONNECT, .connect = {.version = 3, .clean = true, .client_id = TEXT("id")}},
     "10 10 00 06 'MQIsdp' 03 02 00 00 00 02 'id'"},
    {3,
     "10 13 00 06 'MQIsdp' 03 c2 00 00 00 02 'id' 00 01 'u'",
     {.type = PACKET_CONNECT,
      .connect = {.version = 3,
                  .clean = true,
                  .client_id = TEXT("id"),
                  .has_user_name = true,
                  .user_name = TEXT("u")}},
     "10 13 00 06 'MQIsdp' 03 82 00 00 00 02 'id' 00 01 'u'"},
};

static const struct vector connacks[] = {
    {3, "20 02 00 00", {.type = PACKET_CONNACK}, NULL},
    {4, "20 02 01 00", {.type = PACKET_CONNACK, .connack = {.session_present = true}}, NULL},
    {4, "20 02 00 05", {.type = PACKET_CONNACK, .connack = {.code = CONNECT_RETURN_NOT_AUTHORIZED}}, NULL},
    {5, "20 03 01 00 00", {.type = PACKET_CONNACK, .connack = {.session_present = true}}, NULL},
    {5,
     "20 03 00 84 00",
     {.type = PACKET_CONNACK, .connack = {.code = REASON_UNSUPPORTED_PROTOCOL_VERSION}},
     NULL},
    {5,
     "20 06 00 00 03 21 00 0a",
     {.type = PACKET_CONNACK, .connack = {.properties = TEXT("\x21\0\x0a")}},
     NULL},
};

static const struct vector publishes[] = {
    // The example of section 3.3.2: topic a/b, packet identifier 10.
    {4,
     "32 07 00 03 'a/b' 00 0a",
     {.type = PACKET_PUBLISH, .publish = {.qos = 1, .packet_id = 10, .topic = TEXT("a/b")}},
     NULL},
    {5,
     "32 08 00 03 'a/b' 00 0a 00",
     {.type = PACKET_PUBLISH, .publish = {.qos = 1, .packet_id = 10, .topic = TEXT("a/b")}},
     NULL},
    {3,
     "31 08 00 01 't' 'hello'",
     {.type = PACKET_PUBLISH, .publish = {.retain = true, .topic = TEXT("t"), .payload = TEXT("hello")}},
     NULL},
    {4,
     "3d 07 00 01 't' ff ff 00 01",
     {.type = PACKET_PUBLISH,
      .publish = {.dup = true,
                  .qos = 2,
                  .retain = true,
                  .packet_id = 65535,
                  .topic = TEXT("t"),
                  .payload = TEXT("\0\x01")}},
     NULL},
    {5,
     "30 09 00 01 't' 03 23 00 01 'x' 00",
     {.type = PACKET_PUBLISH,
      .publish = {.topic = TEXT("t"), .properties = TEXT("\x23\0\x01"), .payload = TEXT("x\0")}},
     NULL},
    // The empty topic beside an alias.
    {5,
     "34 09 00 00 00 01 03 23 ff ff 'x'",
     {.type = PACKET_PUBLISH,
      .publish = {.qos = 2, .packet_id = 1, .properties = TEXT("\x23\xff\xff"), .payload = TEXT("x")}},
     NULL},
    {4,
     "30 08 00 04 '$SYS' 'ab'",
     {.type = PACKET_PUBLISH, .publish = {.topic = TEXT("$SYS"), .payload = TEXT("ab")}},
     NULL},
};

static const struct vector acks[] = {
    {3, "40 02 00 01", {.type = PACKET_PUBACK, .ack = {.packet_id = 1}}, NULL},
    {4, "50 02 ff ff", {.type = PACKET_PUBREC, .ack = {.packet_id = 65535}}, NULL},
    {4, "62 02 00 02", {.type = PACKET_PUBREL, .ack = {.packet_id = 2}}, NULL},
    {4, "70 02 01 00", {.type = PACKET_PUBCOMP, .ack = {.packet_id = 256}}, NULL},
    {3, "6a 02 00 02", {.type = PACKET_PUBREL, .ack = {.packet_id = 2}}, "62 02 00 02"}, // DUP
    {5, "40 02 00 01", {.type = PACKET_PUBACK, .ack = {.packet_id = 1}}, NULL},
    {5, "40 03 00 01 10", {.type = PACKET_PUBACK, .ack = {.packet_id = 1, .reason = 0x10}}, NULL},
    {5, "40 03 00 01 00", {.type = PACKET_PUBACK, .ack = {.packet_id = 1}}, "40 02 00 01"},
    {5, "40 04 00 01 00 00", {.type = PACKET_PUBACK, .ack = {.packet_id = 1}}, "40 02 00 01"},
    {5,
     "50 04 00 01 97 00",
     {.type = PACKET_PUBREC, .ack = {.packet_id = 1, .reason = 0x97}},
     "50 03 00 01 97"},
    {5,
     "50 08 00 01 87 04 1f 00 01 'x'",
     {.type = PACKET_PUBREC, .ack = {.packet_id = 1, .reason = 0x87, .properties = TEXT("\x1f\0\x01x")}},
     NULL},
    {5,
     "62 08 00 01 00 04 1f 00 01 'x'",
     {.type = PACKET_PUBREL, .ack = {.packet_id = 1, .properties = TEXT("\x1f\0\x01x")}},
     NULL},
    {5, "62 03 00 01 92", {.type = PACKET_PUBREL, .ack = {.packet_id = 1, .reason = 0x92}}, NULL},
    {5, "70 03 00 01 92", {.type = PACKET_PUBCOMP, .ack = {.packet_id = 1, .reason = 0x92}}, NULL},
};

static const struct vector subscribes[] = {
    // The example of section 3.8.3.
    {4,
     "82 0e 00 0a 00 03 'a/b' 01 00 03 'c/d' 02",
     {.type = PACKET_SUBSCRIBE,
      .subscribe = {.packet_id = 10,
                    .entries = TEXT("\0\x03"
                                    "a/b\x01\0\x03"
                                    "c/d\x02")}},
     NULL},
    {3,
     "8a 06 00 01 00 01 '#' 00",
     {.type = PACKET_SUBSCRIBE, .subscribe = {.packet_id = 1, .entries = TEXT("\0\x01#\0")}},
     "82 06 00 01 00 01 '#' 00"},
    {5,
     "82 09 00 0a 02 0b 07 00 01 '+' 2e",
     {.type = PACKET_SUBSCRIBE,
      .subscribe = {.packet_id = 10, .properties = TEXT("\x0b\x07"), .entries = TEXT("\0\x01+\x2e")}},
     NULL},
    {5,
     "82 10 00 01 00 00 0a '$share/g/t' 00",
     {.type = PACKET_SUBSCRIBE, .subscribe = {.packet_id = 1, .entries = TEXT("\0\x0a$share/g/t\0")}},
     NULL},
    // The example of section 3.9.3.
    {4,
     "90 05 00 0a 00 02 80",
     {.type = PACKET_SUBACK, .suback = {.packet_id = 10, .codes = TEXT("\0\x02\x80")}},
     NULL},
    {5,
     "90 05 00 0a 00 02 8f",
     {.type = PACKET_SUBACK, .suback = {.packet_id = 10, .codes = TEXT("\x02\x8f")}},
     NULL},
    // The example of section 3.10.3.
    {4,
     "a2 0c 00 0a 00 03 'a/b' 00 03 'c/d'",
     {.type = PACKET_UNSUBSCRIBE,
      .subscribe = {.packet_id = 10,
                    .entries = TEXT("\0\x03"
                                    "a/b\0\x03"
                                    "c/d")}},
     NULL},
    {3,
     "aa 05 00 01 00 01 '+'",
     {.type = PACKET_UNSUBSCRIBE, .subscribe = {.packet_id = 1, .entries = TEXT("\0\x01+")}},
     "a2 05 00 01 00 01 '+'"},
    {5,
     "a2 06 00 0a 00 00 01 '#'",
     {.type = PACKET_UNSUBSCRIBE, .subscribe = {.packet_id = 10, .entries = TEXT("\0\x01#")}},
     NULL},
    {3, "b0 02 00 0a", {.type = PACKET_UNSUBACK, .suback = {.packet_id = 10}}, NULL},
    {5,
     "b0 05 00 0a 00 00 11",
     {.type = PACKET_UNSUBACK, .suback = {.packet_id = 10, .codes = TEXT("\0\x11")}},
     NULL},
};

static const struct vector others[] = {
    {3, "c0 00", {.type = PACKET_PINGREQ}, NULL},
    {4, "d0 00", {.type = PACKET_PINGRESP}, NULL},
    {5, "c0 00", {.type = PACKET_PINGREQ}, NULL},
    {5, "d0 00", {.type = PACKET_PINGRESP}, NULL},
    {4, "e0 00", {.type = PACKET_DISCONNECT}, NULL},
    {5, "e0 00", {.type = PACKET_DISCONNECT}, NULL},
    {5, "e0 01 00", {.type = PACKET_DISCONNECT}, "e0 00"},
    {5, "e0 02 00 00", {.type = PACKET_DISCONNECT}, "e0 00"},
    {5, "e0 01 04", {.type = PACKET_DISCONNECT, .disconnect = {.reason = 4}}, NULL},
    {5, "e0 02 8e 00", {.type = PACKET_DISCONNECT, .disconnect = {.reason = 0x8e}}, "e0 01 8e"},
    {5,
     "e0 07 00 05 11 00 00 00 00",
     {.type = PACKET_DISCONNECT, .disconnect = {.properties = TEXT("\x11\0\0\0\0")}},
     NULL},
    {5, "f0 00", {.type = PACKET_AUTH}, NULL},
    {5, "f0 02 18 00", {.type = PACKET_AUTH, .disconnect = {.reason = 0x18}}, NULL},
    {5,
     "f0 06 19 04 15 00 01 'm'",
     {.type = PACKET_AUTH, .disconnect = {.reason = 0x19, .properties = TEXT("\x15\0\x01m")}},
     NULL},
};

static void vector_check(const struct vector *vector)
{
    struct block block = block_of(vector->bytes);
    struct block shortest = block_of(vector->shortest != NULL ? vector->shortest : vector->bytes);
    struct block room = block_create(shortest.length);
    struct writer writer = block_writer(room);
    struct frame frame = {0};
    struct packet packet = {0};
    CHECK(frame_read(block_view(block), block.length, &frame) == FRAME_READY && frame.size == block.length,
          "%s", vector->bytes);
    uint8_t reason = packet_decode(&frame, vector->version, &packet);
    CHECK(reason == REASON_SUCCESS, "%s: 0x%02x", vector->bytes, reason);
    CHECK(packet_equal(&packet, &vector->packet), "%s", vector->bytes);
    CHECK(packet_size(&vector->packet, vector->version) == shortest.length, "%s", vector->bytes);
    packet_encode(&vector->packet, vector->version, &writer);
    CHECK(!writer.overflow && writer.at == writer.end, "%s", vector->bytes);
    CHECK(bytes_equal(block_view(room), block_view(shortest)), "%s", vector->bytes);
    CHECK(round_trip_fault(&frame, vector->version, &reason) == NULL, "%s", vector->bytes);

    // With a byte less of room nothing is written past it.
    struct block narrow = block_create(shortest.length - 1);
    writer = block_writer(narrow);
    packet_encode(&vector->packet, vector->version, &writer);
    CHECK(writer.overflow, "%s", vector->bytes);
    block_destroy(narrow);
    block_destroy(room);
    block_destroy(shortest);
    block_destroy(block);
}

static void vectors_check(const struct vector *vectors, size_t count)
{
    for (size_t i = 0; i < count; i++)
        vector_check(&vectors[i]);
}

static void connect_is_decoded_and_encoded(void)
{
    vectors_check(connects, COUNT(connects));
}

static void connack_is_decoded_and_encoded(void)
{
    vectors_check(connacks, COUNT(connacks));
}

static void publish_is_decoded_and_encoded(void)
{
    vectors_check(publishes, COUNT(publishes));
}

static void acknowledgements_are_decoded_and_encoded(void)
{
    vectors_check(acks, COUNT(acks));
}

static void subscribe_and_its_family_are_decoded_and_encoded(void)
{
    vectors_check(subscribes, COUNT(subscribes));
}

static void ping_disconnect_and_auth_are_decoded_and_encoded(void)
{
    vectors_check(others, COUNT(others));
}

static void subscriptions_are_walked_with_their_options(void)
{
    struct block block = block_of("00 03 'a/b' 01 00 01 '#' 2e 00 01 '+' 10");
    struct bytes entries = block_view(block);
    struct bytes filter;
    struct subscription_options options;
    CU_ASSERT_TRUE(subscribe_next(&entries, &filter, &options));
    CU_ASSERT_TRUE(bytes_equal(filter, bytes_of("a/b")));
    CU_ASSERT_TRUE(options.qos == 1 && !options.no_local && !options.retain_as_published &&
                   options.retain_handling == 0);
    CU_ASSERT_TRUE(subscribe_next(&entries, &filter, &options));
    CU_ASSERT_TRUE(bytes_equal(filter, bytes_of("#")));
    CU_ASSERT_TRUE(options.qos == 2 && options.no_local && options.retain_as_published &&
                   options.retain_handling == 2);
    CU_ASSERT_TRUE(subscribe_next(&entries, &filter, &options));
    CU_ASSERT_TRUE(options.qos == 0 && !options.no_local && !options.retain_as_published &&
                   options.retain_handling == 1);
    CU_ASSERT_FALSE(subscribe_next(&entries, &filter, &options));
    CU_ASSERT_TRUE(bytes_equal(filter, bytes_of("+")));
    block_destroy(block);
}

static void fields_that_a_version_lacks_are_not_encoded(void)
{
    // What 5.0 has to say is left out for 3.1.1, so that one structure serves both.
    static const struct packet packets[] = {
        {.type = PACKET_PUBACK, .ack = {.packet_id = 1, .reason = 0x87, .properties = TEXT("\x1f\0\0")}},
        {.type = PACKET_DISCONNECT, .disconnect = {.reason = 0x8e, .properties = TEXT("\x1f\0\0")}},
        {.type = PACKET_UNSUBACK,
         .suback = {.packet_id = 1, .properties = TEXT("\x1f\0\0"), .codes = TEXT("\0")}},
        {.type = PACKET_PUBLISH, .publish = {.topic = TEXT("t"), .properties = TEXT("\x01\x01")}},
    };
    static const char *const expected[] = {"40 02 00 01", "e0 00", "b0 02 00 01", "30 03 00 01 't'"};
    for (size_t i = 0; i < COUNT(packets); i++) {
        struct block block = block_of(expected[i]);
        struct block room = block_create(block.length);
        struct writer writer = block_writer(room);
        packet_encode(&packets[i], MQTT_VERSION_3_1_1, &writer);
        CHECK(packet_size(&packets[i], MQTT_VERSION_3_1_1) == block.length, "%s", expected[i]);
        CHECK(!writer.overflow && bytes_equal(block_view(room), block_view(block)), "%s", expected[i]);
        block_destroy(room);
        block_destroy(block);
    }
}

static void packets_that_cannot_be_encoded_have_no_size(void)
{
    struct block text = block_create(UINT16_MAX + 1u);
    struct block room = block_create(2 * UINT16_MAX);
    struct writer writer = block_writer(room);
    memset(text.data, 'a', text.length);
    struct packet packet = {.type = PACKET_PUBLISH, .publish = {.topic = block_view(text)}};
    CU_ASSERT_EQUAL(packet_size(&packet, MQTT_VERSION_5_0), 0);
    CU_ASSERT_EQUAL(publish_head_size(&packet.publish, MQTT_VERSION_5_0), 0);
    packet_encode(&packet, MQTT_VERSION_5_0, &writer);
    CU_ASSERT_TRUE(writer.overflow);

    // The largest payload that a remaining length can count; it is only counted here.
    packet.publish.topic = bytes_of("t");
    packet.publish.payload = (struct bytes){NULL, VARINT_MAX - 3};
    CU_ASSERT_EQUAL(publish_head_size(&packet.publish, MQTT_VERSION_3_1_1), 8);
    CU_ASSERT_EQUAL(packet_size(&packet, MQTT_VERSION_3_1_1), VARINT_MAX + 5);
    writer = block_writer(room);
    publish_encode_head(&packet.publish, MQTT_VERSION_3_1_1, &writer);
    CU_ASSERT_TRUE(!writer.overflow && writer.at == room.data + 8);
    packet.publish.payload.length++;
    CU_ASSERT_EQUAL(publish_head_size(&packet.publish, MQTT_VERSION_3_1_1), 0);
    CU_ASSERT_EQUAL(packet_size(&packet, MQTT_VERSION_3_1_1), 0);
    writer = block_writer(room);
    publish_encode_head(&packet.publish, MQTT_VERSION_3_1_1, &writer);
    CU_ASSERT_TRUE(writer.overflow);
    block_destroy(room);
    block_destroy(text);
}

static void packet_types_have_the_names_of_the_standard(void)
{
    CU_ASSERT_STRING_EQUAL(packet_type_name(PACKET_CONNECT), "CONNECT");
    CU_ASSERT_STRING_EQUAL(packet_type_name(PACKET_UNSUBACK), "UNSUBACK");
    CU_ASSERT_STRING_EQUAL(packet_type_name(PACKET_AUTH), "AUTH");
    CU_ASSERT_STRING_EQUAL(packet_type_name(0), "reserved");
    CU_ASSERT_STRING_EQUAL(packet_type_name(16), "reserved");
    CU_ASSERT_STRING_EQUAL(packet_type_name(255), "reserved");
}

int main(void)
{
    static const CU_TestInfo cases[] = {
        {"CONNECT is decoded and encoded", connect_is_decoded_and_encoded},
        {"CONNACK is decoded and encoded", connack_is_decoded_and_encoded},
        {"PUBLISH is decoded and encoded", publish_is_decoded_and_encoded},
        {"acknowledgements are decoded and encoded", acknowledgements_are_decoded_and_encoded},
        {"SUBSCRIBE and its family are decoded and encoded",
         subscribe_and_its_family_are_decoded_and_encoded},
        {"PING, DISCONNECT and AUTH are decoded and encoded",
         ping_disconnect_and_auth_are_decoded_and_encoded},
        {"subscriptions are walked with their options", subscriptions_are_walked_with_their_options},
        {"fields that a version lacks are not encoded", fields_that_a_version_lacks_are_not_encoded},
        {"packets that cannot be encoded have no size", packets_that_cannot_be_encoded_have_no_size},
        {"packet types have the names of the standard", packet_types_have_the_names_of_the_standard},
    };
    return RUN_TESTS("packet", cases);
}
