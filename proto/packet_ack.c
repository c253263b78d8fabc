// SPDX-License-Identifier: MIT
// The packets that tell how something came out. [MQTT 3.1.1 and 5.0, sections 3.4 to 3.7, 3.14, 3.15]
//
//     PUBACK, PUBREC, PUBREL, PUBCOMP: packet identifier, outcome
//     DISCONNECT, AUTH:                outcome
//
//     outcome, 5.0:  [reason, [properties]]    a reason left out is success; properties left out are none
//     outcome, 3.x:  nothing
#include "proto/packet_format.h"

// AUTH may leave out both or nothing; the others may also leave out the properties alone.
static bool may_omit_properties(uint8_t type)
{
    return type != PACKET_AUTH;
}

static uint8_t outcome_decode(struct reader *reader, uint8_t type, struct packet_disconnect *outcome)
{
    if (reader_left(reader) == 0)
        return REASON_SUCCESS;
    outcome->reason = reader_get_u8(reader);
    if (!reason_allowed(outcome->reason, type)) {
        // [MQTT-3.4.2-1, MQTT-3.5.2-1, MQTT-3.6.2-1, MQTT-3.7.2-1, MQTT-3.14.2-1, MQTT-3.15.2-1]
        return REASON_PROTOCOL_ERROR;
    }
    if (reader_left(reader) == 0 && may_omit_properties(type))
        return REASON_SUCCESS;
    return property_list_decode(reader, type, &outcome->properties);
}

// How much of the outcome is written: the shortest form that says the same.
struct outcome_form {
    bool reason;
    bool properties;
};

static struct outcome_form outcome_form(uint8_t type, const struct packet_disconnect *outcome,
                                        uint8_t version)
{
    struct outcome_form form = {false, false};
    if (version == MQTT_VERSION_5_0) {
        form.properties = outcome->properties.length != 0 ||
                          (outcome->reason != REASON_SUCCESS && !may_omit_properties(type));
        form.reason = form.properties || outcome->reason != REASON_SUCCESS;
    }
    return form;
}

static uint64_t outcome_size(uint8_t type, const struct packet_disconnect *outcome, uint8_t version)
{
    struct outcome_form form = outcome_form(type, outcome, version);
    return (form.reason ? 1 : 0) + (form.properties ? property_list_size(outcome->properties) : 0);
}

static void outcome_encode(uint8_t type, const struct packet_disconnect *outcome, uint8_t version,
                           struct writer *writer)
{
    struct outcome_form form = outcome_form(type, outcome, version);
    if (form.reason)
        writer_put_u8(writer, outcome->reason);
    if (form.properties)
        property_list_encode(writer, outcome->properties);
}

static uint8_t ack_decode(const struct frame *frame, uint8_t version, struct packet *ret_packet)
{
    struct reader reader = reader_of(frame->body);
    uint8_t type = frame_type(frame);
    uint16_t packet_id = reader_get_u16(&reader);
    uint8_t reason = packet_id_check(&reader, packet_id);
    struct packet_disconnect outcome = {.reason = REASON_SUCCESS};
    if (reason == REASON_SUCCESS && version == MQTT_VERSION_5_0)
        reason = outcome_decode(&reader, type, &outcome);
    if (reason == REASON_SUCCESS)
        reason = body_end_check(&reader);
    if (reason != REASON_SUCCESS)
        return reason;
    ret_packet->type = type;
    ret_packet->ack.packet_id = packet_id; // field by field, as in publish_decode
    ret_packet->ack.reason = outcome.reason;
    bytes_copy(&ret_packet->ack.properties, &outcome.properties);
    return REASON_SUCCESS;
}

static struct packet_disconnect ack_outcome(const struct packet *packet)
{
    return (struct packet_disconnect){packet->ack.reason, packet->ack.properties};
}

static uint64_t ack_body_size(const struct packet *packet, uint8_t version)
{
    struct packet_disconnect outcome = ack_outcome(packet);
    return 2 + outcome_size(packet->type, &outcome, version);
}

static void ack_encode_body(const struct packet *packet, uint8_t version, struct writer *writer)
{
    struct packet_disconnect outcome = ack_outcome(packet);
    writer_put_u16(writer, packet->ack.packet_id);
    outcome_encode(packet->type, &outcome, version, writer);
}

const struct packet_format ack_format = {ack_decode, ack_body_size, ack_encode_body};

static uint8_t disconnect_decode(const struct frame *frame, uint8_t version, struct packet *ret_packet)
{
    struct reader reader = reader_of(frame->body);
    struct packet_disconnect disconnect = {.reason = REASON_SUCCESS};
    uint8_t type = frame_type(frame);
    uint8_t reason = REASON_SUCCESS;
    if (version == MQTT_VERSION_5_0)
        reason = outcome_decode(&reader, type, &disconnect);
    if (reason == REASON_SUCCESS)
        reason = body_end_check(&reader);
    if (reason == REASON_SUCCESS) {
        ret_packet->type = type;
        ret_packet->disconnect = disconnect;
    }
    return reason;
}

static uint64_t disconnect_body_size(const struct packet *packet, uint8_t version)
{
    return outcome_size(packet->type, &packet->disconnect, version);
}

static void disconnect_encode_body(const struct packet *packet, uint8_t version, struct writer *writer)
{
    outcome_encode(packet->type, &packet->disconnect, version, writer);
}

const struct packet_format disconnect_format = {disconnect_decode, disconnect_body_size,
                                                disconnect_encode_body};
