// SPDX-License-Identifier: MIT
// The door of server/metrics/: what the shards count, and the $SYS topics made of it.
//
// Each counter has one writer, its shard, and may be read by any thread: relaxed loads and stores, never a
// locked addition.
//
// Topics are published in rounds. For one, the caller adds up the counters of all shards, writes down what
// the process takes, lets metrics_complete work out the rest, and asks for the topics one after the other.
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

enum {
#define LOAD(name, figure) LOAD_##figure,
#include "server/metrics/loads.def"
#undef LOAD
    LOADS
};
enum { LOAD_1_MINUTE, LOAD_5_MINUTES, LOAD_15_MINUTES, LOAD_SPANS };

// Every figure of one round.
struct metrics {
#define COUNTER(name) uint64_t name;
#include "server/metrics/counters.def"
#undef COUNTER

    // The caller's to fill in, as the sums above.
    uint64_t clients_connected;
    uint64_t clients_maximum; // the most that were connected at once
    uint64_t started_ns;      // on the monotonic clock
    uint64_t now_ns;
    uint64_t wall_s; // since 1970
    uint64_t cpu_ns; // that the process has taken
    uint64_t memory_bytes;

    // Worked out from those.
    uint64_t packets_sent;
    uint64_t clients_disconnected;
    uint64_t messages_inflight_both;
    uint64_t uptime_s;
    uint64_t memory_bytes_maximum;
    double cpu_percent; // of one processor
    double cpu_percent_maximum;
    double loads[LOADS][LOAD_SPANS]; // for each minute
};

// What a round has to know of those before it; zeroed before the first.
struct metrics_history {
    uint64_t now_ns;
    uint64_t cpu_ns;
    uint64_t memory_bytes_maximum;
    double cpu_percent_maximum;
    uint64_t counts[LOADS];
    double loads[LOADS][LOAD_SPANS];
};

// Adds the counters of one shard.
void metrics_add(struct metrics *metrics, const struct counters *counters);

// Works out what follows from the sums and from the round before, which was earlier by now_ns.
void metrics_complete(struct metrics *metrics, struct metrics_history *history);

// Rounds begin when the wall clock shows a multiple of their interval: how long it is until the next of them.
// One that is due within a tenth of the interval is passed over, since clocks are adjusted and the last round
// may have come just before its time.
uint64_t metrics_round_delay_ns(uint64_t wall_ns, uint64_t interval_ns);

// The topics under $SYS/broker/, one after the other: start with *index = 0. Writes the payload into
// `payload` (of SYS_PAYLOAD_MAX bytes, terminated) and returns the topic; NULL at the end.
#define SYS_PAYLOAD_MAX 64u
const char *metrics_sys_topic(const struct metrics *metrics, uint32_t *index, char *payload);

#endif
