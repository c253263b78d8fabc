// SPDX-License-Identifier: MIT
// Where lines of the log go: a descriptor of any kind, written to without ever waiting. Not thread safe: the
// log holds its lock.
//
// Of a line that was written in part (a disk was full in its middle, a pipe took no more) the rest is kept
// and goes before anything else, so lines stay whole. A line that cannot be written at all is lost, and
// counted.
#ifndef BASE_LOG_SINK_H
#define BASE_LOG_SINK_H

#include "server/base/log_line.h"

struct log_sink {
    enum log_destination to;
    char *path; // of the file or the socket; NULL for standard error
    int fd;
    uint64_t lost; // lines, since one was written
    int error;     // why the last of them was: an errno
    size_t rest_at;
    size_t rest_end;
    char rest[LOG_LINE_BYTES];
};

// Standard error, which is open already.
#define LOG_SINK_STDERR                                                                                      \
    {                                                                                                        \
        .to = LOG_TO_STDERR, .fd = STDERR_FILENO                                                             \
    }

// Opens where the settings say. Returns 0 or -errno.
__attribute__((warn_unused_result)) int log_sink_open(struct log_sink *sink, enum log_destination to,
                                                      const char *path);

// Opens the same place again, which takes the place of the old one. Returns 0 or -errno: the old one stays.
__attribute__((warn_unused_result)) int log_sink_reopen(struct log_sink *sink);

void log_sink_close(struct log_sink *sink);

// What a line needs around it there.
enum log_envelope log_sink_envelope(const struct log_sink *sink);

// Writes one line, of at most LOG_LINE_BYTES. Returns false if it was lost.
bool log_sink_write(struct log_sink *sink, const char *line, size_t length);

#endif
