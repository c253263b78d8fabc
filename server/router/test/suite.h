// SPDX-License-Identifier: MIT
// What the unit tests of the router have in common: how a program runs its tests, and seeds.
#ifndef ROUTER_TEST_SUITE_H
#define ROUTER_TEST_SUITE_H

#include <CUnit/Basic.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "server/base/base.h"

struct test_case {
    const char *name;
    void (*run)(void);
};

// Runs the tests; the result is the status to exit with.
static inline int suite_run(const char *name, const struct test_case *cases, size_t count)
{
    if (CU_initialize_registry() != CUE_SUCCESS)
        return EXIT_FAILURE;
    CU_pSuite suite = CU_add_suite(name, NULL, NULL);
    for (size_t i = 0; suite != NULL && i < count; i++)
        if (CU_add_test(suite, cases[i].name, cases[i].run) == NULL)
            suite = NULL;
    if (suite != NULL)
        (void)CU_basic_run_tests(); // what failed is counted below
    bool good = suite != NULL && CU_get_number_of_tests_failed() == 0;
    CU_cleanup_registry();
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}

#define SUITE_RUN(name, cases) suite_run(name, cases, sizeof(cases) / sizeof((cases)[0]))

// Seeds `random` from the environment's TEST_SEED, or with 1, and prints which.
static inline void suite_seed(struct random *random)
{
    const char *text = getenv("TEST_SEED");
    uint64_t seed = text == NULL ? 1 : strtoull(text, NULL, 0);
    printf(" (TEST_SEED=%" PRIu64 ") ", seed);
    random_seed(random, seed);
}

static inline uint32_t suite_below(struct random *random, uint32_t bound)
{
    return (uint32_t)(random_next(random) % bound);
}

#endif
