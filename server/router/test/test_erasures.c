// SPDX-License-Identifier: MIT
#include "server/router/erasures.h"

#include "test/suite.h"

static void stamps_are_ordered_by_time_and_then_by_shard(void)
{
    CU_ASSERT_TRUE(stamp_before((struct stamp){1, 9}, (struct stamp){2, 0}));
    CU_ASSERT_FALSE(stamp_before((struct stamp){2, 0}, (struct stamp){1, 9}));
    CU_ASSERT_TRUE(stamp_before((struct stamp){1, 0}, (struct stamp){1, 1}));
    CU_ASSERT_FALSE(stamp_before((struct stamp){1, 1}, (struct stamp){1, 1}));
}

static void the_latest_erasure_of_a_topic_is_remembered(void)
{
    struct erasures erasures;
    struct stamp stamp = {0};
    erasures_init(&erasures);
    CU_ASSERT_FALSE(erasures_find(&erasures, 7, &stamp));
    erasures_add(&erasures, 7, (struct stamp){100, 1});
    erasures_add(&erasures, 7, (struct stamp){200, 2});
    CU_ASSERT_TRUE(erasures_find(&erasures, 7, &stamp));
    CU_ASSERT_EQUAL(stamp.ns, 200);
    CU_ASSERT_EQUAL(stamp.shard, 2);
    CU_ASSERT_EQUAL(erasures.table.count, 1);

    erasures_forget(&erasures, 7);
    CU_ASSERT_FALSE(erasures_find(&erasures, 7, &stamp));
    erasures_forget(&erasures, 7);
    erasures_finish(&erasures);
}

static void the_oldest_is_forgotten_when_the_ring_is_full(void)
{
    struct erasures erasures;
    struct stamp stamp;
    erasures_init(&erasures);
    for (uint64_t i = 0; i <= ERASURES_MAX; i++)
        erasures_add(&erasures, i, (struct stamp){i, 0});
    CU_ASSERT_EQUAL(erasures.table.count, ERASURES_MAX);
    CU_ASSERT_FALSE(erasures_find(&erasures, 0, &stamp));
    CU_ASSERT_TRUE(erasures_find(&erasures, 1, &stamp));
    CU_ASSERT_TRUE(erasures_find(&erasures, ERASURES_MAX, &stamp));
    erasures_finish(&erasures);
}

static void an_erasure_that_was_repeated_is_as_young_as_its_repetition(void)
{
    struct erasures erasures;
    struct stamp stamp;
    erasures_init(&erasures);
    for (uint64_t i = 0; i < ERASURES_MAX; i++)
        erasures_add(&erasures, i, (struct stamp){i, 0});
    erasures_add(&erasures, 0, (struct stamp){ERASURES_MAX, 0});
    erasures_add(&erasures, ERASURES_MAX, (struct stamp){ERASURES_MAX + 1, 0});
    CU_ASSERT_TRUE(erasures_find(&erasures, 0, &stamp));
    CU_ASSERT_FALSE(erasures_find(&erasures, 1, &stamp));
    erasures_finish(&erasures);
}

int main(void)
{
    static const CU_TestInfo cases[] = {
        {"stamps are ordered by time and then by shard", stamps_are_ordered_by_time_and_then_by_shard},
        {"the latest erasure of a topic is remembered", the_latest_erasure_of_a_topic_is_remembered},
        {"the oldest is forgotten when the ring is full", the_oldest_is_forgotten_when_the_ring_is_full},
        {"an erasure that was repeated is as young as its repetition",
         an_erasure_that_was_repeated_is_as_young_as_its_repetition},
    };
    return RUN_TESTS("erasures", cases);
}
