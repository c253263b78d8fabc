// SPDX-License-Identifier: MIT
// The table of properties, indexed by identifier. Identifiers are variable byte integers, but all that exist
// fit one byte.
#include "proto/property.h"

#include <assert.h>

#include "proto/packet_bit.h"
#include "proto/topic.h"

#define PROPERTY_ID_MAX 0x2a

struct property_row {
    uint16_t packets; // 0: there is no such property
    uint16_t many;
    uint8_t type;
    uint32_t lowest;
    uint32_t highest;
};

static const struct property_row rows[PROPERTY_ID_MAX + 1] = {
#define PROPERTY(name, id, type, packets, many, lowest, highest)                                             \
    [id] = {packets, many, PROPERTY_TYPE_##type, lowest, highest},
#include "proto/property.def"
#undef PROPERTY
};

int property_type(uint8_t id)
{
    return id <= PROPERTY_ID_MAX && rows[id].packets != 0 ? rows[id].type : -1;
}

static void value_read(struct reader *reader, int type, struct property *property)
{
    switch (type) {
    case PROPERTY_TYPE_U8:
        property->number = reader_get_u8(reader);
        break;
    case PROPERTY_TYPE_U16:
        property->number = reader_get_u16(reader);
        break;
    case PROPERTY_TYPE_U32:
        property->number = reader_get_u32(reader);
        break;
    case PROPERTY_TYPE_VARINT:
        property->number = reader_get_varint(reader);
        break;
    case PROPERTY_TYPE_BINARY:
        property->text = reader_get_binary(reader);
        break;
    case PROPERTY_TYPE_PAIR:
        property->text = reader_get_string(reader); // [MQTT-1.5.7-1]
        property->value = reader_get_string(reader);
        break;
    case PROPERTY_TYPE_STRING:
        property->text = reader_get_string(reader);
        break;
    default:
        reader->failed = true;
    }
}

bool property_next(struct bytes *list, struct property *ret_property)
{
    if (list->length == 0)
        return false;
    struct reader reader = reader_of(*list);
    struct property property = {.id = reader_get_u8(&reader)};
    value_read(&reader, property_type(property.id), &property);
    if (reader.failed)
        return false;
    *list = (struct bytes){reader.at, reader_left(&reader)};
    *ret_property = property;
    return true;
}

// What is wrong with the value of a property that may stand where it stands.
static uint8_t value_check(const struct property *property)
{
    const struct property_row *row = &rows[property->id];
    switch (row->type) {
    case PROPERTY_TYPE_STRING:
        if (property->id == PROPERTY_RESPONSE_TOPIC && !topic_name_valid(property->text, UINT32_MAX))
            return REASON_PROTOCOL_ERROR; // [MQTT-3.3.2-14, MQTT-4.7.3-1]
        return REASON_SUCCESS;
    case PROPERTY_TYPE_BINARY:
    case PROPERTY_TYPE_PAIR:
        return REASON_SUCCESS;
    default:
        if (property->number >= row->lowest && property->number <= row->highest)
            return REASON_SUCCESS;
        return property->id == PROPERTY_TOPIC_ALIAS ? REASON_TOPIC_ALIAS_INVALID : REASON_PROTOCOL_ERROR;
    }
}

static bool seen_has(uint64_t seen, uint8_t id)
{
    return (seen >> id & 1) != 0;
}

uint8_t property_list_check(struct bytes list, uint8_t packet_type)
{
    uint64_t seen = 0;
    struct property property;
    while (property_next(&list, &property)) {
        const struct property_row *row = &rows[property.id];
        if ((row->packets >> packet_type & 1) == 0)
            return REASON_MALFORMED_PACKET;
        if (seen_has(seen, property.id) && (row->many >> packet_type & 1) == 0)
            return REASON_PROTOCOL_ERROR;
        seen |= 1ull << property.id;
        uint8_t reason = value_check(&property);
        if (reason != REASON_SUCCESS)
            return reason;
    }
    if (list.length != 0)
        return REASON_MALFORMED_PACKET;
    if (seen_has(seen, PROPERTY_AUTHENTICATION_DATA) && !seen_has(seen, PROPERTY_AUTHENTICATION_METHOD))
        return REASON_PROTOCOL_ERROR;
    return REASON_SUCCESS;
}

uint8_t property_list_decode(struct reader *reader, uint8_t packet_type, struct bytes *ret_list)
{
    uint32_t length = reader_get_varint(reader);
    struct bytes list = reader_get_bytes(reader, length);
    if (reader->failed)
        return REASON_MALFORMED_PACKET;
    uint8_t reason = list.length == 0 ? REASON_SUCCESS : property_list_check(list, packet_type);
    if (reason == REASON_SUCCESS)
        *ret_list = list;
    return reason;
}

uint64_t property_list_size(struct bytes list)
{
    return (uint64_t)varint_size(list.length) + list.length;
}

void property_list_encode(struct writer *writer, struct bytes list)
{
    writer_put_varint(writer, list.length);
    writer_put_bytes(writer, list);
}

bool property_find(struct bytes list, uint8_t id, struct property *ret_property)
{
    struct property property;
    while (property_next(&list, &property)) {
        if (property.id == id) {
            *ret_property = property;
            return true;
        }
    }
    return false;
}

void property_put(struct writer *writer, const struct property *property)
{
    int type = property_type(property->id);
    assert(type >= 0);
    writer_put_u8(writer, property->id);
    switch (type) {
    case PROPERTY_TYPE_U8:
        writer_put_u8(writer, (uint8_t)property->number);
        break;
    case PROPERTY_TYPE_U16:
        writer_put_u16(writer, (uint16_t)property->number);
        break;
    case PROPERTY_TYPE_U32:
        writer_put_u32(writer, property->number);
        break;
    case PROPERTY_TYPE_VARINT:
        writer_put_varint(writer, property->number);
        break;
    case PROPERTY_TYPE_PAIR:
        writer_put_binary(writer, property->text);
        writer_put_binary(writer, property->value);
        break;
    default:
        writer_put_binary(writer, property->text);
    }
}
