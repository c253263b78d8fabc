// SPDX-License-Identifier: MIT
// Receive buffers. With a buffer ring, all of them lie with the kernel, which fills one when bytes arrive; it
// is lent to the caller with the event and goes back when the next event is asked for. Without, there is one
// buffer that every receive uses.
//
//     the kernel's --completion--> lent --release--> put back --announce--> the kernel's
//
// At most one buffer is lent at a time; others may lie in completions that were not looked at yet.
#ifndef RING_RING_BUFFERS_H
#define RING_RING_BUFFERS_H

#include "server/ring/kernel.h"
#include "server/ring/ring.h"

#define RING_BUFFER_GROUP 0u

struct ring_buffers {
    struct io_uring_buf_ring *ring; // NULL: one buffer, no ring
    size_t ring_bytes;
    uint8_t *memory;
    size_t memory_bytes;
    uint32_t count;    // a power of two
    uint32_t bytes;    // of each
    uint32_t put_back; // not announced yet
    uint16_t lent;
    bool lending;
};

// Registers a ring of buffers, with fewer of them if the memlock limit asks for it. Returns 0 or -errno.
WARN_UNUSED int ring_buffers_init(struct ring_buffers *buffers, struct io_uring *uring, uint32_t count,
                                  uint32_t bytes);

// The one buffer of a kernel without buffer rings.
void ring_buffers_init_single(struct ring_buffers *buffers, uint32_t bytes);

// When the ring that they were registered with has ended.
void ring_buffers_finish(struct ring_buffers *buffers);

// Lends the buffer that a completion with IORING_CQE_F_BUFFER names.
uint8_t *ring_buffers_lend(struct ring_buffers *buffers, uint32_t completion_flags);

// Takes back the buffer that was lent; harmless if none was.
void ring_buffers_release(struct ring_buffers *buffers);

// Tells the kernel about the buffers that came back.
void ring_buffers_announce(struct ring_buffers *buffers);

#endif
