// SPDX-License-Identifier: MIT
// Bytes as values, bytes as a person writes them down, and a buffer that grows.
#ifndef HARNESS_BYTES_H
#define HARNESS_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Somebody else's memory, or the arena's.
struct bytes {
    const uint8_t *data;
    size_t length;
};

// Hexadecimal digits in pairs, text in single quotes, spaces for the eye: hex("30 05 0001 'a' 'hi'"). A
// misspelt text ends the process: it is the fault of the case.
struct bytes hex(const char *text);

// The characters of a text without its end.
struct bytes bytes_text(const char *text);

struct bytes bytes_join(struct bytes first, struct bytes second);
struct bytes bytes_repeat(uint8_t byte, size_t count);

// `length` bytes from `from` on, or as many of them as there are.
struct bytes bytes_slice(struct bytes bytes, size_t from, size_t length);

bool bytes_equal(struct bytes first, struct bytes second);

// Whether this is UTF-8 as MQTT wants it: no surrogates, nothing overlong, no NUL, nothing above U+10FFFF.
bool bytes_are_text(struct bytes bytes);

// "30 05 00 01 61", cut with "..." after `shown_max` bytes.
char *bytes_hex(struct bytes bytes, size_t shown_max);

// In quotes, with what cannot be printed as \xNN; cut as above.
char *bytes_quote(struct bytes bytes, size_t shown_max);

struct buffer {
    uint8_t *data;
    size_t length;
    size_t capacity;
};

void buffer_append(struct buffer *buffer, struct bytes bytes);
void buffer_put_u8(struct buffer *buffer, unsigned value);
void buffer_put_u16(struct buffer *buffer, unsigned value);

// Two bytes of length, then the bytes: how MQTT writes texts and binary data. `bytes` is at most 65535 long.
void buffer_put_field(struct buffer *buffer, struct bytes bytes);

// Room for `room` more bytes behind the end.
uint8_t *buffer_reserve(struct buffer *buffer, size_t room);

void buffer_consume(struct buffer *buffer, size_t count);
struct bytes buffer_bytes(const struct buffer *buffer);
void buffer_finish(struct buffer *buffer);

#endif
