// SPDX-License-Identifier: MIT
// Looks of plugins into the broker: at sessions, subscriptions, retained messages.
//
// The plugin's thread asks a shard by mail and waits. A shard answers with a portion at a time, so that it is
// never kept for long; the thread hands the entries of the portion to the plugin and asks for the next.
//
//     plugin's thread: ask -> wait -> visit, visit, ... -> ask for more ...
//     shard:                answer
#ifndef LOOK_H
#define LOOK_H

#include <semaphore.h>

#include "server/plugin/plugin.h"
#include "server/shard.h"

// Retained messages on their way to a plugin, with their references: a shard's, which frees it at the end of
// the walk, or at its own.
struct look_walk {
    struct list place; // in shard->walks
    struct message **messages;
    uint32_t count;
    uint32_t at; // the next
};

struct look_request {
    const struct look *look;
    sem_t answered;
    bool stop;              // the walk ends early
    bool more;              // it is not at its end
    bool found;             // the session that was named
    size_t bucket;          // of the sessions: where to go on
    struct look_walk *walk; // of retained messages
    uint8_t *bytes;         // the portion: records one behind the other
    size_t used;
    size_t capacity;
};

// Carries out a look, for the thread that calls.
int look_carry_out(struct broker *broker, const struct look *look);

// The shard's side: the next portion. Gives up the walks that are not at their end.
void look_answer(struct shard *shard, struct look_request *request);
void look_give_up(struct shard *shard);

#endif
