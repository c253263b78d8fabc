// SPDX-License-Identifier: MIT
// Counted memory that the kernel may read from: the segments of the wire log, private chunks, and messages.
//
// A reference is held by everyone who may still read the bytes. Counts are not atomic: a segment belongs to
// one shard. Segments of the two common sizes return to their pool and are used again, the latest first,
// because its bytes are still in the cache.
#ifndef OUTBOX_SEGMENT_H
#define OUTBOX_SEGMENT_H

#include "proto/proto.h"
#include "server/base/base.h"

#define SEGMENT_LOG_BYTES   65536u // a segment of the wire log
#define SEGMENT_CHUNK_BYTES 4096u  // a connection's private chunk

struct segment_pool;

struct segment {
    uint8_t *data;
    struct segment_pool *pool; // where it returns to; NULL = free(3)
    struct segment *next;      // in the pool
    uint32_t references;
    uint32_t capacity;
    uint32_t used;   // bytes written; those before it never change while anybody else refers to the segment
    uint32_t weight; // what it adds to its pool's lent_weight: whoever takes it says so there, too
};

// Idle segments of one size, and how many are in use.
struct segment_pool {
    struct segment *idle;
    uint32_t idle_count;
    uint32_t idle_max; // more than this are freed
    uint32_t capacity; // bytes of each
    uint32_t lent;     // taken and not returned
    uint64_t lent_weight;
};

// A piece of a segment.
struct span {
    struct segment *segment;
    uint32_t offset;
    uint32_t length;
};

void segment_pool_init(struct segment_pool *pool, uint32_t capacity, uint32_t idle_max);
void segment_pool_finish(struct segment_pool *pool);

// A segment with one reference and nothing in it; NULL if there is no memory.
WARN_UNUSED struct segment *segment_take(struct segment_pool *pool);

// The same with room for `capacity` bytes, from a pool without a size of its own, which keeps none idle.
WARN_UNUSED struct segment *segment_take_exact(struct segment_pool *pool, uint32_t capacity);

// One with room for `capacity` bytes, outside any pool.
WARN_UNUSED struct segment *segment_create(uint32_t capacity);

// Puts bytes behind those of a segment outside any pool that nobody else refers to, or that is NULL: it is
// another one afterwards. Returns false, nothing being changed, if there is no memory.
WARN_UNUSED bool segment_lengthen(struct segment **segment, struct bytes more);

static inline struct segment *segment_ref(struct segment *segment)
{
    segment->references++;
    return segment;
}

void segment_release(struct segment *segment); // the last reference is gone

static inline void segment_unref(struct segment *segment)
{
    assert(segment->references > 0);
    if (--segment->references == 0)
        segment_release(segment);
}

static inline struct bytes span_bytes(struct span span)
{
    return (struct bytes){span.segment->data + span.offset, span.length};
}

#endif
