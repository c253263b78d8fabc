// SPDX-License-Identifier: MIT
// A publisher that keeps its promises: whatever happens to its connections it comes back, sends again what
// has to be sent again, and ends when all its messages are acknowledged.
#ifndef CONFORMANCE_COURIER_H
#define CONFORMANCE_COURIER_H

#include "harness/harness.h"

// Publishes "0", "1", ... to the topic, one after the other. Returns how many connections it took.
unsigned courier_publish(struct trial *trial, const char *name, const struct address *address,
                         const char *topic, unsigned qos, unsigned count);

// Takes messages at QoS 1 or 2 over a session that has its subscription, until nothing has come for a while;
// over as many connections as it takes. Counts each number below `count` in ret_counts: as QoS 2 wants it, a
// message that is sent again before PUBREL is one.
void courier_take(struct trial *trial, const char *name, const struct address *address, const char *topic,
                  unsigned *ret_counts, unsigned count);

#endif
