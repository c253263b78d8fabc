// SPDX-License-Identifier: MIT
// Taking packets apart: strictly for cases, leniently for reports.
#include "harness/packet.h"

#include <string.h>

#include "harness/arena.h"

// What is left of a packet. Reading past its end sets `short_of` and gives zeros.
struct cursor {
    struct bytes rest;
    bool short_of;
};

static struct bytes cursor_take(struct cursor *cursor, size_t length)
{
    if (length > cursor->rest.length) {
        cursor->short_of = true;
        length = cursor->rest.length;
    }
    struct bytes taken = bytes_slice(cursor->rest, 0, length);
    cursor->rest = bytes_slice(cursor->rest, length, cursor->rest.length);
    return taken;
}

static unsigned cursor_u8(struct cursor *cursor)
{
    struct bytes taken = cursor_take(cursor, 1);
    return taken.length == 1 ? taken.data[0] : 0;
}

static unsigned cursor_u16(struct cursor *cursor)
{
    unsigned high = cursor_u8(cursor);
    return high << 8 | cursor_u8(cursor);
}

static struct bytes cursor_field(struct cursor *cursor)
{
    unsigned length = cursor_u16(cursor);
    return cursor_take(cursor, length);
}

int packet_find(struct bytes bytes, size_t *ret_length)
{
    size_t remaining = 0;
    for (size_t at = 1; at < bytes.length; at++) {
        remaining |= (size_t)(bytes.data[at] & 0x7F) << 7 * (at - 1);
        if (bytes.data[at] < 0x80) {
            if (bytes.length < at + 1 + remaining)
                return 0;
            *ret_length = at + 1 + remaining;
            return 1;
        }
        if (at == 4)
            return -1;
    }
    return 0;
}

static struct cursor packet_body(struct bytes whole)
{
    size_t at = 1;
    while (at < whole.length && whole.data[at] >= 0x80)
        at++;
    return (struct cursor){.rest = bytes_slice(whole, at + 1, whole.length)};
}

static bool has_wildcard(struct bytes topic)
{
    return topic.length > 0 &&
           (memchr(topic.data, '+', topic.length) != NULL || memchr(topic.data, '#', topic.length) != NULL);
}

static const char *parse_connect(struct cursor *body, struct packet *packet)
{
    packet->protocol = cursor_field(body);
    packet->level = cursor_u8(body);
    unsigned flags = packet->connect_flags = cursor_u8(body);
    packet->keepalive_s = cursor_u16(body);
    packet->client_id = cursor_field(body);
    if (!bytes_equal(packet->protocol, bytes_text("MQTT")) || packet->level != 4)
        return "protocol name and level are not those of MQTT 3.1.1 [MQTT-3.1.2-1, MQTT-3.1.2-2]";
    if ((flags & 0x01) != 0)
        return "bit 0 of the connect flags is set [MQTT-3.1.2-3]";
    if ((flags & 0x04) == 0 && (flags & 0x38) != 0)
        return "bits of the will without a will [MQTT-3.1.2-11, MQTT-3.1.2-13, MQTT-3.1.2-15]";
    if ((flags & 0x18) == 0x18)
        return "a will of QoS 3 [MQTT-3.1.2-14]";
    if ((flags & 0xC0) == 0x40)
        return "a password without a user name [MQTT-3.1.2-22]";
    if ((flags & 0x04) != 0) {
        packet->will_topic = cursor_field(body);
        packet->will = cursor_field(body);
    }
    if ((flags & 0x80) != 0)
        packet->user = cursor_field(body);
    if ((flags & 0x40) != 0)
        packet->password = cursor_field(body);
    if (!bytes_are_text(packet->client_id) || !bytes_are_text(packet->will_topic) ||
        !bytes_are_text(packet->user))
        return "a text that is not UTF-8 [MQTT-1.5.3-1, MQTT-1.5.3-2]";
    if (has_wildcard(packet->will_topic))
        return "a wildcard in the topic of the will [MQTT-4.7.1-1]";
    if (packet->client_id.length == 0 && (flags & 0x02) == 0 && !body->short_of)
        return "no client id without a clean session [MQTT-3.1.3-7]";
    return NULL;
}

static bool is_filter(struct bytes filter)
{
    for (size_t i = 0; i < filter.length; i++) {
        bool begins = i == 0 || filter.data[i - 1] == '/';
        bool ends = i + 1 == filter.length;
        if (filter.data[i] == '#' && !(begins && ends))
            return false;
        if (filter.data[i] == '+' && !(begins && (ends || filter.data[i + 1] == '/')))
            return false;
    }
    return filter.length > 0 && bytes_are_text(filter);
}

bool packet_next_filter(const struct packet *packet, size_t *at, struct bytes *ret_filter, unsigned *ret_qos)
{
    struct cursor cursor = {.rest = bytes_slice(packet->list, *at, packet->list.length)};
    if (cursor.rest.length == 0)
        return false;
    *ret_filter = cursor_field(&cursor);
    *ret_qos = packet->type == PACKET_SUBSCRIBE ? cursor_u8(&cursor) : 0;
    if (cursor.short_of)
        return false;
    *at = packet->list.length - cursor.rest.length;
    return true;
}

static const char *parse_filters(struct cursor *body, struct packet *packet)
{
    packet->id = cursor_u16(body);
    packet->list = body->rest;
    body->rest.length = 0;
    if (packet->id == 0)
        return "packet identifier 0 [MQTT-2.3.1-1]";
    if (packet->list.length == 0)
        return "no filter [MQTT-3.8.3-3, MQTT-3.10.3-2]";
    size_t at = 0;
    struct bytes filter;
    unsigned qos;
    while (packet_next_filter(packet, &at, &filter, &qos)) {
        if (!is_filter(filter))
            return "a filter that is none [MQTT-3.8.3-1, MQTT-4.7.1-2, MQTT-4.7.1-3, MQTT-4.7.3-1]";
        if (qos > 2)
            return "an options byte that is no QoS [MQTT-3.8.3-4]";
    }
    return at < packet->list.length ? "a filter that is cut short" : NULL;
}

static const char *parse_publish(struct cursor *body, struct packet *packet)
{
    unsigned flags = packet->whole.data[0] & 0x0F;
    packet->dup = (flags & 8) != 0;
    packet->qos = flags >> 1 & 3;
    packet->retain = (flags & 1) != 0;
    packet->topic = cursor_field(body);
    packet->id = packet->qos > 0 ? cursor_u16(body) : 0;
    packet->payload = cursor_take(body, body->rest.length);
    if (packet->qos == 3)
        return "QoS 3 [MQTT-3.3.1-4]";
    if (packet->qos == 0 && packet->dup)
        return "DUP at QoS 0 [MQTT-3.3.1-2]";
    if (packet->qos > 0 && packet->id == 0)
        return "packet identifier 0 [MQTT-2.3.1-1]";
    if (packet->topic.length == 0)
        return "an empty topic [MQTT-4.7.3-1]";
    if (!bytes_are_text(packet->topic))
        return "a topic that is not UTF-8 [MQTT-3.3.2-1, MQTT-1.5.3-1]";
    if (has_wildcard(packet->topic))
        return "a wildcard in a topic [MQTT-3.3.2-2]";
    return NULL;
}

static const char *parse_connack(struct cursor *body, struct packet *packet)
{
    packet->session_present = cursor_u8(body);
    packet->code = cursor_u8(body);
    if (packet->session_present > 1)
        return "reserved bits of the acknowledge flags are set";
    if (packet->code > 5)
        return "a return code that is not listed [MQTT-3.2.2-6]";
    if (packet->code != 0 && packet->session_present != 0)
        return "a session that is present though it is refused [MQTT-3.2.2-4]";
    return NULL;
}

static const char *parse_suback(struct cursor *body, struct packet *packet)
{
    packet->id = cursor_u16(body);
    packet->list = cursor_take(body, body->rest.length);
    for (size_t i = 0; i < packet->list.length; i++)
        if (packet->list.data[i] > 2 && packet->list.data[i] != 0x80)
            return "a code that is none of 00, 01, 02 and 80 [MQTT-3.9.3-2]";
    return packet->list.length == 0 ? "no codes [MQTT-3.8.4-5]" : NULL;
}

static const char *parse_body(struct cursor *body, struct packet *packet)
{
    switch (packet->type) {
    case PACKET_CONNECT:
        return parse_connect(body, packet);
    case PACKET_CONNACK:
        return parse_connack(body, packet);
    case PACKET_PUBLISH:
        return parse_publish(body, packet);
    case PACKET_SUBSCRIBE:
    case PACKET_UNSUBSCRIBE:
        return parse_filters(body, packet);
    case PACKET_SUBACK:
        return parse_suback(body, packet);
    case PACKET_PINGREQ:
    case PACKET_PINGRESP:
    case PACKET_DISCONNECT:
        return NULL;
    default:
        packet->id = cursor_u16(body);
        return packet->id == 0 && !body->short_of ? "packet identifier 0 [MQTT-2.3.1-1]" : NULL;
    }
}

// Bit n: a packet of type n comes from this side.
static const unsigned from_client = 1U << PACKET_CONNECT | 1U << PACKET_SUBSCRIBE | 1U << PACKET_UNSUBSCRIBE |
                                    1U << PACKET_PINGREQ | 1U << PACKET_DISCONNECT;
static const unsigned from_server =
    1U << PACKET_CONNACK | 1U << PACKET_SUBACK | 1U << PACKET_UNSUBACK | 1U << PACKET_PINGRESP;
static const unsigned from_both = 1U << PACKET_PUBLISH | 1U << PACKET_PUBACK | 1U << PACKET_PUBREC |
                                  1U << PACKET_PUBREL | 1U << PACKET_PUBCOMP;

static const char *fault_of(struct bytes whole, enum packet_sender sender, struct packet *packet)
{
    unsigned first = whole.data[0];
    *packet = (struct packet){.type = first >> 4, .whole = whole};
    unsigned allowed = from_both | (sender == SENDER_CLIENT ? from_client : from_server);
    if ((allowed >> packet->type & 1) == 0)
        return "a packet that this side never sends";
    bool two = packet->type == PACKET_PUBREL || packet->type == PACKET_SUBSCRIBE ||
               packet->type == PACKET_UNSUBSCRIBE;
    if (packet->type != PACKET_PUBLISH && (first & 0x0F) != (two ? 2 : 0))
        return "wrong flags in the fixed header [MQTT-2.2.2-1]";
    struct cursor body = packet_body(whole);
    const char *fault = parse_body(&body, packet);
    if (fault == NULL && body.short_of)
        fault = "it is too short";
    if (fault == NULL && body.rest.length > 0)
        fault = "there are bytes behind its end";
    return fault;
}

bool packet_parse(struct bytes whole, enum packet_sender sender, struct packet *ret_packet,
                  const char **ret_fault)
{
    struct packet packet;
    const char *fault = fault_of(whole, sender, &packet);
    if (fault != NULL)
        *ret_fault = arena_print("%s: %s", packet_type_name(whole.data[0] >> 4), fault);
    else
        *ret_packet = packet;
    return fault == NULL;
}

static const char *describe_filters(const struct packet *packet)
{
    const char *text = arena_print(" id=%u", packet->id);
    size_t at = 0;
    struct bytes filter;
    unsigned qos;
    while (packet_next_filter(packet, &at, &filter, &qos)) {
        text = arena_print("%s filter=%s", text, bytes_quote(filter, 80));
        if (packet->type == PACKET_SUBSCRIBE)
            text = arena_print("%s/%u", text, qos);
    }
    return text;
}

static const char *describe_connect(const struct packet *packet)
{
    const char *text = arena_print(" protocol=%s level=%u flags=%02X keepalive=%u id=%s",
                                   bytes_quote(packet->protocol, 10), packet->level, packet->connect_flags,
                                   packet->keepalive_s, bytes_quote(packet->client_id, 40));
    if ((packet->connect_flags & 0x04) != 0)
        text = arena_print("%s will=%s:%s", text, bytes_quote(packet->will_topic, 80),
                           bytes_quote(packet->will, 40));
    if ((packet->connect_flags & 0x80) != 0)
        text = arena_print("%s user=%s", text, bytes_quote(packet->user, 40));
    return (packet->connect_flags & 0x40) != 0 ? arena_print("%s password", text) : text;
}

static const char *describe_fields(const struct packet *packet)
{
    switch (packet->type) {
    case PACKET_CONNECT:
        return describe_connect(packet);
    case PACKET_CONNACK:
        return arena_print(" present=%u code=%u", packet->session_present, packet->code);
    case PACKET_PUBLISH:
        return arena_print(" qos=%u dup=%d retain=%d%s topic=%s payload=%s", packet->qos, packet->dup,
                           packet->retain, packet->qos > 0 ? arena_print(" id=%u", packet->id) : "",
                           bytes_quote(packet->topic, 80), bytes_quote(packet->payload, 60));
    case PACKET_SUBSCRIBE:
    case PACKET_UNSUBSCRIBE:
        return describe_filters(packet);
    case PACKET_SUBACK:
        return arena_print(" id=%u codes=%s", packet->id, bytes_hex(packet->list, 40));
    default:
        return packet->id == 0 ? "" : arena_print(" id=%u", packet->id);
    }
}

static const char *describe_one(struct bytes whole)
{
    struct packet packet;
    const char *as_client = fault_of(whole, SENDER_CLIENT, &packet);
    const char *fault = as_client;
    if (as_client != NULL) {
        struct packet other;
        fault = fault_of(whole, SENDER_SERVER, &other);
        if (fault == NULL)
            packet = other;
        else if ((from_server >> packet.type & 1) == 0)
            fault = as_client; // the more fitting of two complaints
        else
            packet = other;
    }
    const char *fields = describe_fields(&packet);
    return fault == NULL ? arena_print("%s%s", packet_type_name(packet.type), fields)
                         : arena_print("%s%s (broken: %s)", packet_type_name(packet.type), fields, fault);
}

char *packet_describe(struct bytes bytes)
{
    char *text = arena_print("%s", "");
    while (bytes.length > 0) {
        size_t length = 0;
        int found = packet_find(bytes, &length);
        const char *one = found == 1 ? describe_one(bytes_slice(bytes, 0, length))
                                     : arena_print("%zu bytes that are no whole packet", bytes.length);
        text = *text == '\0' ? arena_print("%s", one) : arena_print("%s; %s", text, one);
        bytes = found == 1 ? bytes_slice(bytes, length, bytes.length) : (struct bytes){0};
    }
    return text;
}
