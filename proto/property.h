// SPDX-License-Identifier: MIT
// MQTT 5.0 properties: the table of section 2.2.2.2, and iteration over the raw bytes of a property list.
//
// A property list is kept as it came: the bytes after its length field. Decoding validates it once (known
// identifiers, allowed in this packet, repeated only where many are allowed, values in range), so that
// iteration cannot fail later.
#ifndef PROTO_PROPERTY_H
#define PROTO_PROPERTY_H

#include "proto/bytes.h"
#include "proto/reason.h"

enum property_type {
    PROPERTY_TYPE_U8,
    PROPERTY_TYPE_U16,
    PROPERTY_TYPE_U32,
    PROPERTY_TYPE_VARINT,
    PROPERTY_TYPE_STRING,
    PROPERTY_TYPE_BINARY,
    PROPERTY_TYPE_PAIR,
};

enum property_id {
#define PROPERTY(name, id, type, packets, many, lowest, highest) PROPERTY_##name = id,
#include "proto/property.def"
#undef PROPERTY
};

// One property. Integers of every width are in `number`; strings and binary data in `text`; a user property
// has its name in `text` and its value in `value`.
struct property {
    uint8_t id; // enum property_id
    uint32_t number;
    struct bytes text;
    struct bytes value;
};

// The enum property_type of `id`, or -1 if there is no such property.
int property_type(uint8_t id);

// Checks a whole list for packets of type `packet_type`, or for the will of a CONNECT with `packet_type`
// PROPERTY_WILL. Returns REASON_SUCCESS or
//
// - REASON_MALFORMED_PACKET: no such property, or not in this packet, or a value that is not of its type;
// - REASON_PROTOCOL_ERROR: repeated where it may not be, a number out of its range, a response topic that is
//   no topic name [MQTT-3.3.2-14], authentication data without its method;
// - REASON_TOPIC_ALIAS_INVALID: the topic alias 0 [MQTT-3.3.2-8].
#define PROPERTY_WILL 0 // the will properties inside CONNECT: type 0 is no packet
uint8_t property_list_check(struct bytes list, uint8_t packet_type);

// Reads a list with its length field and checks it. Returns as above, REASON_MALFORMED_PACKET if it does not
// fit.
uint8_t property_list_decode(struct reader *reader, uint8_t packet_type, struct bytes *ret_list);

// A list with its length field: its size, and appending it. [MQTT-2.2.2-1]
uint64_t property_list_size(struct bytes list);
void property_list_encode(struct writer *writer, struct bytes list);

// Takes the next property off the front of `list`. Returns false at the end, and for a list that was not
// checked at its first fault. Start with a copy of the list's view.
bool property_next(struct bytes *list, struct property *ret_property);

// The first property `id` of a checked list. Returns false if it has none.
bool property_find(struct bytes list, uint8_t id, struct property *ret_property);

// Appends one property, its identifier included; `overflow` if it does not fit.
void property_put(struct writer *writer, const struct property *property);

#endif
