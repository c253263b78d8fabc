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

// The same for a copy: the bytes of a form above QoS 0, and where in them the packet identifier lies. Nothing
// is encoded where the packet came in this form; those bytes are borrowed from the publication.
static inline struct bytes wirelog_packet(struct wirelog *log, struct publication *publication,
                                          enum wire_variant variant, uint32_t *ret_packet_id_at)
{
    if (publication_came_as(publication, variant)) {
        const struct bytes *topic = &publication->topic; // it lies in the packet
        *ret_packet_id_at = (uint32_t)(topic->data + topic->length - publication->packet.data);
        return publication->packet;
    }
    struct span span = wirelog_publish(log, publication, variant);
    if (span.segment == NULL)
        return (struct bytes){0};
    *ret_packet_id_at = publication->packet_id_at[variant];
    return span_bytes(span);
}

#endif
