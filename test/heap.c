// SPDX-License-Identifier: MIT
#include "test/heap.h"

#include <stdlib.h>

static uint64_t allocations;
static uint64_t blocks;
static bool failing;
static uint64_t passing; // how many more succeed, while failing

uint64_t heap_allocations(void)
{
    return allocations;
}

uint64_t heap_blocks(void)
{
    return blocks;
}

void heap_fail_after(uint64_t passed)
{
    failing = true;
    passing = passed;
}

bool heap_recover(void)
{
    bool happened = !failing;
    failing = false;
    return happened;
}

static bool heap_refuses(void)
{
    allocations++;
    if (!failing || passing-- > 0)
        return false;
    failing = false;
    return true;
}

// The names are the linker's: a call of malloc arrives at __wrap_malloc, and __real_malloc is malloc.
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void __real_free(void *memory);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void __wrap_free(void *memory);

__attribute__((used)) void *__wrap_malloc(size_t size)
{
    void *memory = heap_refuses() ? NULL : __real_malloc(size);
    blocks += memory != NULL;
    return memory;
}

__attribute__((used)) void *__wrap_calloc(size_t count, size_t size)
{
    void *memory = heap_refuses() ? NULL : __real_calloc(count, size);
    blocks += memory != NULL;
    return memory;
}

__attribute__((used)) void *__wrap_realloc(void *memory, size_t size)
{
    void *moved = heap_refuses() ? NULL : __real_realloc(memory, size);
    blocks += memory == NULL && moved != NULL;
    return moved;
}

__attribute__((used)) void __wrap_free(void *memory)
{
    blocks -= memory != NULL;
    __real_free(memory);
}
