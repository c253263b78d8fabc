// SPDX-License-Identifier: MIT
#include "client/tools/lines.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#define LINES_READ_BYTES 65536u

void lines_init(struct lines *lines, int fd, size_t line_max)
{
    *lines = (struct lines){.fd = fd, .line_max = line_max};
    buffer_init(&lines->buffer);
}

void lines_finish(struct lines *lines)
{
    buffer_finish(&lines->buffer);
}

int lines_fill(struct lines *lines)
{
    if (buffer_length(&lines->buffer) > lines->line_max)
        return -EMSGSIZE;
    uint8_t *room = buffer_reserve(&lines->buffer, LINES_READ_BYTES);
    if (room == NULL)
        return -ENOMEM;
    ssize_t count = read(lines->fd, room, LINES_READ_BYTES);
    if (count < 0)
        return errno == EINTR || errno == EAGAIN ? 0 : -errno;
    buffer_added(&lines->buffer, (size_t)count);
    lines->ended = count == 0;
    return 0;
}

static struct bytes lines_take(struct lines *lines, size_t length, size_t taken)
{
    struct bytes line = {lines->buffer.data + lines->buffer.start, (uint32_t)length};
    lines->buffer.start += taken; // not buffer_taken: the memory must outlive the line
    lines->searched = 0;
    return line;
}

bool lines_next(struct lines *lines, struct bytes *ret_line)
{
    if (lines->buffer.start == lines->buffer.end)
        buffer_taken(&lines->buffer, 0);
    size_t length = buffer_length(&lines->buffer);
    if (length == 0)
        return false;
    const uint8_t *data = lines->buffer.data + lines->buffer.start;
    const uint8_t *end = memchr(data + lines->searched, '\n', length - lines->searched);
    if (end != NULL)
        *ret_line = lines_take(lines, (size_t)(end - data), (size_t)(end - data) + 1);
    else if (lines->ended)
        *ret_line = lines_take(lines, length, length);
    else
        lines->searched = length;
    return end != NULL || lines->ended;
}

int lines_read_all(struct lines *lines, struct bytes *ret_bytes)
{
    int status = 0;
    while (status == 0 && !lines->ended) {
        struct pollfd readable = {.fd = lines->fd, .events = POLLIN};
        (void)poll(&readable, 1, -1); // whoever shares the descriptor may have made it non-blocking
        status = lines_fill(lines);
    }
    *ret_bytes = buffer_bytes(&lines->buffer);
    return status;
}
