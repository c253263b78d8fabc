// SPDX-License-Identifier: MIT
// The frame around a program of unit tests: a table of named behaviours, a seed that is printed and can be
// given again, and an exit status that says how it went.
#ifndef TEST_SUITE_H
#define TEST_SUITE_H

#include <CUnit/Basic.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "server/base/base.h"

struct suite_case {
    const char *name;
    void (*run)(void);
};

static inline bool suite_add(const char *name, const struct suite_case *cases, size_t count)
{
    CU_pSuite suite = CU_add_suite(name, NULL, NULL);
    for (size_t i = 0; suite != NULL && i < count; i++)
        if (CU_add_test(suite, cases[i].name, cases[i].run) == NULL)
            return false;
    return suite != NULL;
}

// Runs the behaviours of one module; the result is the status to exit with.
static inline int suite_run(const char *name, const struct suite_case *cases, size_t count)
{
    if (CU_initialize_registry() != CUE_SUCCESS)
        return EXIT_FAILURE;
    bool good = suite_add(name, cases, count);
    if (good) {
        CU_basic_set_mode(CU_BRM_VERBOSE);
        (void)CU_basic_run_tests(); // what failed is counted below
        good = CU_get_number_of_failures() == 0 && CU_get_number_of_tests_run() == count;
    }
    CU_cleanup_registry();
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}

#define SUITE_RUN(name, cases) suite_run(name, cases, sizeof(cases) / sizeof((cases)[0]))

// Seeds `random` with TEST_SEED of the environment, or with a seed that is new in every run, and prints
// which.
static inline void suite_seed(struct random *random)
{
    const char *text = getenv("TEST_SEED");
    uint64_t seed = text == NULL ? random_entropy() : strtoull(text, NULL, 0);
    printf(" (TEST_SEED=%" PRIu64 ") ", seed);
    random_seed(random, seed);
}

// A number below `bound`, which is not 0.
static inline uint32_t suite_below(struct random *random, uint32_t bound)
{
    return (uint32_t)(random_next(random) % bound);
}

#endif
