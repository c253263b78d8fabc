// SPDX-License-Identifier: MIT
// The nodes that a walk through a tree has reached, in the order in which it reached them: those of one level
// behind those of the level above. The walk reads at one end and appends at the other; nothing is taken out
// before the next walk.
#ifndef ROUTER_FRONTIER_H
#define ROUTER_FRONTIER_H

#include <stdlib.h>

#include "server/router/level.h"

#define FRONTIER_FIRST 64u

struct frontier {
    struct level **list;
    uint32_t count;
    uint32_t capacity;
};

static inline void frontier_push(struct frontier *frontier, struct level *level)
{
    if (frontier->count == frontier->capacity) {
        frontier->capacity = frontier->capacity ? frontier->capacity * 2 : FRONTIER_FIRST;
        frontier->list = memory_require_again(frontier->list, frontier->capacity * sizeof(struct level *));
    }
    frontier->list[frontier->count++] = level;
}

static inline void frontier_finish(struct frontier *frontier)
{
    free(frontier->list);
    *frontier = (struct frontier){0};
}

#endif
