// SPDX-License-Identifier: MIT
// The filters that the broker has granted, by which a session that it lost is made whole again.
#ifndef CLIENT_SUBSCRIPTIONS_H
#define CLIENT_SUBSCRIPTIONS_H

#include "client/buffer.h"
#include "proto/proto.h"

struct subscribed {
    uint8_t qos; // as asked for
    uint16_t length;
    char filter[];
};

struct subscriptions {
    struct subscribed **list; // sorted by filter
    size_t count;
    size_t capacity;
};

void subscriptions_init(struct subscriptions *subscriptions);
void subscriptions_finish(struct subscriptions *subscriptions);

// What an encoded SUBSCRIBE, or UNSUBSCRIBE, has brought about: of the former, `codes` has one for each
// filter. Returns 0 or -ENOMEM.
int subscriptions_add(struct subscriptions *subscriptions, struct bytes packet, struct bytes codes);
void subscriptions_remove(struct subscriptions *subscriptions, struct bytes packet);

// Appends up to `count_max` entries of a SUBSCRIBE from number *at on, and moves *at on. Returns how many, or
// -ENOMEM.
int subscriptions_put(const struct subscriptions *subscriptions, size_t *at, uint32_t count_max,
                      struct buffer *entries);

#endif
