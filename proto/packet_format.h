// SPDX-License-Identifier: MIT
// How one kind of packet is decoded, measured and encoded: what packet.c dispatches over. Both directions of
// one packet stand in one file.
#ifndef PROTO_PACKET_FORMAT_H
#define PROTO_PACKET_FORMAT_H

#include "proto/packet.h"

struct packet_format {
    // As packet_decode. The header's flags are right for the type; the body is still anything.
    uint8_t (*decode)(const struct frame *frame, uint8_t version, struct packet *ret_packet);
    // The size of what follows the fixed header, more than VARINT_MAX if it cannot be encoded.
    uint64_t (*body_size)(const struct packet *packet, uint8_t version);
    void (*encode_body)(const struct packet *packet, uint8_t version, struct writer *writer);
};

extern const struct packet_format connect_format;
extern const struct packet_format connack_format;
extern const struct packet_format publish_format;
extern const struct packet_format ack_format;        // PUBACK, PUBREC, PUBREL, PUBCOMP
extern const struct packet_format subscribe_format;  // SUBSCRIBE and UNSUBSCRIBE
extern const struct packet_format suback_format;     // SUBACK and UNSUBACK
extern const struct packet_format disconnect_format; // DISCONNECT and AUTH

// The hot path goes around the table.
uint8_t publish_decode(const struct frame *frame, uint8_t version, struct packet *ret_packet);

// The first byte of a PUBLISH.
uint8_t publish_header(const struct packet_publish *publish);

// The size of binary data or text with its length field. Text that is too long for the field makes the whole
// packet too large.
static inline uint64_t binary_size(struct bytes bytes)
{
    return bytes.length <= UINT16_MAX ? 2u + (uint64_t)bytes.length : VARINT_MAX + 1ull;
}

// The size of the properties of a packet; versions before 5.0 have none.
static inline uint64_t properties_size(struct bytes properties, uint8_t version)
{
    return version == MQTT_VERSION_5_0 ? property_list_size(properties) : 0;
}

static inline void properties_encode(struct bytes properties, uint8_t version, struct writer *writer)
{
    if (version == MQTT_VERSION_5_0)
        property_list_encode(writer, properties);
}

static inline uint8_t properties_decode(struct reader *reader, uint8_t packet_type, uint8_t version,
                                        struct bytes *ret_properties)
{
    return version == MQTT_VERSION_5_0 ? property_list_decode(reader, packet_type, ret_properties)
                                       : REASON_SUCCESS;
}

// What is wrong with the packet identifier that was just read. [MQTT-2.3.1-1]
static inline uint8_t packet_id_check(const struct reader *reader, uint16_t packet_id)
{
    if (reader->failed)
        return REASON_MALFORMED_PACKET;
    return packet_id == 0 ? REASON_PROTOCOL_ERROR : REASON_SUCCESS;
}

// What is wrong once the last field was read: one that did not fit, or bytes that belong to none.
static inline uint8_t body_end_check(const struct reader *reader)
{
    return reader->failed || reader_left(reader) != 0 ? REASON_MALFORMED_PACKET : REASON_SUCCESS;
}

#endif
