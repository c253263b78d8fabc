// SPDX-License-Identifier: MIT
// From outboxes to the ring: at the end of a turn each connection with something to send gets one send, one
// under way at a time; what comes meanwhile joins the next.
#ifndef FLUSH_H
#define FLUSH_H

#include "server/shard.h"

#define FLUSH_STALL_MS 500u // a send that takes longer has its shared spans copied out of the wire log

// One send for each connection with something to send and none under way; goes on with the closing of those
// that are done.
void flush_dirty(struct shard *shard);

// A send came back.
void flush_sent(struct shard *shard, const struct ring_event *event);

// Copies out what stalled connections pin. Returns when to look again, or TIMER_NEVER.
uint64_t flush_detach_stalled(struct shard *shard);

#endif
