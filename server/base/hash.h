// SPDX-License-Identifier: MIT
// A hash table of intrusive nodes, chained, doubling when as full as it has buckets. The hash of a node is
// kept in it, so a lookup compares keys only where all 64 bits agree:
//
//     for (struct hash_node *node = hash_table_find(&table, hash); node != NULL; node =
//     hash_node_again(node))
//         if (the key of container_of(node, ...) is the one sought) ...
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

struct hash_node {
    struct hash_node *next;
    uint64_t hash;
};

struct hash_table {
    struct hash_node **buckets; // NULL until the first insertion
    size_t bucket_count;        // 0 or a power of two
    size_t count;
};

// A seeded hash of bytes. The seed is the process's secret: a peer who does not know it cannot choose keys
// that collide.
uint64_t hash_bytes(const void *data, size_t length, uint64_t seed);

void hash_table_init(struct hash_table *table);
void hash_table_finish(struct hash_table *table); // frees the buckets; the nodes are the caller's

void hash_table_insert(struct hash_table *table, struct hash_node *node, uint64_t hash);
void hash_table_remove(struct hash_table *table, struct hash_node *node); // the node must be in the table

// The first node with this hash, and the next one with the same hash; NULL if there is none.
struct hash_node *hash_table_find(const struct hash_table *table, uint64_t hash);
struct hash_node *hash_node_again(const struct hash_node *node);

// Walks the whole table in no order: start with NULL. The node returned may be removed only after the next
// was asked for.
struct hash_node *hash_table_next(const struct hash_table *table, const struct hash_node *node);

// The first node of the first bucket from number *bucket on that has one, and its number; NULL if there is
// none. For walks that pause and go on at the next bucket: nodes that came meanwhile are met or not, others
// once, or twice where the table has grown.
struct hash_node *hash_table_bucket_from(const struct hash_table *table, size_t *bucket);

#endif
