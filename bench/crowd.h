// SPDX-License-Identifier: MIT
// All clients of a run and the loop that drives them: one thread on epoll.
#ifndef BENCH_CROWD_H
#define BENCH_CROWD_H

#include <stdint.h>

#include "bench/connection.h"
#include "bench/options.h"
#include "bench/peer.h"

struct crowd {
    struct team team;
    struct peer *peers; // subscribers, then publishers; or idle connections
    uint32_t count;
    uint32_t opened;
    int epoll_fd;
};

// Resolves the broker and makes the peers that the shape asks for; `options` must outlive the crowd. Returns
// NULL after one line on stderr.
struct crowd *crowd_create(const struct options *options);
void crowd_destroy(struct crowd *crowd);

// These return 0, or a negative errno after one line on stderr.
int crowd_connect(struct crowd *crowd);              // returns when all are connected and subscribed
int crowd_turn(struct crowd *crowd, int timeout_ms); // publishes, waits for events, handles them
void crowd_start_publishing(struct crowd *crowd);
void crowd_stop_publishing(struct crowd *crowd);

// Messages at QoS 1 and 2 that the broker has not acknowledged.
uint64_t crowd_unacknowledged(const struct crowd *crowd);

// Messages of an open loop whose time has come and that were not sent, because the window was full or we were
// too slow.
uint64_t crowd_behind(const struct crowd *crowd);

// Gives up on what has not been delivered, so that publishers go on.
void crowd_write_off(struct crowd *crowd);

#endif
