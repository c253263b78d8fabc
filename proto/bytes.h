// SPDX-License-Identifier: MIT
// Views of bytes, and the two bounded cursors through which every byte from or to a peer goes.
//
// A reader never passes its end: a read that does not fit sets `failed`, returns zero or an empty view, and
// every later read fails too, so that a decoder checks once at the end. A writer does the same with
// `overflow`.
#ifndef PROTO_BYTES_H
#define PROTO_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define VARINT_MAX       268435455u // largest variable byte integer
#define VARINT_BYTES_MAX 4u

// A view: borrowed bytes, not terminated. `data` may be NULL only when `length` is 0.
struct bytes {
    const uint8_t *data;
    size_t length;
};

struct reader {
    const uint8_t *at;
    const uint8_t *end;
    bool failed;
};

struct writer {
    uint8_t *at;
    uint8_t *end;
    bool overflow;
};

// A view of a string literal or another terminated string that is at most 4 GiB long.
static inline struct bytes bytes_of(const char *text)
{
    return (struct bytes){(const uint8_t *)text, (uint32_t)strlen(text)};
}

// Copies a view part by part. One that was made a moment ago is not read as a whole: the processor would have
// to wait until both parts have reached the cache, which is longer than all else that a small packet costs
// there.
static inline void bytes_copy(struct bytes *to, const struct bytes *from)
{
    to->data = from->data;
    to->length = from->length;
}

static inline bool bytes_equal(struct bytes a, struct bytes b)
{
    return a.length == b.length && (a.length == 0 || memcmp(a.data, b.data, a.length) == 0);
}

static inline bool bytes_begin_with(struct bytes bytes, struct bytes beginning)
{
    return bytes.length >= beginning.length && memcmp(bytes.data, beginning.data, beginning.length) == 0;
}

static inline struct reader reader_of(struct bytes bytes)
{
    // NULL + 0 is not defined in C, and an empty view may be NULL.
    return (struct reader){bytes.data, bytes.length != 0 ? bytes.data + bytes.length : bytes.data, false};
}

static inline uint32_t reader_left(const struct reader *reader)
{
    return (uint32_t)(reader->end - reader->at);
}

uint8_t reader_get_u8(struct reader *reader);
uint16_t reader_get_u16(struct reader *reader);
uint32_t reader_get_u32(struct reader *reader);
// A variable byte integer; more than four bytes, or more bytes than needed, fails. [MQTT-1.5.5-1]
uint32_t reader_get_varint(struct reader *reader);
// A view of the next `length` bytes.
struct bytes reader_get_bytes(struct reader *reader, uint32_t length);
// A two-byte length and as many bytes: binary data.
struct bytes reader_get_binary(struct reader *reader);
// The same, and the bytes are a valid MQTT text. [MQTT-1.5.3-1, MQTT-1.5.3-2]
struct bytes reader_get_string(struct reader *reader);

static inline struct writer writer_of(uint8_t *data, size_t capacity)
{
    return (struct writer){data, capacity != 0 ? data + capacity : data, false};
}

void writer_put_u8(struct writer *writer, uint8_t value);
void writer_put_u16(struct writer *writer, uint16_t value);
void writer_put_u32(struct writer *writer, uint32_t value);
void writer_put_varint(struct writer *writer, uint32_t value); // overflow above VARINT_MAX
void writer_put_bytes(struct writer *writer, struct bytes bytes);
void writer_put_binary(struct writer *writer, struct bytes bytes); // overflow above 65535 bytes

// How many bytes `value` takes as a variable byte integer: 1 to 4. `value` is at most VARINT_MAX.
static inline uint32_t varint_size(uint32_t value)
{
    return value < 128 ? 1 : value < 16384 ? 2 : value < 2097152 ? 3 : 4;
}

#endif
