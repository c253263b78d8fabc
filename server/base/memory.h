// SPDX-License-Identifier: MIT
// Allocation policy. Sizes that a peer chooses (messages, queues, buffers) are allocated with malloc(3) and a
// failure costs that peer its connection. Small structures of our own go through these functions: a process
// that cannot have them cannot serve anybody, and ends with one clear line.
#ifndef BASE_MEMORY_H
#define BASE_MEMORY_H

#include <stddef.h>

// Zeroed memory; never NULL. Freed with free(3).
void *memory_require(size_t size);

// As realloc(3); never NULL.
void *memory_require_again(void *memory, size_t size);

#endif
