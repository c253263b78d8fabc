// SPDX-License-Identifier: MIT
// Percentiles of the latency histogram against sums that can be done by hand.
#include <string.h>

#include "bench/histogram.h"
#include "test/run.h"

static struct histogram histogram;

static void empty_has_no_latency(void)
{
    memset(&histogram, 0, sizeof(histogram));
    CU_ASSERT_EQUAL(histogram_percentile(&histogram, 0.5), 0);
    CU_ASSERT_EQUAL(histogram.max_ns, 0);
}

static void small_durations_are_exact(void)
{
    memset(&histogram, 0, sizeof(histogram));
    for (uint64_t ns = 1; ns <= 200; ns++)
        histogram_add(&histogram, ns, 1);
    CU_ASSERT_EQUAL(histogram.count, 200);
    CU_ASSERT_EQUAL(histogram_percentile(&histogram, 0.5), 100);
    CU_ASSERT_EQUAL(histogram_percentile(&histogram, 0.99), 198);
    CU_ASSERT_EQUAL(histogram_percentile(&histogram, 1), 200);
}

static void any_duration_is_known_to_a_percent(void)
{
    for (uint64_t ns = 1; ns < HISTOGRAM_NS_MAX; ns = ns * 9 / 8 + 1) {
        memset(&histogram, 0, sizeof(histogram));
        histogram_add(&histogram, ns, 1);
        histogram_add(&histogram, HISTOGRAM_NS_MAX, 1);
        uint64_t told = histogram_percentile(&histogram, 0.5);
        CU_ASSERT_TRUE(told >= ns);
        CU_ASSERT_TRUE(told - ns <= ns / 100);
    }
}

static void maximum_is_exact_and_bounds_percentiles(void)
{
    memset(&histogram, 0, sizeof(histogram));
    histogram_add(&histogram, 1000003, 5);
    CU_ASSERT_EQUAL(histogram.max_ns, 1000003);
    CU_ASSERT_EQUAL(histogram_percentile(&histogram, 0.5), 1000003);
}

static void outliers_show_in_the_tail_alone(void)
{
    memset(&histogram, 0, sizeof(histogram));
    histogram_add(&histogram, 100, 9985);
    histogram_add(&histogram, 1 << 20, 15);
    CU_ASSERT_EQUAL(histogram_percentile(&histogram, 0.99), 100);
    CU_ASSERT_EQUAL(histogram_percentile(&histogram, 0.999), 1 << 20);
}

static void endless_counts_as_an_hour(void)
{
    memset(&histogram, 0, sizeof(histogram));
    histogram_add(&histogram, UINT64_MAX, 1);
    CU_ASSERT_EQUAL(histogram.max_ns, HISTOGRAM_NS_MAX);
    CU_ASSERT_EQUAL(histogram_percentile(&histogram, 1), HISTOGRAM_NS_MAX);
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"empty has no latency", empty_has_no_latency},
        {"small durations are exact", small_durations_are_exact},
        {"any duration is known to a percent", any_duration_is_known_to_a_percent},
        {"maximum is exact and bounds percentiles", maximum_is_exact_and_bounds_percentiles},
        {"outliers show in the tail alone", outliers_show_in_the_tail_alone},
        {"endless counts as an hour", endless_counts_as_an_hour},
    };
    return RUN_TESTS("bench/histogram", tests);
}
