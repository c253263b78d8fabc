// SPDX-License-Identifier: MIT
// The topic tree: who subscribes to which filter, and from a topic to all whose filters match.
//
// A filter is the node at which its levels end; '+' and '#' are levels like others, to which their parents
// have a pointer each:
//
//     root --- a --- b        a/b
//              |     +---- #  a/b/#     Matching a/b visits root, a, and of the children of a: b and '+';
//              +---- +        a/+       it takes the audience of '#' below every node that it visits,
//                             and that of the nodes that the last level has reached.
//
// A node is there as long as it has subscribers, interested shards or children. Each subscription is also in
// a table under (node, subscriber), so that none of its operations depends on how many others there are.
#ifndef ROUTER_TREE_H
#define ROUTER_TREE_H

#include "server/router/audience.h"
#include "server/router/frontier.h"
#include "server/router/level.h"
#include "server/router/router.h"

struct node {
    struct level level;
    struct node *plus;  // the child '+'
    struct node *multi; // the child '#'
    struct audience audience;
    uint64_t shards; // interested in this filter
};

struct subscriber {
    void *owner;
    const struct tree *tree;
    struct list subscriptions;
    uint64_t pass;  // the last match that found it
    uint32_t found; // where it is in the result of that match
    uint32_t count; // of its subscriptions
};

struct tree {
    struct level_table levels;
    struct hash_table subscriptions;
    struct node root;
    uint64_t generation; // changes whenever a match may come out differently than before
    uint64_t pass;       // the number of the current match
    uint32_t subscribers;
    struct frontier frontier;
    struct match *matches; // the result of the current match
    uint32_t match_count;
    uint32_t match_capacity;
    uint64_t match_shards;
};

void tree_init(struct tree *tree, uint64_t seed);
void tree_finish(struct tree *tree); // every subscriber must be destroyed

// These do what the functions of the same names in the door do.
struct subscriber *tree_subscriber_create(struct tree *tree, void *owner);
void tree_subscriber_destroy(struct tree *tree, struct subscriber *subscriber);
enum router_change tree_subscribe(struct tree *tree, struct subscriber *subscriber, struct bytes filter,
                                  struct subscription_options options, uint32_t identifier);
enum router_change tree_unsubscribe(struct tree *tree, struct subscriber *subscriber, struct bytes filter);
uint32_t tree_subscription_filter(const struct subscriber *subscriber, uint8_t *filter);
const struct subscription *tree_subscription_next(const struct subscriber *subscriber,
                                                  const struct subscription *after);
uint32_t tree_subscription_read(const struct subscription *subscription, uint8_t *filter,
                                struct subscription_options *ret_options);
void tree_interest_add(struct tree *tree, struct bytes filter, uint32_t shard);
void tree_interest_remove(struct tree *tree, struct bytes filter, uint32_t shard);

// The matches are the tree's and stay until the next match. The nodes that it visited are left in the
// frontier.
struct matches tree_match(struct tree *tree, struct bytes topic);

#endif
