// SPDX-License-Identifier: MIT
#include "server/router/tree.h"

#include <stdlib.h>

#define MATCHES_FIRST 64u

// One subscriber at one filter. The options are in its seat in the audience of the filter.
struct subscription {
    struct hash_node node; // in tree.subscriptions
    struct node *filter;
    struct subscriber *subscriber;
    struct list siblings; // in subscriber.subscriptions
    uint32_t seat;
};

static struct node *node_of(struct level *level)
{
    return container_of(level, struct node, level);
}

void tree_init(struct tree *tree, uint64_t seed)
{
    *tree = (struct tree){0};
    level_table_init(&tree->levels, sizeof(struct node), seed);
    level_init_root(&tree->levels, &tree->root.level);
    hash_table_init(&tree->subscriptions);
}

void tree_finish(struct tree *tree)
{
    assert(tree->subscribers == 0);
    level_table_finish(&tree->levels);
    hash_table_finish(&tree->subscriptions);
    frontier_finish(&tree->frontier);
    free(tree->matches);
}

// --- Matching ---

static void matches_reserve(struct tree *tree, uint32_t more)
{
    uint64_t needed = (uint64_t)tree->match_count + more;
    if (needed <= tree->match_capacity)
        return;
    uint64_t capacity = tree->match_capacity ? tree->match_capacity : MATCHES_FIRST;
    while (capacity < needed)
        capacity *= 2;
    assert(capacity <= UINT32_MAX);
    tree->matches = memory_require_again(tree->matches, capacity * sizeof(struct match));
    tree->match_capacity = (uint32_t)capacity;
}

// The subscription with the higher QoS speaks for both [MQTT-3.3.5-1]. Only what no subscription lets through
// is kept from the subscriber: its own messages where all say no_local; and RETAIN is shown where any asks
// for it.
static void match_merge(struct match *match, const struct seat *seat)
{
    bool no_local = match->options.no_local && seat->options.no_local;
    bool retain_as_published = match->options.retain_as_published || seat->options.retain_as_published;
    if (seat->options.qos > match->options.qos) {
        match->options = seat->options;
        match->identifier = seat->identifier;
    }
    match->options.no_local = no_local;
    match->options.retain_as_published = retain_as_published;
}

static void tree_collect(struct tree *tree, struct node *node)
{
    tree->match_shards |= node->shards;
    matches_reserve(tree, node->audience.count);
    const struct seat *seats = audience_seats(&node->audience);
    for (uint32_t i = 0; i < node->audience.count; i++) {
        struct subscriber *subscriber = seats[i].subscriber;
        if (subscriber->pass == tree->pass) {
            match_merge(&tree->matches[subscriber->found], &seats[i]);
            continue;
        }
        subscriber->pass = tree->pass;
        subscriber->found = tree->match_count;
        tree->matches[tree->match_count++] =
            (struct match){subscriber->owner, seats[i].identifier, seats[i].options};
    }
}

// Whoever may be below `node` for a topic that goes on with `text`.
static void tree_visit(struct tree *tree, struct node *node, struct bytes text, uint64_t text_hash)
{
    if (node->multi != NULL)
        tree_collect(tree, node->multi);
    if (node->plus != NULL)
        frontier_push(&tree->frontier, &node->plus->level);
    uint32_t wildcards = (node->multi != NULL) + (node->plus != NULL);
    if (node->level.children > wildcards) {
        struct level *level = level_find(&tree->levels, &node->level, text, text_hash);
        if (level != NULL)
            frontier_push(&tree->frontier, level);
    }
}

// The first level apart: a wildcard there does not match a level that begins with '$'. [MQTT-4.7.2-1]
static void tree_visit_root(struct tree *tree, struct bytes text)
{
    uint64_t text_hash = level_hash(&tree->levels, text);
    if (text.length == 0 || text.data[0] != '$') {
        tree_visit(tree, &tree->root, text, text_hash);
        return;
    }
    struct level *level = level_find(&tree->levels, &tree->root.level, text, text_hash);
    if (level != NULL)
        frontier_push(&tree->frontier, level);
}

// The topic ends at `node`; the filter `a/#` matches `a` as well.
static void tree_arrive(struct tree *tree, struct node *node)
{
    if (node->multi != NULL)
        tree_collect(tree, node->multi);
    tree_collect(tree, node);
}

struct matches tree_match(struct tree *tree, struct bytes topic)
{
    struct frontier *frontier = &tree->frontier;
    frontier->count = 0;
    tree->match_count = 0;
    tree->match_shards = 0;
    tree->pass++;

    struct topic_cursor cursor = {topic, false};
    struct bytes text = {0};
    (void)topic_next_level(&cursor, &text); // a topic has one level at least
    tree_visit_root(tree, text);
    uint32_t at = 0;
    while (at < frontier->count && topic_next_level(&cursor, &text)) {
        uint64_t text_hash = level_hash(&tree->levels, text);
        for (uint32_t end = frontier->count; at < end; at++)
            tree_visit(tree, node_of(frontier->list[at]), text, text_hash);
    }
    for (; at < frontier->count; at++)
        tree_arrive(tree, node_of(frontier->list[at]));
    return (struct matches){tree->matches, tree->match_count, tree->match_shards};
}

// --- Nodes ---

static struct node *tree_find(struct tree *tree, struct bytes filter)
{
    struct level *level = level_find_path(&tree->levels, &tree->root.level, filter);
    return level == NULL ? NULL : node_of(level);
}

static struct node *tree_reach(struct tree *tree, struct bytes filter)
{
    struct node *node = &tree->root;
    struct topic_cursor cursor = {filter, false};
    struct bytes text;
    while (topic_next_level(&cursor, &text)) {
        struct node *parent = node;
        bool made;
        node = node_of(level_reach(&tree->levels, &parent->level, text, &made));
        if (made && level_text_is(text, '+'))
            parent->plus = node;
        else if (made && level_text_is(text, '#'))
            parent->multi = node;
    }
    return node;
}

// Frees `node` and those above it for as long as nothing needs them.
static void tree_prune(struct tree *tree, struct node *node)
{
    while (node != &tree->root && node->audience.count == 0 && node->shards == 0 &&
           node->level.children == 0) {
        struct node *parent = node_of(node->level.parent);
        if (parent->plus == node)
            parent->plus = NULL;
        else if (parent->multi == node)
            parent->multi = NULL;
        level_remove(&tree->levels, &node->level);
        node = parent;
    }
}

void tree_interest_add(struct tree *tree, struct bytes filter, uint32_t shard)
{
    assert(shard < ROUTER_SHARDS_MAX);
    struct node *node = tree_reach(tree, filter);
    uint64_t shards = node->shards | 1ull << shard;
    if (shards == node->shards)
        return;
    node->shards = shards;
    tree->generation++;
}

void tree_interest_remove(struct tree *tree, struct bytes filter, uint32_t shard)
{
    assert(shard < ROUTER_SHARDS_MAX);
    struct node *node = tree_find(tree, filter);
    if (node == NULL || (node->shards & 1ull << shard) == 0)
        return;
    node->shards &= ~(1ull << shard);
    tree->generation++;
    tree_prune(tree, node);
}

// --- Subscriptions ---

static uint64_t subscription_hash(const struct tree *tree, const struct node *filter,
                                  const struct subscriber *who)
{
    const void *key[2] = {filter, who};
    return hash_bytes(key, sizeof key, tree->levels.seed);
}

static struct subscription *subscription_find(const struct tree *tree, const struct node *filter,
                                              const struct subscriber *subscriber)
{
    uint64_t hash = subscription_hash(tree, filter, subscriber);
    struct hash_node *node = hash_table_find(&tree->subscriptions, hash);
    for (; node != NULL; node = hash_node_again(node)) {
        struct subscription *subscription = container_of(node, struct subscription, node);
        if (subscription->filter == filter && subscription->subscriber == subscriber)
            return subscription;
    }
    return NULL;
}

static void subscription_create(struct tree *tree, struct node *filter, const struct seat *seat)
{
    struct subscriber *subscriber = seat->subscriber;
    struct subscription *subscription = memory_require(sizeof *subscription);
    subscription->filter = filter;
    subscription->subscriber = subscriber;
    subscription->seat = audience_add(&filter->audience, seat);
    list_append(&subscriber->subscriptions, &subscription->siblings);
    subscriber->count++;
    hash_table_insert(&tree->subscriptions, &subscription->node, subscription_hash(tree, filter, subscriber));
    tree->generation++;
}

static void subscription_destroy(struct tree *tree, struct subscription *subscription)
{
    struct node *filter = subscription->filter;
    hash_table_remove(&tree->subscriptions, &subscription->node);
    struct subscriber *moved = audience_remove(&filter->audience, subscription->seat);
    if (moved != NULL)
        subscription_find(tree, filter, moved)->seat = subscription->seat;
    list_remove(&subscription->siblings);
    subscription->subscriber->count--;
    free(subscription);
    tree->generation++;
}

static bool seat_equal(const struct seat *a, const struct seat *b)
{
    return a->identifier == b->identifier && a->options.qos == b->options.qos &&
           a->options.no_local == b->options.no_local &&
           a->options.retain_as_published == b->options.retain_as_published &&
           a->options.retain_handling == b->options.retain_handling;
}

// A client that reconnects often repeats what it had: nothing changes then, and what is cached stays good.
static void subscription_replace(struct tree *tree, struct subscription *subscription,
                                 const struct seat *seat)
{
    struct seat *old = &audience_seats(&subscription->filter->audience)[subscription->seat];
    if (seat_equal(old, seat))
        return;
    *old = *seat;
    tree->generation++;
}

enum router_change tree_subscribe(struct tree *tree, struct subscriber *subscriber, struct bytes filter,
                                  struct subscription_options options, uint32_t identifier)
{
    struct seat seat = {subscriber, identifier, options};
    struct node *node = tree_reach(tree, filter);
    struct subscription *subscription = subscription_find(tree, node, subscriber);
    if (subscription != NULL) {
        subscription_replace(tree, subscription, &seat);
        return ROUTER_REPLACED;
    }
    subscription_create(tree, node, &seat);
    return node->audience.count == 1 ? ROUTER_FIRST : ROUTER_ADDED;
}

enum router_change tree_unsubscribe(struct tree *tree, struct subscriber *subscriber, struct bytes filter)
{
    struct node *node = tree_find(tree, filter);
    struct subscription *subscription = node == NULL ? NULL : subscription_find(tree, node, subscriber);
    if (subscription == NULL)
        return ROUTER_ABSENT;
    subscription_destroy(tree, subscription);
    if (node->audience.count > 0)
        return ROUTER_REMOVED;
    tree_prune(tree, node);
    return ROUTER_LAST;
}

// --- Subscribers ---

struct subscriber *tree_subscriber_create(struct tree *tree, void *owner)
{
    struct subscriber *subscriber = memory_require(sizeof *subscriber);
    subscriber->owner = owner;
    subscriber->tree = tree;
    list_init(&subscriber->subscriptions);
    tree->subscribers++;
    return subscriber;
}

void tree_subscriber_destroy(struct tree *tree, struct subscriber *subscriber)
{
    if (subscriber == NULL)
        return;
    assert(subscriber->count == 0);
    assert(tree->subscribers > 0);
    tree->subscribers--;
    free(subscriber);
}

const struct subscription *tree_subscription_next(const struct subscriber *subscriber,
                                                  const struct subscription *after)
{
    const struct list *next = after == NULL ? subscriber->subscriptions.next : after->siblings.next;
    if (next == &subscriber->subscriptions)
        return NULL;
    return (const struct subscription *)((uintptr_t)next - offsetof(struct subscription, siblings));
}

uint32_t tree_subscription_read(const struct subscription *subscription, uint8_t *filter,
                                struct subscription_options *ret_options)
{
    *ret_options = audience_seats(&subscription->filter->audience)[subscription->seat].options;
    return level_write_path(&subscription->subscriber->tree->levels, &subscription->filter->level, filter);
}

uint32_t tree_subscription_filter(const struct subscriber *subscriber, uint8_t *filter)
{
    struct subscription_options options;
    const struct subscription *first = tree_subscription_next(subscriber, NULL);
    return first == NULL ? 0 : tree_subscription_read(first, filter, &options);
}
