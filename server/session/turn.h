// SPDX-License-Identifier: MIT
// What one turn of a shard gives to the session code (the time, the limits, where to encode) and collects
// from it (whose outbox has something to send). Nothing here does I/O, so a session runs in a unit test as it
// runs in the broker.
#ifndef SESSION_TURN_H
#define SESSION_TURN_H

#include "server/config/config.h"
#include "server/metrics/metrics.h"
#include "server/outbox/outbox.h"

struct turn {
    uint64_t now_ns;                       // monotonic
    const struct limits *limits;           // of the broker
    const struct limits *const *listeners; // of each of its listeners, by number; NULL: they have no others
    struct wirelog *wirelog;
    struct counters *counters;
    struct list dirty; // links with something to send or to tell, by link->dirty
};

// What holds for a link or a session that came from this listener.
static inline const struct limits *turn_limits(const struct turn *turn, uint8_t listener)
{
    return turn->listeners == NULL ? turn->limits : turn->listeners[listener];
}

#endif
