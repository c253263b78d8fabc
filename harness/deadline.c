// SPDX-License-Identifier: MIT
#include "harness/deadline.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <time.h>

uint64_t clock_now_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now); // cannot fail with this clock
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

static double deadline_scale(void)
{
    static double scale;
    if (scale == 0) {
        const char *text = getenv("HBMQTT_DEADLINE_SCALE");
        scale = text == NULL ? 1 : strtod(text, NULL);
        if (!(scale >= 0.1 && scale <= 1000))
            scale = 1;
    }
    return scale;
}

struct deadline deadline_in_exact_ms(uint64_t ms)
{
    return (struct deadline){clock_now_ns() + ms * 1000000};
}

struct deadline deadline_in_ms(uint64_t ms)
{
    return deadline_in_exact_ms((uint64_t)((double)ms * deadline_scale()));
}

int deadline_left_ms(struct deadline deadline)
{
    uint64_t now = clock_now_ns();
    if (now >= deadline.at_ns)
        return 0;
    uint64_t left = (deadline.at_ns - now + 999999) / 1000000;
    return left > INT_MAX ? INT_MAX : (int)left;
}

bool deadline_passed(struct deadline deadline)
{
    return clock_now_ns() >= deadline.at_ns;
}

struct deadline deadline_earlier(struct deadline first, struct deadline second)
{
    return first.at_ns < second.at_ns ? first : second;
}

bool deadline_wait(struct deadline deadline, int descriptor, short events)
{
    for (;;) {
        struct pollfd wanted = {.fd = descriptor, .events = events};
        int count = poll(&wanted, 1, deadline_left_ms(deadline));
        if (count > 0 || (count < 0 && errno != EINTR))
            return true; // an error shows itself in the call that follows
        if (deadline_passed(deadline))
            return false;
    }
}

void deadline_await(struct deadline deadline)
{
    while (!deadline_passed(deadline))
        (void)poll(NULL, 0, deadline_left_ms(deadline)); // a signal only makes another round
}
