// SPDX-License-Identifier: MIT
#include "server/transport/tls_queue.h"

#include <stdlib.h>
#include <string.h>

#define CHUNK_ROOM (TLS_CHUNK_BYTES - (uint32_t)sizeof(struct tls_chunk))

void tls_pool_init(struct tls_pool *pool, uint32_t idle_max)
{
    pool->idle = NULL;
    pool->idle_count = 0;
    pool->idle_max = idle_max;
}

void tls_pool_finish(struct tls_pool *pool)
{
    while (pool->idle != NULL) {
        struct tls_chunk *chunk = pool->idle;
        pool->idle = chunk->next;
        free(chunk);
    }
    pool->idle_count = 0;
}

static struct tls_chunk *chunk_take(struct tls_pool *pool)
{
    struct tls_chunk *chunk = pool->idle;
    if (chunk != NULL) {
        pool->idle = chunk->next;
        pool->idle_count--;
    } else if ((chunk = malloc(TLS_CHUNK_BYTES)) == NULL) {
        return NULL;
    }
    chunk->next = NULL;
    chunk->start = 0;
    chunk->used = 0;
    return chunk;
}

static void chunk_return(struct tls_pool *pool, struct tls_chunk *chunk)
{
    if (pool->idle_count >= pool->idle_max) {
        free(chunk);
        return;
    }
    chunk->next = pool->idle;
    pool->idle = chunk;
    pool->idle_count++;
}

static void queue_drop_head(struct tls_queue *queue)
{
    struct tls_chunk *chunk = queue->head;
    queue->head = chunk->next;
    if (queue->head == NULL)
        queue->tail = NULL;
    chunk_return(queue->pool, chunk);
}

void tls_queue_finish(struct tls_queue *queue)
{
    assert(queue->sending == 0);
    while (queue->head != NULL)
        queue_drop_head(queue);
    queue->bytes = 0;
}

static bool queue_grow(struct tls_queue *queue)
{
    struct tls_chunk *chunk = chunk_take(queue->pool);
    if (chunk == NULL)
        return false;
    if (queue->tail == NULL)
        queue->head = chunk;
    else
        queue->tail->next = chunk;
    queue->tail = chunk;
    return true;
}

bool tls_queue_append(struct tls_queue *queue, struct bytes bytes)
{
    while (bytes.length > 0) {
        if ((queue->tail == NULL || queue->tail->used == CHUNK_ROOM) && !queue_grow(queue))
            return false;
        struct tls_chunk *chunk = queue->tail;
        size_t length = bytes.length < CHUNK_ROOM - chunk->used ? bytes.length : CHUNK_ROOM - chunk->used;
        memcpy(chunk->data + chunk->used, bytes.data, length);
        chunk->used += (uint32_t)length;
        queue->bytes += (uint32_t)length;
        bytes.data += length;
        bytes.length -= length;
    }
    return true;
}

uint32_t tls_queue_gather(struct tls_queue *queue, struct iovec *ret_spans, uint32_t count_max)
{
    assert(queue->sending == 0);
    uint32_t count = 0;
    for (struct tls_chunk *chunk = queue->head; chunk != NULL && count < count_max; chunk = chunk->next) {
        uint32_t length = chunk->used - chunk->start;
        ret_spans[count++] = (struct iovec){chunk->data + chunk->start, length};
        queue->sending += length;
    }
    return count;
}

void tls_queue_sent(struct tls_queue *queue, uint32_t length)
{
    assert(length <= queue->sending);
    queue->sending = 0;
    queue->bytes -= length;
    while (length > 0) {
        struct tls_chunk *chunk = queue->head;
        uint32_t waiting = chunk->used - chunk->start;
        if (length < waiting) {
            chunk->start += length;
            return;
        }
        length -= waiting;
        queue_drop_head(queue); // also one with room left: it would only be held by a connection at rest
    }
}
