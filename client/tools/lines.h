// SPDX-License-Identifier: MIT
// Lines out of a descriptor. A line ends with LF, which does not belong to it; what stands behind the last LF
// is a line as well, unless it is empty.
#ifndef TOOLS_LINES_H
#define TOOLS_LINES_H

#include "client/buffer.h"

struct lines {
    struct buffer buffer;
    size_t searched; // bytes in the buffer that hold no LF
    size_t line_max; // bytes
    int fd;
    bool ended; // the descriptor has no more
};

void lines_init(struct lines *lines, int fd, size_t line_max);
void lines_finish(struct lines *lines);

// Reads once, waiting where the descriptor does. Returns 0, -EMSGSIZE when a line is longer than `line_max`,
// or another negative errno.
int lines_fill(struct lines *lines);

// Takes the next line; false: fill first, or, when `ended`, there is none. The view lasts until the next
// call.
bool lines_next(struct lines *lines, struct bytes *ret_line);

// Reads all there is into one piece. Returns as lines_fill.
int lines_read_all(struct lines *lines, struct bytes *ret_bytes);

#endif
