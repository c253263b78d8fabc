// SPDX-License-Identifier: MIT
// A listening socket that somebody else has opened and passed to the broker.
#ifndef TRANSPORT_LISTENER_PASSED_H
#define TRANSPORT_LISTENER_PASSED_H

#include "server/transport/listener.h"

// Whether connections can be accepted from it. Returns 0, or -errno and one line in ret_error (of
// LISTENER_ERROR_BYTES).
WARN_UNUSED int listener_passed_check(int fd, bool *ret_is_unix, char *ret_error);

#endif
