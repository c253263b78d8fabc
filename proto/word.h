// SPDX-License-Identifier: MIT
// Eight bytes at a time: tests over all bytes of a machine word at once. Which byte it was is never asked, so
// the byte order of the machine does not matter.
#ifndef PROTO_WORD_H
#define PROTO_WORD_H

#include <stdint.h>
#include <string.h>

#define WORD_BYTES     8u
#define WORD_ONES      0x0101010101010101ull
#define WORD_HIGH_BITS 0x8080808080808080ull

static inline uint64_t word_load(const uint8_t *from)
{
    uint64_t word;
    memcpy(&word, from, sizeof word);
    return word;
}

// The 1 to 7 bytes of a text that does not fill a word: each of them at least once, and no other.
static inline uint64_t word_load_short(const uint8_t *from, uint32_t length)
{
    if (length >= 4) {
        uint32_t first, last;
        memcpy(&first, from, sizeof first);
        memcpy(&last, from + length - sizeof last, sizeof last);
        return (uint64_t)last << 32 | first;
    }
    uint64_t filled = WORD_ONES * from[0] & ~0xffffffull;
    return filled | (uint64_t)from[0] << 16 | (uint64_t)from[length / 2] << 8 | from[length - 1];
}

// Not zero if one of the bytes is zero. The bytes above the lowest zero byte may raise a false alarm of their
// own.
static inline uint64_t word_zero(uint64_t word)
{
    return (word - WORD_ONES) & ~word & WORD_HIGH_BITS;
}

// Not zero if one of the bytes is `byte`.
static inline uint64_t word_has(uint64_t word, uint8_t byte)
{
    return word_zero(word ^ WORD_ONES * byte);
}

// Zero if every byte is from 1 to 127.
static inline uint64_t word_not_ascii(uint64_t word)
{
    return ((word - WORD_ONES) | word) & WORD_HIGH_BITS;
}

#endif
