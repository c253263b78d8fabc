// SPDX-License-Identifier: MIT
// Random numbers from a state that the caller owns, so that a seeded run repeats: xoshiro256**. Not for
// secrets.
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stdint.h>

struct random {
    uint64_t state[4];
};

// Every seed is good, also 0.
void random_seed(struct random *random, uint64_t seed);

uint64_t random_next(struct random *random);

// A seed from the kernel, for what must differ from run to run (hash seeds, generated client identifiers).
uint64_t random_entropy(void);

#endif
