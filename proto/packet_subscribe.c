// SPDX-License-Identifier: MIT
// SUBSCRIBE, UNSUBSCRIBE and their acknowledgements. [MQTT 3.1.1 and 5.0, sections 3.8 to 3.11]
//
//     SUBSCRIBE:        packet identifier, [properties], one or more of {filter, options}
//     UNSUBSCRIBE:      packet identifier, [properties], one or more of {filter}
//     SUBACK, UNSUBACK: packet identifier, [properties], a code for each filter (an UNSUBACK of 3.x: none)
//
//     options: 0 0 | retain handling (2) | retain as published | no local | QoS (2)      3.x: QoS alone
#include "proto/packet_format.h"
#include "proto/topic.h"

#define OPTIONS_QOS                 0x03u
#define OPTIONS_NO_LOCAL            0x04u
#define OPTIONS_RETAIN_AS_PUBLISHED 0x08u
#define OPTIONS_RETAIN_HANDLING     0x30u
#define OPTIONS_RESERVED            0xc0u

static struct subscription_options options_of(uint8_t byte)
{
    return (struct subscription_options){
        .qos = byte & OPTIONS_QOS,
        .no_local = (byte & OPTIONS_NO_LOCAL) != 0,
        .retain_as_published = (byte & OPTIONS_RETAIN_AS_PUBLISHED) != 0,
        .retain_handling = (byte & OPTIONS_RETAIN_HANDLING) >> 4,
    };
}

static uint8_t options_check(uint8_t byte, uint8_t version)
{
    struct subscription_options options = options_of(byte);
    if (version != MQTT_VERSION_5_0)
        return byte <= 2 ? REASON_SUCCESS : REASON_MALFORMED_PACKET; // 3.1.1 [MQTT-3.8.3-4]
    if ((byte & OPTIONS_RESERVED) != 0)
        return REASON_MALFORMED_PACKET; // [MQTT-3.8.3-5]
    return options.qos <= 2 && options.retain_handling <= 2 ? REASON_SUCCESS : REASON_PROTOCOL_ERROR;
}

// What is wrong with a filter. Only 5.0 gives `$share/` a meaning.
static uint8_t filter_check(struct bytes filter, uint8_t version, bool *ret_shared)
{
    struct bytes group, inner;
    if (!topic_filter_valid(filter, UINT32_MAX))
        return REASON_TOPIC_FILTER_INVALID; // [MQTT-4.7.1-1, MQTT-4.7.1-2, MQTT-4.7.1-3, MQTT-4.7.3-1]
    enum topic_shared shared =
        version == MQTT_VERSION_5_0 ? topic_split_shared(filter, &group, &inner) : TOPIC_NOT_SHARED;
    *ret_shared = shared == TOPIC_SHARED;
    return shared != TOPIC_SHARED_INVALID ? REASON_SUCCESS : REASON_TOPIC_FILTER_INVALID;
}

// What is wrong with the next entry, which is taken off the front of what `reader` has left.
static uint8_t entry_check(struct reader *reader, uint8_t type, uint8_t version)
{
    struct bytes filter = reader_get_string(reader); // [MQTT-3.8.3-1, MQTT-3.10.3-1]
    uint8_t options = type == PACKET_SUBSCRIBE ? reader_get_u8(reader) : 0;
    if (reader->failed)
        return REASON_MALFORMED_PACKET;
    uint8_t reason = options_check(options, version);
    if (reason != REASON_SUCCESS)
        return reason;
    bool shared = false;
    reason = filter_check(filter, version, &shared);
    if (reason == REASON_SUCCESS && shared && (options & OPTIONS_NO_LOCAL) != 0)
        return REASON_PROTOCOL_ERROR; // 5.0 [MQTT-3.8.3-4]
    return reason;
}

static uint8_t entries_check(struct bytes entries, uint8_t type, uint8_t version)
{
    struct reader reader = reader_of(entries);
    if (entries.length == 0)
        return REASON_PROTOCOL_ERROR; // 3.1.1 [MQTT-3.8.3-3], 5.0 [MQTT-3.8.3-2], [MQTT-3.10.3-2]
    while (reader_left(&reader) != 0) {
        uint8_t reason = entry_check(&reader, type, version);
        if (reason != REASON_SUCCESS)
            return reason;
    }
    return REASON_SUCCESS;
}

static uint8_t subscribe_decode(const struct frame *frame, uint8_t version, struct packet *ret_packet)
{
    struct reader reader = reader_of(frame->body);
    struct packet_subscribe subscribe = {.packet_id = reader_get_u16(&reader)};
    uint8_t type = frame_type(frame);
    uint8_t reason = packet_id_check(&reader, subscribe.packet_id);
    if (reason == REASON_SUCCESS)
        reason = properties_decode(&reader, type, version, &subscribe.properties);
    if (reason == REASON_SUCCESS) {
        subscribe.entries = reader_get_bytes(&reader, reader_left(&reader));
        reason = entries_check(subscribe.entries, type, version);
    }
    if (reason == REASON_SUCCESS) {
        ret_packet->type = type;
        ret_packet->subscribe = subscribe;
    }
    return reason;
}

static uint64_t subscribe_body_size(const struct packet *packet, uint8_t version)
{
    return 2 + properties_size(packet->subscribe.properties, version) + packet->subscribe.entries.length;
}

static void subscribe_encode_body(const struct packet *packet, uint8_t version, struct writer *writer)
{
    writer_put_u16(writer, packet->subscribe.packet_id);
    properties_encode(packet->subscribe.properties, version, writer);
    writer_put_bytes(writer, packet->subscribe.entries);
}

const struct packet_format subscribe_format = {subscribe_decode, subscribe_body_size, subscribe_encode_body};

static bool code_allowed(uint8_t code, uint8_t type, uint8_t version)
{
    // 3.1.1 [MQTT-3.9.3-2], 5.0 [MQTT-3.9.3-2, MQTT-3.11.3-2]
    return version == MQTT_VERSION_5_0 ? reason_allowed(code, type)
                                       : code <= 2 || code == REASON_UNSPECIFIED_ERROR;
}

static uint8_t codes_check(struct bytes codes, uint8_t type, uint8_t version)
{
    if (type == PACKET_UNSUBACK && version != MQTT_VERSION_5_0)
        return codes.length == 0 ? REASON_SUCCESS : REASON_MALFORMED_PACKET;
    if (codes.length == 0)
        return REASON_PROTOCOL_ERROR;
    for (uint32_t i = 0; i < codes.length; i++)
        if (!code_allowed(codes.data[i], type, version))
            return REASON_PROTOCOL_ERROR;
    return REASON_SUCCESS;
}

static uint8_t suback_decode(const struct frame *frame, uint8_t version, struct packet *ret_packet)
{
    struct reader reader = reader_of(frame->body);
    struct packet_suback suback = {.packet_id = reader_get_u16(&reader)};
    uint8_t type = frame_type(frame);
    uint8_t reason = packet_id_check(&reader, suback.packet_id);
    if (reason == REASON_SUCCESS)
        reason = properties_decode(&reader, type, version, &suback.properties);
    if (reason == REASON_SUCCESS) {
        suback.codes = reader_get_bytes(&reader, reader_left(&reader));
        reason = codes_check(suback.codes, type, version);
    }
    if (reason == REASON_SUCCESS) {
        ret_packet->type = type;
        ret_packet->suback = suback;
    }
    return reason;
}

static struct bytes suback_codes(const struct packet *packet, uint8_t version)
{
    bool none = packet->type == PACKET_UNSUBACK && version != MQTT_VERSION_5_0;
    return none ? (struct bytes){NULL, 0} : packet->suback.codes;
}

static uint64_t suback_body_size(const struct packet *packet, uint8_t version)
{
    return 2 + properties_size(packet->suback.properties, version) + suback_codes(packet, version).length;
}

static void suback_encode_body(const struct packet *packet, uint8_t version, struct writer *writer)
{
    writer_put_u16(writer, packet->suback.packet_id);
    properties_encode(packet->suback.properties, version, writer);
    writer_put_bytes(writer, suback_codes(packet, version));
}

const struct packet_format suback_format = {suback_decode, suback_body_size, suback_encode_body};

bool subscribe_next(struct bytes *entries, struct bytes *ret_filter, struct subscription_options *ret_options)
{
    struct reader reader = reader_of(*entries);
    struct bytes filter = reader_get_binary(&reader); // its text was checked when the packet was decoded
    uint8_t options = reader_get_u8(&reader);
    if (reader.failed)
        return false;
    *entries = (struct bytes){reader.at, reader_left(&reader)};
    *ret_filter = filter;
    *ret_options = options_of(options);
    return true;
}

bool unsubscribe_next(struct bytes *entries, struct bytes *ret_filter)
{
    struct reader reader = reader_of(*entries);
    struct bytes filter = reader_get_binary(&reader);
    if (reader.failed)
        return false;
    *entries = (struct bytes){reader.at, reader_left(&reader)};
    *ret_filter = filter;
    return true;
}

void subscribe_put(struct writer *writer, struct bytes filter, struct subscription_options options)
{
    uint32_t byte = options.qos | (uint32_t)options.retain_handling << 4;
    byte |= options.no_local ? OPTIONS_NO_LOCAL : 0;
    byte |= options.retain_as_published ? OPTIONS_RETAIN_AS_PUBLISHED : 0;
    writer_put_binary(writer, filter);
    writer_put_u8(writer, (uint8_t)byte);
}

void unsubscribe_put(struct writer *writer, struct bytes filter)
{
    writer_put_binary(writer, filter);
}
