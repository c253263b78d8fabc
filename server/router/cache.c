// SPDX-License-Identifier: MIT
#include "server/router/cache.h"

#include <stdlib.h>

#define CACHE_LINE_BYTES 64u

struct cache_entry {
    uint64_t generation;
    uint64_t shards;
    uint64_t capacity; // bytes for topic and matches
    uint32_t count;    // of the matches
    uint16_t topic_length;
    bool asked; // since the hand last came by
    // the topic, and from the next multiple of 8 on the matches
    _Alignas(struct match) uint8_t topic[];
};

void cache_init(struct cache *cache, uint32_t topics_max, uint32_t matches_max)
{
    assert((topics_max & (topics_max - 1)) == 0);
    *cache = (struct cache){.matches_max = matches_max, .bytes_max = CACHE_BYTES_MAX};
    if (topics_max == 0)
        return;
    cache->ways = topics_max < CACHE_WAYS ? topics_max : CACHE_WAYS;
    uint64_t set_count = topics_max / cache->ways;
    cache->set_mask = set_count - 1;
    cache->memory = memory_require(set_count * sizeof(struct cache_set) + CACHE_LINE_BYTES);
    uintptr_t aligned =
        ((uintptr_t)cache->memory + CACHE_LINE_BYTES - 1) & ~(uintptr_t)(CACHE_LINE_BYTES - 1);
    cache->sets = (struct cache_set *)aligned;
}

void cache_finish(struct cache *cache)
{
    for (uint64_t i = 0; cache->sets != NULL && i <= cache->set_mask; i++)
        for (uint32_t way = 0; way < CACHE_WAYS; way++)
            free(cache->sets[i].entries[way]);
    free(cache->memory);
    *cache = (struct cache){0};
}

static uint32_t matches_offset(uint32_t topic_length)
{
    return (topic_length + (uint32_t) _Alignof(struct match) - 1) & ~((uint32_t) _Alignof(struct match) - 1);
}

static struct match *entry_matches(const struct cache_entry *entry)
{
    return (struct match *)(uintptr_t)(entry->topic + matches_offset(entry->topic_length));
}

// Whether the entry answers for this topic; then *ret_matches is what it holds.
static bool entry_answers(const struct cache_entry *entry, struct bytes topic, uint64_t generation,
                          struct matches *ret_matches)
{
    if (entry == NULL || entry->generation != generation ||
        !bytes_equal((struct bytes){entry->topic, entry->topic_length}, topic))
        return false;
    *ret_matches = (struct matches){entry_matches(entry), entry->count, entry->shards};
    return true;
}

bool cache_find_latest(const struct cache *cache, struct bytes topic, uint64_t generation,
                       struct matches *ret_matches)
{
    return entry_answers(cache->latest, topic, generation, ret_matches);
}

bool cache_find(struct cache *cache, const struct cache_key *key, uint64_t generation,
                struct matches *ret_matches)
{
    if (cache->sets == NULL)
        return false;
    const struct cache_set *set = &cache->sets[key->hash & cache->set_mask];
    for (uint32_t way = 0; way < CACHE_WAYS; way++) {
        struct cache_entry *entry = set->entries[way];
        if (set->tags[way] != key->hash || !entry_answers(entry, key->topic, generation, ret_matches))
            continue;
        entry->asked = true;
        cache->latest = entry;
        return true;
    }
    return false;
}

// The way that keeps this tag, or one that keeps nothing, or nothing that is of use; CACHE_WAYS if there is
// none. A tag stands in a set once: of two topics with one hash the later one stays.
static uint32_t set_free_way(const struct cache *cache, const struct cache_set *set, uint64_t hash,
                             uint64_t generation)
{
    uint32_t free_way = CACHE_WAYS;
    for (uint32_t way = 0; way < cache->ways; way++) {
        const struct cache_entry *entry = set->entries[way];
        if (entry != NULL && set->tags[way] == hash)
            return way;
        if (entry == NULL || entry->generation != generation)
            free_way = way;
    }
    return free_way;
}

// All ways are taken and good: passes over those that were asked for, once.
static uint32_t set_evicted_way(struct cache *cache, struct cache_set *set)
{
    for (;;) {
        uint32_t way = cache->hand++ % cache->ways;
        if (!set->entries[way]->asked)
            return way;
        set->entries[way]->asked = false;
    }
}

static void cache_drop(struct cache *cache, struct cache_entry **place)
{
    if (*place == NULL)
        return;
    cache->bytes -= sizeof(struct cache_entry) + (*place)->capacity;
    if (cache->latest == *place)
        cache->latest = NULL;
    free(*place);
    *place = NULL;
}

// Drops entries until `size` more bytes, which are no more than bytes_max, stay under the ceiling. What is
// good and was asked for is spared the first time.
static void cache_make_room(struct cache *cache, uint64_t size, uint64_t generation)
{
    while (cache->bytes + size > cache->bytes_max) {
        uint64_t at = cache->sweep++;
        struct cache_entry **place = &cache->sets[at / CACHE_WAYS & cache->set_mask].entries[at % CACHE_WAYS];
        if (*place != NULL && (*place)->asked && (*place)->generation == generation)
            (*place)->asked = false;
        else
            cache_drop(cache, place);
    }
}

// Room that is there is used again unless it is too small or far too large.
static bool entry_fits(const struct cache_entry *entry, uint64_t needed)
{
    return entry != NULL && entry->capacity >= needed && entry->capacity / 4 <= needed + CACHE_TOPIC_MAX;
}

// An entry for `needed` bytes in this place; NULL where there is none to be had.
static struct cache_entry *cache_reserve(struct cache *cache, struct cache_entry **place, uint64_t needed,
                                         uint64_t generation)
{
    if (entry_fits(*place, needed))
        return *place;
    uint64_t size = sizeof(struct cache_entry) + needed;
    cache_drop(cache, place);
    if (size > cache->bytes_max)
        return NULL;
    cache_make_room(cache, size, generation);
    *place = malloc(size);
    if (*place == NULL)
        return NULL;
    cache->bytes += size;
    (*place)->capacity = needed;
    return *place;
}

void cache_put(struct cache *cache, const struct cache_key *key, uint64_t generation,
               const struct matches *matches)
{
    if (cache->sets == NULL || matches->count > cache->matches_max || key->topic.length > CACHE_TOPIC_MAX)
        return;
    struct cache_set *set = &cache->sets[key->hash & cache->set_mask];
    uint32_t way = set_free_way(cache, set, key->hash, generation);
    if (way == CACHE_WAYS)
        way = set_evicted_way(cache, set);

    uint64_t needed = matches_offset(key->topic.length) + (uint64_t)matches->count * sizeof(struct match);
    struct cache_entry *entry = cache_reserve(cache, &set->entries[way], needed, generation);
    if (entry == NULL)
        return;
    cache->latest = entry;
    set->tags[way] = key->hash;
    entry->generation = generation;
    entry->shards = matches->shards;
    entry->count = matches->count;
    entry->topic_length = (uint16_t)key->topic.length;
    entry->asked = false;
    memcpy(entry->topic, key->topic.data, key->topic.length);
    if (matches->count > 0)
        memcpy(entry_matches(entry), matches->list, matches->count * sizeof(struct match));
}
