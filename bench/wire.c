// SPDX-License-Identifier: MIT
// The bytes of the load generator: see wire.h for the form of a PUBLISH.
#include "bench/wire.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define HEADER_DUP         0x08u
#define HEADER_RETAIN      0x01u
#define SUBSCRIBE_ID       1u
#define START_BYTES        8u
#define SMALL_HEADER_BYTES 2u // of every packet but PUBLISH: its remaining length is below 128

static uint16_t get_u16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

static uint32_t put_u16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
    return 2;
}

static uint32_t put_varint(uint8_t *at, uint32_t value)
{
    uint32_t size = 0;
    do {
        at[size++] = (uint8_t)((value & 127) | (value > 127 ? 128 : 0));
        value >>= 7;
    } while (value > 0);
    return size;
}

static uint32_t put_text(uint8_t *at, const char *text)
{
    size_t length = strlen(text);
    put_u16(at, (uint32_t)length);
    memcpy(at + 2, text, length);
    return (uint32_t)length + 2;
}

uint32_t wire_put_topic(uint8_t *at, uint32_t number)
{
    memcpy(at, "bench/", 6);
    for (uint32_t place = WIRE_TOPIC_BYTES; place-- > 6; number /= 10)
        at[place] = (uint8_t)('0' + number % 10);
    return WIRE_TOPIC_BYTES;
}

uint32_t wire_put_connect(uint8_t *at, const char *client_id)
{
    static const uint8_t fixed[] = {0,   4, 'M', 'Q', 'T',
                                    'T', 4, 2,   0,   0}; // level 4, clean session, no keep-alive
    at[0] = 0x10;
    memcpy(at + 2, fixed, sizeof(fixed));
    uint32_t size = 2 + (uint32_t)sizeof(fixed);
    size += put_text(at + size, client_id);
    at[1] = (uint8_t)(size - 2);
    assert(size <= WIRE_HELLO_MAX);
    return size;
}

static uint32_t put_subscribe(uint8_t *at, const char *filter, uint8_t qos)
{
    at[0] = 0x82;
    uint32_t size = 2;
    size += put_u16(at + size, SUBSCRIBE_ID);
    size += put_text(at + size, filter);
    at[size++] = qos;
    at[1] = (uint8_t)(size - 2);
    return size;
}

uint32_t wire_put_subscribe(uint8_t *at, uint32_t topic, uint8_t qos)
{
    char filter[WIRE_TOPIC_BYTES + 1] = "";
    wire_put_topic((uint8_t *)filter, topic);
    return put_subscribe(at, filter, qos);
}

// Half of the filters begin with a wildcard, the other half end with one, which also stands for no level at
// all. (Section 4.7.1.2.)
uint32_t wire_put_subscribe_wildcard(uint8_t *at, uint32_t topic, uint8_t qos)
{
    char filter[WIRE_TOPIC_BYTES + 3] = "";
    wire_put_topic((uint8_t *)filter, topic);
    if (topic % 2 == 0) {
        filter[4] = '+';
        return put_subscribe(at, filter + 4, qos);
    }
    memcpy(filter + WIRE_TOPIC_BYTES, "/#", 2);
    return put_subscribe(at, filter, qos);
}

uint32_t wire_put_subscribe_all(uint8_t *at, uint8_t qos)
{
    return put_subscribe(at, "bench/+", qos);
}

uint32_t wire_put_disconnect(uint8_t *at)
{
    at[0] = 0xe0;
    at[1] = 0;
    return 2;
}

uint32_t wire_put_erase(uint8_t *at, uint32_t topic, uint16_t packet_id)
{
    at[0] = WIRE_PUBLISH << 4 | 1 << 1 | HEADER_RETAIN;
    at[1] = WIRE_ERASE_BYTES - SMALL_HEADER_BYTES;
    uint32_t size = 2;
    size += put_u16(at + size, WIRE_TOPIC_BYTES);
    size += wire_put_topic(at + size, topic);
    size += put_u16(at + size, packet_id);
    return size;
}

uint32_t wire_put_ack(uint8_t *at, enum wire_type type, uint16_t packet_id)
{
    at[0] = (uint8_t)(type << 4 | (type == WIRE_PUBREL ? 2 : 0)); // [MQTT-3.6.1-1]
    at[1] = 2;
    put_u16(at + 2, packet_id);
    return WIRE_ACK_BYTES;
}

static uint64_t load_u64(const uint8_t *at)
{
    uint64_t value;
    memcpy(&value, at, sizeof(value));
    return value;
}

int publish_form_init(struct publish_form *form, uint32_t payload, uint8_t qos)
{
    assert(payload >= WIRE_TAG_BYTES);
    uint32_t body = 2 + WIRE_TOPIC_BYTES + (qos > 0 ? 2 : 0) + payload;
    uint8_t header[5] = {(uint8_t)(WIRE_PUBLISH << 4 | qos << 1)};
    uint32_t header_size = 1 + put_varint(header + 1, body);

    uint8_t *bytes = calloc(1, header_size + body);
    if (bytes == NULL)
        return -ENOMEM;
    memcpy(bytes, header, header_size);
    put_u16(bytes + header_size, WIRE_TOPIC_BYTES);
    form->bytes = bytes;
    form->size = header_size + body;
    form->topic_at = header_size + 2;
    form->id_at = qos > 0 ? form->topic_at + WIRE_TOPIC_BYTES : 0;
    form->tag_at = form->size - payload;
    form->head_size = form->tag_at + WIRE_TAG_BYTES;
    wire_put_topic(bytes + form->topic_at, 0);
    memset(bytes + form->head_size, 'x', payload - WIRE_TAG_BYTES);

    uint8_t mask[START_BYTES];
    memset(mask, 0xff, sizeof(mask));
    mask[0] = (uint8_t)~HEADER_DUP;
    form->mask = load_u64(mask);
    form->start = load_u64(bytes) & form->mask;
    return 0;
}

void publish_form_set_retain(struct publish_form *form)
{
    form->bytes[0] |= HEADER_RETAIN;
    form->start = load_u64(form->bytes) & form->mask;
}

void publish_form_finish(struct publish_form *form)
{
    free(form->bytes);
}

void publish_form_put(const struct publish_form *form, const uint8_t *topic, uint16_t packet_id,
                      struct wire_tag tag, uint8_t *at)
{
    memcpy(at, form->bytes, form->size);
    memcpy(at + form->topic_at, topic, WIRE_TOPIC_BYTES);
    if (form->id_at != 0)
        put_u16(at + form->id_at, packet_id);
    memcpy(at + form->tag_at, &tag, sizeof(tag));
}

void splitter_init(struct splitter *splitter)
{
    memset(splitter, 0, sizeof(*splitter));
}

void splitter_give(struct splitter *splitter, uint8_t *data, size_t length)
{
    assert(splitter->at == splitter->end);
    splitter->at = data - splitter->stash_length;
    splitter->end = data + length;
    memcpy(data - splitter->stash_length, splitter->stash, splitter->stash_length);
    splitter->stash_length = 0;
}

static bool splitter_stash(struct splitter *splitter)
{
    size_t left = (size_t)(splitter->end - splitter->at);
    assert(left < WIRE_HEAD_MAX);
    memcpy(splitter->stash, splitter->at, left);
    splitter->stash_length = (uint32_t)left;
    splitter->at = splitter->end;
    return false;
}

static bool splitter_fail(struct splitter *splitter)
{
    splitter->failed = true;
    return false;
}

// Goes on with a PUBLISH of which the head came earlier.
static bool splitter_finish_publish(struct splitter *splitter, struct wire_packet *ret_packet)
{
    size_t left = (size_t)(splitter->end - splitter->at);
    uint32_t step = left < splitter->skip ? (uint32_t)left : splitter->skip;
    splitter->at += step;
    splitter->skip -= step;
    if (splitter->skip > 0)
        return false;
    *ret_packet = splitter->held;
    return true;
}

// Holds a PUBLISH of which the head is there, and more is to come.
static bool splitter_hold_publish(struct splitter *splitter, const struct publish_form *form)
{
    const uint8_t *at = splitter->at;
    splitter->held = (struct wire_packet){.type = WIRE_PUBLISH};
    splitter->held.packet_id = form->id_at != 0 ? get_u16(at + form->id_at) : 0;
    memcpy(&splitter->held.tag, at + form->tag_at, sizeof(splitter->held.tag));
    splitter->skip = form->size - (uint32_t)(splitter->end - at);
    splitter->at = splitter->end;
    return false;
}

// Whatever is not a PUBLISH with a whole head.
static bool splitter_take_small(struct splitter *splitter, struct wire_packet *ret_packet)
{
    const uint8_t *at = splitter->at;
    size_t left = (size_t)(splitter->end - at);
    if (left < SMALL_HEADER_BYTES)
        return splitter_stash(splitter);
    uint32_t body = at[1];
    if (body < 2 || body > WIRE_HEAD_MAX - SMALL_HEADER_BYTES)
        return splitter_fail(splitter);
    if (left < SMALL_HEADER_BYTES + body)
        return splitter_stash(splitter);
    *ret_packet = (struct wire_packet){.type = at[0] >> 4};
    if (ret_packet->type == WIRE_CONNACK) {
        ret_packet->code = at[3];
    } else {
        ret_packet->packet_id = get_u16(at + 2);
        ret_packet->code = body > 2 ? at[4] : 0;
    }
    splitter->at += SMALL_HEADER_BYTES + body;
    return true;
}

bool splitter_next_other(struct splitter *splitter, const struct publish_form *form,
                         struct wire_packet *ret_packet)
{
    if (splitter->skip > 0)
        return splitter_finish_publish(splitter, ret_packet);
    size_t left = (size_t)(splitter->end - splitter->at);
    if (left == 0 || splitter->failed)
        return false;
    if (splitter->at[0] >> 4 != WIRE_PUBLISH)
        return splitter_take_small(splitter, ret_packet);
    if (left >= START_BYTES && (load_u64(splitter->at) & form->mask) != form->start)
        return splitter_fail(splitter);
    if (left < form->head_size)
        return splitter_stash(splitter);
    return splitter_hold_publish(splitter, form);
}
