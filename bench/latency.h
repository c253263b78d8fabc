// SPDX-License-Identifier: MIT
// How long messages took, for those that were sent in the measured time, whenever they arrive: leaving out
// what comes after its end would leave out the slowest.
//
// A receive brings many messages that were sent together, so equal neighbours are counted up and only their
// sum goes into the histogram.
#ifndef BENCH_LATENCY_H
#define BENCH_LATENCY_H

#include "bench/histogram.h"

struct latency {
    struct histogram histogram;
    uint64_t from_ns; // messages sent from here on count,
    uint64_t to_ns;   // up to here
    uint64_t now_ns;  // when what is noted arrived
    uint64_t sent_ns; // of the last messages noted, which are not in the histogram yet,
    uint64_t equal;   // and their number
};

void latency_begin(struct latency *latency, uint64_t from_ns); // what was noted before is forgotten
void latency_end(struct latency *latency, uint64_t to_ns);

void latency_flush(struct latency *latency);

// What is noted from here on arrived now.
static inline void latency_arrive(struct latency *latency, uint64_t now_ns)
{
    latency_flush(latency);
    latency->now_ns = now_ns;
}

static inline void latency_note(struct latency *latency, uint64_t sent_ns)
{
    if (sent_ns != latency->sent_ns) {
        latency_flush(latency);
        latency->sent_ns = sent_ns;
    }
    latency->equal++;
}

#endif
