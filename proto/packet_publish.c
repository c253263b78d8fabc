// SPDX-License-Identifier: MIT
// PUBLISH. [MQTT 3.1.1 and 5.0, section 3.3]
//
//     first byte: 0011 | DUP | QoS (2) | RETAIN
//     body:       topic name, [packet identifier, above QoS 0], [properties], payload up to the end
#include <assert.h>

#include "proto/packet_format.h"
#include "proto/topic.h"
#include "proto/utf8.h"

#define PUBLISH_RETAIN 0x01u
#define PUBLISH_DUP    0x08u

// What is wrong with a topic that is text, in a PUBLISH whose other fields are right.
static uint8_t topic_check(struct bytes topic, struct bytes properties)
{
    if (topic.length != 0) {
        return topic_name_valid(topic, UINT32_MAX) ? REASON_SUCCESS
                                                   : REASON_TOPIC_NAME_INVALID; // [MQTT-3.3.2-2]
    }
    // Before 5.0 there are no properties, so that an empty topic never passes. [MQTT-4.7.3-1]
    struct property alias;
    return property_find(properties, PROPERTY_TOPIC_ALIAS, &alias) ? REASON_SUCCESS : REASON_PROTOCOL_ERROR;
}

uint8_t publish_decode(const struct frame *frame, uint8_t version, struct packet *ret_packet)
{
    struct reader reader = reader_of(frame->body);
    struct bytes topic = reader_get_binary(&reader);
    bool plain = topic_name_plain(topic);
    if (reader.failed || (!plain && !utf8_valid(topic)))
        return REASON_MALFORMED_PACKET; // [MQTT-3.3.2-1]
    uint8_t qos = frame->header >> 1 & 3;
    uint16_t packet_id = 0;
    struct bytes properties = {0};
    uint8_t reason = REASON_SUCCESS;
    if (qos > 0) {
        packet_id = reader_get_u16(&reader);
        reason = packet_id_check(&reader, packet_id);
    }
    if (reason == REASON_SUCCESS)
        reason = properties_decode(&reader, PACKET_PUBLISH, version, &properties);
    if (reason == REASON_SUCCESS && !plain)
        reason = topic_check(topic, properties);
    if (reason != REASON_SUCCESS)
        return reason;
    // Field by field: a structure that was put together elsewhere would be copied before its parts have
    // arrived in memory, which stalls.
    struct packet_publish *publish = &ret_packet->publish;
    ret_packet->type = PACKET_PUBLISH;
    publish->dup = (frame->header & PUBLISH_DUP) != 0;
    publish->qos = qos;
    publish->retain = (frame->header & PUBLISH_RETAIN) != 0;
    publish->packet_id = packet_id;
    publish->topic = topic;
    publish->properties = properties;
    publish->payload = reader_get_bytes(&reader, reader_left(&reader));
    return REASON_SUCCESS;
}

static uint64_t head_body_size(const struct packet_publish *publish, uint8_t version)
{
    return binary_size(publish->topic) + (publish->qos > 0 ? 2 : 0) +
           properties_size(publish->properties, version);
}

static uint64_t publish_body_size(const struct packet *packet, uint8_t version)
{
    return head_body_size(&packet->publish, version) + packet->publish.payload.length;
}

uint8_t publish_header(const struct packet_publish *publish)
{
    assert(publish->qos <= 2);
    uint32_t flags = (publish->dup ? PUBLISH_DUP : 0) | (uint32_t)publish->qos << 1 |
                     (publish->retain ? PUBLISH_RETAIN : 0);
    return (uint8_t)(PACKET_PUBLISH << 4 | flags);
}

static void head_encode_body(const struct packet_publish *publish, uint8_t version, struct writer *writer)
{
    writer_put_binary(writer, publish->topic);
    if (publish->qos > 0)
        writer_put_u16(writer, publish->packet_id);
    properties_encode(publish->properties, version, writer);
}

static void publish_encode_body(const struct packet *packet, uint8_t version, struct writer *writer)
{
    head_encode_body(&packet->publish, version, writer);
    writer_put_bytes(writer, packet->publish.payload);
}

const struct packet_format publish_format = {publish_decode, publish_body_size, publish_encode_body};

uint32_t publish_head_size(const struct packet_publish *publish, uint8_t version)
{
    uint64_t head = head_body_size(publish, version);
    uint64_t body = head + publish->payload.length;
    return body <= VARINT_MAX ? 1 + varint_size((uint32_t)body) + (uint32_t)head : 0;
}

void publish_encode_head(const struct packet_publish *publish, uint8_t version, struct writer *writer)
{
    uint64_t body = head_body_size(publish, version) + publish->payload.length;
    if (body > VARINT_MAX) {
        writer->overflow = true;
        return;
    }
    writer_put_u8(writer, publish_header(publish));
    writer_put_varint(writer, (uint32_t)body);
    head_encode_body(publish, version, writer);
}

uint32_t publish_packet_id_offset(const struct packet_publish *publish, uint8_t version)
{
    return publish_head_size(publish, version) - (uint32_t)properties_size(publish->properties, version) - 2;
}
