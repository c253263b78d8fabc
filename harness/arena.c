// SPDX-License-Identifier: MIT
#include "harness/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct block {
    struct block *earlier;
    max_align_t memory[];
};

// Keeps every block reachable, so that leak checkers see that nothing was lost.
static struct block *latest;

void *arena_take(size_t size)
{
    struct block *block = calloc(1, sizeof *block + size);
    if (block == NULL) {
        fprintf(stderr, "no memory for %zu bytes\n", size);
        exit(71);
    }
    block->earlier = latest;
    latest = block;
    return block->memory;
}

char *arena_print(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    char *text = arena_take((size_t)length + 1);
    va_start(arguments, format);
    (void)vsnprintf(text, (size_t)length + 1, format, arguments); // the length was measured above
    va_end(arguments);
    return text;
}
