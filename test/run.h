// SPDX-License-Identifier: MIT
// The end of main of every program of unit tests.
#ifndef TEST_RUN_H
#define TEST_RUN_H

#include <CUnit/Basic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

static inline bool run_add(const char *name, const CU_TestInfo *tests, size_t count)
{
    CU_pSuite suite = CU_add_suite(name, NULL, NULL);
    for (size_t i = 0; suite != NULL && i < count; i++)
        if (CU_add_test(suite, tests[i].pName, tests[i].pTestFunc) == NULL)
            return false;
    return suite != NULL;
}

// Returns the status to exit with: EXIT_SUCCESS if each of the tests ran and none failed.
static inline int run_tests(const char *name, const CU_TestInfo *tests, size_t count)
{
    if (CU_initialize_registry() != CUE_SUCCESS)
        return EXIT_FAILURE;
    bool good = run_add(name, tests, count);
    if (good) {
        CU_basic_set_mode(CU_BRM_VERBOSE);
        (void)CU_basic_run_tests(); // what failed is counted below
        good = CU_get_number_of_failures() == 0 && CU_get_number_of_tests_run() == count;
    }
    CU_cleanup_registry();
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}

// `tests` is an array of {name, function}.
#define RUN_TESTS(name, tests) run_tests(name, tests, sizeof(tests) / sizeof((tests)[0]))

#endif
