// SPDX-License-Identifier: MIT
// What the tests of this folder share: the end of main, and a seed that is printed and can be given again.
#ifndef BASE_TEST_TEST_BASE_H
#define BASE_TEST_TEST_BASE_H

#include <stdio.h>
#include <stdlib.h>

#include "server/base/base.h"
#include "test/run.h"

static inline uint64_t test_seed(int argc, char **argv)
{
    uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 0) : random_entropy();
    printf("seed 0x%llx (give it as the argument to repeat this run)\n", (unsigned long long)seed);
    return seed;
}

#endif
