// SPDX-License-Identifier: MIT
// The open questions of one shard: who was asked about which client. The shard opens and closes them; answers
// come from any thread.
//
// A question is known by a number that is never used twice: the shard, a slot, and how often that slot was
// used. So an answer that comes a second time, or too late, finds nothing, and what became of the question
// can be told.
//
//     open --answered, by whichever thread is first--> answered: the answer is on its way to the shard
//       |
//       +--the shard closes it: deadline, client gone--> closed
#ifndef PLUGIN_QUESTION_H
#define PLUGIN_QUESTION_H

#include <pthread.h>

#include "server/base/base.h"

#define QUESTION_SHARDS_MAX 64u // that the number has room for

enum question_end {
    QUESTION_NEVER, // nobody knows it (any more)
    QUESTION_OPEN,
    QUESTION_ANSWERED,
    QUESTION_EXPIRED, // its deadline is past
    QUESTION_GONE,    // nobody waits for the answer any more: the client has gone, the plugins are others
};

struct plugin;
struct parcel;

struct question_slot {
    uint32_t generation; // of the question that is in it or was in it last
    uint8_t end;         // enum question_end
    uint32_t next_free;
    const struct plugin *plugin; // who was asked
    struct parcel *parcel;       // in the plugin's queue; NULL when its thread has taken it
    uint64_t client;
};

struct questions {
    pthread_mutex_t lock;
    struct question_slot *slots;
    uint32_t count;
    uint32_t first_free; // the longest unused first, so that it is known for a while how a question ended
    uint32_t last_free;
    uint32_t shard;
};

void questions_init(struct questions *questions, uint32_t shard);
void questions_finish(struct questions *questions);

// The shard of a question.
static inline uint32_t question_shard(uint64_t question)
{
    return (uint32_t)(question >> 58);
}

// Opens a question to `plugin` about the client with this id. Returns its number, which is not 0.
uint64_t question_open(struct questions *questions, const struct plugin *plugin, uint64_t client);

// Marks it as answered. Returns QUESTION_OPEN, and the client, if it was open until now and `plugin` is the
// one who was asked; else how it had ended.
enum question_end question_answer(struct questions *questions, uint64_t question, const struct plugin *plugin,
                                  uint64_t *ret_client);

// The shard waits no longer, for the reason `end`. Returns false if it was answered before: the answer is on
// its way. *ret_parcel: what still waited in the plugin's queue, or NULL; good until question_unlock, which
// has to follow.
bool question_close_locked(struct questions *questions, uint64_t question, enum question_end end,
                           struct parcel **ret_parcel);
void question_unlock(struct questions *questions);

// The question waits in a parcel; a thread has taken it out (`parcel` is NULL).
void question_set_parcel(struct questions *questions, uint64_t question, struct parcel *parcel);

#endif
