// SPDX-License-Identifier: MIT
// A broker that the test plays, and plugins that do as the test says. They take the place of those built in.
#ifndef PLUGIN_TEST_RIG_H
#define PLUGIN_TEST_RIG_H

#include "server/plugin/plugin.h"
#include "test/suite.h"

#define RIG_SHARDS 2u

// What the next decision of a plugin of the rig does.
enum rig_manner {
    RIG_ALLOW,
    RIG_DENY,
    RIG_NO_OPINION,
    RIG_PENDING,      // and remembers the question
    RIG_ANSWER_FIRST, // answers with a user name, then returns HBMQTT_PENDING
    RIG_ANSWER_TWICE, // answers, and returns HBMQTT_ALLOW all the same
    RIG_NONSENSE,     // returns 99
    RIG_BLOCK,        // until rig_release
    RIG_SLOW,         // takes longer than an inline call may
};

struct rig {
    struct host *host;
    // What follows is under a lock; rig_await looks at it.
    enum rig_manner manner;
    bool released;
    uint64_t question; // that was remembered
    const struct hbmqtt_plugin_broker *broker;
    int answer_status; // what the answer function returned last
    pthread_t thread;  // on which a function of a plugin was called last
    uint32_t calls;    // decisions
    uint32_t events;
    uint32_t ticks;
    uint32_t begun;
    uint32_t reloaded;
    uint32_t finished;
    bool refuses;           // init and reload do
    char setting[32];       // `word`, as it was given last
    struct answer *answers; // that came, in order: the newest
    uint32_t answer_count;
    uint32_t answer_shard;
    uint32_t published;
    uint32_t looks;
    uint32_t adopted;
};
extern struct rig rig;

// Makes the host, with the named plugins: "inline", "worker", "anew" (inline, without
// reload). `ceiling` of events.
void rig_begin(const char *const *names, uint32_t count, uint32_t events_max);
void rig_end(void);

void rig_set_manner(enum rig_manner manner);
void rig_release(void);

// Waits until a number has reached a value.
void rig_await(const uint32_t *number, uint32_t value);

// Asks plugin `index` of the roster for `authenticate`.
int rig_ask(uint32_t index, uint64_t *ret_question, struct answer **ret_answer);

// Answers a question with ALLOW from a thread of its own; returns what the function returned.
int rig_answer_elsewhere(uint64_t question);

// What was written to the log between the two; the text is good until the next begin.
void rig_capture(void);
const char *rig_captured(void);

#endif
