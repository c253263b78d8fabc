// SPDX-License-Identifier: MIT
// When retained messages were erased, so that an older message that is still on its way from another shard
// does not bring back what was erased.
//
// The latest ERASURES_MAX are remembered, in a ring, which is far more than mailboxes hold; the oldest is
// forgotten first. A topic is known by its seeded 64-bit hash alone: should two collide, the worst is that a
// message older than an erasure is not retained.
#ifndef ROUTER_ERASURES_H
#define ROUTER_ERASURES_H

#include "server/base/base.h"
#include "server/router/stamp.h"

#define ERASURES_MAX 4096u

struct erasure;

struct erasures {
    struct erasure *ring; // NULL until the first erasure
    struct hash_table table;
    uint32_t next; // where in the ring the next one goes
};

void erasures_init(struct erasures *erasures);
void erasures_finish(struct erasures *erasures);

// The stamp of the latest erasure of a topic; false if none is remembered.
bool erasures_find(const struct erasures *erasures, uint64_t topic_hash, struct stamp *ret_stamp);

// Remembers an erasure in place of the one before it for the same topic.
void erasures_add(struct erasures *erasures, uint64_t topic_hash, struct stamp stamp);

// Something newer is there: harmless if no erasure is remembered.
void erasures_forget(struct erasures *erasures, uint64_t topic_hash);

#endif
