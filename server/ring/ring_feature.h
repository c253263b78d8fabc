// SPDX-License-Identifier: MIT
// The features of a kernel that the ring can use and can do without, as bits, and their names for people.
#ifndef RING_RING_FEATURE_H
#define RING_RING_FEATURE_H

#include <stdint.h>

#include "server/ring/ring.h"

enum ring_feature {
    RING_MULTISHOT_ACCEPT = 1u << 0,  // one submission accepts many connections (5.19)
    RING_MULTISHOT_RECEIVE = 1u << 1, // one submission receives again and again (6.0); needs the buffer ring
    RING_BUFFER_RING = 1u << 2,       // the kernel picks a receive buffer when bytes are there (5.19)
    RING_SINGLE_ISSUER = 1u << 3,     // the kernel may rely on one submitting thread (6.0)
    RING_DEFER_TASKRUN =
        1u << 4, // completions are worked out only when asked for (6.1); needs the single issuer
    RING_COOP_TASKRUN = 1u << 5, // completions do not interrupt the thread (5.19)
    RING_EXT_ARG = 1u << 6,      // a wait carries its timeout (5.11)
};

// The features that a list of names disables, with those that cannot be without them. Every name must be
// known.
uint32_t ring_feature_disabled(const char *names);

// The names of features, separated by spaces; "poll" stands where the buffer ring is missing.
void ring_feature_print(uint32_t features, char ret_text[RING_FEATURES_BYTES]);

#endif
