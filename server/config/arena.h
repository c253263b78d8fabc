// SPDX-License-Identifier: MIT
// Memory that is taken piece by piece and given back as a whole: all that a configuration points to.
#ifndef CONFIG_ARENA_H
#define CONFIG_ARENA_H

#include <stddef.h>
#include <stdint.h>

struct arena_chunk;

// All zero is an empty one.
struct arena {
    struct arena_chunk *newest;
    size_t bytes; // taken in all
};

// Zeroed memory, aligned for anything; never NULL.
void *arena_take(struct arena *arena, size_t size);

const char *arena_copy(struct arena *arena, const char *text);

// Room for one more item at the end of an array that has grown by this call alone, zeroed. `items` points to
// the array, which may move; where it lay before stays taken, half of its size at most.
void *arena_append(struct arena *arena, void *items, uint32_t *count, size_t item_size);

void arena_finish(struct arena *arena);

#endif
