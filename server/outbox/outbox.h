// SPDX-License-Identifier: MIT
// The door of server/outbox/: messages, the wire log, and the queue of bytes that one connection has to send.
//
// An outbox is a list of spans in sending order. Shared spans lie in the wire log or in a message; private
// ones in the connection's own chunk. A span that continues the last one only lengthens it, even when the
// kernel is sending that one: what was handed to the kernel is remembered as a number of bytes.
//
//     head                                  tail
//     [log 300 B][chunk 4 B][log 12,000 B ...+80]      bytes_max: the ceiling; the caller asks
//     outbox_has_room before QoS 0
//      <-- sending -->                                  and leaves QoS 1 and 2 in the session's queue
//
// A connection that does not read pins segments of the log. When more than OUTBOX_SPANS_SHARED spans wait, or
// the caller finds the connection stalled, those not yet handed to the kernel are copied into private chunks,
// so that the log can go.
#ifndef OUTBOX_OUTBOX_H
#define OUTBOX_OUTBOX_H

#include <sys/uio.h>

#include "server/outbox/message.h"
#include "server/outbox/segment.h"
#include "server/outbox/wirelog.h"

#define OUTBOX_SPANS_SHARED 64u
#define OUTBOX_COPY_MAX                                                                                      \
    512u // a packet up to this size is copied whole where its head is private; above, its payload is shared

struct outbox {
    struct span *spans; // a ring of `capacity` (a power of two); NULL while nothing was ever sent
    uint32_t capacity;
    uint32_t head;      // index of the first span, counted without end
    uint32_t tail;      // one past the last
    uint32_t detach_at; // how many spans may wait before the shared ones are copied out
    uint32_t sending;   // bytes handed to the kernel and not yet answered for
    uint64_t bytes;     // all that wait, those being sent included
    uint64_t bytes_max;
    struct segment *chunk;       // where private bytes go; NULL while there are none
    struct segment_pool *chunks; // the shard's
    bool failed;                 // memory ran out: the connection must end, the stream has a gap
};

void outbox_init(struct outbox *outbox, struct segment_pool *chunks, uint64_t bytes_max);
void outbox_finish(struct outbox *outbox); // nothing may be in the kernel's hands

static inline bool outbox_empty(const struct outbox *outbox)
{
    return outbox->bytes == 0;
}

// Whether `length` more bytes stay under the ceiling. An empty outbox has room for one packet of any size.
static inline bool outbox_has_room(const struct outbox *outbox, uint64_t length)
{
    return outbox->bytes == 0 || outbox->bytes + length <= outbox->bytes_max;
}

// Appends a shared span and refers to its segment.
void outbox_append_slow(struct outbox *outbox, struct span span);

static inline void outbox_append(struct outbox *outbox, struct span span)
{
    if (outbox->head != outbox->tail) {
        struct span *last = &outbox->spans[(outbox->tail - 1) & (outbox->capacity - 1)];
        if (last->segment == span.segment && last->offset + last->length == span.offset) {
            last->length += span.length;
            outbox->bytes += span.length;
            return;
        }
    }
    outbox_append_slow(outbox, span);
}

// Encodes a packet that is this connection's alone. Sets `failed` if there is no memory, as does everything
// that appends.
void outbox_put_packet(struct outbox *outbox, const struct packet *packet, uint8_t version);

// Bytes of no packet: an answer in another protocol.
void outbox_put_bytes(struct outbox *outbox, struct bytes bytes);

// A PUBACK, PUBREC, PUBREL or PUBCOMP without reason and properties.
void outbox_put_ack(struct outbox *outbox, uint8_t packet_type, uint16_t packet_id);

// A PUBLISH whose head is this connection's alone (a packet identifier): copied whole when small; else a
// private head and the payload shared, from `message`, which holds publish->payload.
void outbox_put_publish(struct outbox *outbox, const struct packet_publish *publish, uint8_t version,
                        struct message *message);

// A copy of an encoded PUBLISH above QoS 0, with an identifier of its own at `packet_id_at`.
void outbox_put_copy(struct outbox *outbox, struct bytes packet, uint32_t packet_id_at, uint16_t packet_id);

// The spans to send next, at most `count_max` of them and `bytes_max` bytes, and marks them as handed to the
// kernel. Returns how many; 0 when nothing waits. Nothing may be in the kernel's hands yet: one send at a
// time.
uint32_t outbox_gather(struct outbox *outbox, struct iovec *ret_spans, uint32_t count_max,
                       uint32_t bytes_max);

// Copies what waits from byte `from` on, at most `length` bytes. Returns how many there were.
uint32_t outbox_copy(const struct outbox *outbox, uint64_t from, uint8_t *ret_bytes, uint32_t length);

#define OUTBOX_SEND_MAX ((uint32_t)INT32_MAX) // bytes of one send, which answers with a number of 31 bits

// The kernel answered for the send: `length` bytes of it left, the rest is to be sent again.
void outbox_sent(struct outbox *outbox, uint32_t length);

static inline bool outbox_sending(const struct outbox *outbox)
{
    return outbox->sending > 0;
}

// Copies what waits in shared spans, and is not with the kernel, into private chunks: the connection is not
// reading.
void outbox_detach(struct outbox *outbox);

#endif
