// SPDX-License-Identifier: MIT
// Retained messages on their way to a session because it subscribed: a list of what matched at that moment,
// worked off as fast as the client takes them. One that was replaced or erased meanwhile is passed over: the
// subscriber has had the newer one already.
#ifndef SESSION_REPLAY_H
#define SESSION_REPLAY_H

#include "server/session/session.h"

struct replay {
    struct replay *next;
    struct retained_batch batch; // its array and references are the replay's
    uint32_t position;           // the next message
};

// Appends to the list at `replays`, taking the batch. An empty batch leaves no trace.
void replay_append(struct replay **replays, struct retained_batch batch);

// The next message to be sent, borrowed, and how; NULL when all are done. It stays the next until
// replay_advance.
struct message *replay_next(struct replay **replays, struct delivery *ret_delivery);
void replay_advance(struct replay *replays);

// Drops the messages that are not to be sent, as `keep` says. Returns how many.
uint32_t replay_sift(struct replay *replays, queue_keep *keep, void *context);

void replay_destroy_all(struct replay **replays);

#endif
