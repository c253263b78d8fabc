// SPDX-License-Identifier: MIT
#include <string.h>

#include "server/transport/tls_queue.h"
#include "test/heap.h"
#include "test/suite.h"

static struct tls_pool pool;

// A stream whose bytes tell their places.
static uint8_t stream_at(uint64_t place)
{
    return (uint8_t)(place * 7 + (place >> 8));
}

static bool stream_append(struct tls_queue *queue, uint64_t *place, size_t length)
{
    static uint8_t data[40000];
    for (size_t i = 0; i < length; i++)
        data[i] = stream_at((*place)++);
    return tls_queue_append(queue, (struct bytes){data, length});
}

static void test_order(void)
{
    struct random random;
    suite_seed(&random);
    uint64_t blocks = heap_blocks();
    tls_pool_init(&pool, 3);
    struct tls_queue queue = {.pool = &pool};
    uint64_t put = 0;
    uint64_t sent = 0;
    for (int round = 0; round < 20000; round++) {
        struct iovec spans[8];
        if (put - sent < 100000)
            CU_ASSERT_TRUE_FATAL(
                stream_append(&queue, &put, suite_below(&random, 1u << suite_below(&random, 15))));
        uint32_t count = tls_queue_gather(&queue, spans, 1 + suite_below(&random, 8));
        uint32_t length = 0;
        for (uint32_t i = 0; i < count; i++) {
            const uint8_t *data = spans[i].iov_base;
            for (size_t j = 0; j < spans[i].iov_len; j++)
                CU_ASSERT_EQUAL_FATAL(data[j], stream_at(sent + length++));
        }
        CU_ASSERT_EQUAL_FATAL(queue.sending, length);
        // More comes while the kernel has these.
        CU_ASSERT_TRUE_FATAL(stream_append(&queue, &put, suite_below(&random, 100)));
        uint32_t left = suite_below(&random, length + 1);
        tls_queue_sent(&queue, left);
        sent += left;
        CU_ASSERT_EQUAL_FATAL(queue.bytes, put - sent);
    }
    tls_queue_finish(&queue);
    CU_ASSERT_TRUE(pool.idle_count <= 3);
    tls_pool_finish(&pool);
    CU_ASSERT_EQUAL(heap_blocks(), blocks);
}

static void test_at_rest(void)
{
    uint64_t blocks = heap_blocks();
    tls_pool_init(&pool, 0);
    struct tls_queue queue = {.pool = &pool};
    struct iovec spans[8];
    CU_ASSERT_EQUAL(tls_queue_gather(&queue, spans, 8), 0);
    CU_ASSERT_TRUE(tls_queue_append(&queue, bytes_of("a few bytes")));
    CU_ASSERT_EQUAL(heap_blocks(), blocks + 1);
    CU_ASSERT_EQUAL(tls_queue_gather(&queue, spans, 8), 1);
    tls_queue_sent(&queue, 0); // nothing of it left
    CU_ASSERT_EQUAL(tls_queue_gather(&queue, spans, 8), 1);
    tls_queue_sent(&queue, 11);
    CU_ASSERT_EQUAL(heap_blocks(), blocks);
    tls_queue_finish(&queue);
    tls_pool_finish(&pool);
}

static void test_pool(void)
{
    tls_pool_init(&pool, 2);
    struct tls_queue queue = {.pool = &pool};
    uint64_t place = 0;
    struct iovec spans[8];
    CU_ASSERT_TRUE(stream_append(&queue, &place, 5 * TLS_CHUNK_BYTES));
    tls_queue_sent(&queue, tls_queue_gather(&queue, spans, 8) == 6 ? 5 * TLS_CHUNK_BYTES : 0);
    CU_ASSERT_EQUAL(pool.idle_count, 2);
    uint64_t allocations = heap_allocations();
    CU_ASSERT_TRUE(stream_append(&queue, &place, TLS_CHUNK_BYTES));
    CU_ASSERT_EQUAL(heap_allocations(), allocations);
    CU_ASSERT_EQUAL(pool.idle_count, 0);
    tls_queue_finish(&queue);
    tls_pool_finish(&pool);
}

static void test_no_memory(void)
{
    uint64_t blocks = heap_blocks();
    tls_pool_init(&pool, 0);
    struct tls_queue queue = {.pool = &pool};
    uint64_t place = 0;
    heap_fail_after(2);
    CU_ASSERT_FALSE(stream_append(&queue, &place, 5 * TLS_CHUNK_BYTES));
    CU_ASSERT_TRUE(heap_recover());
    tls_queue_finish(&queue);
    CU_ASSERT_EQUAL(heap_blocks(), blocks);
}

int main(void)
{
    static const CU_TestInfo cases[] = {
        {"bytes leave in order, whatever the sends", test_order},
        {"at rest it holds nothing", test_at_rest},
        {"chunks are used again", test_pool},
        {"no memory", test_no_memory},
    };
    return RUN_TESTS("transport/tls_queue", cases);
}
