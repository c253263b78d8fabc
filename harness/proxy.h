// SPDX-License-Identifier: MIT
// A process between clients and a broker that does to the bytes what networks do, at the bytes that a case
// names. It works below TLS and WebSocket. What it does is in the timeline of the case.
#ifndef HARNESS_PROXY_H
#define HARNESS_PROXY_H

#include "harness/trial.h"

enum proxy_action {
    PROXY_DELAY,      // holds what follows for `ms`
    PROXY_SPLIT,      // passes what follows on in pieces of `length`, a millisecond between them
    PROXY_JOIN,       // holds until `length` bytes have come or `ms` have passed, then passes them on at once
    PROXY_DROP,       // loses `length` bytes, as no network of TCP does: the other side has to notice
    PROXY_RESET,      // resets both sides
    PROXY_HALF_CLOSE, // ends this direction with FIN, what follows is lost; the other direction goes on
    PROXY_REORDER, // holds until `length` more bytes have passed on connection `other`, or `ms` have passed
};

enum proxy_direction { PROXY_TO_BROKER, PROXY_TO_CLIENT };

enum { PROXY_EVERY = 0xFFFF };

struct proxy_fault {
    enum proxy_action action;
    unsigned connection; // in the order of their coming, from 0; PROXY_EVERY
    enum proxy_direction direction;
    size_t at; // so many bytes have passed on in this direction
    size_t length;
    unsigned ms;
    unsigned other; // a connection
};

// Starts it in front of an address, with at most 64 faults; it ends with the case. What is connected to it is
// the result.
struct address proxy_start(struct trial *trial, const struct address *target,
                           const struct proxy_fault *faults, size_t count);

// Fills in `count` delays, splits and joins for the first `connections` connections: nothing that loses
// bytes.
void proxy_random(struct random *random, unsigned connections, struct proxy_fault *ret_faults, size_t count);

#endif
