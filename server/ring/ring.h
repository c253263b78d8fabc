// SPDX-License-Identifier: MIT
// The door of server/ring/: input and output by completion.
//
// The caller owns each operation and embeds it where it belongs; from the call that starts it until its final
// event it is the ring's, together with the bytes that it names. Events are pulled, one at a time, after the
// one wait of a turn:
//
//     ring_wait(ring, timeout_ns);                    // submits what was started, sleeps
//     while (ring_next(ring, &event))                 // bytes received are valid until the next call
//         handle(event.operation, &event);            // may start and cancel operations
//
// Nothing calls back and nothing recurses. Which kernel features serve an operation is hidden: an accept or
// receive goes on until it is cancelled or fails, whether the kernel repeats it by itself or the ring starts
// it again.
#ifndef RING_RING_H
#define RING_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "server/base/base.h"

#define RING_SPANS_MAX      64u  // spans of one send
#define RING_FEATURES_BYTES 256u // room for ring_features
#define RING_WAIT_FOREVER   UINT64_MAX

struct ring;

enum ring_kind { RING_IDLE, RING_ACCEPT, RING_RECEIVE, RING_SEND, RING_WATCH };

// All members but `owner` are the ring's. Zeroed memory is an idle operation.
struct ring_operation {
    struct list waiting; // for buffers, while starved
    uint32_t owner;      // the caller's: what kind of object embeds this operation
    int fd;
    uint8_t kind; // enum ring_kind; RING_IDLE when the operation is the caller's
    bool cancelled;
};

// The result: for an accept the new descriptor; for a receive the number of bytes, or 0 at the peer's end;
// for a send the number of bytes, which may be fewer than asked; for a watch 0; or -errno. A received chunk,
// an accepted connection and a raised counter are never final: what ends such an operation comes in an event
// of its own.
struct ring_event {
    struct ring_operation *operation;
    uint8_t
        *data; // received bytes, borrowed until the next ring_next and the caller's to change; NULL otherwise
    int32_t result;
    bool final; // the operation is the caller's again
};

struct ring_options {
    uint32_t entries; // submissions between two waits; the ring has fewer where the memlock limit asks for it
    uint32_t buffer_count; // provided receive buffers (a power of two) and
    uint32_t buffer_bytes; // the size of each
    const char *disable;   // features not to use: see ring_disable_check; or NULL
};

struct ring_counters {
    uint64_t enters;      // system calls made by the ring
    uint64_t submissions; // operations handed to the kernel
    uint64_t starved;     // receives that had to wait for a buffer
};

// Creates a ring for the calling thread, which alone may use it. Returns 0, or -errno and one line in
// ret_error (of RING_ERROR_BYTES) that names the cause and what to do: the sysctl kernel.io_uring_disabled, a
// seccomp filter, the memlock limit, a kernel without io_uring.
#define RING_ERROR_BYTES 256u
WARN_UNUSED int ring_create(const struct ring_options *options, struct ring **ret_ring, char *ret_error);

// Cancels nothing and waits for nothing: every operation must be idle. NULL is accepted.
void ring_destroy(struct ring *ring);

// Checks a list of feature names (multishot-accept, multishot-receive, buffer-ring, single-issuer,
// defer-taskrun, coop-taskrun, ext-arg, all). Returns NULL, or the first name that is unknown (pointing into
// `names`).
const char *ring_disable_check(const char *names);

// The features in use, for a line of the log, such as "multishot-accept multishot-receive buffer-ring
// single-issuer defer-taskrun ext-arg"; "poll" in the place of a missing buffer ring.
void ring_features(const struct ring *ring, char ret_text[RING_FEATURES_BYTES]);

struct ring_counters ring_counters(const struct ring *ring);

// Accepts connections on `fd` until cancelled: one event for each, with descriptors that are close-on-exec.
// An error (such as -EMFILE) is final.
void ring_accept(struct ring *ring, struct ring_operation *operation, int fd);

// Receives from `fd` until the peer's end, an error, or a cancel; each of these is a final event.
void ring_receive(struct ring *ring, struct ring_operation *operation, int fd);

// Sends the spans in order, with one final event. The array is copied; the bytes must stay until the event.
// `count` is 1 to RING_SPANS_MAX.
void ring_send(struct ring *ring, struct ring_operation *operation, int fd, const struct iovec *spans,
               uint32_t count);

// Reads and discards the counter of an eventfd whenever it is raised, with one event each time,
// until cancelled. The ring must be its only reader.
void ring_watch(struct ring *ring, struct ring_operation *operation, int fd);

// Asks for the end of an operation; its final event (-ECANCELED, or what it came to first) still follows.
// Harmless when idle or asked for already.
void ring_cancel(struct ring *ring, struct ring_operation *operation);

// Submits what was started and sleeps until an event is there or `timeout_ns` has passed; 0 only looks.
// Returns 0 or -errno (not for -EINTR, -ETIME, -EBUSY, -EAGAIN, which are ordinary).
WARN_UNUSED int ring_wait(struct ring *ring, uint64_t timeout_ns);

// The next event of this turn. Returns false when there is none left.
bool ring_next(struct ring *ring, struct ring_event *ret_event);

#endif
