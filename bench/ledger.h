// SPDX-License-Identifier: MIT
// Who has published what, and what of it has arrived where.
//
// Publishers and subscribers stand in groups of equal size; each publisher of a group reaches each subscriber
// of it. A pair of them is a link, and each link knows the sequence number that it expects next:
//
//     flow of a publisher:   slowest ............. published
//                            |<-- undelivered --->|           at most the window, or the publisher waits
//     its links:             next   next    next              slowest = the least of them, `holders` = how
//     many stand there
//
// A message that skips numbers tells that those were lost; a number below the expected one was repeated (or
// is so late that it had been written off). Sequence numbers wrap, so only their differences, which the
// window bounds, mean something.
#ifndef BENCH_LEDGER_H
#define BENCH_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

#include "bench/wire.h"

struct ledger_layout {
    uint32_t groups;
    uint32_t publishers;  // in each group
    uint32_t subscribers; // in each group
};

struct flow {
    uint32_t *next; // of each subscriber in the group
    uint32_t published;
    uint32_t slowest;
    uint32_t holders;
};

struct ledger {
    struct ledger_layout layout;
    struct flow *flows; // publishers, group after group
    uint32_t *links;
    uint64_t expected; // deliveries that the published messages ought to give
    uint64_t delivered;
    uint64_t lost;
    uint64_t repeated;
    uint64_t misrouted; // a tag that this subscriber should not see
};

enum ledger_result {
    LEDGER_REFUSED, // repeated or misrouted
    LEDGER_NOTED,
    LEDGER_MOVED, // noted, and every subscriber of that publisher has gone on: its window has room
};

// Returns 0 or -ENOMEM.
int ledger_init(struct ledger *ledger, struct ledger_layout layout);
void ledger_finish(struct ledger *ledger);

// Notes that `publisher` sends `count` messages, which bear the sequence numbers from the returned one on.
uint32_t ledger_publish(struct ledger *ledger, uint32_t publisher, uint32_t count);

// Notes that `subscriber` received a message with this tag. Any tag may come from a broker.
enum ledger_result ledger_deliver(struct ledger *ledger, uint32_t subscriber, struct wire_tag tag);

// The messages of `publisher` that at least one of its subscribers has not received.
uint32_t ledger_undelivered(const struct ledger *ledger, uint32_t publisher);

// Deliveries that are still awaited.
uint64_t ledger_outstanding(const struct ledger *ledger);

// Counts as lost what is still awaited.
void ledger_write_off(struct ledger *ledger);

#endif
