// SPDX-License-Identifier: MIT
// The rounds of $SYS topics, which shard 0 publishes: one as soon as the broker serves, so that whoever
// subscribes finds them retained, and then whenever the wall clock shows a multiple of sys_interval.
//
// Each round has every topic, also where nothing has changed: a value that comes says that the broker is
// there, and a graph of it has no gaps.
#ifndef SYS_H
#define SYS_H

#include "server/shard.h"

// The first round; none where sys_interval is 0, and on other shards.
void sys_begin(struct shard *shard);

// shard->sys has expired: the next round.
void sys_expired(struct shard *shard);

// The shard has another regime, and with it perhaps another sys_interval. Where there was none, a round
// begins at once.
void sys_adopt(struct shard *shard);

#endif
