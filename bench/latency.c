// SPDX-License-Identifier: MIT
#include "bench/latency.h"

#include <string.h>

void latency_begin(struct latency *latency, uint64_t from_ns)
{
    memset(latency, 0, sizeof(*latency));
    latency->from_ns = from_ns;
    latency->to_ns = UINT64_MAX;
}

void latency_end(struct latency *latency, uint64_t to_ns)
{
    latency->to_ns = to_ns;
}

void latency_flush(struct latency *latency)
{
    uint64_t sent_ns = latency->sent_ns;
    if (latency->equal > 0 && sent_ns >= latency->from_ns && sent_ns < latency->to_ns)
        histogram_add(&latency->histogram, latency->now_ns > sent_ns ? latency->now_ns - sent_ns : 0,
                      latency->equal);
    latency->equal = 0;
}
