// SPDX-License-Identifier: MIT
// From one publication to everybody who is to get it: the sessions of this shard, the other shards, the
// retained messages.
#ifndef PUBLISH_H
#define PUBLISH_H

#include "server/judgement.h"
#include "server/shard.h"

struct client;

// Publishes a packet that a client has sent.
void publish_packet(struct shard *shard, const struct client *client, const struct frame *frame,
                    const struct packet_publish *publish);

// Where there are plugins: whether none is to be asked or told about this packet. Within a burst it is found
// out once, for all that the client has sent.
bool publish_unasked(struct shard *shard, struct client *client, const struct packet_publish *publish);

// The same where they are asked: they decide whether it goes out, and as what. What is denied is dropped.
// JUDGED_HELD: later.
enum judged publish_judged(struct shard *shard, struct client *client, const struct frame *frame,
                           const struct packet_publish *publish, struct judgement *judgement);

// Only retains what a plugin published here; everywhere.
void publish_retain_only(struct shard *shard, struct publication *publication);

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
