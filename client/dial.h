// SPDX-License-Identifier: MIT
// Connecting a socket without waiting: to the first address of a host that answers, or to a unix socket.
//
// Addresses are tried in the order of getaddrinfo(3), with IPv6 and IPv4 in turn; each next one
// DIAL_STAGGER_MS after the one before, or as soon as that has failed. The first that is connected is taken,
// the others are closed [RFC 8305].
#ifndef CLIENT_DIAL_H
#define CLIENT_DIAL_H

#include "client/error.h"

#define DIAL_AGAIN      1
#define DIAL_STAGGER_MS 250u

struct dial;

// Begins to connect to `host`, or, when that is NULL, to the unix socket `path`; both are borrowed as long as
// it exists. What it waits for can be waited for at `epoll_fd`. Returns 0 or HBMQTT_ERROR_SYSTEM with
// *ret_error set.
int dial_create(const char *host, uint16_t port, const char *path, int epoll_fd, struct dial **ret_dial,
                struct error *ret_error);
void dial_destroy(struct dial *dial);

// Goes on: 0 with *ret_fd, a connected, non-blocking socket that is the caller's; DIAL_AGAIN; or
// HBMQTT_ERROR_UNREACHABLE or SYSTEM with *ret_error set.
int dial_step(struct dial *dial, uint64_t now_ms, int *ret_fd, struct error *ret_error);

// When dial_step has to be called without anything having happened; UINT64_MAX: never.
uint64_t dial_deadline_ms(const struct dial *dial);

#endif
