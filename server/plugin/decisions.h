// SPDX-License-Identifier: MIT
// A byte for each of the topics that one client had to do with lately.
//
// All of it lies in one block that is made for the first decision: heads of chains, then entries one behind
// the other as they come. A full block gives way to an empty one of twice the size, up to
// DECISIONS_BYTES_MAX; from there on it is emptied. What is still in use comes back by itself, each for one
// decision.
#ifndef PLUGIN_DECISIONS_H
#define PLUGIN_DECISIONS_H

#include "proto/proto.h"
#include "server/base/base.h"

#define DECISIONS_BYTES_FIRST 128u   // two such topics
#define DECISIONS_BYTES_MAX   32768u // some 500 topics of 40 bytes
#define DECISIONS_TOPIC_MAX   256u   // bytes; what a longer topic may do is decided each time

struct decisions {
    void *block; // NULL: nothing has been decided yet
    uint32_t size;
    uint32_t used;
    uint32_t latest; // the entry that was found or put in last; 0 if there is none
    uint64_t seed;
};

void decisions_init(struct decisions *decisions, uint64_t hash_seed);
void decisions_finish(struct decisions *decisions);

// The byte of a topic that was put in and is still there, else NULL; good until the next call.
uint8_t *decisions_find(struct decisions *decisions, struct bytes topic);

// Remembers the topic, which is not in there, unless it is too long or there is no memory.
void decisions_put(struct decisions *decisions, struct bytes topic, uint8_t byte);

#endif
