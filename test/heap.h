// SPDX-License-Identifier: MIT
// The heap of a test program, counted and made to fail: calls of malloc(3) and its kin from the code under
// test go through heap.c, which the linker puts in their place (--wrap). Allocations inside libraries do not.
// For programs of one thread.
#ifndef TEST_HEAP_H
#define TEST_HEAP_H

#include <stdbool.h>
#include <stdint.h>

// How often memory was asked for since the program began, failures included.
uint64_t heap_allocations(void);

// Blocks that were allocated and not freed.
uint64_t heap_blocks(void);

// Lets the allocation that comes after `passed` others fail, once.
void heap_fail_after(uint64_t passed);

// Lets none fail any more. Returns whether the failure asked for has happened.
bool heap_recover(void);

#endif
