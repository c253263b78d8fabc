// SPDX-License-Identifier: MIT
// Durations in logarithmic steps: see histogram.h for the layout.
#include "bench/histogram.h"

static uint32_t bucket_of(uint64_t ns)
{
    if (ns < 2 * HISTOGRAM_STEPS)
        return (uint32_t)ns;
    uint32_t shift = 63 - 7 - (uint32_t)__builtin_clzll(ns); // leaves 128 to 255
    return shift * HISTOGRAM_STEPS + (uint32_t)(ns >> shift);
}

static uint64_t bucket_end(uint32_t bucket)
{
    if (bucket < 2 * HISTOGRAM_STEPS)
        return bucket;
    uint32_t shift = bucket / HISTOGRAM_STEPS - 1;
    uint64_t step = bucket % HISTOGRAM_STEPS + HISTOGRAM_STEPS;
    return ((step + 1) << shift) - 1;
}

void histogram_add(struct histogram *histogram, uint64_t ns, uint64_t count)
{
    if (ns > HISTOGRAM_NS_MAX)
        ns = HISTOGRAM_NS_MAX;
    if (ns > histogram->max_ns && count > 0)
        histogram->max_ns = ns;
    histogram->buckets[bucket_of(ns)] += count;
    histogram->count += count;
}

uint64_t histogram_percentile(const struct histogram *histogram, double share)
{
    double wanted = share * (double)histogram->count;
    uint64_t seen = 0;
    for (uint32_t bucket = 0; bucket < HISTOGRAM_BUCKETS; bucket++) {
        seen += histogram->buckets[bucket];
        if (seen > 0 && (double)seen >= wanted) {
            uint64_t end = bucket_end(bucket);
            return end < histogram->max_ns ? end : histogram->max_ns;
        }
    }
    return histogram->max_ns;
}
