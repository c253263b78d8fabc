// SPDX-License-Identifier: MIT
// How an event of the log becomes a line: its text, its envelope, and what makes it harmless.
//
//     text   2026-01-31T23:59:40.123Z info: client 'meter' at 127.0.0.1:40022: connection closed: ...
//     JSON   {"time":"2026-01-31T23:59:40.123Z","level":"info","client":"meter",...,"message":"..."}
//
// A line of text has control characters, line separators and bytes that are no UTF-8 as \x1b, \u0085 and
// \xff; JSON has the first as its own escapes, and the last as U+FFFD. What is too long is cut and ends with
// "...".
#ifndef BASE_LOG_LINE_H
#define BASE_LOG_LINE_H

#include "server/base/log.h"

#define LOG_MESSAGE_BYTES 8192u  // that which names the most listeners that there may be is the longest
#define LOG_LINE_BYTES    16384u // with all that is around it
#define LOG_CLIENT_BYTES  256u   // of a client id

struct log_event {
    uint64_t wall_ns;
    enum log_level level;
    const struct log_subject *subject; // NULL: none
    const char *message;               // one that has LOG_MESSAGE_BYTES with its end may be longer
};

// What the reader of a line wants around it.
enum log_envelope {
    LOG_ENVELOPE_PLAIN,    // time and level, and a line feed at the end
    LOG_ENVELOPE_PRIORITY, // for standard error that the journal reads: "<6>" instead of them
    LOG_ENVELOPE_SYSLOG,   // a datagram as syslog(3) sends it
    LOG_ENVELOPE_JOURNAL,  // a datagram of fields for journald
};

// Writes the line into `line` (of LOG_LINE_BYTES) and returns its length; it is not terminated.
size_t log_line_write(const struct log_event *event, enum log_format format, enum log_envelope envelope,
                      char *line);

#endif
