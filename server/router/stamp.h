// SPDX-License-Identifier: MIT
// The order of retained messages for one topic, the same on every shard: by time of arrival, then by the
// shard where they arrived.
#ifndef ROUTER_STAMP_H
#define ROUTER_STAMP_H

#include <stdbool.h>
#include <stdint.h>

struct stamp {
    uint64_t ns;
    uint32_t shard;
};

// Equal stamps come from one turn of one shard, whose messages reach everybody in order: neither is before
// the other, and the later to come wins.
static inline bool stamp_before(struct stamp a, struct stamp b)
{
    return a.ns != b.ns ? a.ns < b.ns : a.shard < b.shard;
}

#endif
