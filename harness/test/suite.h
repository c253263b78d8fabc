// SPDX-License-Identifier: MIT
// The end of main of every test of this folder. The other folders have one that brings in code of the broker,
// which the harness shares none of.
#ifndef HARNESS_TEST_SUITE_H
#define HARNESS_TEST_SUITE_H

#include <CUnit/Basic.h>
#include <stdio.h>
#include <stdlib.h>

#include "harness/harness.h"

// The seed of a test: TEST_SEED of the environment, or one that is new in every run. It is printed.
static inline uint64_t suite_seed(void)
{
    const char *text = getenv("TEST_SEED");
    uint64_t seed = text == NULL ? clock_now_ns() : strtoull(text, NULL, 0);
    printf(" (TEST_SEED=%llu) ", (unsigned long long)seed);
    return seed;
}

// `tests` ends with CU_TEST_INFO_NULL. Returns what main returns.
static inline int suite_run(const char *name, CU_TestInfo *tests)
{
    CU_SuiteInfo suites[] = {{name, NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};
    if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(suites) != CUE_SUCCESS)
        return 2;
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    int status = CU_get_number_of_failures() > 0 || CU_get_number_of_tests_run() == 0;
    CU_cleanup_registry();
    return status;
}

#endif
