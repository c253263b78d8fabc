// SPDX-License-Identifier: MIT
// Bytes as a test writes them down: hexadecimal digits in pairs, text in single quotes, spaces for the eye.
//
//     "30 05 0001 'a' 'hi'" is 30 05 00 01 61 68 69
#ifndef TEST_HEX_H
#define TEST_HEX_H

#include <stdlib.h>
#include <string.h>

#include "proto/proto.h"

static inline uint8_t hex_digit(char digit)
{
    static const char digits[] = "0123456789abcdef";
    const char *found = digit == '\0' ? NULL : strchr(digits, digit);
    if (found == NULL)
        abort(); // the test is misspelt
    return (uint8_t)(found - digits);
}

// Appends the bytes that `text` stands for.
static inline void hex_put(struct writer *writer, const char *text)
{
    bool quoted = false;
    for (; *text != '\0'; text++) {
        if (*text == '\'')
            quoted = !quoted;
        else if (quoted)
            writer_put_u8(writer, (uint8_t)*text);
        else if (*text != ' ') {
            writer_put_u8(writer, (uint8_t)(hex_digit(text[0]) << 4 | hex_digit(text[1])));
            text++;
        }
    }
}

// The same in a buffer that the next call uses again.
static inline struct bytes hex_bytes(const char *text)
{
    static uint8_t bytes[4096];
    struct writer writer = writer_of(bytes, sizeof bytes);
    hex_put(&writer, text);
    if (writer.overflow)
        abort(); // the test is too long
    return (struct bytes){bytes, (uint32_t)(writer.at - bytes)};
}

#endif
