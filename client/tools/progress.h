// SPDX-License-Identifier: MIT
// One line on a terminal about work that takes long: how many messages, how fast, and, where the end is
// known, for how long yet.
#ifndef TOOLS_PROGRESS_H
#define TOOLS_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROGRESS_TEXT_BYTES 120u

struct progress {
    bool shown; // there is a terminal, and nobody wants quiet
    bool drawn; // a line stands there
    uint64_t begun_ms;
    uint64_t next_ms;     // when it is drawn again
    uint64_t bytes_total; // of the input; 0: unknown
};

// `fd` is where it would be drawn.
void progress_begin(struct progress *progress, int fd, bool quiet, uint64_t bytes_total, uint64_t now_ms);

// True when it is time to draw.
static inline bool progress_is_due(const struct progress *progress, uint64_t now_ms)
{
    return progress->shown && now_ms >= progress->next_ms;
}

// Writes the line into `text`; `bytes` of the input have been read.
void progress_text(const struct progress *progress, uint64_t messages, uint64_t bytes, uint64_t now_ms,
                   char text[PROGRESS_TEXT_BYTES]);

// Draws it on standard error, and wipes it away.
void progress_draw(struct progress *progress, uint64_t messages, uint64_t bytes, uint64_t now_ms);
void progress_end(struct progress *progress);

#endif
