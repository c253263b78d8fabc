// SPDX-License-Identifier: MIT
// A listening unix socket and its file.
#ifndef TRANSPORT_LISTENER_UNIX_H
#define TRANSPORT_LISTENER_UNIX_H

#include "server/transport/listener.h"

// Makes the file, with nobody but its owner let in until it is as asked for, and listens. The file of a
// socket that nobody listens on any more is replaced. Returns the socket, or -errno and one line in ret_error
// (of LISTENER_ERROR_BYTES).
WARN_UNUSED int listener_unix_open(const struct listener_options *options, char *ret_error);

// Gives the file the mode and the owners of the options. Returns 0, or -errno and one line in ret_error.
WARN_UNUSED int listener_unix_admit(const struct listener_options *options, char *ret_error);

// After -EADDRINUSE: waits a moment, and returns whether to try again; start with *attempt = 0. A broker that
// was killed keeps its sockets until the kernel has put away its ring, some milliseconds after the process
// has gone.
bool listener_wait_for_address(uint32_t *attempt);

#endif
