// SPDX-License-Identifier: MIT
#include "server/config/arena.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#include "server/base/base.h"

#define CHUNK_BYTES 8192u

struct arena_chunk {
    struct arena_chunk *older;
    size_t size;
    size_t used;
    alignas(max_align_t) char bytes[];
};

static size_t round_up(size_t size)
{
    return (size + alignof(max_align_t) - 1) / alignof(max_align_t) * alignof(max_align_t);
}

void *arena_take(struct arena *arena, size_t size)
{
    struct arena_chunk *chunk = arena->newest;
    size = round_up(size);
    if (chunk == NULL || size > chunk->size - chunk->used) {
        size_t room = size > CHUNK_BYTES ? size : CHUNK_BYTES;
        chunk = memory_require(sizeof(*chunk) + room);
        chunk->size = room;
        chunk->older = arena->newest;
        arena->newest = chunk;
    }
    void *taken = chunk->bytes + chunk->used;
    chunk->used += size;
    arena->bytes += size;
    return taken;
}

const char *arena_copy(struct arena *arena, const char *text)
{
    size_t size = strlen(text) + 1;
    return memcpy(arena_take(arena, size), text, size);
}

// The array has room for a power of two of items, so it is full when its count is one.
void *arena_append(struct arena *arena, void *items, uint32_t *count, size_t item_size)
{
    char *array;
    memcpy(&array, items, sizeof(array));
    if ((*count & (*count - 1)) == 0) {
        size_t used = *count * item_size;
        char *larger = arena_take(arena, used == 0 ? item_size : 2 * used);
        if (used > 0)
            memcpy(larger, array, used);
        array = larger;
        memcpy(items, &array, sizeof(array));
    }
    return array + (size_t)(*count)++ * item_size;
}

void arena_finish(struct arena *arena)
{
    while (arena->newest != NULL) {
        struct arena_chunk *chunk = arena->newest;
        arena->newest = chunk->older;
        free(chunk);
    }
    arena->bytes = 0;
}
