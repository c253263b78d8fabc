// SPDX-License-Identifier: MIT
// SUBSCRIBE and UNSUBSCRIBE carried out: the topic tree here, the interest told to the other shards, the
// answer when they all know.
//
//     SUBSCRIBE -> router, INTEREST to the others, NOTE -> (every shard: NOTED) -> SUBACK, retained messages
//
// so a message published after the SUBACK was seen is never missed, wherever it is published. With one shard
// there is nobody to wait for. UNSUBACK and PINGRESP wait behind the SUBACKs of what the same client asked
// for before, so that its answers come in the order of its questions; other clients wait for nothing.
#ifndef SUBSCRIBE_H
#define SUBSCRIBE_H

#include "server/judgement.h"
#include "server/shard.h"

// Returns true if plugins have to be waited for; see client_carry_out_judged.
WARN_UNUSED bool subscribe_begin(struct shard *shard, struct client *client,
                                 const struct packet_subscribe *subscribe, struct judgement *judgement);

// Frees what a SUBSCRIBE that was not carried out has begun. NULL accepted.
void subscribe_forget(struct pending_subscription *pending);

// Another shard has noted everything up to the subscription `token`.
void subscribe_noted(struct shard *shard, uint64_t token);

// Goes on with the retained messages that subscriptions of this client wait for, as far as it takes them.
void subscribe_replay_next(struct shard *shard, struct client *client);
// Gives them up: the connection ends.
void subscribe_drop_replays(struct client *client);

// Answers UNSUBSCRIBE, by its packet id, or PINGREQ, in its turn.
#define SUBSCRIBE_REPLY_PING 0u // no packet has this id [MQTT-2.3.1-1]
void subscribe_reply(struct shard *shard, struct client *client, uint16_t packet_id);

void unsubscribe(struct shard *shard, struct client *client, const struct packet_subscribe *unsubscribe);

// Removes all subscriptions of a session that ends.
void unsubscribe_all(struct shard *shard, struct session *session);

// Forgets the subscriptions that still wait: the shard ends.
void subscribe_abandon_pending(struct shard *shard);

#endif
