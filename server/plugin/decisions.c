// SPDX-License-Identifier: MIT
#include "server/plugin/decisions.h"

#include <stdlib.h>

#define HEAD_SHARE 64u // a head for so many bytes of the block
#define UNIT       8u  // in which the places of entries are counted

struct entry {
    uint32_t hash;
    uint16_t next; // place of the next in the chain, in units; 0 at the end
    uint16_t length;
    uint8_t byte;
    uint8_t topic[];
};

_Static_assert(DECISIONS_BYTES_MAX / UNIT <= UINT16_MAX, "places are counted in 16 bits");
_Static_assert((DECISIONS_BYTES_FIRST & (DECISIONS_BYTES_FIRST - 1)) == 0, "heads are found with a mask");
_Static_assert(DECISIONS_BYTES_MAX / 4 >= sizeof(struct entry) + DECISIONS_TOPIC_MAX + UNIT,
               "a block that has room for the longest topic is no larger than allowed");

void decisions_init(struct decisions *decisions, uint64_t hash_seed)
{
    *decisions = (struct decisions){.seed = hash_seed};
}

void decisions_finish(struct decisions *decisions)
{
    free(decisions->block);
}

static uint32_t hash_topic(const struct decisions *decisions, struct bytes topic)
{
    return (uint32_t)hash_bytes(topic.data, topic.length, decisions->seed);
}

// Heads lie at the beginning, so that no entry has place 0.
static uint16_t *head_of(const struct decisions *decisions, uint32_t hash)
{
    return (uint16_t *)decisions->block + (hash & (decisions->size / HEAD_SHARE - 1));
}

static struct entry *entry_at(const struct decisions *decisions, uint32_t place)
{
    return (struct entry *)((uint8_t *)decisions->block + place * UNIT);
}

static bool entry_is(const struct entry *entry, struct bytes topic)
{
    return entry->length == topic.length && memcmp(entry->topic, topic.data, topic.length) == 0;
}

static uint32_t find_in_chain(const struct decisions *decisions, struct bytes topic)
{
    uint32_t hash = hash_topic(decisions, topic);
    uint32_t place = *head_of(decisions, hash);
    while (place != 0) {
        const struct entry *entry = entry_at(decisions, place);
        if (entry->hash == hash && entry_is(entry, topic))
            break;
        place = entry->next;
    }
    return place;
}

uint8_t *decisions_find(struct decisions *decisions, struct bytes topic)
{
    if (decisions->latest == 0 || topic.length > DECISIONS_TOPIC_MAX)
        return NULL;
    if (!entry_is(entry_at(decisions, decisions->latest), topic)) {
        uint32_t place = find_in_chain(decisions, topic);
        if (place == 0)
            return NULL;
        decisions->latest = place;
    }
    return &entry_at(decisions, decisions->latest)->byte;
}

static void make_empty(struct decisions *decisions)
{
    uint32_t heads = decisions->size / HEAD_SHARE * (uint32_t)sizeof(uint16_t);
    memset(decisions->block, 0, heads);
    decisions->used = (heads + UNIT - 1) / UNIT * UNIT;
    decisions->latest = 0;
}

// Without memory for a larger block the one that is there goes on.
static void renew(struct decisions *decisions, uint32_t bytes)
{
    uint32_t size = decisions->block == NULL ? DECISIONS_BYTES_FIRST : decisions->size * 2;
    while (size / 2 < bytes)
        size *= 2;
    void *block = size <= DECISIONS_BYTES_MAX ? malloc(size) : NULL;
    if (block != NULL) {
        free(decisions->block);
        decisions->block = block;
        decisions->size = size;
    }
    if (decisions->block != NULL)
        make_empty(decisions);
}

void decisions_put(struct decisions *decisions, struct bytes topic, uint8_t byte)
{
    uint32_t bytes = (uint32_t)(offsetof(struct entry, topic) + topic.length + UNIT - 1) / UNIT * UNIT;
    if (topic.length > DECISIONS_TOPIC_MAX)
        return;
    if (decisions->used + bytes > decisions->size)
        renew(decisions, bytes);
    if (decisions->used + bytes > decisions->size)
        return;
    uint32_t place = decisions->used / UNIT;
    struct entry *entry = entry_at(decisions, place);
    entry->hash = hash_topic(decisions, topic);
    uint16_t *head = head_of(decisions, entry->hash);
    entry->next = *head;
    entry->length = (uint16_t)topic.length;
    entry->byte = byte;
    if (topic.length > 0)
        memcpy(entry->topic, topic.data, topic.length);
    *head = (uint16_t)place;
    decisions->used += bytes;
    decisions->latest = place;
}
