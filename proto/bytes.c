// SPDX-License-Identifier: MIT
// The bounded cursors. All bounds are checked in two functions, reader_take and writer_take.
#include "proto/bytes.h"

#include "proto/utf8.h"

// The next `length` bytes, or NULL with `failed` set. A failed reader is moved to its end, so that whatever
// is read next does not fit either.
static inline const uint8_t *reader_take(struct reader *reader, uint32_t length)
{
    const uint8_t *taken = reader->at;
    if ((size_t)(reader->end - taken) < length) {
        reader->failed = true;
        reader->at = reader->end;
        return NULL;
    }
    if (length != 0)
        reader->at = taken + length;
    return taken;
}

uint8_t reader_get_u8(struct reader *reader)
{
    const uint8_t *from = reader_take(reader, 1);
    return from != NULL ? from[0] : 0;
}

uint16_t reader_get_u16(struct reader *reader)
{
    const uint8_t *from = reader_take(reader, 2);
    return from != NULL ? (uint16_t)(from[0] << 8 | from[1]) : 0;
}

uint32_t reader_get_u32(struct reader *reader)
{
    const uint8_t *from = reader_take(reader, 4);
    if (from == NULL)
        return 0;
    return (uint32_t)from[0] << 24 | (uint32_t)from[1] << 16 | (uint32_t)from[2] << 8 | from[3];
}

uint32_t reader_get_varint(struct reader *reader)
{
    uint32_t value = 0;
    for (uint32_t i = 0; i < VARINT_BYTES_MAX; i++) {
        uint8_t byte = reader_get_u8(reader);
        value |= (uint32_t)(byte & 0x7f) << (7 * i);
        if (byte < 0x80) {
            if (varint_size(value) == i + 1)
                return value;
            break;
        }
    }
    reader->failed = true;
    reader->at = reader->end;
    return 0;
}

struct bytes reader_get_bytes(struct reader *reader, uint32_t length)
{
    const uint8_t *from = reader_take(reader, length);
    return from != NULL ? (struct bytes){from, length} : (struct bytes){NULL, 0};
}

struct bytes reader_get_binary(struct reader *reader)
{
    return reader_get_bytes(reader, reader_get_u16(reader));
}

struct bytes reader_get_string(struct reader *reader)
{
    struct bytes text = reader_get_binary(reader);
    if (!utf8_valid(text)) {
        reader->failed = true;
        reader->at = reader->end;
        return (struct bytes){NULL, 0};
    }
    return text;
}

// Room for `length` bytes, or NULL with `overflow` set, after which there is room for nothing.
static inline uint8_t *writer_take(struct writer *writer, size_t length)
{
    uint8_t *taken = writer->at;
    if (writer->overflow || (size_t)(writer->end - taken) < length) {
        writer->overflow = true;
        return NULL;
    }
    writer->at = taken + length;
    return taken;
}

void writer_put_u8(struct writer *writer, uint8_t value)
{
    uint8_t *to = writer_take(writer, 1);
    if (to != NULL)
        to[0] = value;
}

void writer_put_u16(struct writer *writer, uint16_t value)
{
    uint8_t *to = writer_take(writer, 2);
    if (to != NULL) {
        to[0] = (uint8_t)(value >> 8);
        to[1] = (uint8_t)value;
    }
}

void writer_put_u32(struct writer *writer, uint32_t value)
{
    uint8_t *to = writer_take(writer, 4);
    if (to != NULL) {
        to[0] = (uint8_t)(value >> 24);
        to[1] = (uint8_t)(value >> 16);
        to[2] = (uint8_t)(value >> 8);
        to[3] = (uint8_t)value;
    }
}

void writer_put_varint(struct writer *writer, uint32_t value)
{
    if (value > VARINT_MAX) {
        writer->overflow = true;
        return;
    }
    uint32_t size = varint_size(value);
    uint8_t *to = writer_take(writer, size);
    if (to == NULL)
        return;
    for (uint32_t i = 0; i < size; i++) {
        uint8_t more = i + 1 < size ? 0x80 : 0;
        to[i] = (uint8_t)((value >> (7 * i) & 0x7f) | more);
    }
}

void writer_put_bytes(struct writer *writer, struct bytes bytes)
{
    // An empty view may be NULL, which memcpy does not take.
    if (bytes.length == 0)
        return;
    uint8_t *to = writer_take(writer, bytes.length);
    if (to != NULL)
        memcpy(to, bytes.data, bytes.length);
}

void writer_put_binary(struct writer *writer, struct bytes bytes)
{
    if (bytes.length > UINT16_MAX) {
        writer->overflow = true;
        return;
    }
    writer_put_u16(writer, (uint16_t)bytes.length);
    writer_put_bytes(writer, bytes);
}
