// SPDX-License-Identifier: MIT
#include "server/router/erasures.h"

#include <stdlib.h>

struct erasure {
    struct hash_node node;
    struct stamp stamp;
    bool used; // it is in the table
};

void erasures_init(struct erasures *erasures)
{
    *erasures = (struct erasures){0};
    hash_table_init(&erasures->table);
}

void erasures_finish(struct erasures *erasures)
{
    hash_table_finish(&erasures->table);
    free(erasures->ring);
    *erasures = (struct erasures){0};
}

bool erasures_find(const struct erasures *erasures, uint64_t topic_hash, struct stamp *ret_stamp)
{
    struct hash_node *node = hash_table_find(&erasures->table, topic_hash);
    if (node == NULL)
        return false;
    *ret_stamp = container_of(node, struct erasure, node)->stamp;
    return true;
}

static void erasure_remove(struct erasures *erasures, struct erasure *erasure)
{
    hash_table_remove(&erasures->table, &erasure->node);
    erasure->used = false;
}

void erasures_add(struct erasures *erasures, uint64_t topic_hash, struct stamp stamp)
{
    if (erasures->ring == NULL)
        erasures->ring = memory_require(ERASURES_MAX * sizeof(struct erasure));
    erasures_forget(erasures, topic_hash);
    struct erasure *erasure = &erasures->ring[erasures->next++ % ERASURES_MAX];
    if (erasure->used)
        erasure_remove(erasures, erasure);
    erasure->stamp = stamp;
    erasure->used = true;
    hash_table_insert(&erasures->table, &erasure->node, topic_hash);
}

void erasures_forget(struct erasures *erasures, uint64_t topic_hash)
{
    struct hash_node *node = hash_table_find(&erasures->table, topic_hash);
    if (node != NULL)
        erasure_remove(erasures, container_of(node, struct erasure, node));
}
