// SPDX-License-Identifier: MIT
// What holds from one reading of the configuration to the next: the configuration itself, and what was made
// of it. A regime never changes once a shard has it. When there is another one, every shard goes over to it
// between two events, and when the last has, the old one can go.
//
// A listener has a number for as long as anybody refers to it: it serves, or has served and there still are
// connections or sessions that came from it. They go by the number, and are under the limits that the regime
// has for it.
#ifndef REGIME_H
#define REGIME_H

#include "server/access/access.h"
#include "server/config/config.h"
#include "server/transport/transport.h"

#define LISTENERS_MAX 256u // numbers; at most CONFIG_LISTENERS_MAX of them serve

struct shard;

struct regime {
    const struct config *config; // a reference
    struct access access;
    struct listener *listeners[CONFIG_LISTENERS_MAX]; // of the configuration, in its order
    struct listener_terms *terms[LISTENERS_MAX];      // by number; NULL: nobody accepts there
    const struct limits *limits[LISTENERS_MAX]; // by number; where nobody accepts, those of the whole broker
    uint32_t listeners_end;                     // the highest number that accepts, plus one
};

// Without listeners yet.
struct regime *regime_create(const struct config *config);
void regime_destroy(struct regime *regime); // NULL is accepted

// Gives the listener of this place in the configuration its terms, which are taken. Before a shard has it.
void regime_add(struct regime *regime, uint32_t place, struct listener_terms *terms);

// Whether the listener serves. NULL is the regime before the first.
static inline bool regime_serves(const struct regime *regime, const struct listener *listener)
{
    return regime != NULL && regime->terms[listener->number] != NULL;
}

// In the shard: goes over to it; and, at the end of each turn, tells main when nothing of the one before is
// in use any more.
void regime_adopt(struct shard *shard, const struct regime *regime);
void regime_tell_adopted(struct shard *shard);

#endif
