// SPDX-License-Identifier: MIT
// Dispatch by packet type, and the fixed header of what is encoded.
#include "proto/packet.h"

#include <assert.h>

#include "proto/packet_format.h"

#define FLAGS_REQUEST 0x2 // of PUBREL, SUBSCRIBE, UNSUBSCRIBE [MQTT-3.6.1-1, MQTT-3.8.1-1, MQTT-3.10.1-1]
#define FLAGS_REPEAT  0xa // the same with DUP

static uint8_t ping_decode(const struct frame *frame, uint8_t version, struct packet *ret_packet)
{
    if (frame->body.length != 0)
        return REASON_MALFORMED_PACKET;
    ret_packet->type = frame_type(frame);
    return REASON_SUCCESS;
}

static uint64_t ping_body_size(const struct packet *packet, uint8_t version)
{
    return 0;
}

static void ping_encode_body(const struct packet *packet, uint8_t version, struct writer *writer)
{
}

static const struct packet_format ping_format = {ping_decode, ping_body_size, ping_encode_body};

static const struct packet_format *const formats[16] = {
    [PACKET_CONNECT] = &connect_format, [PACKET_CONNACK] = &connack_format,
    [PACKET_PUBLISH] = &publish_format, [PACKET_PUBACK] = &ack_format,
    [PACKET_PUBREC] = &ack_format,      [PACKET_PUBREL] = &ack_format,
    [PACKET_PUBCOMP] = &ack_format,     [PACKET_SUBSCRIBE] = &subscribe_format,
    [PACKET_SUBACK] = &suback_format,   [PACKET_UNSUBSCRIBE] = &subscribe_format,
    [PACKET_UNSUBACK] = &suback_format, [PACKET_PINGREQ] = &ping_format,
    [PACKET_PINGRESP] = &ping_format,   [PACKET_DISCONNECT] = &disconnect_format,
    [PACKET_AUTH] = &disconnect_format,
};

uint8_t packet_decode(const struct frame *frame, uint8_t version, struct packet *ret_packet)
{
    if (!frame_header_valid(frame->header))
        return REASON_MALFORMED_PACKET;
    uint8_t type = frame_type(frame);
    if (type == PACKET_PUBLISH)
        return publish_decode(frame, version, ret_packet);
    if ((frame->header & 0x0f) == FLAGS_REPEAT && version != MQTT_VERSION_3_1)
        return REASON_MALFORMED_PACKET; // [MQTT-3.6.1-1, MQTT-3.8.1-1, MQTT-3.10.1-1]
    if (type == PACKET_AUTH && version != MQTT_VERSION_5_0)
        return REASON_MALFORMED_PACKET;
    return formats[type]->decode(frame, version, ret_packet);
}

static uint8_t header_of(const struct packet *packet)
{
    uint8_t flags = 0;
    switch (packet->type) {
    case PACKET_PUBLISH:
        return publish_header(&packet->publish);
    case PACKET_PUBREL:
    case PACKET_SUBSCRIBE:
    case PACKET_UNSUBSCRIBE:
        flags = FLAGS_REQUEST;
        break;
    default:
        break;
    }
    return (uint8_t)(packet->type << 4 | flags);
}

static uint64_t body_size(const struct packet *packet, uint8_t version)
{
    assert(packet->type >= PACKET_CONNECT && packet->type <= PACKET_AUTH);
    return formats[packet->type]->body_size(packet, version);
}

uint32_t packet_size(const struct packet *packet, uint8_t version)
{
    uint64_t size = body_size(packet, version);
    return size <= VARINT_MAX ? 1 + varint_size((uint32_t)size) + (uint32_t)size : 0;
}

void packet_encode(const struct packet *packet, uint8_t version, struct writer *writer)
{
    uint64_t size = body_size(packet, version);
    if (size > VARINT_MAX) {
        writer->overflow = true;
        return;
    }
    writer_put_u8(writer, header_of(packet));
    writer_put_varint(writer, (uint32_t)size);
    formats[packet->type]->encode_body(packet, version, writer);
}

const char *packet_type_name(uint8_t type)
{
    static const char *const names[16] = {
        "reserved",  "CONNECT", "CONNACK",     "PUBLISH",  "PUBACK",  "PUBREC",   "PUBREL",     "PUBCOMP",
        "SUBSCRIBE", "SUBACK",  "UNSUBSCRIBE", "UNSUBACK", "PINGREQ", "PINGRESP", "DISCONNECT", "AUTH",
    };
    return type < 16 ? names[type] : names[0];
}
