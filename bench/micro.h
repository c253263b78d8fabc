// SPDX-License-Identifier: MIT
// Single operations, measured with nothing around them.
#ifndef BENCH_MICRO_H
#define BENCH_MICRO_H

#include <stdint.h>

struct micro {
    const char *name; // NULL ends a table
    void (*prepare)(void);
    uint64_t (*run)(
        uint32_t count);  // `count` operations; returns a sum of results, so that nothing is left out
    void (*finish)(void); // NULL: nothing to give back
};

extern const struct micro micro_access[];
extern const struct micro micro_codec[];
extern const struct micro micro_server[];

// The compiler must take memory as changed, or it would work once and add up the rest.
static inline void micro_forget(void)
{
    __asm__ volatile("" ::: "memory");
}

#endif
