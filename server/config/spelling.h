// SPDX-License-Identifier: MIT
// How near two keys are. '-' and '_' are the same letter.
#ifndef CONFIG_SPELLING_H
#define CONFIG_SPELLING_H

#include <stdbool.h>
#include <stdint.h>

#define SPELLING_NEAR_MAX 2u  // letters that a misspelt key may differ in from the key meant
#define SPELLING_BYTES    64u // a longer key is near to nothing

bool spelling_same(const char *a, const char *b);

// The letters to insert, remove, exchange or swap with their neighbour to make one of the other;
// SPELLING_NEAR_MAX + 1 for all that are further apart.
uint32_t spelling_distance(const char *a, const char *b);

#endif
