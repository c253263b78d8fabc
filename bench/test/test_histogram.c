// SPDX-License-Identifier: MIT
// Percentiles of the latency histogram against sums that can be done by hand.
#include <CUnit/Basic.h>
#include <string.h>

#include "bench/histogram.h"

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
    if (CU_initialize_registry() != CUE_SUCCESS)
        return 1;
    CU_pSuite suite = CU_add_suite("bench/histogram", NULL, NULL);
    CU_ADD_TEST(suite, empty_has_no_latency);
    CU_ADD_TEST(suite, small_durations_are_exact);
    CU_ADD_TEST(suite, any_duration_is_known_to_a_percent);
    CU_ADD_TEST(suite, maximum_is_exact_and_bounds_percentiles);
    CU_ADD_TEST(suite, outliers_show_in_the_tail_alone);
    CU_ADD_TEST(suite, endless_counts_as_an_hour);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures > 0;
}
