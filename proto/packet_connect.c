// SPDX-License-Identifier: MIT
// CONNECT and CONNACK. [MQTT 3.1.1 and 5.0, sections 3.1 and 3.2]
//
//     CONNECT: protocol name, level, flags, keep alive, [properties], client id,
//              [will: [properties], topic, payload], [user name], [password]
//
//     flags:   user name | password | will retain | will QoS (2) | will | clean | 0
#include <assert.h>

#include "proto/packet_format.h"
#include "proto/topic.h"

#define CONNECT_RESERVED    0x01u
#define CONNECT_CLEAN       0x02u
#define CONNECT_WILL        0x04u
#define CONNECT_WILL_QOS    0x18u
#define CONNECT_WILL_RETAIN 0x20u
#define CONNECT_PASSWORD    0x40u
#define CONNECT_USER_NAME   0x80u

#define CONNACK_SESSION_PRESENT 0x01u

// The protocol name that each version has. [MQTT-3.1.2-1]
static struct bytes protocol_name(uint8_t version)
{
    return bytes_of(version == MQTT_VERSION_3_1 ? "MQIsdp" : "MQTT");
}

static uint8_t protocol_decode(struct reader *reader, uint8_t *ret_version)
{
    struct bytes name = reader_get_string(reader);
    uint8_t level = reader_get_u8(reader);
    if (reader->failed)
        return REASON_MALFORMED_PACKET;
    bool known = level >= MQTT_VERSION_3_1 && level <= MQTT_VERSION_5_0;
    if (!known || !bytes_equal(name, protocol_name(level)))
        return REASON_UNSUPPORTED_PROTOCOL_VERSION; // [MQTT-3.1.2-1, MQTT-3.1.2-2]
    *ret_version = level;
    return REASON_SUCCESS;
}

static uint8_t flags_decode(uint8_t flags, struct packet_connect *connect)
{
    connect->clean = (flags & CONNECT_CLEAN) != 0;
    connect->has_will = (flags & CONNECT_WILL) != 0;
    connect->will.qos = (flags & CONNECT_WILL_QOS) >> 3;
    connect->will.retain = (flags & CONNECT_WILL_RETAIN) != 0;
    connect->has_user_name = (flags & CONNECT_USER_NAME) != 0;
    connect->has_password = (flags & CONNECT_PASSWORD) != 0;
    if ((flags & CONNECT_RESERVED) != 0)
        return REASON_MALFORMED_PACKET; // [MQTT-3.1.2-3]
    if (!connect->has_will && (flags & (CONNECT_WILL_QOS | CONNECT_WILL_RETAIN)) != 0)
        return REASON_MALFORMED_PACKET; // [MQTT-3.1.2-11, MQTT-3.1.2-13, MQTT-3.1.2-15]
    if (connect->will.qos > 2)
        return REASON_MALFORMED_PACKET; // [MQTT-3.1.2-14]
    if (connect->has_password && !connect->has_user_name && connect->version != MQTT_VERSION_5_0)
        return REASON_MALFORMED_PACKET; // [MQTT-3.1.2-22]; 5.0 dropped the rule
    return REASON_SUCCESS;
}

static uint8_t will_decode(struct reader *reader, uint8_t version, struct packet_will *will)
{
    uint8_t reason = properties_decode(reader, PROPERTY_WILL, version, &will->properties);
    if (reason != REASON_SUCCESS)
        return reason;
    will->topic = reader_get_string(reader);   // [MQTT-3.1.3-10]
    will->payload = reader_get_binary(reader); // may be empty
    if (reader->failed)
        return REASON_MALFORMED_PACKET;
    return topic_name_valid(will->topic, UINT32_MAX) ? REASON_SUCCESS : REASON_TOPIC_NAME_INVALID;
}

// 3.1 lets a client announce a user name or password and leave it out: the length of the packet decides.
static bool credential_present(const struct reader *reader, const struct packet_connect *connect,
                               bool announced)
{
    return announced && (connect->version != MQTT_VERSION_3_1 || reader_left(reader) != 0);
}

static void credentials_decode(struct reader *reader, struct packet_connect *connect)
{
    connect->has_user_name = credential_present(reader, connect, connect->has_user_name);
    if (connect->has_user_name)
        connect->user_name = reader_get_string(reader); // [MQTT-3.1.2-19, MQTT-3.1.3-11]
    connect->has_password = credential_present(reader, connect, connect->has_password);
    if (connect->has_password)
        connect->password = reader_get_binary(reader); // [MQTT-3.1.2-21]
}

// Everything behind the level and the flags, in the order of [MQTT-3.1.3-1].
static uint8_t fields_decode(struct reader *reader, struct packet_connect *connect)
{
    connect->keepalive_s = reader_get_u16(reader);
    uint8_t reason = properties_decode(reader, PACKET_CONNECT, connect->version, &connect->properties);
    if (reason != REASON_SUCCESS)
        return reason;
    connect->client_id = reader_get_string(reader); // [MQTT-3.1.3-3, MQTT-3.1.3-4]
    if (connect->has_will) {
        reason = will_decode(reader, connect->version, &connect->will);
        if (reason != REASON_SUCCESS)
            return reason;
    }
    credentials_decode(reader, connect);
    return body_end_check(reader);
}

static uint8_t connect_decode(const struct frame *frame, uint8_t unused_version, struct packet *ret_packet)
{
    struct reader reader = reader_of(frame->body);
    struct packet_connect connect = {0};
    uint8_t reason = protocol_decode(&reader, &connect.version);
    if (reason == REASON_SUCCESS)
        reason = flags_decode(reader_get_u8(&reader), &connect);
    if (reason == REASON_SUCCESS)
        reason = fields_decode(&reader, &connect);
    if (reason == REASON_SUCCESS)
        *ret_packet = (struct packet){.type = PACKET_CONNECT, .connect = connect};
    return reason;
}

static uint64_t connect_body_size(const struct packet *packet, uint8_t unused_version)
{
    const struct packet_connect *connect = &packet->connect;
    uint64_t size = binary_size(protocol_name(connect->version)) + 1 + 1 + 2;
    size += properties_size(connect->properties, connect->version);
    size += binary_size(connect->client_id);
    if (connect->has_will) {
        size += properties_size(connect->will.properties, connect->version);
        size += binary_size(connect->will.topic) + binary_size(connect->will.payload);
    }
    if (connect->has_user_name)
        size += binary_size(connect->user_name);
    if (connect->has_password)
        size += binary_size(connect->password);
    return size;
}

static uint8_t connect_flags(const struct packet_connect *connect)
{
    uint32_t flags = connect->clean ? CONNECT_CLEAN : 0;
    if (connect->has_will) {
        assert(connect->will.qos <= 2);
        flags |= CONNECT_WILL | (uint32_t)connect->will.qos << 3;
        flags |= connect->will.retain ? CONNECT_WILL_RETAIN : 0;
    }
    flags |= connect->has_user_name ? CONNECT_USER_NAME : 0;
    flags |= connect->has_password ? CONNECT_PASSWORD : 0;
    return (uint8_t)flags;
}

static void connect_encode_body(const struct packet *packet, uint8_t unused_version, struct writer *writer)
{
    const struct packet_connect *connect = &packet->connect;
    writer_put_binary(writer, protocol_name(connect->version));
    writer_put_u8(writer, connect->version);
    writer_put_u8(writer, connect_flags(connect));
    writer_put_u16(writer, connect->keepalive_s);
    properties_encode(connect->properties, connect->version, writer);
    writer_put_binary(writer, connect->client_id);
    if (connect->has_will) {
        properties_encode(connect->will.properties, connect->version, writer);
        writer_put_binary(writer, connect->will.topic);
        writer_put_binary(writer, connect->will.payload);
    }
    if (connect->has_user_name)
        writer_put_binary(writer, connect->user_name);
    if (connect->has_password)
        writer_put_binary(writer, connect->password);
}

const struct packet_format connect_format = {connect_decode, connect_body_size, connect_encode_body};

static bool connack_code_allowed(uint8_t code, uint8_t version)
{
    return version == MQTT_VERSION_5_0 ? reason_allowed(code, PACKET_CONNACK)
                                       : code <= CONNECT_RETURN_NOT_AUTHORIZED;
}

static uint8_t connack_decode(const struct frame *frame, uint8_t version, struct packet *ret_packet)
{
    struct reader reader = reader_of(frame->body);
    uint8_t flags = reader_get_u8(&reader);
    struct packet_connack connack = {.session_present = (flags & CONNACK_SESSION_PRESENT) != 0};
    connack.code = reader_get_u8(&reader);
    if (reader.failed || (flags & ~CONNACK_SESSION_PRESENT) != 0)
        return REASON_MALFORMED_PACKET; // [MQTT-3.2.2-1]
    if (!connack_code_allowed(connack.code, version) || (connack.session_present && connack.code != 0))
        return REASON_PROTOCOL_ERROR; // [MQTT-3.2.2-8, MQTT-3.2.2-4, MQTT-3.2.2-6]
    uint8_t reason = properties_decode(&reader, PACKET_CONNACK, version, &connack.properties);
    if (reason == REASON_SUCCESS)
        reason = body_end_check(&reader);
    if (reason == REASON_SUCCESS)
        *ret_packet = (struct packet){.type = PACKET_CONNACK, .connack = connack};
    return reason;
}

static uint64_t connack_body_size(const struct packet *packet, uint8_t version)
{
    return 1 + 1 + properties_size(packet->connack.properties, version);
}

static void connack_encode_body(const struct packet *packet, uint8_t version, struct writer *writer)
{
    writer_put_u8(writer, packet->connack.session_present ? CONNACK_SESSION_PRESENT : 0);
    writer_put_u8(writer, packet->connack.code);
    properties_encode(packet->connack.properties, version, writer);
}

const struct packet_format connack_format = {connack_decode, connack_body_size, connack_encode_body};
