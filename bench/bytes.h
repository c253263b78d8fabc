// SPDX-License-Identifier: MIT
// Bytes that wait, in memory that grows: added at the end, taken from the front.
#ifndef BENCH_BYTES_H
#define BENCH_BYTES_H

#include <stddef.h>
#include <stdint.h>

// Bytes of somebody else.
struct span {
    const uint8_t *data;
    size_t length;
};

// All zero: empty, without memory.
struct bytes {
    uint8_t *data;
    size_t at; // bytes [at, end) wait
    size_t end;
    size_t capacity;
};

static inline size_t bytes_length(const struct bytes *bytes)
{
    return bytes->end - bytes->at;
}

static inline struct span bytes_span(const struct bytes *bytes)
{
    return (struct span){bytes->data + bytes->at, bytes_length(bytes)};
}

// Returns 0, or -ENOMEM and nothing has changed.
int bytes_add(struct bytes *bytes, struct span more);

// Forgets what waits and keeps the memory.
void bytes_clear(struct bytes *bytes);

// Gives the memory back too; the bytes are empty then, and may be added to.
void bytes_finish(struct bytes *bytes);

#endif
