// SPDX-License-Identifier: MIT
#include "server/ring/ring_queue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TAKEN_BATCH      32u
#define DEFERRED_PORTION 20u // the kernel's own

void ring_queue_init(struct ring_queue *queue, const struct io_uring *uring, bool ext_arg)
{
    *queue = (struct ring_queue){.uring = *uring, .ext_arg = ext_arg};
    if (uring->features & IORING_FEAT_NO_IOWAIT)
        queue->enter_flags = IORING_ENTER_NO_IOWAIT;
    // Submissions are always published in the order of their slots.
    for (unsigned i = 0; uring->sq.array != NULL && i < uring->sq.ring_entries; i++)
        uring->sq.array[i] = i;
}

void ring_queue_finish(struct ring_queue *queue)
{
    io_uring_queue_exit(&queue->uring);
    free(queue->spilled);
}

uint32_t ring_queue_room(const struct ring_queue *queue)
{
    return io_uring_sq_space_left(&queue->uring);
}

bool ring_queue_submitted(const struct ring_queue *queue)
{
    return io_uring_sq_ready(&queue->uring) == 0;
}

struct io_uring_sqe *ring_queue_prepare(struct ring_queue *queue)
{
    if (ring_queue_room(queue) == 0)
        ring_queue_flush(queue);
    struct io_uring_sqe *submission = io_uring_get_sqe(&queue->uring);
    assert(submission != NULL);
    return submission;
}

static void ring_queue_give_back(struct ring_queue *queue)
{
    io_uring_cq_advance(&queue->uring, queue->taken);
    queue->taken = 0;
}

// One system call: submits everything prepared, and waits as the flags say. `timeout` may be NULL.
static int ring_queue_enter(struct ring_queue *queue, unsigned wait_count, unsigned flags,
                            struct __kernel_timespec *timeout)
{
    struct io_uring_sq *sq = &queue->uring.sq;
    sq->sqe_head = sq->sqe_tail;
    io_uring_smp_store_release(sq->ktail, sq->sqe_tail);

    bool limited = timeout != NULL;
    struct io_uring_getevents_arg argument = {.ts = (uint64_t)(uintptr_t)timeout};
    flags |= queue->enter_flags | (limited ? IORING_ENTER_EXT_ARG : 0);
    queue->enters++;
    int result =
        io_uring_enter2(queue->uring.enter_ring_fd, io_uring_sq_ready(&queue->uring), wait_count, flags,
                        limited ? (sigset_t *)&argument : NULL, limited ? sizeof argument : 0);
    if (result > 0)
        queue->submissions += (uint64_t)result;
    return result;
}

static bool ring_queue_error_ordinary(int error)
{
    return error == -EINTR || error == -ETIME || error == -EBUSY || error == -EAGAIN;
}

// Makes room for completions in the middle of a turn by moving them all into our memory, behind those moved
// earlier.
static void ring_queue_spill(struct ring_queue *queue)
{
    ring_queue_give_back(queue);
    struct io_uring_cq *cq = &queue->uring.cq;
    unsigned ready = io_uring_cq_ready(&queue->uring);
    if (queue->spilled_end + ready > queue->spilled_capacity) {
        queue->spilled_capacity = (queue->spilled_end + ready) * 2;
        queue->spilled =
            memory_require_again(queue->spilled, queue->spilled_capacity * sizeof *queue->spilled);
    }
    for (unsigned i = 0; i < ready; i++) {
        const struct io_uring_cqe *cqe = &cq->cqes[(*cq->khead + i) & cq->ring_mask];
        queue->spilled[queue->spilled_end++] = (struct ring_completion){cqe->user_data, cqe->res, cqe->flags};
    }
    io_uring_cq_advance(&queue->uring, ready);
}

void ring_queue_flush(struct ring_queue *queue)
{
    ring_queue_give_back(queue);
    while (!ring_queue_submitted(queue)) {
        int result = ring_queue_enter(queue, 0, 0, NULL);
        if (result >= 0 || result == -EINTR)
            continue;
        // Before Linux 5.19, a completion queue that overflows refuses submissions; a kernel short of memory
        // does so too.
        assert(ring_queue_error_ordinary(result));
        ring_queue_spill(queue);
        queue->enters++;
        (void)io_uring_get_events(&queue->uring); // moves the backlog; if it fails, the next round tells why
    }
}

// Before Linux 5.11 a timeout is a submission of its own, which ends with the first completion after it.
static void ring_queue_prepare_timeout(struct ring_queue *queue, struct __kernel_timespec *timeout)
{
    struct io_uring_sqe *submission = ring_queue_prepare(queue);
    io_uring_prep_timeout(submission, timeout, 1, 0);
    io_uring_sqe_set_data64(submission, RING_IGNORED);
}

static int ring_queue_sleep(struct ring_queue *queue, uint64_t timeout_ns)
{
    struct __kernel_timespec timeout = {.tv_sec = (int64_t)(timeout_ns / NS_PER_S),
                                        .tv_nsec = (int64_t)(timeout_ns % NS_PER_S)};
    bool limited = timeout_ns != RING_WAIT_FOREVER;
    if (limited && !queue->ext_arg)
        ring_queue_prepare_timeout(queue, &timeout);
    return ring_queue_enter(queue, 1, IORING_ENTER_GETEVENTS, limited && queue->ext_arg ? &timeout : NULL);
}

static uint32_t ring_queue_ready(const struct ring_queue *queue)
{
    return queue->spilled_end - queue->spilled_first + io_uring_cq_ready(&queue->uring);
}

// A kernel that defers works out only some completions in each call. More are asked for as long as a call
// brings a full portion: deep turns are worth more than the calls cost.
static void ring_queue_gather(struct ring_queue *queue)
{
    uint32_t ready = ring_queue_ready(queue);
    uint32_t portion = ready;
    while (portion >= DEFERRED_PORTION && ready < queue->turn_enough) {
        if (ring_queue_enter(queue, 0, IORING_ENTER_GETEVENTS, NULL) < 0)
            return; // the next wait tells, if it lasts
        portion = ring_queue_ready(queue) - ready;
        ready += portion;
    }
}

int ring_queue_wait(struct ring_queue *queue, uint64_t timeout_ns)
{
    ring_queue_give_back(queue);
    int result = timeout_ns == 0 || ring_queue_ready(queue) > 0
                     ? ring_queue_enter(queue, 0, IORING_ENTER_GETEVENTS, NULL)
                     : ring_queue_sleep(queue, timeout_ns);
    if (result >= 0 && (queue->uring.flags & IORING_SETUP_DEFER_TASKRUN))
        ring_queue_gather(queue);
    queue->turn_left = ring_queue_ready(queue);
    return result >= 0 || ring_queue_error_ordinary(result) ? 0 : result;
}

bool ring_queue_take(struct ring_queue *queue, struct ring_completion *ret_completion)
{
    if (queue->turn_left == 0) {
        ring_queue_give_back(queue);
        return false;
    }
    queue->turn_left--;
    if (queue->spilled_first < queue->spilled_end) {
        *ret_completion = queue->spilled[queue->spilled_first++];
        if (queue->spilled_first == queue->spilled_end)
            queue->spilled_first = queue->spilled_end = 0;
        return true;
    }
    const struct io_uring_cq *cq = &queue->uring.cq;
    const struct io_uring_cqe *cqe = &cq->cqes[(*cq->khead + queue->taken) & cq->ring_mask];
    *ret_completion = (struct ring_completion){cqe->user_data, cqe->res, cqe->flags};
    if (++queue->taken == TAKEN_BATCH)
        ring_queue_give_back(queue);
    return true;
}
