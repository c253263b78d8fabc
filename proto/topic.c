// SPDX-License-Identifier: MIT
// Topic names and filters. Everything here is one pass over the text, and no character is altered before it
// is compared. [MQTT-4.7.3-4]
#include "proto/topic.h"

#include "proto/word.h"

static bool is_wildcard(uint8_t byte)
{
    return byte == '+' || byte == '#';
}

// '+' and '#' differ in one bit only, so that one comparison finds both.
static uint64_t word_has_wildcard(uint64_t word)
{
    return word_has(word | WORD_ONES * ('+' ^ '#'), '+' | '#');
}

static bool word_has_wildcard_or_nul(uint64_t word)
{
    return (word_has_wildcard(word) | word_zero(word)) != 0;
}

static bool word_plain(uint64_t word)
{
    return (word_has_wildcard(word) | word_not_ascii(word)) == 0;
}

// Both walks take whole words, and the last eight bytes once more in place of an odd remainder.
static bool has_wildcard_or_nul(struct bytes text)
{
    if (text.length < WORD_BYTES)
        return text.length != 0 && word_has_wildcard_or_nul(word_load_short(text.data, text.length));
    const uint8_t *last = text.data + text.length - WORD_BYTES;
    for (const uint8_t *at = text.data; at < last; at += WORD_BYTES)
        if (word_has_wildcard_or_nul(word_load(at)))
            return true;
    return word_has_wildcard_or_nul(word_load(last));
}

bool topic_name_plain(struct bytes text)
{
    if (text.length < WORD_BYTES)
        return text.length != 0 && word_plain(word_load_short(text.data, text.length));
    const uint8_t *last = text.data + text.length - WORD_BYTES;
    for (const uint8_t *at = text.data; at < last; at += WORD_BYTES)
        if (!word_plain(word_load(at)))
            return false;
    return word_plain(word_load(last));
}

static bool length_valid(struct bytes topic, uint32_t levels_max)
{
    return topic.length >= 1 && topic.length <= TOPIC_BYTES_MAX && // [MQTT-4.7.3-1, MQTT-4.7.3-3]
           topic_levels_within(topic, levels_max);
}

bool topic_name_valid(struct bytes name, uint32_t levels_max)
{
    return length_valid(name, levels_max) && !has_wildcard_or_nul(name);
}

// Whether the wildcard at `at` has its level for itself, and '#' is the last level.
static bool wildcard_valid(struct bytes filter, uint32_t at)
{
    bool begins = at == 0 || filter.data[at - 1] == '/';
    bool last = at + 1 == filter.length;
    return begins && (last || (filter.data[at] == '+' && filter.data[at + 1] == '/'));
}

bool topic_filter_valid(struct bytes filter, uint32_t levels_max)
{
    if (!length_valid(filter, levels_max))
        return false;
    for (uint32_t i = 0; i < filter.length; i++) {
        uint8_t byte = filter.data[i];
        if (byte == 0 || (is_wildcard(byte) && !wildcard_valid(filter, i)))
            return false;
    }
    return true;
}

uint32_t topic_levels(struct bytes topic)
{
    uint32_t levels = 1;
    for (uint32_t i = 0; i < topic.length; i++)
        levels += topic.data[i] == '/';
    return levels;
}

bool topic_next_level(struct topic_cursor *cursor, struct bytes *ret_level)
{
    if (cursor->ended)
        return false;
    struct bytes rest = cursor->rest;
    const uint8_t *separator = rest.length != 0 ? memchr(rest.data, '/', rest.length) : NULL;
    if (separator == NULL) {
        cursor->ended = true;
        *ret_level = rest;
        return true;
    }
    uint32_t length = (uint32_t)(separator - rest.data);
    *ret_level = (struct bytes){rest.data, length};
    cursor->rest = (struct bytes){separator + 1, rest.length - length - 1};
    return true;
}

static uint32_t level_end(struct bytes topic, uint32_t at)
{
    while (at < topic.length && topic.data[at] != '/')
        at++;
    return at;
}

bool topic_matches(struct bytes filter, struct bytes name)
{
    if (name.length > 0 && name.data[0] == '$' && filter.length > 0 && is_wildcard(filter.data[0]))
        return false; // [MQTT-4.7.2-1]
    uint32_t n = 0;
    for (uint32_t f = 0; f < filter.length; f++) {
        if (filter.data[f] == '#')
            return true;
        if (filter.data[f] == '+') {
            n = level_end(name, n);
        } else if (n < name.length && filter.data[f] == name.data[n]) {
            n++;
        } else {
            // "/#" also stands for the level before it. [MQTT 5.0, section 4.7.1.2]
            return n == name.length && filter.data[f] == '/' && f + 2 == filter.length &&
                   filter.data[f + 1] == '#';
        }
    }
    return n == name.length;
}

enum topic_shared topic_split_shared(struct bytes filter, struct bytes *ret_group, struct bytes *ret_filter)
{
    static const char prefix[] = "$share/";
    const uint32_t prefix_length = sizeof prefix - 1;
    if (filter.length < prefix_length || memcmp(filter.data, prefix, prefix_length) != 0)
        return TOPIC_NOT_SHARED;
    struct bytes rest = {filter.data + prefix_length, filter.length - prefix_length};
    uint32_t length = level_end(rest, 0);
    if (length == 0 || has_wildcard_or_nul((struct bytes){rest.data, length}))
        return TOPIC_SHARED_INVALID; // [MQTT-4.8.2-1, MQTT-4.8.2-2]
    if (length + 1 >= rest.length)
        return TOPIC_SHARED_INVALID; // [MQTT-4.8.2-2]
    *ret_group = (struct bytes){rest.data, length};
    *ret_filter = (struct bytes){rest.data + length + 1, rest.length - length - 1};
    return TOPIC_SHARED;
}
