// SPDX-License-Identifier: MIT
#include "client/buffer.h"

#include <assert.h>
#include <stdlib.h>

#define BUFFER_BYTES_MIN 1024u

void buffer_init(struct buffer *buffer)
{
    *buffer = (struct buffer){0};
}

void buffer_finish(struct buffer *buffer)
{
    free(buffer->data);
    buffer_init(buffer);
}

static void buffer_compact(struct buffer *buffer)
{
    size_t length = buffer_length(buffer);
    assert(buffer->data != NULL || length == 0);
    if (length != 0)
        memmove(buffer->data, buffer->data + buffer->start, length);
    buffer->start = 0;
    buffer->end = length;
}

uint8_t *buffer_reserve(struct buffer *buffer, size_t size)
{
    if (buffer->capacity - buffer->end >= size && buffer->data != NULL)
        return buffer->data + buffer->end;
    // Moving is worth it only when it frees at least as much as it moves; else the cost would grow with the
    // square.
    size_t length = buffer_length(buffer);
    if (buffer->data != NULL && buffer->capacity - length >= size && buffer->start >= length) {
        buffer_compact(buffer);
        return buffer->data + buffer->end;
    }
    size_t capacity = buffer->capacity == 0 ? BUFFER_BYTES_MIN : buffer->capacity * 2;
    while (capacity - length < size)
        capacity *= 2;
    buffer_compact(buffer);
    uint8_t *data = realloc(buffer->data, capacity);
    if (data == NULL)
        return NULL;
    buffer->data = data;
    buffer->capacity = capacity;
    return data + buffer->end;
}

void buffer_added(struct buffer *buffer, size_t size)
{
    assert(size <= buffer->capacity - buffer->end);
    buffer->end += size;
}

void buffer_taken(struct buffer *buffer, size_t size)
{
    assert(size <= buffer_length(buffer));
    buffer->start += size;
    if (buffer->start != buffer->end)
        return;
    buffer->start = 0;
    buffer->end = 0;
    if (buffer->capacity > BUFFER_KEPT_BYTES)
        buffer_finish(buffer);
}
