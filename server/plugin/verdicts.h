// SPDX-License-Identifier: MIT
// What was decided for one session about topics, where all who were asked said that it holds (HBMQTT_STABLE).
#ifndef PLUGIN_VERDICTS_H
#define PLUGIN_VERDICTS_H

#include "server/plugin/decisions.h"

struct verdicts {
    uint64_t epoch; // what is remembered holds as long as this is host_verdicts
    struct decisions decisions;
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
