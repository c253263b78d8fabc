// SPDX-License-Identifier: MIT
#include "server/router/level.h"

#include <stdlib.h>

// The text's hash is seeded, so nobody outside can choose it; one multiplication spreads what differs over
// all bits.
static uint64_t level_hash_below(const struct level *parent, uint64_t text_hash)
{
    uint64_t hash = (parent->node.hash ^ text_hash) * 0x9e3779b97f4a7c15ull;
    return hash ^ (hash >> 32);
}

void level_table_init(struct level_table *table, size_t node_size, uint64_t seed)
{
    *table = (struct level_table){.seed = seed, .node_size = node_size};
    hash_table_init(&table->nodes);
}

void level_table_finish(struct level_table *table)
{
    struct level *level = level_table_next(table, NULL);
    while (level != NULL) {
        struct level *next = level_table_next(table, level);
        free(level);
        level = next;
    }
    hash_table_finish(&table->nodes);
}

void level_init_root(const struct level_table *table, struct level *root)
{
    *root = (struct level){.node.hash = table->seed};
}

struct level *level_find(const struct level_table *table, const struct level *parent, struct bytes text,
                         uint64_t hash)
{
    struct hash_node *node = hash_table_find(&table->nodes, level_hash_below(parent, hash));
    for (; node != NULL; node = hash_node_again(node)) {
        struct level *level = container_of(node, struct level, node);
        if (level->parent == parent && bytes_equal(level_text(table, level), text))
            return level;
    }
    return NULL;
}

struct level *level_reach(struct level_table *table, struct level *parent, struct bytes text, bool *ret_made)
{
    uint64_t hash = level_hash(table, text);
    struct level *level = level_find(table, parent, text, hash);
    *ret_made = level == NULL;
    if (level != NULL)
        return level;

    level = memory_require(table->node_size + text.length);
    level->parent = parent;
    level->length = (uint16_t)text.length;
    if (text.length > 0)
        memcpy((uint8_t *)level + table->node_size, text.data, text.length);
    hash_table_insert(&table->nodes, &level->node, level_hash_below(parent, hash));
    parent->children++;
    return level;
}

struct level *level_find_path(const struct level_table *table, struct level *root, struct bytes path)
{
    struct level *level = root;
    struct topic_cursor cursor = {path, false};
    struct bytes text;
    while (level != NULL && topic_next_level(&cursor, &text))
        level = level_find(table, level, text, level_hash(table, text));
    return level;
}

void level_remove(struct level_table *table, struct level *level)
{
    assert(level->children == 0);
    assert(level->parent->children > 0);
    level->parent->children--;
    hash_table_remove(&table->nodes, &level->node);
    free(level);
}

struct level *level_table_next(const struct level_table *table, struct level *level)
{
    struct hash_node *node = hash_table_next(&table->nodes, level == NULL ? NULL : &level->node);
    return node == NULL ? NULL : container_of(node, struct level, node);
}

uint32_t level_write_path(const struct level_table *table, const struct level *level, uint8_t *path)
{
    uint32_t length = level->length;
    for (const struct level *at = level->parent; at->parent != NULL; at = at->parent)
        length += at->length + 1u;

    uint8_t *end = path + length;
    for (const struct level *at = level; at->parent != NULL; at = at->parent) {
        struct bytes text = level_text(table, at);
        end -= text.length;
        memcpy(end, text.data, text.length);
        if (at->parent->parent != NULL)
            *--end = '/';
    }
    return length;
}
