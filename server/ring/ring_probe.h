// SPDX-License-Identifier: MIT
// Finding out what the kernel can do, by trying: versions lie where features were ported back or switched
// off.
#ifndef RING_RING_PROBE_H
#define RING_RING_PROBE_H

#include "server/ring/ring_buffers.h"
#include "server/ring/ring_queue.h"

// Sets up a ring with the best flags that the kernel takes, smaller where the memlock limit asks for it, and
// says in `ret_features` which features of the setup it got. The ring takes registrations, but no operations
// before ring_probe_enable. Returns 0 or -errno; -EOPNOTSUPP for a kernel that is too old for us.
WARN_UNUSED int ring_probe_setup(uint32_t entries, uint32_t disabled, struct io_uring *ret_uring,
                                 uint32_t *ret_features);

// Lets it take operations, those of ring.c alone: filters of system calls do not see what a ring does, so a
// process that was taken over could open files and sockets through it. Returns 0 or -errno.
WARN_UNUSED int ring_probe_enable(struct io_uring *uring);

// Whether an accept, or a receive into the buffer ring, goes on after its first completion.
bool ring_probe_multishot_accept(struct ring_queue *queue);
bool ring_probe_multishot_receive(struct ring_queue *queue, struct ring_buffers *buffers);

#endif
