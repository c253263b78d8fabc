// SPDX-License-Identifier: MIT
// What the topic tree found for the topics that were published lately.
//
// Four topics whose hashes agree in their low bits share a set: four tags and four entries, one cache line.
// An entry is one allocation: its head, the topic, the matches. It answers only for the generation of the
// tree that it was made from, so a change of subscriptions costs the cache nothing; what is stale is filled
// again in place.
//
// In a full set the first entry that was not asked for since the hand last came by makes room. Where the
// bytes of all entries reach their ceiling, a second hand sweeps all sets in the same manner until there is
// room.
#ifndef ROUTER_CACHE_H
#define ROUTER_CACHE_H

#include "server/router/router.h"

#define CACHE_WAYS 4u
#define CACHE_TOPIC_MAX                                                                                      \
    256u // bytes; a longer topic is not remembered, so that long topics cannot fill the memory

#define CACHE_BYTES_MAX (32u << 20) // of all entries together

struct cache_entry;

struct cache_set {
    uint64_t tags[CACHE_WAYS]; // hashes of the topics
    struct cache_entry *entries[CACHE_WAYS];
};

struct cache {
    struct cache_set *sets;     // NULL: nothing is remembered
    void *memory;               // of the sets, which begin at a cache line in it
    struct cache_entry *latest; // that was found or put in; NULL if it is there no more
    uint64_t set_mask;
    uint32_t ways;
    uint32_t matches_max;
    uint32_t hand;  // of the ways of a full set
    uint64_t sweep; // the hand that passes over all entries
    uint64_t bytes; // of all entries
    uint64_t bytes_max;
};

// `topics_max` is a power of two, or 0 for a cache that remembers nothing.
void cache_init(struct cache *cache, uint32_t topics_max, uint32_t matches_max);
void cache_finish(struct cache *cache);

// A topic with the seeded hash of its bytes.
struct cache_key {
    uint64_t hash;
    struct bytes topic;
};

// True and *ret_matches if this topic is the one that was found or put in last, at this generation: who
// publishes often stays with a topic, and this needs no hash of it.
bool cache_find_latest(const struct cache *cache, struct bytes topic, uint64_t generation,
                       struct matches *ret_matches);

// True and *ret_matches if the matches of this topic were put in at this generation. They stay until the next
// cache_put.
bool cache_find(struct cache *cache, const struct cache_key *key, uint64_t generation,
                struct matches *ret_matches);

// Remembers a copy of `matches`, unless they are more than allowed or there is no memory.
void cache_put(struct cache *cache, const struct cache_key *key, uint64_t generation,
               const struct matches *matches);

#endif
