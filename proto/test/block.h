// SPDX-License-Identifier: MIT
// Bytes in a heap block of exactly their size, so that a sanitizer sees the first step past either end.
#ifndef PROTO_TEST_BLOCK_H
#define PROTO_TEST_BLOCK_H

#include "proto/bytes.h"

struct block {
    uint8_t *data;
    uint32_t length;
};

struct block block_create(uint32_t length);
struct block block_copy(struct bytes bytes);
// Hexadecimal numbers of two digits and 'text' in single quotes, separated by spaces: "00 04 'MQTT' 05".
struct block block_of(const char *notation);
void block_destroy(struct block block);

static inline struct bytes block_view(struct block block)
{
    return (struct bytes){block.data, block.length};
}

static inline struct writer block_writer(struct block block)
{
    return writer_of(block.data, block.length);
}

#endif
