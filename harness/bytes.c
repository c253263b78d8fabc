// SPDX-License-Identifier: MIT
#include "harness/bytes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/arena.h"

static unsigned digit_of(const char *text, char digit)
{
    static const char digits[] = "0123456789abcdef";
    const char *found =
        digit == '\0' ? NULL : strchr(digits, digit >= 'A' && digit <= 'F' ? digit + 32 : digit);
    if (found == NULL) {
        fprintf(stderr, "misspelt bytes: %s\n", text);
        abort();
    }
    return (unsigned)(found - digits);
}

struct bytes hex(const char *text)
{
    uint8_t *data = arena_take(strlen(text) + 1);
    size_t length = 0;
    bool quoted = false;
    for (const char *at = text; *at != '\0'; at++) {
        if (*at == '\'')
            quoted = !quoted;
        else if (quoted)
            data[length++] = (uint8_t)*at;
        else if (*at != ' ') {
            unsigned high = digit_of(text, at[0]);
            data[length++] = (uint8_t)(high << 4 | digit_of(text, at[1]));
            at++;
        }
    }
    return (struct bytes){data, length};
}

struct bytes bytes_text(const char *text)
{
    return (struct bytes){(const uint8_t *)text, strlen(text)};
}

struct bytes bytes_join(struct bytes first, struct bytes second)
{
    uint8_t *data = arena_take(first.length + second.length + 1);
    if (first.length > 0)
        memcpy(data, first.data, first.length);
    if (second.length > 0)
        memcpy(data + first.length, second.data, second.length);
    return (struct bytes){data, first.length + second.length};
}

struct bytes bytes_repeat(uint8_t byte, size_t count)
{
    uint8_t *data = arena_take(count + 1);
    memset(data, byte, count);
    return (struct bytes){data, count};
}

struct bytes bytes_slice(struct bytes bytes, size_t from, size_t length)
{
    if (from > bytes.length)
        from = bytes.length;
    if (length > bytes.length - from)
        length = bytes.length - from;
    return (struct bytes){bytes.length == 0 ? bytes.data : bytes.data + from, length};
}

bool bytes_equal(struct bytes first, struct bytes second)
{
    return first.length == second.length &&
           (first.length == 0 || memcmp(first.data, second.data, first.length) == 0);
}

// The length of the character that begins at `at`, 0 if it is none that a text may hold.
static size_t character_length(const uint8_t *at, size_t left)
{
    static const uint32_t least[] = {0, 0x1, 0x80, 0x800, 0x10000};
    size_t length = *at < 0x80 ? 1 : *at >> 5 == 0x6 ? 2 : *at >> 4 == 0xE ? 3 : *at >> 3 == 0x1E ? 4 : 0;
    if (length == 0 || length > left)
        return 0;
    uint32_t code = length == 1 ? *at : *at & (0xFFU >> (length + 1));
    for (size_t i = 1; i < length; i++) {
        if (at[i] >> 6 != 0x2)
            return 0;
        code = code << 6 | (at[i] & 0x3FU);
    }
    return code < least[length] || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF) ? 0 : length;
}

bool bytes_are_text(struct bytes bytes)
{
    for (size_t at = 0; at < bytes.length;) {
        size_t length = character_length(bytes.data + at, bytes.length - at);
        if (length == 0)
            return false;
        at += length;
    }
    return true;
}

char *bytes_hex(struct bytes bytes, size_t shown_max)
{
    size_t shown = bytes.length < shown_max ? bytes.length : shown_max;
    char *text = arena_take(shown * 3 + 8);
    for (size_t i = 0; i < shown; i++)
        (void)snprintf(text + 3 * i, 4, "%02X ",
                       bytes.data[i]); // three characters and the end, as taken above
    size_t length = shown * 3;
    if (length > 0)
        text[length - 1] = '\0';
    if (shown < bytes.length)
        (void)snprintf(text + length - (length > 0), 5, " ...");
    return text;
}

char *bytes_quote(struct bytes bytes, size_t shown_max)
{
    size_t shown = bytes.length < shown_max ? bytes.length : shown_max;
    char *text = arena_take(shown * 4 + 8);
    char *at = text;
    *at++ = '"';
    for (size_t i = 0; i < shown; i++) {
        uint8_t byte = bytes.data[i];
        if (byte >= 0x20 && byte < 0x7F && byte != '"' && byte != '\\')
            *at++ = (char)byte;
        else
            at += snprintf(at, 5, "\\x%02X", byte);
    }
    *at++ = '"';
    if (shown < bytes.length)
        memcpy(at, "...", 3);
    return text;
}

uint8_t *buffer_reserve(struct buffer *buffer, size_t room)
{
    if (buffer->capacity - buffer->length < room) {
        size_t capacity = (buffer->length + room) * 2;
        uint8_t *data = realloc(buffer->data, capacity);
        if (data == NULL) {
            fprintf(stderr, "no memory for a buffer of %zu bytes\n", capacity);
            exit(71);
        }
        buffer->data = data;
        buffer->capacity = capacity;
    }
    return buffer->data + buffer->length;
}

void buffer_append(struct buffer *buffer, struct bytes bytes)
{
    if (bytes.length == 0)
        return;
    memcpy(buffer_reserve(buffer, bytes.length), bytes.data, bytes.length);
    buffer->length += bytes.length;
}

void buffer_put_u8(struct buffer *buffer, unsigned value)
{
    uint8_t byte = (uint8_t)value;
    buffer_append(buffer, (struct bytes){&byte, 1});
}

void buffer_put_u16(struct buffer *buffer, unsigned value)
{
    buffer_put_u8(buffer, value >> 8);
    buffer_put_u8(buffer, value & 0xFF);
}

void buffer_put_field(struct buffer *buffer, struct bytes bytes)
{
    buffer_put_u16(buffer, (unsigned)bytes.length);
    buffer_append(buffer, bytes);
}

void buffer_consume(struct buffer *buffer, size_t count)
{
    buffer->length -= count;
    memmove(buffer->data, buffer->data + count, buffer->length);
}

struct bytes buffer_bytes(const struct buffer *buffer)
{
    return (struct bytes){buffer->data, buffer->length};
}

void buffer_finish(struct buffer *buffer)
{
    free(buffer->data);
    *buffer = (struct buffer){0};
}
