// SPDX-License-Identifier: MIT
// Holds back those who guess passwords. After a few failures of a peer (peer_key.h) it may try once, and then
// not again until a time has passed, which doubles with each failure up to a ceiling:
//
//     failures          1 .. free   free + 1      free + 2          ...
//     wait after it     none        first_wait    2 * first_wait    ... wait_max
//
// What is tried meanwhile is refused at once, costs no hash and prolongs nothing. A success forgets the
// failures of the peer, and so does the time `memory` after its last wait. Of many peers that fail, those are
// forgotten first that were heard of least recently.
//
// Any thread may call, in the order of time or nearly so. A lock is held for less than a microsecond; never
// call from a thread of low priority, such as one of the verifier's: the others would wait for it.
#ifndef ACCESS_THROTTLE_H
#define ACCESS_THROTTLE_H

#include "server/base/base.h"

struct throttle_settings {
    uint32_t failures_free;
    uint64_t first_wait_ns; // 1 or more
    uint64_t wait_max_ns;
    uint64_t memory_ns;
    uint32_t peers_max; // 1 or more
};

// A user who mistypes notices nothing; one guess in half a minute is what an attacker comes to.
#define THROTTLE_STANDARD                                                                                    \
    {                                                                                                        \
        .failures_free = 5, .first_wait_ns = NS_PER_S, .wait_max_ns = 30 * NS_PER_S,                         \
        .memory_ns = 60 * NS_PER_S, .peers_max = 65536                                                       \
    }

struct throttle;

struct throttle *throttle_create(const struct throttle_settings *settings); // never NULL
void throttle_destroy(struct throttle *throttle);                           // NULL is accepted

// Asks before a password of the peer is verified. Returns 0 if it may be: then one of the two below follows,
// or neither if nothing came of it. Else for how many nanoseconds from now it is held back.
WARN_UNUSED uint64_t throttle_try(struct throttle *throttle, uint64_t peer_key, uint64_t now_ns);

void throttle_fail(struct throttle *throttle, uint64_t peer_key, uint64_t now_ns);
void throttle_succeed(struct throttle *throttle, uint64_t peer_key);

#endif
