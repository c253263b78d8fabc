// SPDX-License-Identifier: MIT
// The two clocks. Only main and the shards read them: everything below gets the time as an argument.
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

#define NS_PER_US 1000ull
#define NS_PER_MS 1000000ull
#define NS_PER_S  1000000000ull

static inline uint64_t clock_read_ns(clockid_t clock)
{
    struct timespec now;
    (void)clock_gettime(clock, &now); // cannot fail: the clocks named below exist and `now` is ours
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

// Nanoseconds since some point in the past, never going back: for deadlines and order. The same for all
// threads.
static inline uint64_t clock_monotonic_ns(void)
{
    return clock_read_ns(CLOCK_MONOTONIC);
}

// Nanoseconds since 1970: for people and for time stamps that survive the process.
static inline uint64_t clock_wall_ns(void)
{
    return clock_read_ns(CLOCK_REALTIME);
}

#endif
