// SPDX-License-Identifier: MIT
// The two queues shared with the kernel, and every io_uring_enter.
//
//     prepare -> submission queue -> enter -> the kernel -> completion queue -> take
//                                                  |              |
//                                            its own backlog   spilled: only when an old kernel refuses
//                                            submissions until when full         completions are taken, in
//                                            the middle of a turn
//
// Invariants: a turn hands out what was there when its wait returned, no more, so it ends; completions come
// in the order of the kernel; the slots of taken completions go back in batches, at the latest before the
// next enter.
//
// The submission queue is published here and not by liburing, so that every enter is one of ours: counted,
// with the flags that we want.
#ifndef RING_RING_QUEUE_H
#define RING_RING_QUEUE_H

#include "server/ring/kernel.h"
#include "server/ring/ring.h"

#define RING_IGNORED 0u // the user_data of submissions whose completion tells nothing: cancels and timeouts

struct ring_completion {
    uint64_t user_data;
    int32_t result;
    uint32_t flags; // IORING_CQE_F_*
};

struct ring_queue {
    struct io_uring uring;
    uint64_t enters;
    uint64_t submissions;
    uint32_t enter_flags; // for every enter
    bool ext_arg;         // a wait carries its timeout
    uint32_t turn_enough; // completions after which no more are gathered for a turn; the owner sets it
    uint32_t turn_left;   // completions that this turn may still take
    uint32_t taken;       // of the completion queue, whose slots were not given back yet
    struct ring_completion *spilled;
    uint32_t spilled_first;
    uint32_t spilled_end;
    uint32_t spilled_capacity;
};

// Takes over a ring that was set up; what the kernel offers is read from it.
void ring_queue_init(struct ring_queue *queue, const struct io_uring *uring, bool ext_arg);
void ring_queue_finish(struct ring_queue *queue);

// A submission to fill. Flushes when there is no room.
struct io_uring_sqe *ring_queue_prepare(struct ring_queue *queue);

// Room left for submissions, and whether all were handed to the kernel.
uint32_t ring_queue_room(const struct ring_queue *queue);
bool ring_queue_submitted(const struct ring_queue *queue);

// Hands everything prepared to the kernel without waiting.
void ring_queue_flush(struct ring_queue *queue);

// As ring_wait; begins the next turn.
WARN_UNUSED int ring_queue_wait(struct ring_queue *queue, uint64_t timeout_ns);

// The next completion of this turn. Returns false when there is none left.
bool ring_queue_take(struct ring_queue *queue, struct ring_completion *ret_completion);

#endif
