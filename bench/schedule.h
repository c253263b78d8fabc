// SPDX-License-Identifier: MIT
// The timetable of an open loop: message k of all leaves at start + k / rate, whatever became of those before
// it. Publishers take turns: message k is publisher k mod P's.
//
//     k          0  1  2  3  4  5  6 ...
//     publisher  0  1  2  0  1  2  0         of P = 3
//     sequence   0  0  0  1  1  1  2         its own number, from 0
//
// Latencies are counted from these times and not from when a message was really sent; so a broker that makes
// us wait cannot hide how long (which is called coordinated omission).
#ifndef BENCH_SCHEDULE_H
#define BENCH_SCHEDULE_H

#include <stdint.h>

struct schedule {
    uint64_t start_ns;
    double interval_ns; // between two messages
    uint32_t publishers;
    uint64_t woken; // messages whose publishers were told
};

void schedule_start(struct schedule *schedule, double rate, uint32_t publishers, uint64_t start_ns);

// When message `sequence` of `publisher` is to leave.
uint64_t schedule_intended_ns(const struct schedule *schedule, uint32_t publisher, uint32_t sequence);

// How many messages ought to have left by now: of all publishers, and of one.
uint64_t schedule_due(const struct schedule *schedule, uint64_t now_ns);
uint32_t schedule_due_of(const struct schedule *schedule, uint32_t publisher, uint64_t now_ns);

// How long until the next message of anybody is due.
uint64_t schedule_wait_ns(const struct schedule *schedule, uint64_t now_ns);

#endif
