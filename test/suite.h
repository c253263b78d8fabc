// SPDX-License-Identifier: MIT
// What programs of unit tests share: the end of main, and a seed that is printed and can be given again.
#ifndef TEST_SUITE_H
#define TEST_SUITE_H

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "server/base/base.h"
#include "test/run.h"

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
