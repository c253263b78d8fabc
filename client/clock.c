// SPDX-License-Identifier: MIT
#include "client/clock.h"

#include <limits.h>
#include <time.h>

uint64_t clock_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

int clock_wait_ms(uint64_t deadline_ms, uint64_t now_ms)
{
    if (deadline_ms == UINT64_MAX)
        return -1;
    if (deadline_ms <= now_ms)
        return 0;
    uint64_t wait_ms = deadline_ms - now_ms;
    return wait_ms > INT_MAX ? INT_MAX : (int)wait_ms;
}
