// SPDX-License-Identifier: MIT
// Memory that is given back when the process ends. A case is a process of its own and lives for seconds, so
// what it builds needs no owner. Ends the process when there is none left.
#ifndef HARNESS_ARENA_H
#define HARNESS_ARENA_H

#include <stddef.h>

// `size` zeroed bytes, aligned for everything.
void *arena_take(size_t size);

// A text printed as printf(3) does.
char *arena_print(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
