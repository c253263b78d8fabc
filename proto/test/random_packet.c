// SPDX-License-Identifier: MIT
// Each choice is made so that every form of a field turns up often: left out, empty, short, and now and then
// long.
#include "proto/test/random_packet.h"

#include <stdlib.h>

#include "proto/packet_bit.h"

#define CHANCE_IN(source, n) (random_below(source, n) == 0)

// splitmix64
static uint64_t random_next(struct random_source *source)
{
    uint64_t z = source->state += 0x9e3779b97f4a7c15ull;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ z >> 27) * 0x94d049bb133111ebull;
    return z ^ z >> 31;
}

uint32_t random_below(struct random_source *source, uint32_t limit)
{
    return (uint32_t)(random_next(source) % limit);
}

void random_arena_init(struct random_arena *arena, uint64_t seed)
{
    arena->source.state = seed;
    arena->used = 0;
}

static struct writer arena_writer(struct random_arena *arena)
{
    return writer_of(arena->bytes + arena->used, sizeof arena->bytes - arena->used);
}

// What was written since `writer` was taken; nothing else was taken meanwhile.
static struct bytes arena_take(struct random_arena *arena, const struct writer *writer)
{
    uint8_t *start = arena->bytes + arena->used;
    if (writer->overflow)
        abort();
    uint32_t length = (uint32_t)(writer->at - start);
    arena->used += length;
    return (struct bytes){start, length};
}

static void text_put(struct random_source *source, struct writer *writer)
{
    static const char *const characters[] = {
        "a", "b", "Z", " ", "\x01", "$", "\xc3\xa9", "\xef\xbb\xbf", "\xf0\x9f\x98\x80"};
    uint32_t count = CHANCE_IN(source, 20) ? random_below(source, 300) : random_below(source, 12);
    for (uint32_t i = 0; i < count; i++) {
        writer_put_bytes(
            writer, bytes_of(characters[random_below(source, sizeof characters / sizeof characters[0])]));
    }
}

static struct bytes random_text(struct random_arena *arena)
{
    struct writer writer = arena_writer(arena);
    text_put(&arena->source, &writer);
    return arena_take(arena, &writer);
}

static struct bytes random_binary(struct random_arena *arena, uint32_t length)
{
    struct writer writer = arena_writer(arena);
    for (uint32_t i = 0; i < length; i++)
        writer_put_u8(&writer, (uint8_t)random_next(&arena->source));
    return arena_take(arena, &writer);
}

static struct bytes random_topic_name(struct random_arena *arena)
{
    struct writer writer = arena_writer(arena);
    uint32_t levels = random_below(&arena->source, 5);
    for (uint32_t i = 0; i < levels; i++) {
        text_put(&arena->source, &writer);
        writer_put_u8(&writer, '/');
    }
    writer_put_u8(&writer, 't');
    return arena_take(arena, &writer);
}

static struct bytes random_topic_filter(struct random_arena *arena, bool may_share)
{
    struct random_source *source = &arena->source;
    struct writer writer = arena_writer(arena);
    if (may_share && CHANCE_IN(source, 4))
        writer_put_bytes(&writer, bytes_of("$share/group/"));
    uint32_t levels = random_below(source, 4);
    for (uint32_t i = 0; i < levels; i++) {
        if (CHANCE_IN(source, 3))
            writer_put_u8(&writer, '+');
        else
            text_put(source, &writer);
        writer_put_u8(&writer, '/');
    }
    writer_put_u8(&writer, "+#t"[random_below(source, 3)]);
    return arena_take(arena, &writer);
}

struct property_choice {
    uint8_t id;
    uint8_t type;
    uint16_t packets;
    uint16_t many;
    uint32_t lowest;
    uint32_t highest;
};

static const struct property_choice choices[] = {
#define PROPERTY(name, id, type, packets, many, lowest, highest)                                             \
    {id, PROPERTY_TYPE_##type, packets, many, lowest, highest},
#include "proto/property.def"
#undef PROPERTY
};

static struct property random_property(struct random_arena *arena, const struct property_choice *choice)
{
    struct random_source *source = &arena->source;
    struct property property = {.id = choice->id};
    uint64_t range = (uint64_t)choice->highest - choice->lowest + 1;
    switch (choice->type) {
    case PROPERTY_TYPE_STRING:
        property.text = choice->id == PROPERTY_RESPONSE_TOPIC ? random_topic_name(arena) : random_text(arena);
        break;
    case PROPERTY_TYPE_BINARY:
        property.text = random_binary(arena, random_below(source, 20));
        break;
    case PROPERTY_TYPE_PAIR:
        property.text = random_text(arena);
        property.value = random_text(arena);
        break;
    default:
        // Small numbers take other sizes as variable byte integers.
        property.number =
            choice->lowest + (uint32_t)((random_next(source) >> random_below(source, 33)) % range);
    }
    return property;
}

static bool choice_taken(struct random_arena *arena, const struct property_choice *choice, bool has_method)
{
    if (choice->id == PROPERTY_AUTHENTICATION_DATA && !has_method)
        return false;
    return CHANCE_IN(&arena->source, 3);
}

// Collected outside the arena, because the texts of the properties are taken from it meanwhile.
static struct bytes random_properties(struct random_arena *arena, uint8_t version, uint8_t packet_type)
{
    static uint8_t list[1u << 17];
    struct writer writer = writer_of(list, sizeof list);
    bool has_method = false;
    if (version != MQTT_VERSION_5_0 || CHANCE_IN(&arena->source, 2))
        return (struct bytes){NULL, 0};
    for (size_t i = 0; i < sizeof choices / sizeof choices[0]; i++) {
        const struct property_choice *choice = &choices[i];
        bool many = (choice->many >> packet_type & 1) != 0;
        uint32_t count = many ? 1 + random_below(&arena->source, 3) : 1;
        if ((choice->packets >> packet_type & 1) == 0 || !choice_taken(arena, choice, has_method))
            continue;
        for (uint32_t c = 0; c < count; c++) {
            struct property property = random_property(arena, choice);
            property_put(&writer, &property);
        }
        has_method = has_method || choice->id == PROPERTY_AUTHENTICATION_METHOD;
    }
    struct bytes properties = {list, (uint32_t)(writer.at - list)};
    struct writer copy = arena_writer(arena);
    writer_put_bytes(&copy, properties);
    return arena_take(arena, &copy);
}

static uint8_t random_reason(struct random_source *source, uint8_t packet_type)
{
    for (;;) {
        uint8_t reason = CHANCE_IN(source, 3) ? REASON_SUCCESS : (uint8_t)random_next(source);
        if (reason_allowed(reason, packet_type))
            return reason;
    }
}

static uint16_t random_packet_id(struct random_source *source)
{
    return (uint16_t)(1 + random_below(source, UINT16_MAX));
}

static void random_connect(struct random_arena *arena, uint8_t version, struct packet_connect *connect)
{
    struct random_source *source = &arena->source;
    connect->version = version;
    connect->clean = CHANCE_IN(source, 2);
    connect->keepalive_s = (uint16_t)random_next(source);
    connect->properties = random_properties(arena, version, PACKET_CONNECT);
    connect->client_id = random_text(arena);
    connect->has_will = CHANCE_IN(source, 2);
    if (connect->has_will) {
        connect->will.properties = random_properties(arena, version, PROPERTY_WILL);
        connect->will.topic = random_topic_name(arena);
        connect->will.payload = random_binary(arena, random_below(source, 40));
        connect->will.qos = (uint8_t)random_below(source, 3);
        connect->will.retain = CHANCE_IN(source, 2);
    }
    connect->has_user_name = CHANCE_IN(source, 2);
    if (connect->has_user_name)
        connect->user_name = random_text(arena);
    connect->has_password = (connect->has_user_name || version == MQTT_VERSION_5_0) && CHANCE_IN(source, 2);
    if (connect->has_password)
        connect->password = random_binary(arena, random_below(source, 20));
}

static void random_connack(struct random_arena *arena, uint8_t version, struct packet_connack *connack)
{
    struct random_source *source = &arena->source;
    connack->code = version == MQTT_VERSION_5_0 ? random_reason(source, PACKET_CONNACK)
                                                : (uint8_t)random_below(source, 6);
    connack->session_present = connack->code == 0 && CHANCE_IN(source, 2);
    connack->properties = random_properties(arena, version, PACKET_CONNACK);
}

static void random_publish(struct random_arena *arena, uint8_t version, struct packet_publish *publish)
{
    struct random_source *source = &arena->source;
    uint32_t length = CHANCE_IN(source, 50) ? 16000 + random_below(source, 1000) : random_below(source, 200);
    struct property alias;
    publish->qos = (uint8_t)random_below(source, 3);
    publish->dup = publish->qos > 0 && CHANCE_IN(source, 2);
    publish->retain = CHANCE_IN(source, 2);
    publish->packet_id = publish->qos > 0 ? random_packet_id(source) : 0;
    publish->properties = random_properties(arena, version, PACKET_PUBLISH);
    if (!property_find(publish->properties, PROPERTY_TOPIC_ALIAS, &alias) || CHANCE_IN(source, 2))
        publish->topic = random_topic_name(arena);
    publish->payload = random_binary(arena, length);
}

static void random_subscribe(struct random_arena *arena, uint8_t version, uint8_t type,
                             struct packet_subscribe *subscribe)
{
    static uint8_t list[1u << 16];
    struct random_source *source = &arena->source;
    struct writer writer = writer_of(list, sizeof list);
    bool v5 = version == MQTT_VERSION_5_0;
    uint32_t count = 1 + random_below(source, 4);
    subscribe->packet_id = random_packet_id(source);
    subscribe->properties = random_properties(arena, version, type);
    for (uint32_t i = 0; i < count; i++) {
        struct bytes filter = random_topic_filter(arena, v5);
        struct subscription_options options = {
            .qos = (uint8_t)random_below(source, 3),
            .no_local = v5 && filter.data[0] != '$' && CHANCE_IN(source, 2),
            .retain_as_published = v5 && CHANCE_IN(source, 2),
            .retain_handling = v5 ? (uint8_t)random_below(source, 3) : 0,
        };
        if (type == PACKET_SUBSCRIBE)
            subscribe_put(&writer, filter, options);
        else
            unsubscribe_put(&writer, filter);
    }
    struct bytes entries = {list, (uint32_t)(writer.at - list)};
    struct writer copy = arena_writer(arena);
    writer_put_bytes(&copy, entries);
    subscribe->entries = arena_take(arena, &copy);
}

static void random_suback(struct random_arena *arena, uint8_t version, uint8_t type,
                          struct packet_suback *suback)
{
    static const uint8_t codes_3[] = {0, 1, 2, 0x80};
    struct random_source *source = &arena->source;
    bool v5 = version == MQTT_VERSION_5_0;
    uint32_t count = v5 || type == PACKET_SUBACK ? 1 + random_below(source, 6) : 0;
    suback->packet_id = random_packet_id(source);
    suback->properties = random_properties(arena, version, type);
    struct writer writer = arena_writer(arena);
    for (uint32_t i = 0; i < count; i++)
        writer_put_u8(&writer, v5 ? random_reason(source, type) : codes_3[random_below(source, 4)]);
    suback->codes = arena_take(arena, &writer);
}

void random_packet(struct random_arena *arena, uint8_t version, uint8_t type, struct packet *ret_packet)
{
    struct packet packet = {.type = type};
    bool v5 = version == MQTT_VERSION_5_0;
    arena->used = 0;
    switch (type) {
    case PACKET_CONNECT:
        random_connect(arena, version, &packet.connect);
        break;
    case PACKET_CONNACK:
        random_connack(arena, version, &packet.connack);
        break;
    case PACKET_PUBLISH:
        random_publish(arena, version, &packet.publish);
        break;
    case PACKET_SUBSCRIBE:
    case PACKET_UNSUBSCRIBE:
        random_subscribe(arena, version, type, &packet.subscribe);
        break;
    case PACKET_SUBACK:
    case PACKET_UNSUBACK:
        random_suback(arena, version, type, &packet.suback);
        break;
    case PACKET_PINGREQ:
    case PACKET_PINGRESP:
        break;
    case PACKET_DISCONNECT:
    case PACKET_AUTH:
        packet.disconnect.reason = v5 ? random_reason(&arena->source, type) : REASON_SUCCESS;
        packet.disconnect.properties = random_properties(arena, version, type);
        break;
    default:
        packet.ack.packet_id = random_packet_id(&arena->source);
        packet.ack.reason = v5 ? random_reason(&arena->source, type) : REASON_SUCCESS;
        packet.ack.properties = random_properties(arena, version, type);
    }
    *ret_packet = packet;
}
