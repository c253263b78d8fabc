// SPDX-License-Identifier: MIT
// Building packets; what takes them apart is in packet_parse.c.
#include "harness/packet.h"

#include <string.h>

#include "harness/arena.h"

struct bytes packet_raw(unsigned first, struct bytes body)
{
    struct buffer buffer = {0};
    buffer_put_u8(&buffer, first);
    size_t left = body.length;
    do {
        buffer_put_u8(&buffer, (unsigned)(left % 128) | (left >= 128 ? 0x80 : 0));
        left /= 128;
    } while (left > 0);
    struct bytes whole = bytes_join(buffer_bytes(&buffer), body);
    buffer_finish(&buffer);
    return whole;
}

// Packs what a buffer holds, and frees it.
static struct bytes packet_of(unsigned first, struct buffer *body)
{
    struct bytes whole = packet_raw(first, buffer_bytes(body));
    buffer_finish(body);
    return whole;
}

static void put_text(struct buffer *buffer, const char *text)
{
    buffer_put_field(buffer, bytes_text(text == NULL ? "" : text));
}

struct bytes packet_connect_of(const struct connect *connect)
{
    struct buffer body = {0};
    unsigned flags = (connect->keep ? 0 : 0x02) | (connect->user != NULL ? 0x80 : 0) |
                     (connect->password != NULL ? 0x40 : 0);
    if (connect->will_topic != NULL)
        flags |= 0x04 | connect->will_qos << 3 | (connect->will_retain ? 0x20 : 0);
    put_text(&body, connect->protocol == NULL ? "MQTT" : connect->protocol);
    buffer_put_u8(&body, connect->level == 0 ? 4 : connect->level);
    buffer_put_u8(&body, flags ^ connect->flags_flip);
    buffer_put_u16(&body, connect->keepalive_s);
    put_text(&body, connect->id);
    if (connect->will_topic != NULL) {
        put_text(&body, connect->will_topic);
        put_text(&body, connect->will);
    }
    if (connect->user != NULL)
        put_text(&body, connect->user);
    if (connect->password != NULL)
        put_text(&body, connect->password);
    return packet_of(0x10, &body);
}

struct bytes packet_publish_of(const struct publish *publish)
{
    struct buffer body = {0};
    put_text(&body, publish->topic);
    if (publish->qos > 0)
        buffer_put_u16(&body, publish->id);
    buffer_append(&body, publish->payload != NULL ? bytes_text(publish->payload) : publish->data);
    return packet_of(0x30 | (publish->dup ? 8 : 0) | publish->qos << 1 | (publish->retain ? 1 : 0), &body);
}

struct bytes packet_connack(unsigned session_present, unsigned code)
{
    struct buffer body = {0};
    buffer_put_u8(&body, session_present);
    buffer_put_u8(&body, code);
    return packet_of(0x20, &body);
}

struct bytes packet_subscribe_all(unsigned id, const struct filter *filters, size_t count)
{
    struct buffer body = {0};
    buffer_put_u16(&body, id);
    for (size_t i = 0; i < count; i++) {
        put_text(&body, filters[i].filter);
        buffer_put_u8(&body, filters[i].qos);
    }
    return packet_of(0x82, &body);
}

struct bytes packet_subscribe(unsigned id, const char *filter, unsigned qos)
{
    return packet_subscribe_all(id, &(struct filter){filter, qos}, 1);
}

struct bytes packet_suback_all(unsigned id, struct bytes codes)
{
    struct buffer body = {0};
    buffer_put_u16(&body, id);
    buffer_append(&body, codes);
    return packet_of(0x90, &body);
}

struct bytes packet_suback(unsigned id, unsigned code)
{
    uint8_t byte = (uint8_t)code;
    return packet_suback_all(id, (struct bytes){&byte, 1});
}

struct bytes packet_unsubscribe_all(unsigned id, const char *const *filters, size_t count)
{
    struct buffer body = {0};
    buffer_put_u16(&body, id);
    for (size_t i = 0; i < count; i++)
        put_text(&body, filters[i]);
    return packet_of(0xA2, &body);
}

struct bytes packet_unsubscribe(unsigned id, const char *filter)
{
    return packet_unsubscribe_all(id, &filter, 1);
}

struct bytes packet_answer(enum packet_type type, unsigned id)
{
    struct buffer body = {0};
    buffer_put_u16(&body, id);
    return packet_of((unsigned)type << 4 | (type == PACKET_PUBREL ? 2 : 0), &body);
}

struct bytes packet_empty(enum packet_type type)
{
    return packet_raw((unsigned)type << 4, (struct bytes){0});
}

const char *packet_type_name(unsigned type)
{
    static const char *const names[] = {
        "",          "CONNECT", "CONNACK",     "PUBLISH",  "PUBACK",  "PUBREC",   "PUBREL",    "PUBCOMP",
        "SUBSCRIBE", "SUBACK",  "UNSUBSCRIBE", "UNSUBACK", "PINGREQ", "PINGRESP", "DISCONNECT"};
    return type >= 1 && type < sizeof names / sizeof *names ? names[type] : arena_print("type %u", type);
}
