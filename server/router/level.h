// SPDX-License-Identifier: MIT
// The nodes of a tree that has one node for each level of a topic or a filter.
//
// All nodes of a tree hang in one hash table under (parent, text of the level), so that a node with one child
// and one with a million cost the same to pass, and a node pays for no table of its own. The owner of the
// tree embeds `struct level` as the first member of its nodes; the text of the level lies behind the node, in
// the same allocation:
//
//     [struct level | what the owner adds][text]
//      <--------- node_size ------------>
//
// The hash of a node covers the whole way from the root: that of its parent mixed with the seeded hash of its
// text. A walk hashes a text once and mixes it with each parent that it tries.
#ifndef ROUTER_LEVEL_H
#define ROUTER_LEVEL_H

#include "proto/proto.h"
#include "server/base/base.h"

struct level {
    struct hash_node node;
    struct level *parent; // NULL for the root
    uint32_t children;
    uint16_t length; // of the text
};

struct level_table {
    struct hash_table nodes; // all but the root
    uint64_t seed;
    size_t node_size;
};

void level_table_init(struct level_table *table, size_t node_size, uint64_t seed);
void level_table_finish(struct level_table *table); // frees the nodes that are left, but not the root

// The root is the owner's, is in no table and has no text.
void level_init_root(const struct level_table *table, struct level *root);

static inline uint64_t level_hash(const struct level_table *table, struct bytes text)
{
    return hash_bytes(text.data, text.length, table->seed);
}

// The child of `parent` with this text, whose level_hash is `hash`; NULL if there is none.
struct level *level_find(const struct level_table *table, const struct level *parent, struct bytes text,
                         uint64_t hash);

// The same, made if there is none: what the owner adds is zero then, and *ret_made is true.
struct level *level_reach(struct level_table *table, struct level *parent, struct bytes text, bool *ret_made);

// Walks from `root` along all levels of `path`; NULL where the way ends before the path does.
struct level *level_find_path(const struct level_table *table, struct level *root, struct bytes path);

// Takes out a node without children and frees it.
void level_remove(struct level_table *table, struct level *level);

// All nodes but the root, in no order; start with NULL.
struct level *level_table_next(const struct level_table *table, struct level *level);

static inline struct bytes level_text(const struct level_table *table, const struct level *level)
{
    return (struct bytes){(const uint8_t *)level + table->node_size, level->length};
}

// For '+' and '#'.
static inline bool level_text_is(struct bytes text, char letter)
{
    return text.length == 1 && text.data[0] == (uint8_t)letter;
}

// Writes the levels from the root to `level` with their separators into `path` (of TOPIC_BYTES_MAX bytes).
// Returns how many bytes.
uint32_t level_write_path(const struct level_table *table, const struct level *level, uint8_t *path);

#endif
