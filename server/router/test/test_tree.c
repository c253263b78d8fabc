// SPDX-License-Identifier: MIT
// What the tree costs and keeps, in counts. What it answers is in test_router.c.
#include "server/router/tree.h"

#include "server/router/test/random_topic.h"
#include "test/suite.h"

#define MANY 100000u

static const struct subscription_options plain;

static struct tree tree;

static void open_tree(void)
{
    tree_init(&tree, 42);
}

// Everything that was subscribed must be gone without a trace.
static void close_tree_empty(void)
{
    CU_ASSERT_EQUAL(tree.levels.nodes.count, 0);
    CU_ASSERT_EQUAL(tree.subscriptions.count, 0);
    CU_ASSERT_EQUAL(tree.root.level.children, 0);
    CU_ASSERT_PTR_NULL(tree.root.plus);
    CU_ASSERT_PTR_NULL(tree.root.multi);
    tree_finish(&tree);
}

static void leave(struct subscriber *subscriber)
{
    static uint8_t filter[TOPIC_BYTES_MAX];
    uint32_t length;
    while ((length = tree_subscription_filter(subscriber, filter)) > 0) {
        enum router_change change = tree_unsubscribe(&tree, subscriber, (struct bytes){filter, length});
        CU_ASSERT_FATAL(change == ROUTER_LAST || change == ROUTER_REMOVED);
    }
    tree_subscriber_destroy(&tree, subscriber);
}

static void subscribe_numbered(struct subscriber *subscriber, const char *format, uint32_t number)
{
    char filter[64];
    (void)snprintf(filter, sizeof filter, "%.20s/%u/%.20s", format, number, "state"); // cannot be too long
    CU_ASSERT_FATAL(tree_subscribe(&tree, subscriber, bytes_of(filter), plain, 0) == ROUTER_FIRST);
}

static void a_match_visits_few_nodes_among_many_filters(void)
{
    open_tree();
    struct subscriber *one = tree_subscriber_create(&tree, NULL);
    struct subscriber *other = tree_subscriber_create(&tree, NULL);
    for (uint32_t i = 0; i < MANY; i++)
        subscribe_numbered(one, "device", i);
    CU_ASSERT_EQUAL(tree_match(&tree, bytes_of("device/777/state")).count, 1);
    CU_ASSERT_EQUAL(tree.frontier.count, 3);
    CU_ASSERT_EQUAL(tree_match(&tree, bytes_of("device/none/state")).count, 0);
    CU_ASSERT_EQUAL(tree.frontier.count, 1);

    (void)tree_subscribe(&tree, other, bytes_of("+/+/state"), plain, 0);
    (void)tree_subscribe(&tree, other, bytes_of("device/+/#"), plain, 0);
    CU_ASSERT_EQUAL(tree_match(&tree, bytes_of("device/777/state")).count, 2);
    CU_ASSERT_EQUAL(tree.frontier.count,
                    7); // two first levels, three second ones, and two whose children are 'state'
    leave(one);
    leave(other);
    close_tree_empty();
}

// The longest chain of a bucket bounds what a lookup costs.
static size_t longest_chain(const struct hash_table *table)
{
    size_t longest = 0;
    for (size_t i = 0; i < table->bucket_count; i++) {
        size_t length = 0;
        for (const struct hash_node *node = table->buckets[i]; node != NULL; node = node->next)
            length++;
        longest = length > longest ? length : longest;
    }
    return longest;
}

static void many_subscribers_of_one_filter_leave_in_any_order(void)
{
    static struct subscriber *people[MANY];
    struct random random;
    suite_seed(&random);
    open_tree();
    for (uint32_t i = 0; i < MANY; i++) {
        people[i] = tree_subscriber_create(&tree, &people[i]);
        enum router_change change = tree_subscribe(&tree, people[i], bytes_of("all"), plain, i);
        CU_ASSERT_FATAL(change == (i == 0 ? ROUTER_FIRST : ROUTER_ADDED));
    }
    CU_ASSERT(longest_chain(&tree.subscriptions) < 16);
    CU_ASSERT_EQUAL(tree_match(&tree, bytes_of("all")).count, MANY);

    for (uint32_t left = MANY; left > 0; left--) {
        uint32_t i = suite_below(&random, left);
        enum router_change change = tree_unsubscribe(&tree, people[i], bytes_of("all"));
        CU_ASSERT_FATAL(change == (left == 1 ? ROUTER_LAST : ROUTER_REMOVED));
        CU_ASSERT_FATAL(tree_unsubscribe(&tree, people[i], bytes_of("all")) == ROUTER_ABSENT);
        tree_subscriber_destroy(&tree, people[i]);
        people[i] = people[left - 1];
    }
    close_tree_empty();
}

// A subscriber whose seat was moved is still found in its new seat.
static void replacing_after_others_left_changes_the_right_subscription(void)
{
    open_tree();
    int owners[4];
    struct subscriber *people[4];
    for (uint32_t i = 0; i < 4; i++) {
        people[i] = tree_subscriber_create(&tree, &owners[i]);
        (void)tree_subscribe(&tree, people[i], bytes_of("a"), plain, i + 1);
    }
    (void)tree_unsubscribe(&tree, people[0], bytes_of("a"));
    struct subscription_options better = {.qos = 2};
    CU_ASSERT_EQUAL(tree_subscribe(&tree, people[3], bytes_of("a"), better, 9), ROUTER_REPLACED);
    struct matches matches = tree_match(&tree, bytes_of("a"));
    CU_ASSERT_EQUAL(matches.count, 3);
    for (uint32_t i = 0; i < matches.count; i++) {
        bool replaced = matches.list[i].owner == &owners[3];
        CU_ASSERT_EQUAL(matches.list[i].options.qos, replaced ? 2 : 0);
        CU_ASSERT_EQUAL(matches.list[i].identifier == 9, replaced);
    }
    for (uint32_t i = 0; i < 4; i++)
        leave(people[i]);
    close_tree_empty();
}

// The filters of the original were regular expressions, which such topics brought to a halt.
static void wildcards_on_every_level_cost_no_more_than_the_levels(void)
{
    static char plus[400], topic[400];
    for (uint32_t i = 0; i < 128; i++) {
        memcpy(plus + 2 * i, "+/", 2);
        memcpy(topic + 2 * i, "a/", 2);
    }
    memcpy(plus + 256, "b", 2);
    memcpy(topic + 256, "a", 2);
    open_tree();
    struct subscriber *subscriber = tree_subscriber_create(&tree, NULL);
    (void)tree_subscribe(&tree, subscriber, bytes_of(plus), plain, 0);
    CU_ASSERT_EQUAL(tree_match(&tree, bytes_of(topic)).count, 0);
    CU_ASSERT_EQUAL(tree.frontier.count, 128);
    leave(subscriber);
    close_tree_empty();
}

static void only_what_changes_a_match_changes_the_generation(void)
{
    open_tree();
    struct subscriber *subscriber = tree_subscriber_create(&tree, NULL);
    struct subscription_options options = {.qos = 1};
    uint64_t generation = tree.generation;

    (void)tree_subscribe(&tree, subscriber, bytes_of("a"), options, 0);
    CU_ASSERT_NOT_EQUAL(tree.generation, generation);
    generation = tree.generation;
    (void)tree_subscribe(&tree, subscriber, bytes_of("a"), options, 0);
    (void)tree_unsubscribe(&tree, subscriber, bytes_of("b"));
    tree_interest_remove(&tree, bytes_of("a"), 3);
    (void)tree_match(&tree, bytes_of("a"));
    CU_ASSERT_EQUAL(tree.generation, generation);

    options.no_local = true;
    (void)tree_subscribe(&tree, subscriber, bytes_of("a"), options, 0);
    CU_ASSERT_NOT_EQUAL(tree.generation, generation);
    generation = tree.generation;
    tree_interest_add(&tree, bytes_of("a"), 3);
    CU_ASSERT_NOT_EQUAL(tree.generation, generation);
    generation = tree.generation;
    tree_interest_add(&tree, bytes_of("a"), 3);
    CU_ASSERT_EQUAL(tree.generation, generation);
    tree_interest_remove(&tree, bytes_of("a"), 3);
    CU_ASSERT_NOT_EQUAL(tree.generation, generation);

    leave(subscriber);
    close_tree_empty();
}

static void interest_alone_keeps_a_filter(void)
{
    open_tree();
    struct subscriber *subscriber = tree_subscriber_create(&tree, NULL);
    tree_interest_add(&tree, bytes_of("a/+/#"), 63);
    CU_ASSERT_EQUAL(tree_subscribe(&tree, subscriber, bytes_of("a/+/#"), plain, 0), ROUTER_FIRST);
    leave(subscriber);
    CU_ASSERT_EQUAL(tree_match(&tree, bytes_of("a/b")).shards, 1ull << 63);
    tree_interest_remove(&tree, bytes_of("a/+/#"), 63);
    close_tree_empty();
}

static void nothing_is_left_after_random_changes(void)
{
    struct random random;
    struct subscriber *people[8];
    suite_seed(&random);
    open_tree();
    for (uint32_t i = 0; i < 8; i++)
        people[i] = tree_subscriber_create(&tree, NULL);
    for (uint32_t i = 0; i < 20000; i++) {
        struct random_topic filter;
        random_topic_filter(&random, &filter);
        struct subscriber *who = people[suite_below(&random, 8)];
        if (suite_below(&random, 2) == 0)
            (void)tree_subscribe(&tree, who, random_topic_bytes(&filter), plain, i);
        else
            (void)tree_unsubscribe(&tree, who, random_topic_bytes(&filter));
    }
    CU_ASSERT(tree.subscriptions.count > 0);
    for (uint32_t i = 0; i < 8; i++)
        leave(people[i]);
    close_tree_empty();
}

int main(void)
{
    static const CU_TestInfo cases[] = {
        {"a match visits few nodes among many filters", a_match_visits_few_nodes_among_many_filters},
        {"many subscribers of one filter leave in any order",
         many_subscribers_of_one_filter_leave_in_any_order},
        {"replacing after others left changes the right subscription",
         replacing_after_others_left_changes_the_right_subscription},
        {"wildcards on every level cost no more than the levels",
         wildcards_on_every_level_cost_no_more_than_the_levels},
        {"only what changes a match changes the generation",
         only_what_changes_a_match_changes_the_generation},
        {"interest alone keeps a filter", interest_alone_keeps_a_filter},
        {"nothing is left after random changes", nothing_is_left_after_random_changes},
    };
    return RUN_TESTS("tree", cases);
}
