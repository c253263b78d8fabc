// SPDX-License-Identifier: MIT
#include "server/store/store.h"

#include "test/heap.h"
#include "test/suite.h"

static struct acknowledgement acknowledgement_of(uint32_t number)
{
    return (struct acknowledgement){
        .client = (uint64_t)number << 32 | 7,
        .packet_id = (uint16_t)number,
        .packet_type = number % 2 ? PACKET_PUBACK : PACKET_PUBREC,
        .reason = (uint8_t)(number % 3),
    };
}

static void commit(struct store *store, uint32_t number)
{
    struct acknowledgement one = acknowledgement_of(number);
    store_commit(store, one.client, one.packet_type, one.packet_id, one.reason);
}

static bool releases(struct store *store, uint32_t number)
{
    struct acknowledgement expected = acknowledgement_of(number);
    const struct acknowledgement *got = store_next_released(store);
    return got != NULL && got->client == expected.client && got->packet_id == expected.packet_id &&
           got->packet_type == expected.packet_type && got->reason == expected.reason;
}

static void an_empty_store_releases_nothing(void)
{
    struct store store;
    store_init(&store);
    CU_ASSERT_PTR_NULL(store_next_released(&store));
    store_finish(&store);
}

static void what_is_committed_is_released_in_order_and_once(void)
{
    uint64_t blocks = heap_blocks();
    struct store store;
    store_init(&store);
    uint32_t in = 0;
    uint32_t out = 0;
    for (uint32_t round = 0; round < 40; round++) { // it grows while it begins at any place
        for (uint32_t i = 0; i < 37 * round % 301; i++)
            commit(&store, in++);
        for (uint32_t i = 0; i < 29 * round % 211 && out < in; i++)
            CU_ASSERT_TRUE(releases(&store, out++));
    }
    CU_ASSERT_TRUE(in - out > 256);
    while (out < in)
        CU_ASSERT_TRUE(releases(&store, out++));
    CU_ASSERT_FALSE(releases(&store, out));
    store_finish(&store);
    CU_ASSERT_EQUAL(heap_blocks(), blocks);
}

static void a_steady_stream_allocates_nothing(void)
{
    struct store store;
    store_init(&store);
    commit(&store, 0);
    CU_ASSERT_TRUE(releases(&store, 0));
    uint64_t before = heap_allocations();
    for (uint32_t i = 0; i < 10000; i++) {
        commit(&store, i);
        CU_ASSERT_TRUE(releases(&store, i));
    }
    CU_ASSERT_EQUAL(heap_allocations(), before);
    store_finish(&store);
}

static void what_was_not_released_goes_with_the_store(void)
{
    uint64_t blocks = heap_blocks();
    struct store store;
    store_init(&store);
    commit(&store, 1);
    store_finish(&store);
    CU_ASSERT_EQUAL(heap_blocks(), blocks);
}

int main(void)
{
    static const CU_TestInfo cases[] = {
        {"an empty store releases nothing", an_empty_store_releases_nothing},
        {"what is committed is released in order, and once", what_is_committed_is_released_in_order_and_once},
        {"a steady stream allocates nothing", a_steady_stream_allocates_nothing},
        {"what was not released goes with the store", what_was_not_released_goes_with_the_store},
    };
    return RUN_TESTS("store", cases);
}
