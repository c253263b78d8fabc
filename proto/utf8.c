// SPDX-License-Identifier: MIT
// UTF-8 by the table of well-formed byte sequences (Unicode, table 3-7): only the range of the second byte
// depends on the first one, which rules out overlong forms, surrogates and everything above U+10FFFF.
#include "proto/utf8.h"

#include "proto/word.h"

struct sequence {
    uint8_t size; // 0: no character begins with this byte
    uint8_t second_lowest;
    uint8_t second_highest;
};

static struct sequence sequence_of(uint8_t first)
{
    if (first < 0x80)
        return (struct sequence){first != 0, 0, 0};
    if (first < 0xe0)
        return (struct sequence){first >= 0xc2 ? 2 : 0, 0x80, 0xbf};
    if (first < 0xf0)
        return (struct sequence){3, first == 0xe0 ? 0xa0 : 0x80, first == 0xed ? 0x9f : 0xbf};
    return (struct sequence){first <= 0xf4 ? 4 : 0, first == 0xf0 ? 0x90 : 0x80, first == 0xf4 ? 0x8f : 0xbf};
}

// The size of the character at `at`, of which `left` bytes are there; 0 if it is not well formed.
static uint32_t character_size(const uint8_t *at, size_t left)
{
    struct sequence sequence = sequence_of(at[0]);
    if (sequence.size > left)
        return 0;
    if (sequence.size >= 2 && (at[1] < sequence.second_lowest || at[1] > sequence.second_highest))
        return 0;
    for (uint32_t i = 2; i < sequence.size; i++)
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    return sequence.size;
}

static bool characters_valid(const uint8_t *at, const uint8_t *end)
{
    while (at < end) {
        while ((size_t)(end - at) >= WORD_BYTES && word_not_ascii(word_load(at)) == 0)
            at += WORD_BYTES;
        if (at == end)
            break;
        uint32_t size = character_size(at, (size_t)(end - at));
        if (size == 0)
            return false;
        at += size;
    }
    return true;
}

// Most topics are ASCII: whole words, and the last eight bytes once more in place of an odd remainder.
static bool ascii_valid(const uint8_t *at, uint32_t length)
{
    if (length < WORD_BYTES)
        return word_not_ascii(word_load_short(at, length)) == 0;
    const uint8_t *last = at + length - WORD_BYTES;
    for (; at < last; at += WORD_BYTES)
        if (word_not_ascii(word_load(at)) != 0)
            return false;
    return word_not_ascii(word_load(last)) == 0;
}

bool utf8_valid(struct bytes text)
{
    return text.length == 0 || ascii_valid(text.data, text.length) ||
           characters_valid(text.data, text.data + text.length);
}
