// SPDX-License-Identifier: MIT
#include "server/base/memory.h"

#include <stdlib.h>

#include "server/base/log.h"

static void *memory_checked(void *memory, size_t size)
{
    if (memory == NULL) {
        log_error("out of memory: %zu more bytes are not to be had; lower the limits or give the broker more",
                  size);
        abort();
    }
    return memory;
}

void *memory_require(size_t size)
{
    return memory_checked(calloc(1, size), size);
}

void *memory_require_again(void *memory, size_t size)
{
    return memory_checked(realloc(memory, size), size);
}
