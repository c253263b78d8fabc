// SPDX-License-Identifier: MIT
// A listening socket. It is opened once and accepted from by every shard.
#ifndef TRANSPORT_LISTENER_H
#define TRANSPORT_LISTENER_H

#include <stdatomic.h>

#include "server/base/base.h"

#define ADDRESS_TEXT_BYTES   80u // "[IPv6 address%scope]:port"
#define LISTENER_ERROR_BYTES 512u

struct listener {
    int fd;
    char address[ADDRESS_TEXT_BYTES]; // what it is bound to, with the port that the kernel chose if none was
                                      // asked for
    uint64_t connections_max;
    _Atomic uint64_t connections; // open ones that came from here, on all shards
};

struct listener_options {
    const char *host; // address or name; "" = every address of the machine
    uint16_t port;    // 0 = a free one
    int backlog;
    uint64_t connections_max;
};

// Opens, binds and listens. Returns 0, or -errno and one line in ret_error (of LISTENER_ERROR_BYTES).
WARN_UNUSED int listener_open(struct listener *listener, const struct listener_options *options,
                              char *ret_error);

void listener_close(struct listener *listener);

// The text of a socket address: 192.0.2.1:1883, [2001:db8::1]:1883.
struct sockaddr_storage;
void address_text(const struct sockaddr_storage *address, char ret_text[ADDRESS_TEXT_BYTES]);

#endif
