// SPDX-License-Identifier: MIT
// When the next attempt is made.
#include "client/reconnect.h"
#include "test/run.h"

static struct reconnect begin(int32_t retries, bool at_first)
{
    struct reconnect reconnect = {
        .enabled = true, .at_first = at_first, .min_ms = 100, .max_ms = 1000, .retries = retries};
    reconnect_begin(&reconnect, 42);
    return reconnect;
}

// The largest of many delays with as many failures before them.
static uint32_t largest_after(unsigned failures, uint32_t *ret_smallest)
{
    uint32_t largest = 0;
    *ret_smallest = UINT32_MAX;
    for (uint64_t seed = 0; seed < 2000; seed++) {
        struct reconnect reconnect = begin(-1, true);
        reconnect_begin(&reconnect, seed);
        for (unsigned i = 0; i < failures; i++)
            (void)reconnect_delay_ms(&reconnect);
        uint32_t delay = reconnect_delay_ms(&reconnect);
        largest = delay > largest ? delay : largest;
        *ret_smallest = delay < *ret_smallest ? delay : *ret_smallest;
    }
    return largest;
}

static void delays_are_drawn_from_a_range_that_doubles(void)
{
    static const uint32_t limits[] = {100, 200, 400, 800, 1000, 1000, 1000};
    for (unsigned i = 0; i < 7; i++) {
        uint32_t smallest = 0;
        uint32_t largest = largest_after(i, &smallest);
        CU_ASSERT(largest <= limits[i] && largest > limits[i] * 95 / 100);
        CU_ASSERT(smallest < limits[i] / 20); // full jitter: from 0 up
    }
}

static void retries_are_counted_since_the_last_connection(void)
{
    struct reconnect reconnect = begin(2, false);
    reconnect_accepted(&reconnect, 0);
    for (int round = 0; round < 3; round++) {
        reconnect_lost(&reconnect, 10);
        CU_ASSERT_TRUE(reconnect_again(&reconnect));
        reconnect_failed(&reconnect);
        CU_ASSERT_TRUE(reconnect_again(&reconnect));
        reconnect_failed(&reconnect);
        CU_ASSERT_FALSE(reconnect_again(&reconnect));
        reconnect_accepted(&reconnect, 20);
    }
    reconnect = begin(0, true);
    reconnect_accepted(&reconnect, 0);
    CU_ASSERT_FALSE(reconnect_again(&reconnect));
}

static void the_first_connection_is_repeated_on_request(void)
{
    struct reconnect reconnect = begin(-1, false);
    reconnect_failed(&reconnect);
    CU_ASSERT_FALSE(reconnect_again(&reconnect));
    reconnect = begin(1, true);
    reconnect_failed(&reconnect);
    CU_ASSERT_TRUE(reconnect_again(&reconnect));
    reconnect_failed(&reconnect);
    CU_ASSERT_FALSE(reconnect_again(&reconnect));
}

static void only_a_connection_that_stood_begins_anew(void)
{
    struct reconnect reconnect = begin(-1, true);
    for (int i = 0; i < 10; i++)
        (void)reconnect_delay_ms(&reconnect);
    unsigned doublings = reconnect.doublings;
    reconnect_accepted(&reconnect, 5000);
    reconnect_lost(&reconnect, 5999); // accepted, and lost again
    CU_ASSERT_EQUAL(reconnect.doublings, doublings);
    reconnect_accepted(&reconnect, 6000);
    reconnect_lost(&reconnect, 7000);
    CU_ASSERT_EQUAL(reconnect.doublings, 0);
}

static void nothing_is_repeated_when_it_is_off(void)
{
    struct reconnect reconnect = begin(-1, true);
    reconnect.enabled = false;
    reconnect_accepted(&reconnect, 0);
    CU_ASSERT_FALSE(reconnect_again(&reconnect));
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"delays are drawn from a range that doubles", delays_are_drawn_from_a_range_that_doubles},
        {"retries are counted since the last connection", retries_are_counted_since_the_last_connection},
        {"the first connection is repeated on request", the_first_connection_is_repeated_on_request},
        {"only a connection that stood begins anew", only_a_connection_that_stood_begins_anew},
        {"nothing is repeated when it is off", nothing_is_repeated_when_it_is_off},
    };
    return RUN_TESTS("reconnect", tests);
}
