// SPDX-License-Identifier: MIT
// The audience of one filter: its subscribers, side by side in an array so that matching reads them in a row.
//
// A filter with one subscriber, by far the most frequent, keeps it in place of the array. Adding and removing
// take constant time: the last seat fills the gap, and whoever remembers the numbers of the seats is told who
// moved.
#ifndef ROUTER_AUDIENCE_H
#define ROUTER_AUDIENCE_H

#include "server/router/router.h"

struct seat {
    struct subscriber *subscriber;
    uint32_t identifier;
    struct subscription_options options;
};

struct audience {
    union {
        struct seat one;   // capacity is 0
        struct seat *many; // capacity is more
    };
    uint32_t count;
    uint32_t capacity;
};

static inline struct seat *audience_seats(struct audience *audience)
{
    return audience->capacity == 0 ? &audience->one : audience->many;
}

// Returns the number of the new seat, which stays until audience_remove moves it.
uint32_t audience_add(struct audience *audience, const struct seat *seat);

// Takes seat `number` out. Returns the subscriber who has this number from now on, or NULL if nobody moved.
WARN_UNUSED struct subscriber *audience_remove(struct audience *audience, uint32_t number);

#endif
