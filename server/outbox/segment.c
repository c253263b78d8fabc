// SPDX-License-Identifier: MIT
#include "server/outbox/segment.h"

#include <stdlib.h>

void segment_pool_init(struct segment_pool *pool, uint32_t capacity, uint32_t idle_max)
{
    *pool = (struct segment_pool){.capacity = capacity, .idle_max = idle_max};
}

void segment_pool_finish(struct segment_pool *pool)
{
    while (pool->idle != NULL) {
        struct segment *segment = pool->idle;
        pool->idle = segment->next;
        free(segment);
    }
    pool->idle_count = 0;
}

static struct segment *segment_allocate(uint32_t capacity, struct segment_pool *pool)
{
    struct segment *segment = malloc(sizeof *segment + capacity);
    if (segment == NULL)
        return NULL;
    *segment = (struct segment){
        .data = (uint8_t *)(segment + 1), .pool = pool, .references = 1, .capacity = capacity};
    if (pool != NULL)
        pool->lent++;
    return segment;
}

struct segment *segment_take(struct segment_pool *pool)
{
    struct segment *segment = pool->idle;
    if (segment == NULL)
        return segment_allocate(pool->capacity, pool);
    pool->idle = segment->next;
    pool->idle_count--;
    pool->lent++;
    segment->references = 1;
    segment->used = 0;
    segment->weight = 0;
    return segment;
}

struct segment *segment_take_exact(struct segment_pool *pool, uint32_t capacity)
{
    assert(pool->idle_max == 0);
    return segment_allocate(capacity, pool);
}

struct segment *segment_create(uint32_t capacity)
{
    return segment_allocate(capacity, NULL);
}

void segment_release(struct segment *segment)
{
    struct segment_pool *pool = segment->pool;
    if (pool == NULL) {
        free(segment);
        return;
    }
    pool->lent--;
    pool->lent_weight -= segment->weight;
    if (pool->idle_count >= pool->idle_max) {
        free(segment);
        return;
    }
    segment->next = pool->idle;
    pool->idle = segment;
    pool->idle_count++;
}

bool segment_lengthen(struct segment **segment, struct bytes more)
{
    struct segment *shorter = *segment;
    uint32_t used = shorter == NULL ? 0 : shorter->used;
    struct segment *longer = segment_create(used + (uint32_t)more.length);
    if (longer == NULL)
        return false;
    if (shorter != NULL) {
        memcpy(longer->data, shorter->data, used);
        segment_unref(shorter);
    }
    memcpy(longer->data + used, more.data, more.length);
    longer->used = used + (uint32_t)more.length;
    *segment = longer;
    return true;
}
