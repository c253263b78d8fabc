// SPDX-License-Identifier: MIT
// Counts the allocations of a test program, so that a test can say that a path makes none. Included by one
// file of a program.
#ifndef ROUTER_TEST_ALLOCATIONS_H
#define ROUTER_TEST_ALLOCATIONS_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "test/sanitizer.h"

static uint64_t allocations;

#if SANITIZED

// The sanitizer owns malloc and calls this.
void __sanitizer_malloc_hook(const volatile void *memory, size_t size);
void __sanitizer_malloc_hook(const volatile void *memory, size_t size)
{
    allocations++;
}

#else

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);

void *malloc(size_t size)
{
    allocations++;
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    allocations++;
    return __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size)
{
    allocations++;
    return __libc_realloc(memory, size);
}

#endif
#endif
