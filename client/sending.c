// SPDX-License-Identifier: MIT
#include "client/sending.h"

#include <assert.h>
#include <stdlib.h>

#define PUBLISH_DUP 8u // of the first byte

static struct sending *sending_make(uint8_t packet_type, uint32_t size, const struct hbmqtt_call *call)
{
    struct sending *sending = malloc(sizeof *sending + size);
    if (sending == NULL)
        return NULL;
    *sending = (struct sending){.type = packet_type, .packet_bytes = size, .file = -1};
    sending_set_call(sending, call);
    return sending;
}

struct sending *sending_of_publish(const struct packet_publish *publish, const struct hbmqtt_call *call)
{
    struct packet_publish body = *publish;
    bool head_alone = publish->payload.data == NULL && publish->payload.length != 0;
    body.packet_id = publish->qos == 0 ? 0 : 1; // any that is valid: sending_set_id comes before it leaves
    struct packet packet = {.type = PACKET_PUBLISH, .publish = body};
    uint32_t size =
        head_alone ? publish_head_size(&body, MQTT_VERSION_3_1_1) : packet_size(&packet, MQTT_VERSION_3_1_1);
    assert(size != 0);
    struct sending *sending = sending_make(PACKET_PUBLISH, size, call);
    if (sending == NULL)
        return NULL;
    sending->qos = publish->qos;
    sending->id_offset = publish->qos == 0 ? 0 : publish_packet_id_offset(&body, MQTT_VERSION_3_1_1);
    struct writer writer = writer_of(sending->packet, size);
    if (head_alone)
        publish_encode_head(&body, MQTT_VERSION_3_1_1, &writer);
    else
        packet_encode(&packet, MQTT_VERSION_3_1_1, &writer);
    assert(!writer.overflow && writer.at == writer.end);
    return sending;
}

struct sending *sending_of_request(uint8_t packet_type, struct bytes entries, uint32_t count,
                                   const struct hbmqtt_call *call)
{
    struct packet packet = {.type = packet_type, .subscribe = {.packet_id = 1, .entries = entries}};
    uint32_t size = packet_size(&packet, MQTT_VERSION_3_1_1);
    assert(size != 0);
    struct sending *sending = sending_make(packet_type, size, call);
    if (sending == NULL)
        return NULL;
    struct writer writer = writer_of(sending->packet, size);
    packet_encode(&packet, MQTT_VERSION_3_1_1, &writer);
    assert(!writer.overflow && writer.at == writer.end);
    sending->id_offset = size - (uint32_t)entries.length - 2;
    sending->filter_count = count;
    return sending;
}

struct sending *sending_of_bytes(struct bytes packet, uint32_t id_offset)
{
    struct sending *sending = sending_make(PACKET_PUBLISH, (uint32_t)packet.length, NULL);
    if (sending == NULL)
        return NULL;
    memcpy(sending->packet, packet.data, packet.length);
    sending->qos = packet.data[0] >> 1 & 3;
    sending->id_offset = id_offset;
    return sending;
}

struct sending *sending_of_call(uint8_t packet_type, const struct hbmqtt_call *call)
{
    return sending_make(packet_type, 0, call);
}

void sending_set_call(struct sending *sending, const struct hbmqtt_call *call)
{
    sending->done = call == NULL ? NULL : call->done;
    sending->context = call == NULL ? NULL : call->context;
}

void sending_set_id(struct sending *sending, uint16_t packet_id)
{
    sending->packet[sending->id_offset] = (uint8_t)(packet_id >> 8);
    sending->packet[sending->id_offset + 1] = (uint8_t)packet_id;
}

void sending_set_dup(struct sending *sending, bool dup)
{
    sending->packet[0] = (uint8_t)((sending->packet[0] & ~PUBLISH_DUP) | (dup ? PUBLISH_DUP : 0));
}
