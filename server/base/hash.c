// SPDX-License-Identifier: MIT
#include "server/base/hash.h"

#include <assert.h>
#include <stdlib.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "server/base/memory.h"

#define BUCKETS_FIRST 16u

uint64_t hash_bytes(const void *data, size_t length, uint64_t seed)
{
    return XXH3_64bits_withSeed(data, length, seed);
}

void hash_table_init(struct hash_table *table)
{
    *table = (struct hash_table){0};
}

void hash_table_finish(struct hash_table *table)
{
    free(table->buckets);
    *table = (struct hash_table){0};
}

static struct hash_node **hash_table_bucket(const struct hash_table *table, uint64_t hash)
{
    return &table->buckets[hash & (table->bucket_count - 1)];
}

static void hash_table_grow(struct hash_table *table)
{
    struct hash_table larger = {.bucket_count = table->bucket_count ? table->bucket_count * 2 : BUCKETS_FIRST,
                                .count = table->count};
    larger.buckets = memory_require(larger.bucket_count * sizeof(struct hash_node *));
    for (size_t i = 0; i < table->bucket_count; i++) {
        struct hash_node *node = table->buckets[i];
        while (node != NULL) {
            struct hash_node *next = node->next;
            struct hash_node **bucket = hash_table_bucket(&larger, node->hash);
            node->next = *bucket;
            *bucket = node;
            node = next;
        }
    }
    free(table->buckets);
    *table = larger;
}

void hash_table_insert(struct hash_table *table, struct hash_node *node, uint64_t hash)
{
    if (table->count >= table->bucket_count)
        hash_table_grow(table);
    struct hash_node **bucket = hash_table_bucket(table, hash);
    node->hash = hash;
    node->next = *bucket;
    *bucket = node;
    table->count++;
}

void hash_table_remove(struct hash_table *table, struct hash_node *node)
{
    assert(table->count > 0);
    struct hash_node **at = hash_table_bucket(table, node->hash);
    while (*at != node) {
        assert(*at != NULL);
        at = &(*at)->next;
    }
    *at = node->next;
    node->next = NULL;
    table->count--;
}

static struct hash_node *hash_chain_find(struct hash_node *node, uint64_t hash)
{
    while (node != NULL && node->hash != hash)
        node = node->next;
    return node;
}

struct hash_node *hash_table_find(const struct hash_table *table, uint64_t hash)
{
    return table->count == 0 ? NULL : hash_chain_find(*hash_table_bucket(table, hash), hash);
}

struct hash_node *hash_node_again(const struct hash_node *node)
{
    return hash_chain_find(node->next, node->hash);
}

struct hash_node *hash_table_next(const struct hash_table *table, const struct hash_node *node)
{
    if (node != NULL && node->next != NULL)
        return node->next;
    size_t i = node == NULL ? 0 : (size_t)(node->hash & (table->bucket_count - 1)) + 1;
    for (; i < table->bucket_count; i++)
        if (table->buckets[i] != NULL)
            return table->buckets[i];
    return NULL;
}

struct hash_node *hash_table_bucket_from(const struct hash_table *table, size_t *bucket)
{
    for (size_t i = *bucket; i < table->bucket_count; i++)
        if (table->buckets[i] != NULL) {
            *bucket = i;
            return table->buckets[i];
        }
    return NULL;
}
