// SPDX-License-Identifier: MIT
// A queue of bytes in one piece of memory: appended at the end, taken from the front.
//
//     data                start           end            capacity
//     | taken already ... | waiting ..... | room ....... |
//
// The buffer knows no ceiling: whoever appends checks one first. A buffer that once held much gives its
// memory back when it becomes empty.
#ifndef CLIENT_BUFFER_H
#define CLIENT_BUFFER_H

#include "proto/proto.h"

#include <assert.h>

#define BUFFER_KEPT_BYTES (256u * 1024u) // an empty buffer keeps no more memory than this

struct buffer {
    uint8_t *data;
    size_t start;
    size_t end;
    size_t capacity;
};

void buffer_init(struct buffer *buffer);
void buffer_finish(struct buffer *buffer);

static inline size_t buffer_length(const struct buffer *buffer)
{
    return buffer->end - buffer->start;
}

// The bytes that wait: borrowed until the next call that changes the buffer.
static inline struct bytes buffer_bytes(const struct buffer *buffer)
{
    assert(buffer->data != NULL || buffer_length(buffer) == 0);
    const uint8_t *data = buffer->data == NULL ? NULL : buffer->data + buffer->start;
    return (struct bytes){data, (uint32_t)buffer_length(buffer)};
}

// Makes room for at least `size` bytes behind the end and returns it, or NULL when memory is lacking. All of
// `capacity - end` bytes may be written.
uint8_t *buffer_reserve(struct buffer *buffer, size_t size);

// `size` bytes were written into the room.
void buffer_added(struct buffer *buffer, size_t size);

// Takes `size` bytes, at most what waits, off the front.
void buffer_taken(struct buffer *buffer, size_t size);

#endif
