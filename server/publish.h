// SPDX-License-Identifier: MIT
// From one publication to everybody who is to get it: the sessions of this shard, the other shards, the
// retained messages.
#ifndef PUBLISH_H
#define PUBLISH_H

#include "server/shard.h"

// Routes what was published here. The publication is the caller's to finish.
void publish_route(struct shard *shard, struct publication *publication);

// The same for messages that come one behind the other, from a client and in the mail of another shard: they
// go out in bursts. The caller ends the last one (burst_end) before anything else happens. What was mailed
// goes to the sessions here and, if retained, into this shard's copy of the retained messages.
void publish_received(struct shard *shard, struct publication *publication);
void publish_mailed(struct shard *shard, struct publication *publication, uint32_t from_shard);

// Mails a publication to other shards: bit n for shard n, this one's own is passed over.
void publish_to_shards(struct shard *shard, const struct publication *publication, uint64_t shards);

// Hands out the acknowledgements that the store has released.
void publish_acknowledge(struct shard *shard);

#endif
