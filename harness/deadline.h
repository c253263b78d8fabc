// SPDX-License-Identifier: MIT
// Points in time by which something has to have happened. All waiting of the harness is for an event, with
// one of these.
#ifndef HARNESS_DEADLINE_H
#define HARNESS_DEADLINE_H

#include <stdbool.h>
#include <stdint.h>

struct deadline {
    uint64_t at_ns;
};

// Of the monotonic clock.
uint64_t clock_now_ns(void);

// `ms` milliseconds from now, times HBMQTT_DEADLINE_SCALE of the environment: slow machines set it.
struct deadline deadline_in_ms(uint64_t ms);

// The same, whatever the environment says: for how long something must not happen.
struct deadline deadline_in_exact_ms(uint64_t ms);

// Milliseconds that are left, rounded up, for poll(2). 0 when it has passed.
int deadline_left_ms(struct deadline deadline);
bool deadline_passed(struct deadline deadline);
struct deadline deadline_earlier(struct deadline first, struct deadline second);

// Waits until `descriptor` has one of `events` (POLLIN, POLLOUT). False when the deadline passed.
bool deadline_wait(struct deadline deadline, int descriptor, short events);

// Lets the time pass. Only for what is to be late.
void deadline_await(struct deadline deadline);

#endif
