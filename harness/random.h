// SPDX-License-Identifier: MIT
// Random numbers that come again with the same seed.
#ifndef HARNESS_RANDOM_H
#define HARNESS_RANDOM_H

#include <stdint.h>

struct random {
    uint64_t state;
};

// The same seed and the same text give the same sequence; other texts give others.
struct random random_of(uint64_t seed, const char *text);

uint64_t random_next(struct random *random);

// 0 to bound - 1.
uint32_t random_below(struct random *random, uint32_t bound);

#endif
