// SPDX-License-Identifier: MIT
#include "harness/random.h"

struct random random_of(uint64_t seed, const char *text)
{
    struct random random = {seed};
    for (; *text != '\0'; text++)
        random.state = (random.state ^ (uint8_t)*text) * 0x100000001B3;
    (void)random_next(&random); // spreads a seed that is small
    return random;
}

// SplitMix64: one addition and a mixing of bits; every state is a good one.
uint64_t random_next(struct random *random)
{
    uint64_t mixed = random->state += 0x9E3779B97F4A7C15;
    mixed = (mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9;
    mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EB;
    return mixed ^ mixed >> 31;
}

uint32_t random_below(struct random *random, uint32_t bound)
{
    return (uint32_t)((random_next(random) >> 32) * bound >> 32);
}
