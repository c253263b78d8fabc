// SPDX-License-Identifier: MIT
// The end of main, and a seed. Other folders have the seed from test/suite.h, which brings in code of the
// broker: the harness shares none of it.
#ifndef HARNESS_TEST_SUITE_H
#define HARNESS_TEST_SUITE_H

#include <stdio.h>
#include <stdlib.h>

#include "harness/harness.h"
#include "test/run.h"

// The seed of a test: TEST_SEED of the environment, or one that is new in every run. It is printed.
static inline uint64_t suite_seed(void)
{
    const char *text = getenv("TEST_SEED");
    uint64_t seed = text == NULL ? clock_now_ns() : strtoull(text, NULL, 0);
    printf(" (TEST_SEED=%llu) ", (unsigned long long)seed);
    return seed;
}

#endif
