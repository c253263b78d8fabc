// SPDX-License-Identifier: MIT
// Properties: one vector for each, typed from the standard, checked in every packet; then what may be wrong
// with a list.
#include "proto/property.h"

#include "proto/packet.h"
#include "proto/test/block.h"
#include "proto/test/suite.h"

#define WILL PROPERTY_WILL

// Each property with a value, and the packets whose sections name it.
static const struct {
    const char *bytes;
    uint8_t id;
    int type;
    uint32_t number;
    const char *text;
    const char *value;
    const char *packets; // packet types as hexadecimal numbers, 00 for the will
} vectors[] = {
    {"01 01", 0x01, PROPERTY_TYPE_U8, 1, "", "", "00 03"},
    {"02 00 00 00 0a", 0x02, PROPERTY_TYPE_U32, 10, "", "", "00 03"},
    {"03 00 04 'text'", 0x03, PROPERTY_TYPE_STRING, 0, "text", "", "00 03"},
    {"08 00 03 'r/t'", 0x08, PROPERTY_TYPE_STRING, 0, "r/t", "", "00 03"},
    {"09 00 02 ff fe", 0x09, PROPERTY_TYPE_BINARY, 0, "\xff\xfe", "", "00 03"},
    {"0b ff ff ff 7f", 0x0b, PROPERTY_TYPE_VARINT, 268435455, "", "", "03 08"},
    {"11 ff ff ff ff", 0x11, PROPERTY_TYPE_U32, 4294967295, "", "", "01 02 0e"},
    {"12 00 02 'id'", 0x12, PROPERTY_TYPE_STRING, 0, "id", "", "02"},
    {"13 00 3c", 0x13, PROPERTY_TYPE_U16, 60, "", "", "02"},
    {"15 00 05 'SCRAM'", 0x15, PROPERTY_TYPE_STRING, 0, "SCRAM", "", "01 02 0f"},
    {"16 00 01 80", 0x16, PROPERTY_TYPE_BINARY, 0, "\x80", "", "01 02 0f"},
    {"17 00", 0x17, PROPERTY_TYPE_U8, 0, "", "", "01"},
    {"18 00 00 00 1e", 0x18, PROPERTY_TYPE_U32, 30, "", "", "00"},
    {"19 01", 0x19, PROPERTY_TYPE_U8, 1, "", "", "01"},
    {"1a 00 02 'ri'", 0x1a, PROPERTY_TYPE_STRING, 0, "ri", "", "02"},
    {"1c 00 06 'myhost'", 0x1c, PROPERTY_TYPE_STRING, 0, "myhost", "", "02 0e"},
    {"1f 00 03 'why'", 0x1f, PROPERTY_TYPE_STRING, 0, "why", "", "02 04 05 06 07 09 0b 0e 0f"},
    {"21 00 14", 0x21, PROPERTY_TYPE_U16, 20, "", "", "01 02"},
    {"22 00 00", 0x22, PROPERTY_TYPE_U16, 0, "", "", "01 02"},
    {"23 ff ff", 0x23, PROPERTY_TYPE_U16, 65535, "", "", "03"},
    {"24 01", 0x24, PROPERTY_TYPE_U8, 1, "", "", "02"},
    {"25 00", 0x25, PROPERTY_TYPE_U8, 0, "", "", "02"},
    {"26 00 01 'k' 00 00", 0x26, PROPERTY_TYPE_PAIR, 0, "k", "", "00 01 02 03 04 05 06 07 08 09 0a 0b 0e 0f"},
    {"27 00 00 01 00", 0x27, PROPERTY_TYPE_U32, 256, "", "", "01 02"},
    {"28 00", 0x28, PROPERTY_TYPE_U8, 0, "", "", "02"},
    {"29 01", 0x29, PROPERTY_TYPE_U8, 1, "", "", "02"},
    {"2a 00", 0x2a, PROPERTY_TYPE_U8, 0, "", "", "02"},
};

static void every_property_is_read_and_written(void)
{
    CU_ASSERT_EQUAL(COUNT(vectors), 27);
    for (size_t i = 0; i < COUNT(vectors); i++) {
        struct block block = block_of(vectors[i].bytes);
        struct bytes list = block_view(block);
        struct property property;
        CHECK(property_type(vectors[i].id) == vectors[i].type, "%s", vectors[i].bytes);
        CHECK(property_next(&list, &property), "%s", vectors[i].bytes);
        CHECK(list.length == 0 && !property_next(&list, &property), "%s", vectors[i].bytes);
        CHECK(property.id == vectors[i].id && property.number == vectors[i].number, "%s", vectors[i].bytes);
        CHECK(bytes_equal(property.text, bytes_of(vectors[i].text)), "%s", vectors[i].bytes);
        CHECK(bytes_equal(property.value, bytes_of(vectors[i].value)), "%s", vectors[i].bytes);

        struct block written = block_create(block.length);
        struct writer writer = block_writer(written);
        property_put(&writer, &property);
        CHECK(!writer.overflow && bytes_equal(block_view(written), block_view(block)), "%s",
              vectors[i].bytes);
        block_destroy(written);
        block_destroy(block);
    }
}

static void every_property_is_allowed_where_its_section_is(void)
{
    for (size_t i = 0; i < COUNT(vectors); i++) {
        struct block block = block_of(vectors[i].bytes);
        struct block packets = block_of(vectors[i].packets);
        for (uint8_t type = 0; type < 16; type++) {
            uint8_t expected =
                memchr(packets.data, type, packets.length) != NULL ? REASON_SUCCESS : REASON_MALFORMED_PACKET;
            if (vectors[i].id == PROPERTY_AUTHENTICATION_DATA && expected == REASON_SUCCESS)
                expected = REASON_PROTOCOL_ERROR; // its method is missing
            CHECK(property_list_check(block_view(block), type) == expected, "%s in packet %u",
                  vectors[i].bytes, type);
        }
        block_destroy(packets);
        block_destroy(block);
    }
}

static void every_property_that_is_cut_is_malformed(void)
{
    for (size_t i = 0; i < COUNT(vectors); i++) {
        struct block whole = block_of(vectors[i].bytes);
        for (uint32_t length = 1; length < whole.length; length++) {
            struct block cut = block_copy((struct bytes){whole.data, length});
            for (uint8_t type = 0; type < 16; type++) {
                CHECK(property_list_check(block_view(cut), type) == REASON_MALFORMED_PACKET, "%s",
                      vectors[i].bytes);
            }
            block_destroy(cut);
        }
        block_destroy(whole);
    }
}

static void a_property_is_repeated_only_where_it_may_be(void)
{
    for (size_t i = 0; i < COUNT(vectors); i++) {
        char twice[200];
        snprintf(twice, sizeof twice, "%s %s", vectors[i].bytes, vectors[i].bytes);
        struct block block = block_of(twice);
        struct block packets = block_of(vectors[i].packets);
        for (uint32_t p = 0; p < packets.length; p++) {
            uint8_t type = packets.data[p];
            bool many = vectors[i].id == PROPERTY_USER_PROPERTY ||
                        (vectors[i].id == PROPERTY_SUBSCRIPTION_IDENTIFIER && type == PACKET_PUBLISH);
            uint8_t expected = many ? REASON_SUCCESS : REASON_PROTOCOL_ERROR;
            CHECK(property_list_check(block_view(block), type) == expected, "%s in packet %u", twice, type);
        }
        block_destroy(packets);
        block_destroy(block);
    }
}

static const struct {
    const char *bytes;
    uint8_t packet_type;
    uint8_t reason;
} lists[] = {
    {"", PACKET_CONNECT, REASON_SUCCESS},
    {"01 02", PACKET_PUBLISH, REASON_PROTOCOL_ERROR},        // payload format indicator above 1
    {"0b 00", PACKET_SUBSCRIBE, REASON_PROTOCOL_ERROR},      // subscription identifier 0
    {"0b 80 00", PACKET_SUBSCRIBE, REASON_MALFORMED_PACKET}, // not the shortest form [MQTT-1.5.5-1]
    {"0b 80 80 80 80 01", PACKET_PUBLISH, REASON_MALFORMED_PACKET},
    {"17 02", PACKET_CONNECT, REASON_PROTOCOL_ERROR},
    {"19 02", PACKET_CONNECT, REASON_PROTOCOL_ERROR},
    {"21 00 00", PACKET_CONNECT, REASON_PROTOCOL_ERROR}, // receive maximum 0
    {"21 00 00", PACKET_CONNACK, REASON_PROTOCOL_ERROR},
    {"23 00 00", PACKET_PUBLISH, REASON_TOPIC_ALIAS_INVALID}, // [MQTT-3.3.2-8]
    {"24 02", PACKET_CONNACK, REASON_PROTOCOL_ERROR},
    {"25 02", PACKET_CONNACK, REASON_PROTOCOL_ERROR},
    {"27 00 00 00 00", PACKET_CONNECT, REASON_PROTOCOL_ERROR}, // maximum packet size 0
    {"28 02", PACKET_CONNACK, REASON_PROTOCOL_ERROR},
    {"29 ff", PACKET_CONNACK, REASON_PROTOCOL_ERROR},
    {"2a 02", PACKET_CONNACK, REASON_PROTOCOL_ERROR},
    {"08 00 03 'a/+'", PACKET_PUBLISH, REASON_PROTOCOL_ERROR}, // [MQTT-3.3.2-14]
    {"08 00 01 '#'", WILL, REASON_PROTOCOL_ERROR},
    {"08 00 00", PACKET_PUBLISH, REASON_PROTOCOL_ERROR}, // [MQTT-4.7.3-1]
    {"08 00 01 00", PACKET_PUBLISH, REASON_MALFORMED_PACKET},
    {"03 00 01 ff", PACKET_PUBLISH, REASON_MALFORMED_PACKET},           // [MQTT-3.3.2-19]
    {"26 00 01 ff 00 01 'v'", PACKET_CONNECT, REASON_MALFORMED_PACKET}, // [MQTT-1.5.7-1]
    {"26 00 01 'k' 00 01 00", PACKET_CONNECT, REASON_MALFORMED_PACKET},
    {"26 00 00 00 00", PACKET_CONNECT, REASON_SUCCESS}, // both may be empty
    {"15 00 01 'm' 16 00 00", PACKET_AUTH, REASON_SUCCESS},
    {"16 00 00 15 00 01 'm'", PACKET_CONNECT, REASON_SUCCESS}, // in any order
    {"16 00 00", PACKET_CONNACK, REASON_PROTOCOL_ERROR},
    {"00", PACKET_CONNECT, REASON_MALFORMED_PACKET}, // no such property
    {"04 00", PACKET_PUBLISH, REASON_MALFORMED_PACKET},
    {"2b 00", PACKET_CONNACK, REASON_MALFORMED_PACKET},
    {"7f 00", PACKET_CONNACK, REASON_MALFORMED_PACKET},
    {"81 00", PACKET_PUBLISH, REASON_MALFORMED_PACKET}, // identifier 1 in two bytes
    {"ff ff ff 7f", PACKET_PUBLISH, REASON_MALFORMED_PACKET},
    {"01 01 26", PACKET_PUBLISH, REASON_MALFORMED_PACKET},
};

static void a_list_is_judged_by_its_first_fault(void)
{
    for (size_t i = 0; i < COUNT(lists); i++) {
        struct block block = block_of(lists[i].bytes);
        uint8_t reason = property_list_check(block_view(block), lists[i].packet_type);
        CHECK(reason == lists[i].reason, "%s in packet %u: 0x%02x", lists[i].bytes, lists[i].packet_type,
              reason);
        block_destroy(block);
    }
}

static void a_list_with_its_length_is_read_and_written(void)
{
    struct block block = block_of("07 21 00 0a 22 00 05 17 01"); // the last property is behind the list
    struct reader reader = reader_of(block_view(block));
    struct bytes list;
    CU_ASSERT_EQUAL(property_list_decode(&reader, PACKET_CONNECT, &list), REASON_MALFORMED_PACKET);
    block.data[0] = 6;
    reader = reader_of(block_view(block));
    CU_ASSERT_EQUAL(property_list_decode(&reader, PACKET_CONNECT, &list), REASON_SUCCESS);
    CU_ASSERT_EQUAL(list.length, 6);
    CU_ASSERT_EQUAL(reader_left(&reader), 2);
    CU_ASSERT_EQUAL(property_list_size(list), 7);
    block.data[0] = 0x20;
    reader = reader_of(block_view(block));
    CU_ASSERT_EQUAL(property_list_decode(&reader, PACKET_CONNECT, &list), REASON_MALFORMED_PACKET);
    block_destroy(block);
}

static void the_first_property_of_an_identifier_is_found(void)
{
    struct block block = block_of("01 00 26 00 01 'a' 00 01 '1' 0b 07 26 00 01 'b' 00 01 '2'");
    struct property property;
    CU_ASSERT_TRUE(property_find(block_view(block), PROPERTY_USER_PROPERTY, &property));
    CU_ASSERT_TRUE(bytes_equal(property.text, bytes_of("a")));
    CU_ASSERT_TRUE(property_find(block_view(block), PROPERTY_SUBSCRIPTION_IDENTIFIER, &property));
    CU_ASSERT_EQUAL(property.number, 7);
    CU_ASSERT_FALSE(property_find(block_view(block), PROPERTY_TOPIC_ALIAS, &property));
    CU_ASSERT_FALSE(property_find((struct bytes){NULL, 0}, PROPERTY_TOPIC_ALIAS, &property));
    block_destroy(block);
}

int main(void)
{
    static const CU_TestInfo cases[] = {
        {"every property is read and written", every_property_is_read_and_written},
        {"every property is allowed where its section is", every_property_is_allowed_where_its_section_is},
        {"every property that is cut is malformed", every_property_that_is_cut_is_malformed},
        {"a property is repeated only where it may be", a_property_is_repeated_only_where_it_may_be},
        {"a list is judged by its first fault", a_list_is_judged_by_its_first_fault},
        {"a list with its length is read and written", a_list_with_its_length_is_read_and_written},
        {"the first property of an identifier is found", the_first_property_of_an_identifier_is_found},
    };
    return RUN_TESTS("property", cases);
}
