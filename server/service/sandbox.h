// SPDX-License-Identifier: MIT
// The system calls that a serving broker may make. A filter of the kernel (seccomp) is put on the whole
// process when all rings exist and all threads run, and can never be taken off. Of what is not on its list
//
// - what starts a program, makes a process or looks into another one ends the broker on the spot: nothing in
//   it does so by accident, so the process has been taken over, and every further step would be the
//   intruder's;
// - anything else fails with EPERM and is told to the kernel's log: a call that a future libc makes in some
//   corner must not cost every client its connection.
//
// What a ring does is not seen by such a filter. So no further ring can be made, and those that there are
// take no operations but the ring's own (ring_probe.c).
#ifndef SERVICE_SANDBOX_H
#define SERVICE_SANDBOX_H

#include "server/base/base.h"

// Why this build cannot have a filter, for a person; NULL if it can.
const char *sandbox_impossible(void);

// Puts the filter on all threads. Returns 0, or -errno and one line in ret_error (of SERVICE_ERROR_BYTES).
WARN_UNUSED int sandbox_enter(char *ret_error);

#endif
