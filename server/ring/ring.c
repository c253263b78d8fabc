// SPDX-License-Identifier: MIT
// The operations: each has at most one submission with the kernel, or waits in one list of the ring.
//
//     idle --start--> with the kernel --final completion--> final event --> idle
//                      |        ^
//           no buffer  v        | buffers came back
//                     starved --+--cancel--> ended --> final event (-ECANCELED) --> idle
//
// A completion without IORING_CQE_F_MORE was the last of its submission: an accept, receive or watch that
// shall go on is armed again at once, whether the kernel cannot repeat it or stopped for a reason that is no
// concern of the caller.
#include "server/ring/ring.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/ring/ring_buffers.h"
#include "server/ring/ring_diagnosis.h"
#include "server/ring/ring_feature.h"
#include "server/ring/ring_probe.h"
#include "server/ring/ring_queue.h"

#define ARENA_BYTES     65536u
#define TURN_ENOUGH_MAX 512u // events of a turn: more make its bytes fall out of the caches

struct ring {
    struct ring_queue queue;
    struct ring_buffers buffers;
    struct list starved; // receives that wait for a buffer
    struct list ended;   // cancelled operations that the kernel has no completion for
    uint8_t *arena;      // headers of sends that the kernel has not read yet
    size_t arena_used;
    uint64_t starved_count;
    uint64_t reads;      // system calls besides those of the queue
    uint32_t features;   // RING_*: in use
    uint32_t operations; // not idle
};

static bool ring_has(const struct ring *ring, enum ring_feature feature)
{
    return ring->features & feature;
}

// --- creation ---

static void ring_create_buffers(struct ring *ring, const struct ring_options *options, uint32_t disabled)
{
    if (!(disabled & RING_BUFFER_RING) &&
        ring_buffers_init(&ring->buffers, &ring->queue.uring, options->buffer_count, options->buffer_bytes) ==
            0)
        ring->features |= RING_BUFFER_RING;
    else
        ring_buffers_init_single(&ring->buffers, options->buffer_bytes);
}

static void ring_probe_features(struct ring *ring, uint32_t disabled)
{
    if (!(disabled & RING_MULTISHOT_ACCEPT) && ring_probe_multishot_accept(&ring->queue))
        ring->features |= RING_MULTISHOT_ACCEPT;
    if (!(disabled & RING_MULTISHOT_RECEIVE) && ring_has(ring, RING_BUFFER_RING) &&
        ring_probe_multishot_receive(&ring->queue, &ring->buffers))
        ring->features |= RING_MULTISHOT_RECEIVE;
}

int ring_create(const struct ring_options *options, struct ring **ret_ring, char *ret_error)
{
    assert(options->entries > 0 && options->buffer_bytes > 0);
    uint32_t disabled = ring_feature_disabled(options->disable);
    struct io_uring uring;
    uint32_t features;
    int result = ring_probe_setup(options->entries, disabled, &uring, &features);
    if (result < 0) {
        ring_diagnose(result, ret_error);
        return result;
    }
    struct ring *ring = memory_require(sizeof *ring);
    ring->features = features;
    ring->arena = memory_require(ARENA_BYTES);
    list_init(&ring->starved);
    list_init(&ring->ended);
    ring_queue_init(&ring->queue, &uring, ring_has(ring, RING_EXT_ARG));
    ring_create_buffers(ring, options, disabled);
    result = ring_probe_enable(&ring->queue.uring);
    if (result < 0) {
        ring_diagnose(result, ret_error);
        ring_destroy(ring);
        return result;
    }
    ring_probe_features(ring, disabled);
    // Gathering takes buffers, which come back only during the turn: half of them stay for what comes in
    // between.
    ring->queue.turn_enough = ring_has(ring, RING_BUFFER_RING) && ring->buffers.count / 2 < TURN_ENOUGH_MAX
                                  ? ring->buffers.count / 2
                                  : TURN_ENOUGH_MAX;
    *ret_ring = ring;
    return 0;
}

void ring_destroy(struct ring *ring)
{
    if (ring == NULL)
        return;
    assert(ring->operations == 0);
    ring_queue_finish(&ring->queue);
    ring_buffers_finish(&ring->buffers);
    free(ring->arena);
    free(ring);
}

void ring_features(const struct ring *ring, char ret_text[RING_FEATURES_BYTES])
{
    ring_feature_print(ring->features, ret_text);
}

struct ring_counters ring_counters(const struct ring *ring)
{
    return (struct ring_counters){.enters = ring->queue.enters + ring->reads,
                                  .submissions = ring->queue.submissions,
                                  .starved = ring->starved_count};
}

// --- starting and cancelling ---

static void ring_operation_begin(struct ring *ring, struct ring_operation *operation, enum ring_kind kind,
                                 int fd)
{
    assert(operation->kind == RING_IDLE && fd >= 0);
    list_init(&operation->waiting);
    operation->fd = fd;
    operation->kind = (uint8_t)kind;
    operation->cancelled = false;
    ring->operations++;
}

// While some starve, a receive takes one buffer and queues again, so that nobody takes all there are.
static void ring_prepare_receive(const struct ring *ring, struct io_uring_sqe *submission, int fd)
{
    if (!ring_has(ring, RING_BUFFER_RING)) {
        io_uring_prep_poll_add(submission, fd, POLLIN);
        return;
    }
    io_uring_prep_recv(submission, fd, NULL, 0, 0);
    io_uring_sqe_set_flags(submission, IOSQE_BUFFER_SELECT);
    submission->buf_group = RING_BUFFER_GROUP;
    if (ring_has(ring, RING_MULTISHOT_RECEIVE) && list_empty(&ring->starved))
        submission->ioprio |= IORING_RECV_MULTISHOT;
}

// Hands an operation that goes on until cancelled to the kernel, for the first time or again.
static void ring_arm(struct ring *ring, struct ring_operation *operation)
{
    struct io_uring_sqe *submission = ring_queue_prepare(&ring->queue);
    if (operation->kind == RING_RECEIVE)
        ring_prepare_receive(ring, submission, operation->fd);
    else if (operation->kind == RING_WATCH)
        io_uring_prep_poll_add(submission, operation->fd, POLLIN);
    else if (ring_has(ring, RING_MULTISHOT_ACCEPT))
        io_uring_prep_multishot_accept(submission, operation->fd, NULL, NULL, SOCK_CLOEXEC);
    else
        io_uring_prep_accept(submission, operation->fd, NULL, NULL, SOCK_CLOEXEC);
    io_uring_sqe_set_data(submission, operation);
}

void ring_accept(struct ring *ring, struct ring_operation *operation, int fd)
{
    ring_operation_begin(ring, operation, RING_ACCEPT, fd);
    ring_arm(ring, operation);
}

void ring_receive(struct ring *ring, struct ring_operation *operation, int fd)
{
    ring_operation_begin(ring, operation, RING_RECEIVE, fd);
    ring_arm(ring, operation);
}

void ring_watch(struct ring *ring, struct ring_operation *operation, int fd)
{
    ring_operation_begin(ring, operation, RING_WATCH, fd);
    ring_arm(ring, operation);
}

// The header of a gathered send. The kernel reads it when it takes the submission; until then it stays in the
// arena.
static const struct msghdr *ring_arena_message(struct ring *ring, const struct iovec *spans, uint32_t count)
{
    struct msghdr *message = (struct msghdr *)(void *)(ring->arena + ring->arena_used);
    struct iovec *copy = (struct iovec *)(message + 1);
    memcpy(copy, spans, count * sizeof *spans);
    *message = (struct msghdr){.msg_iov = copy, .msg_iovlen = count};
    ring->arena_used += sizeof *message + count * sizeof *spans;
    return message;
}

// Makes sure that the next submission and its header can be prepared without a flush between the two.
static void ring_make_room(struct ring *ring, size_t arena_bytes)
{
    if (ring_queue_room(&ring->queue) == 0 || ARENA_BYTES - ring->arena_used < arena_bytes)
        ring_queue_flush(&ring->queue);
    if (ring_queue_submitted(&ring->queue))
        ring->arena_used = 0;
}

void ring_send(struct ring *ring, struct ring_operation *operation, int fd, const struct iovec *spans,
               uint32_t count)
{
    assert(count > 0 && count <= RING_SPANS_MAX);
    ring_operation_begin(ring, operation, RING_SEND, fd);
    ring_make_room(ring, sizeof(struct msghdr) + count * sizeof *spans);
    struct io_uring_sqe *submission = ring_queue_prepare(&ring->queue);
    const int flags = MSG_NOSIGNAL | MSG_WAITALL;
    if (count == 1)
        io_uring_prep_send(submission, fd, spans->iov_base, spans->iov_len, flags);
    else
        io_uring_prep_sendmsg(submission, fd, ring_arena_message(ring, spans, count), flags);
    io_uring_sqe_set_data(submission, operation);
}

void ring_cancel(struct ring *ring, struct ring_operation *operation)
{
    if (operation->kind == RING_IDLE || operation->cancelled)
        return;
    operation->cancelled = true;
    if (!list_empty(&operation->waiting)) { // starved: the kernel does not know it
        list_remove(&operation->waiting);
        list_append(&ring->ended, &operation->waiting);
        return;
    }
    struct io_uring_sqe *submission = ring_queue_prepare(&ring->queue);
    io_uring_prep_cancel(submission, operation, 0);
    io_uring_sqe_set_data64(submission, RING_IGNORED);
}

// --- waiting ---

// As many starved receives as there are buffers get another try: more would only starve again. Returns true
// if some are left.
static bool ring_feed_starved(struct ring *ring)
{
    for (uint32_t i = 0; i < ring->buffers.count; i++) {
        struct list *first = list_take_first(&ring->starved);
        if (first == NULL)
            return false;
        ring_arm(ring, container_of(first, struct ring_operation, waiting));
    }
    return !list_empty(&ring->starved);
}

int ring_wait(struct ring *ring, uint64_t timeout_ns)
{
    ring_buffers_release(&ring->buffers);
    ring_buffers_announce(&ring->buffers);
    // Buffers may be left over for those who did not get a try now, so the next turn must come soon.
    bool hurry = ring_feed_starved(ring) || !list_empty(&ring->ended);
    int result = ring_queue_wait(&ring->queue, hurry ? 0 : timeout_ns);
    if (ring_queue_submitted(&ring->queue))
        ring->arena_used = 0;
    return result;
}

// --- events ---

// Ends an operation. Returns true: there is an event.
static bool ring_operation_end(struct ring *ring, struct ring_operation *operation, int32_t result,
                               struct ring_event *ret_event)
{
    assert(ring->operations > 0 && list_empty(&operation->waiting));
    ring->operations--;
    operation->kind = RING_IDLE;
    operation->cancelled = false;
    *ret_event = (struct ring_event){.operation = operation, .result = result, .final = true};
    return true;
}

// After the last completion of a submission that was not the end: once more, unless the caller wants no more.
static void ring_operation_go_on(struct ring *ring, struct ring_operation *operation)
{
    if (operation->cancelled)
        list_append(&ring->ended, &operation->waiting);
    else if (operation->kind == RING_RECEIVE && !list_empty(&ring->starved))
        list_append(&ring->starved, &operation->waiting); // others wait longer
    else
        ring_arm(ring, operation);
}

// A failure that passes: the caller learns of it only when the operation was to end anyway. Returns true if
// there is an event.
static bool ring_operation_retry(struct ring *ring, struct ring_operation *operation,
                                 struct ring_event *ret_event)
{
    if (operation->cancelled)
        return ring_operation_end(ring, operation, -ECANCELED, ret_event);
    ring_arm(ring, operation);
    return false;
}

static bool ring_accept_completed(struct ring *ring, struct ring_operation *operation,
                                  const struct ring_completion *completion, struct ring_event *ret_event)
{
    int32_t result = completion->result;
    if (result == -ECONNABORTED || result == -EINTR)
        return ring_operation_retry(ring, operation, ret_event);
    if (result < 0)
        return ring_operation_end(ring, operation, result, ret_event);
    *ret_event = (struct ring_event){.operation = operation, .result = result};
    if (!(completion->flags & IORING_CQE_F_MORE))
        ring_operation_go_on(ring, operation);
    return true;
}

static bool ring_receive_starved(struct ring *ring, struct ring_operation *operation,
                                 struct ring_event *ret_event)
{
    if (operation->cancelled)
        return ring_operation_end(ring, operation, -ECANCELED, ret_event);
    ring->starved_count++;
    list_append(&ring->starved, &operation->waiting);
    return false;
}

static bool ring_receive_completed(struct ring *ring, struct ring_operation *operation,
                                   const struct ring_completion *completion, struct ring_event *ret_event)
{
    int32_t result = completion->result;
    uint8_t *data = NULL;
    if (completion->flags & IORING_CQE_F_BUFFER)
        data = ring_buffers_lend(&ring->buffers, completion->flags);
    if (result == -ENOBUFS)
        return ring_receive_starved(ring, operation, ret_event);
    if (result == -EINTR)
        return ring_operation_retry(ring, operation, ret_event);
    if (result <= 0)
        return ring_operation_end(ring, operation, result, ret_event);
    *ret_event = (struct ring_event){.operation = operation, .data = data, .result = result};
    if (!(completion->flags & IORING_CQE_F_MORE))
        ring_operation_go_on(ring, operation);
    return true;
}

// Takes one buffer of bytes and polls again, so that a fast peer has no more than its share of a turn.
static bool ring_receive_ready(struct ring *ring, struct ring_operation *operation,
                               struct ring_event *ret_event)
{
    ssize_t result = recv(operation->fd, ring->buffers.memory, ring->buffers.bytes, MSG_DONTWAIT);
    if (result < 0 && (errno == EAGAIN || errno == EINTR))
        return ring_operation_retry(ring, operation, ret_event);
    if (result <= 0)
        return ring_operation_end(ring, operation, result < 0 ? -errno : 0, ret_event);
    *ret_event =
        (struct ring_event){.operation = operation, .data = ring->buffers.memory, .result = (int32_t)result};
    ring_arm(ring, operation);
    return true;
}

static bool ring_watch_ready(struct ring *ring, struct ring_operation *operation,
                             struct ring_event *ret_event)
{
    uint64_t count;
    ssize_t result = read(operation->fd, &count, sizeof count);
    if (result < 0 && errno != EAGAIN && errno != EINTR)
        return ring_operation_end(ring, operation, -errno, ret_event);
    ring_arm(ring, operation);
    *ret_event = (struct ring_event){.operation = operation};
    return result > 0;
}

// The descriptor of an operation that polls is readable.
static bool ring_poll_completed(struct ring *ring, struct ring_operation *operation,
                                const struct ring_completion *completion, struct ring_event *ret_event)
{
    if (completion->result == -EINTR)
        return ring_operation_retry(ring, operation, ret_event);
    if (completion->result < 0)
        return ring_operation_end(ring, operation, completion->result, ret_event);
    if (operation->cancelled)
        return ring_operation_end(ring, operation, -ECANCELED, ret_event);
    ring->reads++;
    return operation->kind == RING_WATCH ? ring_watch_ready(ring, operation, ret_event)
                                         : ring_receive_ready(ring, operation, ret_event);
}

static bool ring_send_completed(struct ring *ring, struct ring_operation *operation,
                                const struct ring_completion *completion, struct ring_event *ret_event)
{
    int32_t result =
        completion->result == -EINTR ? 0 : completion->result; // nothing was sent, nothing is wrong
    return ring_operation_end(ring, operation, result, ret_event);
}

static bool ring_completed(struct ring *ring, const struct ring_completion *completion,
                           struct ring_event *ret_event)
{
    struct ring_operation *operation = (struct ring_operation *)(uintptr_t)completion->user_data;
    switch ((enum ring_kind)operation->kind) {
    case RING_ACCEPT:
        return ring_accept_completed(ring, operation, completion, ret_event);
    case RING_RECEIVE:
        return ring_has(ring, RING_BUFFER_RING)
                   ? ring_receive_completed(ring, operation, completion, ret_event)
                   : ring_poll_completed(ring, operation, completion, ret_event);
    case RING_SEND:
        return ring_send_completed(ring, operation, completion, ret_event);
    case RING_WATCH:
        return ring_poll_completed(ring, operation, completion, ret_event);
    case RING_IDLE:
        break;
    }
    assert(!"a completion of an operation that is not with the kernel");
    return false;
}

bool ring_next(struct ring *ring, struct ring_event *ret_event)
{
    ring_buffers_release(&ring->buffers);
    struct list *ended = list_take_first(&ring->ended);
    if (ended != NULL)
        return ring_operation_end(ring, container_of(ended, struct ring_operation, waiting), -ECANCELED,
                                  ret_event);
    struct ring_completion completion;
    while (ring_queue_take(&ring->queue, &completion)) {
        if (completion.user_data != RING_IGNORED && ring_completed(ring, &completion, ret_event))
            return true;
        ring_buffers_release(&ring->buffers);
    }
    return false;
}
