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
    uint64_t now_ns; // monotonic
    const struct limits *limits;
    struct wirelog *wirelog;
    struct counters *counters;
    struct list dirty; // links with something to send or to tell, by link->dirty
};

#endif
