// SPDX-License-Identifier: MIT
// TLS handshakes are work: a third of a millisecond each, where a packet takes less than a microsecond. So a
// shard does no more than `handshakes_max` of their steps in one turn, and what it has read of others waits,
// in the order in which it came, for the next turns. A storm of them, or one that stalls, delays nobody else
// by more than these steps; and while some wait, other shards accept.
#ifndef HANDSHAKE_H
#define HANDSHAKE_H

#include "server/client.h"

// Whether what was received may be worked off now: it is of no handshake, or there are steps left in this
// turn. If not, the client waits with a copy, and is not read from.
bool handshake_take(struct shard *shard, struct client *client, struct bytes received);

// Goes on with those that wait, as far as this turn's steps go, and ends the turn.
void handshake_go_on(struct shard *shard);

// Whether any wait.
static inline bool handshake_waiting(const struct shard *shard)
{
    return !list_empty(&shard->shaking);
}

// Gives up what the client waits with.
void handshake_drop(struct client *client);

#endif
