// SPDX-License-Identifier: MIT
#include "server/outbox/segment.h"

#include "test/heap.h"
#include "test/suite.h"

static struct segment_pool pool;

static void a_segment_has_the_room_of_its_pool(void)
{
    segment_pool_init(&pool, 100, 1);
    struct segment *segment = segment_take(&pool);
    CU_ASSERT_EQUAL(segment->capacity, 100);
    CU_ASSERT_EQUAL(segment->used, 0);
    CU_ASSERT_EQUAL(segment->references, 1);
    memset(segment->data, 0xff, 100);
    segment_unref(segment);
    segment_pool_finish(&pool);
}

static void the_last_reference_brings_it_back(void)
{
    segment_pool_init(&pool, 100, 1);
    struct segment *segment = segment_take(&pool);
    CU_ASSERT_PTR_EQUAL(segment_ref(segment), segment);
    segment_unref(segment);
    CU_ASSERT_EQUAL(pool.idle_count, 0);
    segment_unref(segment);
    CU_ASSERT_EQUAL(pool.idle_count, 1);
    segment_pool_finish(&pool);
}

static void the_latest_is_used_again_first_and_empty(void)
{
    segment_pool_init(&pool, 100, 4);
    struct segment *first = segment_take(&pool);
    struct segment *second = segment_take(&pool);
    first->used = 10;
    second->used = 20;
    segment_unref(first);
    segment_unref(second);
    uint64_t before = heap_allocations();
    struct segment *again = segment_take(&pool);
    CU_ASSERT_PTR_EQUAL(again, second);
    CU_ASSERT_EQUAL(again->used, 0);
    CU_ASSERT_EQUAL(again->references, 1);
    CU_ASSERT_PTR_EQUAL(segment_take(&pool), first);
    CU_ASSERT_EQUAL(heap_allocations(), before);
    CU_ASSERT_EQUAL(pool.idle_count, 0);
    segment_unref(first);
    segment_unref(second);
    segment_pool_finish(&pool);
}

static void a_pool_keeps_no_more_than_its_bound(void)
{
    uint64_t blocks = heap_blocks();
    segment_pool_init(&pool, 100, 2);
    struct segment *segments[5];
    for (int i = 0; i < 5; i++)
        segments[i] = segment_take(&pool);
    CU_ASSERT_EQUAL(heap_blocks(), blocks + 5);
    for (int i = 0; i < 5; i++)
        segment_unref(segments[i]);
    CU_ASSERT_EQUAL(pool.idle_count, 2);
    CU_ASSERT_EQUAL(heap_blocks(), blocks + 2);
    segment_pool_finish(&pool);
    CU_ASSERT_EQUAL(heap_blocks(), blocks);
    CU_ASSERT_EQUAL(pool.idle_count, 0);
}

static void a_segment_outside_any_pool_is_freed(void)
{
    uint64_t blocks = heap_blocks();
    struct segment *segment = segment_create(12345);
    CU_ASSERT_EQUAL(segment->capacity, 12345);
    CU_ASSERT_EQUAL(segment->references, 1);
    memset(segment->data, 0xff, 12345);
    segment_unref(segment);
    CU_ASSERT_EQUAL(heap_blocks(), blocks);
}

static void without_memory_there_is_no_segment(void)
{
    segment_pool_init(&pool, 100, 1);
    heap_fail_after(0);
    CU_ASSERT_PTR_NULL(segment_take(&pool));
    CU_ASSERT_TRUE(heap_recover());
    heap_fail_after(0);
    CU_ASSERT_PTR_NULL(segment_create(100));
    CU_ASSERT_TRUE(heap_recover());
    CU_ASSERT_EQUAL(pool.idle_count, 0);
    segment_pool_finish(&pool);
}

static void a_span_is_a_piece_of_its_segment(void)
{
    struct segment *segment = segment_create(10);
    memcpy(segment->data, "0123456789", 10);
    CU_ASSERT_TRUE(bytes_equal(span_bytes((struct span){segment, 2, 5}), bytes_of("23456")));
    segment_unref(segment);
}

int main(void)
{
    static const CU_TestInfo cases[] = {
        {"a segment has the room of its pool", a_segment_has_the_room_of_its_pool},
        {"the last reference brings it back", the_last_reference_brings_it_back},
        {"the latest is used again first, and empty", the_latest_is_used_again_first_and_empty},
        {"a pool keeps no more than its bound", a_pool_keeps_no_more_than_its_bound},
        {"a segment outside any pool is freed", a_segment_outside_any_pool_is_freed},
        {"without memory there is no segment", without_memory_there_is_no_segment},
        {"a span is a piece of its segment", a_span_is_a_piece_of_its_segment},
    };
    return RUN_TESTS("segment", cases);
}
