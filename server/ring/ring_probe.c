// SPDX-License-Identifier: MIT
#include "server/ring/ring_probe.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "server/ring/ring_feature.h"

#define ENTRIES_FLOOR 16u
#define COMPLETIONS_FACTOR                                                                                   \
    4u // completion slots for each submission slot: repeating operations complete often
#define PROBE_TAG 1u

// The setup flags to try, best first.
struct ring_setup {
    uint32_t flags;
    uint32_t features;
};

static const struct ring_setup setups[] = {
    {IORING_SETUP_SUBMIT_ALL | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
     RING_SINGLE_ISSUER | RING_DEFER_TASKRUN},
    {IORING_SETUP_SUBMIT_ALL | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_COOP_TASKRUN |
         IORING_SETUP_TASKRUN_FLAG,
     RING_SINGLE_ISSUER | RING_COOP_TASKRUN},
    {IORING_SETUP_SUBMIT_ALL | IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG, RING_COOP_TASKRUN},
    {IORING_SETUP_SUBMIT_ALL | IORING_SETUP_SINGLE_ISSUER, RING_SINGLE_ISSUER},
    {IORING_SETUP_SUBMIT_ALL, 0},
    {0, 0},
};

// What every kernel since 5.10 has and the ring cannot do without: a backlog of completions, arguments that
// are read at the submission, and receives that wait without a thread.
#define FEATURES_NEEDED (IORING_FEAT_NODROP | IORING_FEAT_SUBMIT_STABLE | IORING_FEAT_FAST_POLL)

// Locked memory is limited on old kernels: a smaller ring works as well, with more system calls.
static int ring_probe_open(uint32_t entries, uint32_t flags, struct io_uring *ret_uring)
{
    for (;;) {
        struct io_uring_params params = {.flags = flags | IORING_SETUP_R_DISABLED | IORING_SETUP_CQSIZE |
                                                  IORING_SETUP_CLAMP,
                                         .cq_entries = entries * COMPLETIONS_FACTOR};
        int result = io_uring_queue_init_params(entries, ret_uring, &params);
        if (result != -ENOMEM || entries / 2 < ENTRIES_FLOOR)
            return result;
        entries /= 2;
    }
}

int ring_probe_setup(uint32_t entries, uint32_t disabled, struct io_uring *ret_uring, uint32_t *ret_features)
{
    int result = -EINVAL;
    for (size_t i = 0; i < sizeof setups / sizeof setups[0] && result == -EINVAL; i++) {
        if (setups[i].features & disabled)
            continue;
        result = ring_probe_open(entries, setups[i].flags, ret_uring);
        *ret_features = setups[i].features;
    }
    if (result == -EINVAL)
        return -EOPNOTSUPP; // even the oldest flags are unknown
    if (result < 0)
        return result;
    if ((ret_uring->features & FEATURES_NEEDED) != FEATURES_NEEDED) {
        io_uring_queue_exit(ret_uring);
        return -EOPNOTSUPP;
    }
    if ((ret_uring->features & IORING_FEAT_EXT_ARG) && !(disabled & RING_EXT_ARG))
        *ret_features |= RING_EXT_ARG;
    return 0;
}

int ring_probe_enable(struct io_uring *uring)
{
    static const uint8_t operations[] = {
        IORING_OP_ACCEPT,  IORING_OP_POLL_ADD, IORING_OP_RECV,         IORING_OP_SEND,
        IORING_OP_SENDMSG, IORING_OP_TIMEOUT,  IORING_OP_ASYNC_CANCEL,
    };
    enum { OPERATIONS = sizeof operations / sizeof operations[0], RESTRICTIONS = OPERATIONS + 2 };
    struct io_uring_restriction restrictions[RESTRICTIONS] = {
        [OPERATIONS] = {.opcode = IORING_RESTRICTION_SQE_FLAGS_ALLOWED, .sqe_flags = IOSQE_BUFFER_SELECT},
        // One registration that does no harm, so that all others are refused.
        [OPERATIONS + 1] = {.opcode = IORING_RESTRICTION_REGISTER_OP, .register_op = IORING_REGISTER_PROBE},
    };
    for (uint32_t i = 0; i < OPERATIONS; i++)
        restrictions[i] =
            (struct io_uring_restriction){.opcode = IORING_RESTRICTION_SQE_OP, .sqe_op = operations[i]};
    // By the general call: the two for these purposes are declared by liburing 2.3, but not exported.
    unsigned fd = (unsigned)uring->ring_fd;
    int result = io_uring_register(fd, IORING_REGISTER_RESTRICTIONS, restrictions, RESTRICTIONS);
    if (result == 0)
        result = io_uring_register(fd, IORING_REGISTER_ENABLE_RINGS, NULL, 0);
    // A filter may let rings be made and not be entered: nothing that is started later would come back.
    return result < 0 ? result : io_uring_enter(fd, 0, 0, 0, NULL);
}

struct ring_probe_outcome {
    uint32_t completions;
    int32_t last; // the result of the last one
};

static struct ring_probe_outcome ring_probe_run(struct ring_queue *queue, struct ring_buffers *buffers)
{
    struct ring_probe_outcome outcome = {0};
    for (bool more = true; more;) {
        if (ring_queue_wait(queue, RING_WAIT_FOREVER) < 0)
            return (struct ring_probe_outcome){0};
        struct ring_completion completion;
        while (ring_queue_take(queue, &completion)) {
            if (completion.user_data != PROBE_TAG)
                continue;
            outcome.completions++;
            outcome.last = completion.result;
            more = completion.flags & IORING_CQE_F_MORE;
            if (completion.flags & IORING_CQE_F_BUFFER)
                (void)ring_buffers_lend(buffers, completion.flags); // the byte in it is our own
            ring_buffers_release(buffers);
        }
    }
    ring_buffers_announce(buffers);
    return outcome;
}

// A listener that nobody knows, outside of any network: the kernel names it.
static int ring_probe_listener(void)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (fd >= 0 && bind(fd, (const struct sockaddr *)&address, sizeof address.sun_family) == 0 &&
        listen(fd, 1) == 0)
        return fd;
    if (fd >= 0)
        (void)close(fd); // nothing was written to it
    return -1;
}

bool ring_probe_multishot_accept(struct ring_queue *queue)
{
    int fd = ring_probe_listener();
    if (fd < 0)
        return false;
    struct io_uring_sqe *accept = ring_queue_prepare(queue);
    io_uring_prep_multishot_accept(accept, fd, NULL, NULL, SOCK_CLOEXEC);
    io_uring_sqe_set_data64(accept, PROBE_TAG);
    struct io_uring_sqe *cancel = ring_queue_prepare(queue);
    io_uring_prep_cancel64(cancel, PROBE_TAG, 0);
    io_uring_sqe_set_data64(cancel, RING_IGNORED);
    struct ring_buffers none = {0};
    struct ring_probe_outcome outcome = ring_probe_run(queue, &none);
    (void)close(fd); // nothing was written to it
    return outcome.last == -ECANCELED;
}

// One byte, then the end: a receive that repeats itself reports both.
bool ring_probe_multishot_receive(struct ring_queue *queue, struct ring_buffers *buffers)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return false;
    struct ring_probe_outcome outcome = {0};
    if (send(pair[1], "", 1, MSG_NOSIGNAL) == 1 && shutdown(pair[1], SHUT_WR) == 0) {
        struct io_uring_sqe *receive = ring_queue_prepare(queue);
        io_uring_prep_recv_multishot(receive, pair[0], NULL, 0, 0);
        io_uring_sqe_set_flags(receive, IOSQE_BUFFER_SELECT);
        receive->buf_group = RING_BUFFER_GROUP;
        io_uring_sqe_set_data64(receive, PROBE_TAG);
        outcome = ring_probe_run(queue, buffers);
    }
    (void)close(pair[0]); // neither has anything left to say
    (void)close(pair[1]);
    return outcome.completions == 2 && outcome.last == 0;
}
