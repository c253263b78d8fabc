// SPDX-License-Identifier: MIT
// The end of sessions whose clients stay away: after `session_expiry_interval`, counted from when they left.
#ifndef EXPIRY_H
#define EXPIRY_H

#include "server/shard.h"

void expiry_init(struct shard *shard);

// The client of a session that is kept has left.
void expiry_begin(struct shard *shard, struct session *session);

// Arms shard->expiry for the first session whose time comes, or cancels it. Also for when the interval has
// changed.
void expiry_arm(struct shard *shard);

// shard->expiry has expired: ends the sessions whose time has come.
void expiry_expired(struct shard *shard);

#endif
