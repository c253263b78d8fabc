// SPDX-License-Identifier: MIT
// All that happens in one case, of all peers, in the order in which it happened: one record that every
// process of the case writes and whoever started it reads afterwards, also when they have crashed. It lies in
// memory that processes share; a writer takes its place in it with one atomic operation.
//
//     record = { length, kind, time, sizes } name text bytes
#ifndef HARNESS_TIMELINE_H
#define HARNESS_TIMELINE_H

#include <stdatomic.h>
#include <stdint.h>

#include "harness/bytes.h"

enum timeline_kind {
    TIMELINE_OPENED,   // a connection
    TIMELINE_SENT,     // bytes, by the peer that is named
    TIMELINE_RECEIVED, // bytes, by the peer that is named
    TIMELINE_ENDED,    // the other side closed
    TIMELINE_CLOSED,   // this side closed
    TIMELINE_NOTE,     // what a case did besides
    TIMELINE_PROXY,    // what the fault proxy did
    TIMELINE_VERDICT,  // why the case ended as it did
};

enum { TIMELINE_BYTES = 192 * 1024, TIMELINE_SHOWN_MAX = 2048 };

struct timeline {
    uint64_t start_ns;
    atomic_uint_least32_t used;
    atomic_uint_least32_t lost; // records that found no room
    uint8_t records[TIMELINE_BYTES];
};

// Of a record that was read; points into the timeline.
struct timeline_event {
    enum timeline_kind kind;
    uint64_t time_ns; // since the start
    const char *name; // of the peer
    const char *text;
    struct bytes bytes;  // the first TIMELINE_SHOWN_MAX of them
    size_t bytes_length; // all of them
};

void timeline_init(struct timeline *timeline);
void timeline_add(struct timeline *timeline, enum timeline_kind kind, const char *name, const char *text,
                  struct bytes bytes);

// The record at *at, which moves behind it; begins at 0. False at the end.
bool timeline_next(const struct timeline *timeline, size_t *at, struct timeline_event *ret_event);

// An arrow or a word for each kind, as reports show it.
const char *timeline_kind_text(enum timeline_kind kind);

#endif
