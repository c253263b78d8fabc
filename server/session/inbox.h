// SPDX-License-Identifier: MIT
// From a stream of bytes to whole packets. Packets that lie whole in the received bytes are decoded in place;
// only one that is cut by the end of them is collected in a buffer, which grows with the bytes that came and
// not with the length that the peer claims.
//
//     inbox_feed(&inbox, received);
//     while ((status = inbox_next(&inbox, size_max, &frame)) == FRAME_READY)
//         ... the frame's bytes are good until the next call of inbox_next ...
//
// After FRAME_NEED_MORE everything received is either consumed or collected; after FRAME_MALFORMED the stream
// is of no more use.
#ifndef SESSION_INBOX_H
#define SESSION_INBOX_H

#include "proto/proto.h"
#include "server/outbox/outbox.h"

struct inbox {
    struct bytes fed;            // received and not consumed yet; borrowed
    struct segment *partial;     // the packet that is cut, or NULL
    struct segment_pool *chunks; // where small partial packets are kept
    uint32_t handed_out;         // bytes of `fed` that the frame given out last takes
    bool partial_done;           // the frame given out last lies in `partial`
};

void inbox_init(struct inbox *inbox, struct segment_pool *chunks);
void inbox_finish(struct inbox *inbox);

// Takes up a view of received bytes; what was fed before must have been worked off.
void inbox_feed(struct inbox *inbox, struct bytes received);

// The next packet. FRAME_MALFORMED also when there is no memory for a cut one: ret_frame->reason is
// REASON_QUOTA_EXCEEDED then.
enum frame_status inbox_next(struct inbox *inbox, uint32_t size_max, struct frame *ret_frame);

// Takes what was fed and not given out yet, the packet given out last being done with: a view of what was
// fed. Nothing may be collected.
struct bytes inbox_take_left(struct inbox *inbox);

// All bytes that were not given out yet, in order, into `writer`: for a connection that moves to another
// shard.
uint32_t inbox_left(const struct inbox *inbox);
void inbox_copy_left(const struct inbox *inbox, struct writer *writer);

#endif
