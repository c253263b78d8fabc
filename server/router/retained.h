// SPDX-License-Identifier: MIT
// The retained messages, in a tree with one node for each level of their topics, so that collecting for a
// filter walks only the branches that the filter can reach.
//
// Every shard has all retained messages, and hears of changes from the others in no particular order. What is
// newer by its stamp wins, be it a message or an erasure, so all end up with the same; a topic has a message
// or a remembered erasure, never both.
#ifndef ROUTER_RETAINED_H
#define ROUTER_RETAINED_H

#include "server/router/erasures.h"
#include "server/router/level.h"
#include "server/router/router.h"
#include "server/router/stamp.h"

struct retained_node {
    struct level level;
    struct retained_node *first; // child
    struct retained_node *next;  // child of the same parent
    struct retained_node *previous;
    struct message *message; // NULL: only what is below counts
    struct stamp stamp;      // of the message
};

struct retained {
    struct level_table levels;
    struct retained_node root;
    struct erasures erasures;
    uint64_t messages;
    uint64_t messages_max;
    uint64_t bytes;
    uint64_t bytes_max;
    uint64_t payload_bytes;
    uint64_t sys_messages; // those below $SYS, among the ones above
    uint64_t sys_bytes;
};

void retained_init(struct retained *retained, const struct router_options *options);
void retained_finish(struct retained *retained);

// What router_retain and router_retained_collect do.
enum router_retained retained_put(struct retained *retained, struct message *message, uint32_t shard);
uint32_t retained_collect(struct retained *retained, struct bytes filter, struct message ***ret_messages);

#endif
