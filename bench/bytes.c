// SPDX-License-Identifier: MIT
// Bytes that wait.
#include "bench/bytes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int bytes_add(struct bytes *bytes, struct span more)
{
    size_t kept = bytes_length(bytes);
    if (kept + more.length > bytes->capacity) {
        size_t capacity = 2 * (kept + more.length);
        uint8_t *grown = realloc(bytes->data, capacity);
        if (grown == NULL)
            return -ENOMEM;
        bytes->data = grown;
        bytes->capacity = capacity;
    }
    if (bytes->end + more.length > bytes->capacity) {
        memmove(bytes->data, bytes->data + bytes->at, kept);
        bytes->at = 0;
        bytes->end = kept;
    }
    if (more.length > 0)
        memcpy(bytes->data + bytes->end, more.data, more.length);
    bytes->end += more.length;
    return 0;
}

void bytes_clear(struct bytes *bytes)
{
    bytes->at = bytes->end = 0;
}

void bytes_finish(struct bytes *bytes)
{
    free(bytes->data);
    *bytes = (struct bytes){.data = NULL};
}
