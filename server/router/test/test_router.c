// SPDX-License-Identifier: MIT
// What the router answers, through its door: tables of behaviour, and random changes against a list with
// topic_matches.
#include "server/router/router.h"

#include "server/router/test/allocations.h"
#include "server/router/test/random_topic.h"
#include "test/suite.h"

static struct router *router;

static void open_router(void)
{
    struct router_options options = {.hash_seed = 42,
                                     .cache_topics_max = 64,
                                     .cache_matches_max = 16,
                                     .retained_messages_max = 1000,
                                     .retained_bytes_max = 1000000};
    router = router_create(&options);
}

static enum router_change subscribe(struct subscriber *subscriber, const char *filter, uint8_t qos)
{
    return router_subscribe(router, subscriber, bytes_of(filter), (struct subscription_options){.qos = qos},
                            0);
}

static void leave(struct subscriber *subscriber)
{
    static uint8_t filter[TOPIC_BYTES_MAX];
    uint32_t length;
    while ((length = router_subscription_filter(subscriber, filter)) > 0) {
        enum router_change change = router_unsubscribe(router, subscriber, (struct bytes){filter, length});
        CU_ASSERT_FATAL(change == ROUTER_LAST || change == ROUTER_REMOVED);
    }
    CU_ASSERT_EQUAL(router_subscription_count(subscriber), 0);
    router_subscriber_destroy(router, subscriber);
}

// --- Which filters match which topics ---

static const struct {
    const char *filter;
    const char *topic;
    bool matches;
} pairs[] = {
    {"a", "a", true},
    {"a", "b", false},
    {"a", "A", false},
    {"a", "aa", false},
    {"a/b", "a/b", true},
    {"a/b", "a", false},
    {"a/b", "a/b/c", false},
    {"a", "a/b", false},
    // '+' stands for one level, also an empty one
    {"+", "a", true},
    {"+", "a/b", false},
    {"a/+", "a/b", true},
    {"a/+", "a/b/c", false},
    {"a/+", "a", false},
    {"a/+", "a/", true},
    {"+/b", "a/b", true},
    {"+/b", "/b", true},
    {"+/+", "/", true},
    {"+/+", "/a", true},
    {"+", "/a", false},
    {"/+", "/a", true},
    {"+/+/+", "a/b", false},
    {"+/b/+", "a/b/c", true},
    {"a/+/c", "a//c", true},
    // '#' stands for the level above it and all below
    {"#", "a", true},
    {"#", "/", true},
    {"#", "a/b/c", true},
    {"a/#", "a", true},
    {"a/#", "a/", true},
    {"a/#", "a/b", true},
    {"a/#", "a/b/c", true},
    {"a/#", "ab", false},
    {"a/#", "b", false},
    {"a/b/#", "a", false},
    {"+/#", "a", true},
    {"+/#", "a/b/c", true},
    {"/#", "/", true},
    {"/#", "/a/b", true},
    {"/#", "a", false},
    {"a/+/#", "a", false},
    {"a/+/#", "a/b", true},
    {"a/+/#", "a/b/c/d", true},
    // empty levels are levels, nothing is normalised [MQTT-4.7.3-4]
    {"/", "/", true},
    {"/a", "a", false},
    {"a/", "a", false},
    {"a", "a/", false},
    {"a//b", "a//b", true},
    {"a//b", "a/b", false},
    {"a/b", "a//b", false},
    {"//", "//", true},
    {"//", "/", false},
    {"\xc3\xa9", "\xc3\xa9", true},
    {"\xc3\xa9", "e\xcc\x81", false},
    {"a b", "a b", true},
    // wildcards at the front do not match topics that begin with '$' [MQTT-4.7.2-1]
    {"#", "$SYS/broker/uptime", false},
    {"+/broker/uptime", "$SYS/broker/uptime", false},
    {"+/#", "$SYS/broker/uptime", false},
    {"+", "$SYS", false},
    {"#", "$SYS", false},
    {"$SYS/#", "$SYS/broker/uptime", true},
    {"$SYS/#", "$SYS", true},
    {"$SYS/broker/+", "$SYS/broker/uptime", true},
    {"$SYS/broker/uptime", "$SYS/broker/uptime", true},
    {"$SYS/+/+", "$SYS/broker/uptime", true},
    {"$/#", "$/a", true},
    {"+", "$", false},
    {"a/+", "a/$b", true},
    {"a/#", "a/$b", true},
    {"+/$b", "a/$b", true},
    {"/+", "/$b", true},
    // characters that mean something to a regular expression mean nothing here
    {"a.c", "abc", false},
    {"a.c", "a.c", true},
    {"a*", "aaa", false},
    {"(a)", "(a)", true},
    {"a/[b-d]/+", "a/c/x", false},
    {"^a$", "a", false},
    {"a\\d", "a\\d", true},
};

static void filters_match_topics(void)
{
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        struct bytes filter = bytes_of(pairs[i].filter), topic = bytes_of(pairs[i].topic);
        CU_ASSERT_TRUE(topic_filter_valid(filter, 128));
        CU_ASSERT_TRUE(topic_name_valid(topic, 128));
        open_router();
        struct subscriber *subscriber = router_subscriber_create(router, router);
        (void)subscribe(subscriber, pairs[i].filter, 0);
        router_interest_add(router, filter, 5);
        for (int again = 0; again < 2; again++) { // from the tree and from the cache
            struct matches matches = router_match(router, topic);
            if (matches.count != pairs[i].matches || matches.shards != (uint64_t)pairs[i].matches << 5)
                printf("\n    filter %s, topic %s ", pairs[i].filter, pairs[i].topic);
            CU_ASSERT_EQUAL(matches.count, pairs[i].matches);
            CU_ASSERT_EQUAL(matches.shards, (uint64_t)pairs[i].matches << 5);
        }
        leave(subscriber);
        router_destroy(router);
    }
}

static void filters_collect_retained_topics(void)
{
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        open_router();
        struct publication publication = {.topic = bytes_of(pairs[i].topic), .payload = bytes_of("on")};
        struct message *message = message_create(&publication);
        CU_ASSERT_EQUAL(router_retain(router, message, 0), ROUTER_RETAINED_STORED);
        CU_ASSERT_EQUAL(router_retained_count(router), 1);
        CU_ASSERT_EQUAL(router_retained_bytes(router), publication.topic.length + 2);
        CU_ASSERT_EQUAL(router_retained_payload_bytes(router), 2);
        struct message **messages;
        uint32_t count = router_retained_collect(router, bytes_of(pairs[i].filter), &messages);
        if (count != pairs[i].matches)
            printf("\n    filter %s, topic %s ", pairs[i].filter, pairs[i].topic);
        CU_ASSERT_EQUAL(count, pairs[i].matches);
        if (count > 0) {
            CU_ASSERT_PTR_EQUAL(messages[0], message);
            message_unref(messages[0]);
        }
        free(messages);
        message_unref(message);
        router_destroy(router);
    }
}

// --- Subscriptions ---

static void changes_tell_whether_the_other_shards_must_know(void)
{
    open_router();
    struct subscriber *one = router_subscriber_create(router, NULL);
    struct subscriber *two = router_subscriber_create(router, NULL);
    CU_ASSERT_EQUAL(subscribe(one, "a/+", 0), ROUTER_FIRST);
    CU_ASSERT_EQUAL(subscribe(one, "a/+", 1), ROUTER_REPLACED);
    CU_ASSERT_EQUAL(subscribe(two, "a/+", 0), ROUTER_ADDED);
    CU_ASSERT_EQUAL(subscribe(two, "a", 0), ROUTER_FIRST);
    CU_ASSERT_EQUAL(router_subscription_count(one), 1);
    CU_ASSERT_EQUAL(router_subscription_count(two), 2);
    CU_ASSERT_EQUAL(router_subscriptions_total(router), 3);

    // Only the very filter is removed, byte for byte. [MQTT-3.10.4-1]
    CU_ASSERT_EQUAL(router_unsubscribe(router, one, bytes_of("a/b")), ROUTER_ABSENT);
    CU_ASSERT_EQUAL(router_unsubscribe(router, one, bytes_of("A/+")), ROUTER_ABSENT);
    CU_ASSERT_EQUAL(router_unsubscribe(router, one, bytes_of("a/#")), ROUTER_ABSENT);
    CU_ASSERT_EQUAL(router_unsubscribe(router, one, bytes_of("a")), ROUTER_ABSENT);
    CU_ASSERT_EQUAL(router_unsubscribe(router, one, bytes_of("a/+")), ROUTER_REMOVED);
    CU_ASSERT_EQUAL(router_unsubscribe(router, one, bytes_of("a/+")), ROUTER_ABSENT);
    CU_ASSERT_EQUAL(router_unsubscribe(router, two, bytes_of("a/+")), ROUTER_LAST);
    CU_ASSERT_EQUAL(router_match(router, bytes_of("a/b")).count, 0);
    CU_ASSERT_EQUAL(router_match(router, bytes_of("a")).count, 1);
    leave(one);
    leave(two);
    CU_ASSERT_EQUAL(router_subscriptions_total(router), 0);
    router_subscriber_destroy(router, NULL);
    router_destroy(router);
    router_destroy(NULL);
}

static void subscribing_again_replaces_the_options(void)
{
    open_router();
    struct subscriber *subscriber = router_subscriber_create(router, NULL);
    struct subscription_options options = {.qos = 2, .no_local = true, .retain_as_published = true};
    (void)router_subscribe(router, subscriber, bytes_of("t"), options, 7);
    struct matches matches = router_match(router, bytes_of("t"));
    CU_ASSERT_EQUAL_FATAL(matches.count, 1);
    CU_ASSERT_EQUAL(matches.list[0].options.qos, 2);
    CU_ASSERT_EQUAL(matches.list[0].identifier, 7);
    CU_ASSERT_TRUE(matches.list[0].options.no_local);

    CU_ASSERT_EQUAL(subscribe(subscriber, "t", 1), ROUTER_REPLACED);
    matches = router_match(router, bytes_of("t"));
    CU_ASSERT_EQUAL_FATAL(matches.count, 1);
    CU_ASSERT_EQUAL(matches.list[0].options.qos, 1);
    CU_ASSERT_EQUAL(matches.list[0].identifier, 0);
    CU_ASSERT_FALSE(matches.list[0].options.no_local);
    CU_ASSERT_FALSE(matches.list[0].options.retain_as_published);
    leave(subscriber);
    router_destroy(router);
}

// [MQTT-3.3.5-1]
static void overlapping_filters_give_one_match_with_the_highest_qos(void)
{
    static const char *const filters[] = {"a/#", "a/b", "+/b", "#", "a/b/#"};
    for (uint32_t highest = 0; highest < 5; highest++) {
        open_router();
        struct subscriber *subscriber = router_subscriber_create(router, NULL);
        for (uint32_t i = 0; i < 5; i++) {
            struct subscription_options options = {.qos = i == highest ? 2 : i % 2};
            (void)router_subscribe(router, subscriber, bytes_of(filters[i]), options, 10 + i);
        }
        struct matches matches = router_match(router, bytes_of("a/b"));
        CU_ASSERT_EQUAL_FATAL(matches.count, 1);
        CU_ASSERT_EQUAL(matches.list[0].options.qos, 2);
        CU_ASSERT_EQUAL(matches.list[0].identifier, 10 + highest);
        leave(subscriber);
        router_destroy(router);
    }
}

static void only_what_all_overlapping_subscriptions_refuse_is_refused(void)
{
    open_router();
    struct subscriber *subscriber = router_subscriber_create(router, NULL);
    struct subscription_options strict = {.qos = 2, .no_local = true};
    struct subscription_options lax = {.qos = 1, .retain_as_published = true};
    (void)router_subscribe(router, subscriber, bytes_of("a/+"), strict, 0);
    CU_ASSERT_TRUE(router_match(router, bytes_of("a/b")).list[0].options.no_local);
    (void)router_subscribe(router, subscriber, bytes_of("a/b"), lax, 0);
    struct match match = router_match(router, bytes_of("a/b")).list[0];
    CU_ASSERT_EQUAL(match.options.qos, 2);
    CU_ASSERT_FALSE(match.options.no_local);
    CU_ASSERT_TRUE(match.options.retain_as_published);
    leave(subscriber);
    router_destroy(router);
}

static void every_change_shows_in_a_topic_that_is_cached(void)
{
    open_router();
    struct subscriber *one = router_subscriber_create(router, NULL);
    struct subscriber *two = router_subscriber_create(router, NULL);
    struct bytes topic = bytes_of("a/b");
    CU_ASSERT_EQUAL(router_match(router, topic).count, 0);
    (void)subscribe(one, "a/b", 0);
    CU_ASSERT_EQUAL(router_match(router, topic).count, 1);
    (void)subscribe(two, "#", 0);
    CU_ASSERT_EQUAL(router_match(router, topic).count, 2);
    (void)subscribe(one, "a/b", 2);
    CU_ASSERT_EQUAL(
        router_match(router, topic).list[0].options.qos + router_match(router, topic).list[1].options.qos, 2);
    router_interest_add(router, bytes_of("+/b"), 3);
    CU_ASSERT_EQUAL(router_match(router, topic).shards, 8);
    router_interest_add(router, bytes_of("a/#"), 0);
    CU_ASSERT_EQUAL(router_match(router, topic).shards, 9);
    router_interest_remove(router, bytes_of("+/b"), 3);
    router_interest_remove(router, bytes_of("+/b"), 3);
    router_interest_remove(router, bytes_of("nobody/ever"), 3);
    CU_ASSERT_EQUAL(router_match(router, topic).shards, 1);
    leave(one);
    CU_ASSERT_EQUAL(router_match(router, topic).count, 1);
    leave(two);
    CU_ASSERT_EQUAL(router_match(router, topic).count, 0);
    router_destroy(router); // with an interest that nobody took back
}

// Whether from the cache, after a change, or past the cache because there are too many matches.
static void matching_the_same_topics_again_allocates_nothing(void)
{
    enum { PEOPLE = 40 };
    struct subscriber *people[PEOPLE];
    open_router();
    for (uint32_t i = 0; i < PEOPLE; i++) {
        people[i] = router_subscriber_create(router, NULL);
        (void)subscribe(people[i], "all/#", 0);
        (void)subscribe(people[i], i % 4 == 0 ? "few/+" : "none", 0);
    }
    uint64_t before = 0;
    for (uint32_t round = 0; round < 10; round++) {
        if (round == 2)
            before = allocations;
        if (round > 2)
            (void)subscribe(people[0], "few/+", (uint8_t)(round % 3));
        CU_ASSERT_EQUAL(router_match(router, bytes_of("all/of/them")).count, PEOPLE);
        CU_ASSERT_EQUAL(router_match(router, bytes_of("few/x")).count, PEOPLE / 4);
        CU_ASSERT_EQUAL(router_match(router, bytes_of("nobody/here")).count, 0);
    }
    CU_ASSERT_EQUAL(allocations, before);
    for (uint32_t i = 0; i < PEOPLE; i++)
        leave(people[i]);
    router_destroy(router);
}

// --- Against a model ---

#define PEOPLE        12u
#define HOLDINGS_MAX  4096u
#define MODEL_TOPICS  100u
#define MODEL_FILTERS 200u
#define MODEL_SHARDS  4u
#define MODEL_STEPS   60000u

struct holding {
    uint32_t who;
    uint32_t filter;
    uint32_t identifier;
    struct subscription_options options;
};

static struct model {
    struct random random;
    struct subscriber *people[PEOPLE];
    struct random_topic topics[MODEL_TOPICS];
    struct random_topic filters[MODEL_FILTERS];
    struct holding holdings[HOLDINGS_MAX];
    uint32_t count;
    bool interests[MODEL_FILTERS][MODEL_SHARDS];
} model;

static uint32_t any(uint32_t bound)
{
    return suite_below(&model.random, bound);
}

// The number of a filter; equal texts have one number.
static uint32_t any_filter(void)
{
    uint32_t number = any(MODEL_FILTERS);
    for (uint32_t i = 0; i < number; i++)
        if (bytes_equal(random_topic_bytes(&model.filters[i]), random_topic_bytes(&model.filters[number])))
            return i;
    return number;
}

static struct bytes filter_text(uint32_t number)
{
    return random_topic_bytes(&model.filters[number]);
}

static void model_open(void)
{
    open_router();
    model = (struct model){0};
    suite_seed(&model.random);
    for (uint32_t i = 0; i < PEOPLE; i++)
        model.people[i] = router_subscriber_create(router, &model.people[i]);
    for (uint32_t i = 0; i < MODEL_TOPICS; i++)
        random_topic_name(&model.random, &model.topics[i]);
    for (uint32_t i = 0; i < MODEL_FILTERS; i++)
        random_topic_filter(&model.random, &model.filters[i]);
}

static struct holding *model_find(uint32_t who, uint32_t filter)
{
    for (uint32_t i = 0; i < model.count; i++)
        if (model.holdings[i].who == who && model.holdings[i].filter == filter)
            return &model.holdings[i];
    return NULL;
}

static uint32_t model_holders(uint32_t filter)
{
    uint32_t holders = 0;
    for (uint32_t i = 0; i < model.count; i++)
        holders += model.holdings[i].filter == filter;
    return holders;
}

static void model_subscribe(void)
{
    struct holding holding = {.who = any(PEOPLE), .filter = any_filter(), .identifier = 1 + any(1000)};
    holding.options = (struct subscription_options){.qos = (uint8_t)any(3), .no_local = any(2)};
    enum router_change expected = model_holders(holding.filter) == 0 ? ROUTER_FIRST : ROUTER_ADDED;
    struct holding *old = model_find(holding.who, holding.filter);
    if (old != NULL) {
        expected = ROUTER_REPLACED;
        *old = holding;
    } else {
        model.holdings[model.count++] = holding;
    }
    CU_ASSERT_EQUAL_FATAL(router_subscribe(router, model.people[holding.who], filter_text(holding.filter),
                                           holding.options, holding.identifier),
                          expected);
}

static void model_unsubscribe(void)
{
    uint32_t who = any(PEOPLE), filter = any_filter();
    enum router_change expected = ROUTER_ABSENT;
    struct holding *old = model_find(who, filter);
    if (old != NULL) {
        *old = model.holdings[--model.count];
        expected = model_holders(filter) == 0 ? ROUTER_LAST : ROUTER_REMOVED;
    }
    CU_ASSERT_EQUAL_FATAL(router_unsubscribe(router, model.people[who], filter_text(filter)), expected);
}

static void model_change_interest(void)
{
    uint32_t filter = any_filter(), shard = any(MODEL_SHARDS);
    bool add = any(2) == 0;
    model.interests[filter][shard] = add;
    if (add)
        router_interest_add(router, filter_text(filter), shard * 21);
    else
        router_interest_remove(router, filter_text(filter), shard * 21);
}

static uint64_t model_shards(struct bytes topic)
{
    uint64_t shards = 0;
    for (uint32_t filter = 0; filter < MODEL_FILTERS; filter++)
        for (uint32_t shard = 0; shard < MODEL_SHARDS; shard++)
            if (model.interests[filter][shard] && topic_matches(filter_text(filter), topic))
                shards |= 1ull << (shard * 21);
    return shards;
}

// What one of the people should get: the match, or an owner of NULL. Of several subscriptions with the
// highest QoS any may have lent its identifier, which the caller's `seen` names.
static struct match model_match(uint32_t who, struct bytes topic, uint32_t seen)
{
    struct match expected = {.options.no_local = true};
    for (uint32_t i = 0; i < model.count; i++) {
        const struct holding *holding = &model.holdings[i];
        if (holding->who != who || !topic_matches(filter_text(holding->filter), topic))
            continue;
        bool better = expected.owner == NULL || holding->options.qos > expected.options.qos;
        if (better || (holding->options.qos == expected.options.qos && holding->identifier == seen))
            expected.identifier = holding->identifier;
        if (better)
            expected.options.qos = holding->options.qos;
        expected.options.no_local = expected.options.no_local && holding->options.no_local;
        expected.owner = &model.people[who];
    }
    return expected;
}

static void model_check_match(void)
{
    struct bytes topic = random_topic_bytes(&model.topics[any(MODEL_TOPICS)]);
    struct matches matches = router_match(router, topic);
    CU_ASSERT_EQUAL(matches.shards, model_shards(topic));
    uint32_t expected_count = 0;
    for (uint32_t who = 0; who < PEOPLE; who++) {
        const struct match *found = NULL;
        for (uint32_t i = 0; i < matches.count; i++)
            if (matches.list[i].owner == &model.people[who])
                found = &matches.list[i];
        struct match expected = model_match(who, topic, found != NULL ? found->identifier : 0);
        CU_ASSERT_EQUAL(found != NULL, expected.owner != NULL);
        expected_count += expected.owner != NULL;
        if (found == NULL || expected.owner == NULL)
            continue;
        CU_ASSERT_EQUAL(found->options.qos, expected.options.qos);
        CU_ASSERT_EQUAL(found->options.no_local, expected.options.no_local);
        CU_ASSERT_EQUAL(found->identifier, expected.identifier);
    }
    CU_ASSERT_EQUAL(matches.count, expected_count); // nobody twice
}

static void the_router_agrees_with_a_list(void)
{
    model_open();
    for (uint32_t step = 0; step < MODEL_STEPS; step++) {
        uint32_t what = any(10);
        bool growing = step / 2000 % 2 == 0; // full and nearly empty in turn
        if (what < (growing ? 4 : 1) && model.count < HOLDINGS_MAX)
            model_subscribe();
        else if (what < 5)
            model_unsubscribe();
        else if (what < 6)
            model_change_interest();
        else
            model_check_match();
        CU_ASSERT_EQUAL_FATAL(router_subscriptions_total(router), model.count);
    }
    for (uint32_t i = 0; i < PEOPLE; i++)
        leave(model.people[i]);
    CU_ASSERT_EQUAL(router_subscriptions_total(router), 0);
    router_destroy(router);
}

int main(void)
{
    static const CU_TestInfo cases[] = {
        {"filters match topics", filters_match_topics},
        {"filters collect retained topics", filters_collect_retained_topics},
        {"changes tell whether the other shards must know", changes_tell_whether_the_other_shards_must_know},
        {"subscribing again replaces the options", subscribing_again_replaces_the_options},
        {"overlapping filters give one match with the highest QoS",
         overlapping_filters_give_one_match_with_the_highest_qos},
        {"only what all overlapping subscriptions refuse is refused",
         only_what_all_overlapping_subscriptions_refuse_is_refused},
        {"every change shows in a topic that is cached", every_change_shows_in_a_topic_that_is_cached},
        {"matching the same topics again allocates nothing",
         matching_the_same_topics_again_allocates_nothing},
        {"the router agrees with a list", the_router_agrees_with_a_list},
    };
    return RUN_TESTS("router", cases);
}
