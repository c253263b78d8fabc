// SPDX-License-Identifier: MIT
// A shard's wire log: packets encoded once, one after the other, in append-only segments that every
// subscriber's outbox refers to. A message that follows the last one in the log lengthens a subscriber's last
// span instead of adding one.
#ifndef OUTBOX_WIRELOG_H
#define OUTBOX_WIRELOG_H

#include "server/outbox/message.h"

struct wirelog {
    struct segment_pool *pool;
    struct segment *current; // NULL before the first packet
};

void wirelog_init(struct wirelog *log, struct segment_pool *pool);
void wirelog_finish(struct wirelog *log);

// Adds a form that is not encoded yet, at the end of the log.
struct span wirelog_add(struct wirelog *log, struct publication *publication, enum wire_variant variant);

// The PUBLISH of `publication` in the form `variant`: encoded when first asked for, and remembered in the
// publication, which refers to the span's segment until it is finished. Returns a span without segment if
// there is no memory.
static inline struct span wirelog_publish(struct wirelog *log, struct publication *publication,
                                          enum wire_variant variant)
{
    return publication->encoded >> variant & 1 ? publication->wire[variant]
                                               : wirelog_add(log, publication, variant);
}

#endif
