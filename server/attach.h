// SPDX-License-Identifier: MIT
// What an accepted CONNECT leads to: its session on this shard, or the way to the shard where its client id
// lives.
//
// A connection moves once, after its CONNECT, with nothing in the kernel's hands: receiving is cancelled, and
// when that has come back, the descriptor travels with the bytes that were received, the CONNECT in front,
// and the other shard goes on as if it had read them itself.
#ifndef ATTACH_H
#define ATTACH_H

#include "server/judgement.h"
#include "server/shard.h"

struct client;

// Has the plugins judge a CONNECT, then gives `client` its session and answers, or starts to move it. `frame`
// is the CONNECT's. Returns true if plugins have to be waited for; see client_carry_out_judged.
WARN_UNUSED bool attach_connect(struct shard *shard, struct client *client, const struct frame *frame,
                                const struct packet_connect *connect, struct judgement *judgement);

// A client in CLIENT_MOVING received more, and: its receive came back.
void attach_move_more(struct shard *shard, struct client *client, struct bytes received);
void attach_hand_over(struct shard *shard, struct client *client);

// Ends a session that no link uses: its subscriptions, its place in the registry, itself.
void attach_end_session(struct shard *shard, struct session *session);

#endif
