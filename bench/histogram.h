// SPDX-License-Identifier: MIT
// A histogram of durations with a fixed relative error, after Gil Tene's HDR histogram: each power of two is
// divided into equal steps, so that a nanosecond and an hour are both kept to better than one percent.
//
//     0 1 2 ... 255 | 256 258 ... 510 | 512 516 ... 1020 | ...     128 steps in each power of two,
//       steps of 1  |   steps of 2    |   steps of 4     |         the first two in steps of 1
//
// Durations above HISTOGRAM_NS_MAX (an hour) count as that.
#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_NS_MAX  ((1ull << 42) - 1)
#define HISTOGRAM_STEPS   128u                              // in each power of two
#define HISTOGRAM_BUCKETS ((42u - 7 + 1) * HISTOGRAM_STEPS) // up to the largest duration

struct histogram {
    uint64_t count;
    uint64_t max_ns; // exact
    uint64_t buckets[HISTOGRAM_BUCKETS];
};

void histogram_add(struct histogram *histogram, uint64_t ns, uint64_t count);

// The duration that `share` (0 to 1) of all do not exceed: the upper end of its step, but never above the
// maximum. 0 if nothing was added.
uint64_t histogram_percentile(const struct histogram *histogram, double share);

#endif
