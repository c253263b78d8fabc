// SPDX-License-Identifier: MIT
// The timetable of an open loop. Times are rounded up to the nanosecond, the same way everywhere: a message
// is due from exactly the time on that schedule_intended_ns tells.
#include "bench/schedule.h"

#include <math.h>

#define NS_PER_S 1e9

void schedule_start(struct schedule *schedule, double rate, uint32_t publishers, uint64_t start_ns)
{
    *schedule =
        (struct schedule){.start_ns = start_ns, .interval_ns = NS_PER_S / rate, .publishers = publishers};
}

static uint64_t time_of(const struct schedule *schedule, uint64_t number)
{
    return schedule->start_ns + (uint64_t)ceil((double)number * schedule->interval_ns);
}

uint64_t schedule_intended_ns(const struct schedule *schedule, uint32_t publisher, uint32_t sequence)
{
    return time_of(schedule, (uint64_t)sequence * schedule->publishers + publisher);
}

uint64_t schedule_due(const struct schedule *schedule, uint64_t now_ns)
{
    if (now_ns < schedule->start_ns)
        return 0;
    uint64_t number = (uint64_t)((double)(now_ns - schedule->start_ns) / schedule->interval_ns);
    while (number > 0 && time_of(schedule, number) > now_ns)
        number--; // the division was rounded up
    while (time_of(schedule, number + 1) <= now_ns)
        number++;
    return number + 1;
}

uint32_t schedule_due_of(const struct schedule *schedule, uint32_t publisher, uint64_t now_ns)
{
    uint64_t due = schedule_due(schedule, now_ns);
    return due <= publisher ? 0 : (uint32_t)((due - publisher - 1) / schedule->publishers + 1);
}

uint64_t schedule_wait_ns(const struct schedule *schedule, uint64_t now_ns)
{
    uint64_t next_ns = time_of(schedule, schedule_due(schedule, now_ns));
    return next_ns > now_ns ? next_ns - now_ns : 0;
}
