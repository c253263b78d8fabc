// SPDX-License-Identifier: MIT
// What the kernel offers and the oldest liburing that we build with (2.3, whose header stands at Linux 6.1)
// does not name yet.
#ifndef RING_KERNEL_H
#define RING_KERNEL_H

#include <liburing.h>

// Linux 6.15: a sleep in io_uring_enter need not count as waiting for a disk. Without it, an idle broker
// shows as 100 % iowait.
#ifndef IORING_FEAT_NO_IOWAIT
#define IORING_FEAT_NO_IOWAIT (1U << 17)
#endif
#ifndef IORING_ENTER_NO_IOWAIT
#define IORING_ENTER_NO_IOWAIT (1U << 7)
#endif

#endif
