// SPDX-License-Identifier: MIT
// The door of server/router/: from a topic to those who are to get what is published there, and the retained
// messages.
//
// Subscriptions hang in a tree with one node for each level of a filter. Matching walks the levels of the
// topic with a frontier of nodes (literal child, '+' child, '#' on the way), so its cost follows the levels
// and the matches, not the number of subscriptions. Topics that are published again and again find their
// matches in a cache; any change of subscriptions makes what is cached stale.
//
// The tree also knows which other shards are interested in a filter, as a set of shard numbers, so that one
// walk gives both. A subscriber that matches through several filters is in the matches once, with its highest
// QoS. [MQTT-3.3.5-1]
#ifndef ROUTER_ROUTER_H
#define ROUTER_ROUTER_H

#include "proto/proto.h"
#include "server/base/base.h"
#include "server/outbox/outbox.h"

#define ROUTER_SHARDS_MAX 64u

struct router;
struct subscriber; // the router's side of a session

struct router_options {
    uint64_t hash_seed;
    uint32_t cache_topics_max;      // topics whose matches are remembered; a power of two, 0 = no cache
    uint32_t cache_matches_max;     // a topic with more matches than this is not remembered
    uint64_t retained_messages_max; // without those below $SYS, as the next
    uint64_t retained_bytes_max;
};

struct match {
    void *owner;                         // of the subscriber: the session
    uint32_t identifier;                 // 5.0 subscription identifier, 0 = none
    struct subscription_options options; // of the one with the highest QoS among those that match; no_local
                                         // only if all say so, retain_as_published if any does
};

// Borrowed until the next call that changes or matches.
struct matches {
    const struct match *list;
    uint32_t count;
    uint64_t shards; // bit n: shard n has subscribers for this topic
};

WARN_UNUSED struct router *router_create(const struct router_options *options);
void router_destroy(struct router *router); // every subscriber must be destroyed; NULL accepted

// A subscriber without subscriptions. `owner` comes back in matches.
struct subscriber *router_subscriber_create(struct router *router, void *owner);
// Its subscriptions must have been removed. NULL accepted.
void router_subscriber_destroy(struct router *router, struct subscriber *subscriber);

uint32_t router_subscription_count(const struct subscriber *subscriber); // of this subscriber
uint64_t router_subscriptions_total(const struct router *router);        // of all

enum router_change {
    ROUTER_REPLACED, // (subscribe) the subscriber had this very filter: its options are the new ones now
                     // [MQTT-3.8.4-3]
    ROUTER_ADDED,    // (subscribe) or removed (unsubscribe); others here hold the same filter
    ROUTER_FIRST,    // (subscribe) nobody here had this filter: the other shards must be told
    ROUTER_REMOVED,  // (unsubscribe) others here still hold the filter
    ROUTER_LAST,     // (unsubscribe) nobody here holds the filter any more: the other shards must be told
    ROUTER_ABSENT,   // (unsubscribe) the subscriber did not have it
};

// `filter` is valid. Adds the subscription or replaces its options.
enum router_change router_subscribe(struct router *router, struct subscriber *subscriber, struct bytes filter,
                                    struct subscription_options options, uint32_t identifier);

// Filters are compared byte for byte. [MQTT-3.10.4-1]
enum router_change router_unsubscribe(struct router *router, struct subscriber *subscriber,
                                      struct bytes filter);

// The filter of some subscription of this subscriber, so that all of them can be removed one after the other
// with router_unsubscribe. Written into `filter` (of TOPIC_BYTES_MAX bytes). Returns its length, or 0 when
// there is none.
uint32_t router_subscription_filter(const struct subscriber *subscriber, uint8_t filter[TOPIC_BYTES_MAX]);

// The subscriptions of a subscriber, one after the other: start with NULL; NULL at the end. Nothing may be
// subscribed or unsubscribed meanwhile.
struct subscription;
const struct subscription *router_subscription_next(const struct subscriber *subscriber,
                                                    const struct subscription *after);

// The filter of a subscription, as above, and its options.
uint32_t router_subscription_read(const struct subscription *subscription, uint8_t filter[TOPIC_BYTES_MAX],
                                  struct subscription_options *ret_options);

// Shard `shard` (less than ROUTER_SHARDS_MAX) has its first subscriber for `filter`, or has lost its last
// one.
void router_interest_add(struct router *router, struct bytes filter, uint32_t shard);
void router_interest_remove(struct router *router, struct bytes filter, uint32_t shard);

// Who gets what is published to `topic` (a valid name). [MQTT-4.7.2-1]: wildcards at the front do not match
// `$` topics.
struct matches router_match(struct router *router, struct bytes topic);

// Retained messages. Stores `message` (taking a reference) for its topic if it is newer, by (stamp_ns,
// shard), than the one that is there, which is then `superseded` and let go; an empty payload erases
// [MQTT-3.3.1-10, MQTT-3.3.1-11]. A late erasure or store that lost against a newer one changes nothing; so
// that an erasure also wins against an older store that arrives later from another shard, the router
// remembers the latest ones, a bounded number. Equal stamps come from one shard, in order: the later call
// wins.
enum router_retained {
    ROUTER_RETAINED_STORED,
    ROUTER_RETAINED_ERASED,
    ROUTER_RETAINED_STALE, // a newer one is there
    ROUTER_RETAINED_FULL,  // a ceiling is reached: not stored, and an older one of this topic is let go
};
enum router_retained router_retain(struct router *router, struct message *message, uint32_t shard);

// Collects the retained messages whose topics match `filter` into an array that the caller frees, with a
// reference on each. Returns how many; *ret_messages is NULL when 0.
uint32_t router_retained_collect(struct router *router, struct bytes filter, struct message ***ret_messages);

void router_set_retained_max(struct router *router, uint64_t messages_max, uint64_t bytes_max);
uint64_t router_retained_count(const struct router *router);
uint64_t router_retained_bytes(const struct router *router);
uint64_t router_retained_payload_bytes(const struct router *router);

#endif
