// SPDX-License-Identifier: MIT
// What a run showed: as a table for people, or as one line of JSON.
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "bench/errand.h"
#include "bench/histogram.h"
#include "bench/meter.h"
#include "bench/options.h"
#include "bench/peer.h"

// The state of all counters at one moment.
struct snapshot {
    uint64_t now_ns;
    uint64_t own_cpu_ns;
    uint64_t broker_cpu_ns;
    struct cpu_ticks broker_ticks;
    struct memory_use broker_memory;
    uint64_t broker_syscalls;
    struct traffic traffic;
    uint64_t delivered; // or visits, of the connect shape
};

struct result {
    const struct options *options;
    uint32_t connections;
    uint32_t packet_bytes;     // of a PUBLISH on the wire
    const struct tls_use *tls; // NULL: no TLS
    struct snapshot empty;     // before the first connection
    struct snapshot connected; // all are connected and subscribed, and nothing was published
    struct snapshot begin;     // of the measured time
    struct snapshot end;
    const struct histogram *latency;
    uint64_t behind; // messages of an open loop that were due and not sent, at the end of that time
    struct ring_use ring_before; // of the whole load, warming up included,
    struct ring_use ring_after;
    uint64_t ring_delivered; // and what it delivered
    // Over the whole run, what was published after the measured time included:
    uint64_t lost;
    uint64_t repeated;
    uint64_t misrouted;
    uint64_t disordered;
    uint64_t unacknowledged;
    uint32_t stalls; // how often nothing arrived for so long that the rest was written off
};

void report_print(const struct result *result);

#endif
