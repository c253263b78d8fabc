// SPDX-License-Identifier: MIT
// The door of server/metrics/: what the shards count, and the $SYS topics made of it.
//
// Each counter has one writer, its shard, and may be read by any thread: relaxed loads and stores, never a
// locked addition.
#ifndef METRICS_METRICS_H
#define METRICS_METRICS_H

#include <stdatomic.h>

#include "proto/proto.h"
#include "server/base/base.h"

struct counters {
#define COUNTER(name) _Atomic uint64_t name;
#include "server/metrics/counters.def"
#undef COUNTER
};

static inline uint64_t counter_read(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

static inline void counter_set(_Atomic uint64_t *counter, uint64_t value)
{
    atomic_store_explicit(counter, value, memory_order_relaxed);
}

static inline void counter_add(_Atomic uint64_t *counter, uint64_t value)
{
    counter_set(counter, counter_read(counter) + value);
}

static inline void counter_subtract(_Atomic uint64_t *counter, uint64_t value)
{
    counter_set(counter, counter_read(counter) - value);
}

// Sums of all shards at one moment.
struct metrics {
#define COUNTER(name) uint64_t name;
#include "server/metrics/counters.def"
#undef COUNTER
    uint64_t clients_maximum; // the most clients that were connected at once, as far as it was looked at
    uint64_t uptime_s;
    uint64_t wall_s; // since 1970
};

// Adds the counters of one shard.
void metrics_add(struct metrics *metrics, const struct counters *counters);

// The topics under $SYS/broker/, one after the other: start with *index = 0. Writes the payload into
// `payload` (of SYS_PAYLOAD_MAX bytes, terminated) and returns the topic; NULL at the end.
#define SYS_PAYLOAD_MAX 64u
const char *metrics_sys_topic(const struct metrics *metrics, uint32_t *index, char *payload);

#endif
