// SPDX-License-Identifier: MIT
// What the tests of this folder share: a seed that is printed and can be given again, and the end of main.
#ifndef BASE_TEST_TEST_BASE_H
#define BASE_TEST_TEST_BASE_H

#include <CUnit/Basic.h>
#include <stdio.h>
#include <stdlib.h>

#include "server/base/base.h"

static inline uint64_t test_seed(int argc, char **argv)
{
    uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 0) : random_entropy();
    printf("seed 0x%llx (give it as the argument to repeat this run)\n", (unsigned long long)seed);
    return seed;
}

static inline int test_run(const char *name, CU_TestInfo *tests)
{
    CU_SuiteInfo suites[] = {{name, NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};
    if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(suites) != CUE_SUCCESS)
        return 2;
    CU_basic_set_mode(CU_BRM_NORMAL);
    CU_basic_run_tests();
    int status = CU_get_number_of_failures() > 0 || CU_get_number_of_tests_run() == 0;
    CU_cleanup_registry();
    return status;
}

#endif
