// SPDX-License-Identifier: MIT
// Looking up the addresses of a host without waiting: getaddrinfo(3) in a thread of its own, which ends with
// it. An address as text needs no thread.
#ifndef CLIENT_LOOKUP_H
#define CLIENT_LOOKUP_H

#include "client/error.h"

#include <netdb.h>

struct lookup;

#define LOOKUP_AGAIN 1

// Begins. Returns 0 or HBMQTT_ERROR_SYSTEM with *ret_error set.
int lookup_create(const char *host, uint16_t port, struct lookup **ret_lookup, struct error *ret_error);
// Does not wait for the thread, which then ends by itself. NULL is allowed.
void lookup_destroy(struct lookup *lookup);

// Readable when lookup_take has an answer.
int lookup_descriptor(const struct lookup *lookup);

// 0 with *ret_addresses, to be freed with freeaddrinfo(3); LOOKUP_AGAIN; or HBMQTT_ERROR_UNREACHABLE.
int lookup_take(struct lookup *lookup, struct addrinfo **ret_addresses, struct error *ret_error);

#endif
