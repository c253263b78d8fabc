// SPDX-License-Identifier: MIT
// What is done before and after a load by a client of its own, at leisure: putting retained messages in their
// places and taking them away, asking our broker what it has asked of its ring.
//
// The ring is asked for over TCP, the rest goes as the load does.
//
// Each of these returns 0, or a negative errno after one line on stderr.
#ifndef BENCH_ERRAND_H
#define BENCH_ERRAND_H

#include <stdint.h>

#include "bench/options.h"

int errand_put_retained(const struct options *options);
int errand_erase_retained(const struct options *options);

struct ring_use {
    uint64_t enters; // system calls of the ring
    uint64_t submissions;
};

// Waits for the next figures, so that they hold everything up to now.
int errand_read_ring(const struct options *options, struct ring_use *ret_use);

#endif
