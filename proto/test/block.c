// SPDX-License-Identifier: MIT
// Heap blocks. A test without memory cannot go on, so it stops.
#include "proto/test/block.h"

#include <stdlib.h>

struct block block_create(uint32_t length)
{
    struct block block = {malloc(length), length};
    if (block.data == NULL && length != 0)
        abort();
    return block;
}

struct block block_copy(struct bytes bytes)
{
    struct block block = block_create(bytes.length);
    if (bytes.length != 0)
        memcpy(block.data, bytes.data, bytes.length);
    return block;
}

static uint8_t digit(char character)
{
    const char *digits = "0123456789abcdef";
    const char *found = strchr(digits, character);
    if (found == NULL || character == '\0')
        abort();
    return (uint8_t)(found - digits);
}

// Writes the bytes to `data` unless it is NULL, and returns how many they are.
static uint32_t notation_read(const char *notation, uint8_t *data)
{
    uint32_t length = 0;
    bool quoted = false;
    for (const char *at = notation; *at != '\0'; at++) {
        uint8_t byte = (uint8_t)*at;
        if (*at == '\'') {
            quoted = !quoted;
            continue;
        }
        if (!quoted && *at == ' ')
            continue;
        if (!quoted) {
            byte = (uint8_t)(digit(at[0]) << 4 | digit(at[1]));
            at++;
        }
        if (data != NULL)
            data[length] = byte;
        length++;
    }
    return length;
}

struct block block_of(const char *notation)
{
    struct block block = block_create(notation_read(notation, NULL));
    (void)notation_read(notation, block.data); // the length is known
    return block;
}

void block_destroy(struct block block)
{
    free(block.data);
}
