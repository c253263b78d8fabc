// SPDX-License-Identifier: MIT
// What was decided for one session about topics, where all who were asked said that it holds (HBMQTT_STABLE).
// Each topic has one place that its hash chooses, and what was there before makes room.
#ifndef PLUGIN_VERDICTS_H
#define PLUGIN_VERDICTS_H

#include "proto/proto.h"
#include "server/base/base.h"

#define VERDICTS_MAX         32u  // a session remembers no more
#define VERDICTS_TOPIC_BYTES 512u // a longer topic is not remembered

struct verdict_entry;

struct verdicts {
    uint64_t epoch;  // what is remembered holds as long as this is host_verdicts
    uint32_t latest; // the place that was looked at last
    struct verdict_entry *entries[VERDICTS_MAX];
};

struct verdict_key {
    uint64_t epoch;
    uint64_t hash_seed;
    uint32_t action; // enum hbmqtt_plugin_filter
    struct bytes topic;
};

// HBMQTT_ALLOW or HBMQTT_DENY, or HBMQTT_NO_OPINION if nothing is remembered. `verdicts` may be NULL.
int verdicts_find(struct verdicts *verdicts, const struct verdict_key *key);

// Remembers a verdict; makes *verdicts where that is NULL.
void verdicts_put(struct verdicts **verdicts, const struct verdict_key *key, int verdict);

void verdicts_destroy(struct verdicts *verdicts); // NULL accepted

#endif
