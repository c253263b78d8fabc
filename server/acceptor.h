// SPDX-License-Identifier: MIT
// Accepting connections: every shard accepts from every listener, and rests where it could not serve more.
#ifndef ACCEPTOR_H
#define ACCEPTOR_H

#include "server/shard.h"

// The shard has another regime: takes what it says, begins where it has a new listener, and cancels where it
// has none any more.
void acceptors_adopt(struct shard *shard);

// Whether those that were cancelled for want of a listener have come to their end.
bool acceptors_settled(const struct shard *shard);

// (Re)starts accepting where it rests and connections and descriptors allow it.
void acceptors_go_on(struct shard *shard);

// When the timer accept_again expires.
void acceptors_try_again(struct shard *shard);

void acceptors_stop(struct shard *shard);
bool acceptors_idle(const struct shard *shard);

// An event of the ring.
void acceptor_accepted(struct shard *shard, const struct ring_event *event);

#endif
