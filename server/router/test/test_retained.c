// SPDX-License-Identifier: MIT
#include "server/router/retained.h"

#include "server/router/test/random_topic.h"
#include "test/suite.h"

static const struct router_options roomy = {
    .hash_seed = 42, .retained_messages_max = 100000, .retained_bytes_max = 1u << 30};

static struct retained store;

// What arrives: `ns` at `shard`. An empty payload erases.
struct arrival {
    struct bytes topic;
    const char *payload;
    struct stamp stamp;
};

static struct message *message_of(const struct arrival *arrival)
{
    struct publication publication = {.topic = arrival->topic,
                                      .payload = bytes_of(arrival->payload),
                                      .stamp_ns = arrival->stamp.ns,
                                      .retain = true};
    struct message *message = message_create(&publication);
    CU_ASSERT_PTR_NOT_NULL_FATAL(message);
    return message;
}

static enum router_retained put_arrival(struct retained *retained, const struct arrival *arrival)
{
    struct message *message = message_of(arrival);
    enum router_retained result = retained_put(retained, message, arrival->stamp.shard);
    message_unref(message);
    return result;
}

static enum router_retained put(const char *topic, const char *payload, uint64_t ns, uint32_t shard)
{
    return put_arrival(&store, &(struct arrival){bytes_of(topic), payload, {ns, shard}});
}

static void release(struct message **messages, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        message_unref(messages[i]);
    free(messages);
}

static uint32_t collect_count(const char *filter)
{
    struct message **messages;
    uint32_t count = retained_collect(&store, bytes_of(filter), &messages);
    CU_ASSERT_EQUAL(count == 0, messages == NULL);
    release(messages, count);
    return count;
}

// True if exactly this payload is retained for the topic.
static bool holds(const char *topic, const char *payload)
{
    struct message **messages;
    uint32_t count = retained_collect(&store, bytes_of(topic), &messages);
    bool good = count == 1 && bytes_equal(messages[0]->payload, bytes_of(payload));
    release(messages, count);
    return good;
}

static void check_empty(const struct retained *retained)
{
    CU_ASSERT_EQUAL(retained->messages, 0);
    CU_ASSERT_EQUAL(retained->bytes, 0);
    CU_ASSERT_EQUAL(retained->payload_bytes, 0);
    CU_ASSERT_EQUAL(retained->sys_messages, 0);
    CU_ASSERT_EQUAL(retained->sys_bytes, 0);
    CU_ASSERT_EQUAL(retained->levels.nodes.count, 0);
    CU_ASSERT_PTR_NULL(retained->root.first);
}

static void the_latest_message_of_a_topic_is_kept(void)
{
    retained_init(&store, &roomy);
    CU_ASSERT_EQUAL(put("a/b", "one", 1, 0), ROUTER_RETAINED_STORED);
    CU_ASSERT_EQUAL(put("a/b", "two", 2, 0), ROUTER_RETAINED_STORED);
    CU_ASSERT_TRUE(holds("a/b", "two"));
    CU_ASSERT_EQUAL(store.messages, 1);
    CU_ASSERT_EQUAL(store.bytes, 6);
    CU_ASSERT_EQUAL(put("a/b", "three", 2, 0), ROUTER_RETAINED_STORED); // the same turn of the same shard
    CU_ASSERT_TRUE(holds("a/b", "three"));
    CU_ASSERT_FALSE(holds("a", "three"));
    retained_finish(&store);
}

static void an_empty_payload_erases_and_is_never_kept(void)
{
    retained_init(&store, &roomy);
    CU_ASSERT_EQUAL(put("a/b", "", 1, 0), ROUTER_RETAINED_ERASED);
    CU_ASSERT_EQUAL(collect_count("#"), 0);
    (void)put("a/b", "one", 2, 0);
    (void)put("a/b/c", "below", 2, 0);
    CU_ASSERT_EQUAL(put("a/b", "", 3, 0), ROUTER_RETAINED_ERASED);
    CU_ASSERT_EQUAL(collect_count("a/b"), 0);
    CU_ASSERT_TRUE(holds("a/b/c", "below"));
    CU_ASSERT_EQUAL(put("a/b/c", "", 3, 0), ROUTER_RETAINED_ERASED);
    check_empty(&store);
    CU_ASSERT_EQUAL(put("a/b", "again", 4, 0), ROUTER_RETAINED_STORED);
    CU_ASSERT_TRUE(holds("a/b", "again"));
    retained_finish(&store);
}

static void what_is_older_changes_nothing(void)
{
    retained_init(&store, &roomy);
    (void)put("a", "new", 10, 1);
    CU_ASSERT_EQUAL(put("a", "old", 9, 2), ROUTER_RETAINED_STALE);
    CU_ASSERT_EQUAL(put("a", "", 9, 2), ROUTER_RETAINED_STALE);
    CU_ASSERT_EQUAL(put("a", "same time, lower shard", 10, 0), ROUTER_RETAINED_STALE);
    CU_ASSERT_TRUE(holds("a", "new"));
    CU_ASSERT_EQUAL(put("a", "same time, higher shard", 10, 2), ROUTER_RETAINED_STORED);
    CU_ASSERT_TRUE(holds("a", "same time, higher shard"));
    retained_finish(&store);
}

static void an_erased_message_does_not_come_back(void)
{
    retained_init(&store, &roomy);
    CU_ASSERT_EQUAL(put("a", "", 10, 1), ROUTER_RETAINED_ERASED); // overtook the message that it erases
    CU_ASSERT_EQUAL(put("a", "old", 9, 2), ROUTER_RETAINED_STALE);
    CU_ASSERT_EQUAL(put("a", "", 8, 2), ROUTER_RETAINED_STALE);
    CU_ASSERT_EQUAL(put("a", "old", 9, 2), ROUTER_RETAINED_STALE);
    CU_ASSERT_EQUAL(put("a", "new", 10, 2), ROUTER_RETAINED_STORED);
    CU_ASSERT_EQUAL(store.erasures.table.count, 0); // the message is the younger of the two
    CU_ASSERT_TRUE(holds("a", "new"));
    retained_finish(&store);
}

static void what_is_let_go_is_marked(void)
{
    retained_init(&store, &roomy);
    struct message *one = message_of(&(struct arrival){bytes_of("a"), "one", {1, 0}});
    struct message *two = message_of(&(struct arrival){bytes_of("a"), "two", {2, 0}});
    (void)retained_put(&store, one, 0);
    CU_ASSERT_FALSE(one->superseded);
    CU_ASSERT_EQUAL(one->segment.references, 2);
    (void)retained_put(&store, two, 0);
    CU_ASSERT_TRUE(one->superseded);
    CU_ASSERT_EQUAL(one->segment.references, 1);
    (void)retained_put(&store, two, 0); // once more the very same
    CU_ASSERT_FALSE(two->superseded);
    CU_ASSERT_EQUAL(two->segment.references, 2);
    (void)put("a", "", 3, 0);
    CU_ASSERT_TRUE(two->superseded);
    CU_ASSERT_EQUAL(two->segment.references, 1);
    message_unref(one);
    message_unref(two);
    check_empty(&store);
    retained_finish(&store);
}

static void a_full_store_takes_no_new_topic(void)
{
    struct router_options options = {.retained_messages_max = 2, .retained_bytes_max = 1000};
    retained_init(&store, &options);
    (void)put("a", "1", 1, 0);
    (void)put("b", "1", 1, 0);
    CU_ASSERT_EQUAL(put("c", "1", 1, 0), ROUTER_RETAINED_FULL);
    CU_ASSERT_EQUAL(collect_count("#"), 2);
    CU_ASSERT_EQUAL(put("b", "2", 2, 0), ROUTER_RETAINED_STORED);
    CU_ASSERT_EQUAL(put("a", "", 2, 0), ROUTER_RETAINED_ERASED);
    CU_ASSERT_EQUAL(put("c", "1", 2, 0), ROUTER_RETAINED_STORED);
    retained_finish(&store);
}

// [MQTT-3.3.1-7]: after a message that is not kept, the earlier one is not kept either.
static void a_message_without_room_takes_its_predecessor_away(void)
{
    struct router_options options = {.retained_messages_max = 100, .retained_bytes_max = 10};
    retained_init(&store, &options);
    (void)put("a", "12345", 1, 0);
    CU_ASSERT_EQUAL(put("b", "12345", 1, 0), ROUTER_RETAINED_FULL);
    CU_ASSERT_EQUAL(put("a", "123456789", 2, 0), ROUTER_RETAINED_STORED); // exactly the ceiling
    CU_ASSERT_EQUAL(put("a", "1234567890", 3, 0), ROUTER_RETAINED_FULL);
    check_empty(&store);
    CU_ASSERT_EQUAL(put("a", "late", 2, 1), ROUTER_RETAINED_STALE);
    retained_finish(&store);
}

static void a_ceiling_of_zero_lets_nothing_in(void)
{
    struct router_options options = {.retained_messages_max = 0, .retained_bytes_max = 0};
    retained_init(&store, &options);
    CU_ASSERT_EQUAL(put("a", "1", 1, 0), ROUTER_RETAINED_FULL);
    CU_ASSERT_EQUAL(put("a", "", 1, 0), ROUTER_RETAINED_ERASED);
    check_empty(&store);
    retained_finish(&store);
}

static void what_the_broker_says_of_itself_has_room_and_takes_none(void)
{
    struct router_options options = {.retained_messages_max = 1, .retained_bytes_max = 4};
    retained_init(&store, &options);
    for (uint64_t stamp = 1; stamp < 4; stamp++) {
        CU_ASSERT_EQUAL(put("$SYS/a", "12345", stamp, 0), ROUTER_RETAINED_STORED);
        CU_ASSERT_EQUAL(put("$SYS/b", "12345", stamp, 0), ROUTER_RETAINED_STORED);
        CU_ASSERT_EQUAL(put("x", "123", stamp, 0), ROUTER_RETAINED_STORED);
        CU_ASSERT_EQUAL(put("$SYSTEM", "1", stamp, 0), ROUTER_RETAINED_FULL);
    }
    CU_ASSERT_EQUAL(store.messages, 3);
    CU_ASSERT_EQUAL(put("$SYS/a", "", 5, 0), ROUTER_RETAINED_ERASED);
    CU_ASSERT_EQUAL(put("$SYS/b", "", 5, 0), ROUTER_RETAINED_ERASED);
    CU_ASSERT_EQUAL(put("y", "1", 5, 0), ROUTER_RETAINED_FULL);
    CU_ASSERT_EQUAL(put("x", "", 5, 0), ROUTER_RETAINED_ERASED);
    CU_ASSERT_EQUAL(put("y", "123", 5, 0), ROUTER_RETAINED_STORED);
    CU_ASSERT_EQUAL(put("y", "", 6, 0), ROUTER_RETAINED_ERASED);
    check_empty(&store);
    retained_finish(&store);
}

static void a_collection_outlives_what_it_collected(void)
{
    retained_init(&store, &roomy);
    (void)put("a/1", "one", 1, 0);
    (void)put("a/2", "two", 1, 0);
    struct message **messages;
    uint32_t count = retained_collect(&store, bytes_of("a/+"), &messages);
    CU_ASSERT_EQUAL_FATAL(count, 2);
    (void)put("a/1", "", 2, 0);
    retained_finish(&store);
    for (uint32_t i = 0; i < count; i++)
        CU_ASSERT_EQUAL(messages[i]->segment.references, 1);
    release(messages, count);
}

static void wildcards_walk_only_their_branches(void)
{
    retained_init(&store, &roomy);
    char topic[32];
    for (uint32_t i = 0; i < 1000; i++) {
        (void)snprintf(topic, sizeof topic, "r/%u/t", i); // cannot be too long
        (void)put(topic, "t", 1, 0);
        (void)snprintf(topic, sizeof topic, "r/%u/h", i); // cannot be too long
        (void)put(topic, "h", 1, 0);
    }
    CU_ASSERT_EQUAL(collect_count("r/+/t"), 1000);
    CU_ASSERT_EQUAL(collect_count("r/7/+"), 2);
    CU_ASSERT_EQUAL(collect_count("r/7/#"), 2);
    CU_ASSERT_EQUAL(collect_count("r/#"), 2000);
    CU_ASSERT_EQUAL(collect_count("#"), 2000);
    CU_ASSERT_EQUAL(collect_count("+/+"), 0);
    CU_ASSERT_EQUAL(collect_count("r/+/t/#"), 1000);
    CU_ASSERT_EQUAL(collect_count("r/+/x/#"), 0);
    retained_finish(&store);
}

// --- Against a model ---

#define TOPICS   60u
#define ARRIVALS 20000u
#define SHARDS   3u

// The latest arrival for a topic; payload NULL: none yet.
struct latest {
    struct random_topic topic;
    const char *payload;
    struct stamp stamp;
};

// One shard: its store, what it should hold, and how far it has heard the other shards.
struct shard {
    struct retained retained;
    struct latest latest[TOPICS];
    uint32_t heard[SHARDS];
};

// What each shard received from its clients, in order.
struct history {
    struct arrival arrivals[ARRIVALS];
    uint32_t topics[ARRIVALS];
    uint32_t count;
};

static struct shard shards[SHARDS];
static struct history histories[SHARDS];
static struct random_topic names[TOPICS];

static bool name_is_new(const struct random_topic *name, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (bytes_equal(random_topic_bytes(&names[i]), random_topic_bytes(name)))
            return false;
    return true;
}

static void model_init(struct random *random)
{
    for (uint32_t i = 0; i < TOPICS;) {
        random_topic_name(random, &names[i]);
        i += name_is_new(&names[i], i);
    }
    for (uint32_t s = 0; s < SHARDS; s++) {
        shards[s] = (struct shard){0};
        histories[s].count = 0;
        retained_init(&shards[s].retained, &roomy);
        for (uint32_t i = 0; i < TOPICS; i++)
            shards[s].latest[i].topic = names[i];
    }
}

// The shard hears the next arrival at shard `from`.
static void shard_hear(struct shard *shard, uint32_t from)
{
    uint32_t i = shard->heard[from]++;
    const struct arrival *arrival = &histories[from].arrivals[i];
    struct latest *latest = &shard->latest[histories[from].topics[i]];

    bool stale = latest->payload != NULL && stamp_before(arrival->stamp, latest->stamp);
    bool erases = arrival->payload[0] == '\0';
    if (!stale) {
        latest->payload = arrival->payload;
        latest->stamp = arrival->stamp;
    }
    enum router_retained result = put_arrival(&shard->retained, arrival);
    CU_ASSERT_EQUAL_FATAL(result, stale    ? ROUTER_RETAINED_STALE
                                  : erases ? ROUTER_RETAINED_ERASED
                                           : ROUTER_RETAINED_STORED);
}

static void shard_arrive(struct random *random, uint32_t s, uint64_t now_ns)
{
    static const char *const payloads[] = {"", "", "x", "yy", "zzz"};
    struct history *history = &histories[s];
    uint32_t topic = suite_below(random, TOPICS);
    history->topics[history->count] = topic;
    history->arrivals[history->count++] =
        (struct arrival){random_topic_bytes(&names[topic]), payloads[suite_below(random, 5)], {now_ns, s}};
    shard_hear(&shards[s], s);
}

static bool latest_holds(const struct latest *latest, struct bytes filter)
{
    return latest->payload != NULL && latest->payload[0] != '\0' &&
           topic_matches(filter, random_topic_bytes(&latest->topic));
}

static void shard_check(const struct shard *shard, struct bytes filter, struct message **messages,
                        uint32_t count)
{
    uint32_t expected = 0;
    for (uint32_t i = 0; i < TOPICS; i++) {
        const struct latest *latest = &shard->latest[i];
        if (!latest_holds(latest, filter))
            continue;
        expected++;
        uint32_t found = 0;
        for (uint32_t m = 0; m < count; m++)
            found += bytes_equal(messages[m]->topic, random_topic_bytes(&latest->topic)) &&
                     bytes_equal(messages[m]->payload, bytes_of(latest->payload)) &&
                     messages[m]->stamp_ns == latest->stamp.ns;
        CU_ASSERT_EQUAL(found, 1);
    }
    CU_ASSERT_EQUAL(count, expected);
}

static void shard_collect_and_check(struct shard *shard, struct bytes filter)
{
    struct message **messages;
    uint32_t count = retained_collect(&shard->retained, filter, &messages);
    shard_check(shard, filter, messages, count);
    release(messages, count);
}

// All shards must hold the same, which is the latest of all arrivals.
static void check_converged(void)
{
    for (uint32_t s = 0; s < SHARDS; s++) {
        for (uint32_t from = 0; from < SHARDS; from++)
            while (shards[s].heard[from] < histories[from].count)
                shard_hear(&shards[s], from);
        shard_collect_and_check(&shards[s], bytes_of("#"));
        shard_collect_and_check(&shards[s], bytes_of("$x/#"));
        for (uint32_t i = 0; i < TOPICS; i++) {
            CU_ASSERT_EQUAL(shards[s].latest[i].stamp.ns, shards[0].latest[i].stamp.ns);
            CU_ASSERT_PTR_EQUAL(shards[s].latest[i].payload, shards[0].latest[i].payload);
        }
        CU_ASSERT_EQUAL(shards[s].retained.messages, shards[0].retained.messages);
        CU_ASSERT_EQUAL(shards[s].retained.bytes, shards[0].retained.bytes);
    }
}

static void erase_all_and_finish(struct shard *shard)
{
    for (uint32_t i = 0; i < TOPICS; i++)
        (void)put_arrival(&shard->retained,
                          &(struct arrival){random_topic_bytes(&names[i]), "", {UINT64_MAX, 0}});
    check_empty(&shard->retained);
    retained_finish(&shard->retained);
}

// The shards hear of each other late, each in its own order, and some arrivals have the same time.
static void shards_that_hear_late_agree_in_the_end(void)
{
    struct random random;
    suite_seed(&random);
    model_init(&random);
    uint64_t now_ns = 1;
    for (uint32_t i = 0; i < ARRIVALS; i++) {
        now_ns += suite_below(&random, 2);
        shard_arrive(&random, suite_below(&random, SHARDS), now_ns);
        struct shard *shard = &shards[suite_below(&random, SHARDS)];
        uint32_t from = suite_below(&random, SHARDS);
        for (uint32_t n = suite_below(&random, 8); n > 0 && shard->heard[from] < histories[from].count; n--)
            shard_hear(shard, from);
        if (i % 16 == 0) {
            struct random_topic filter;
            random_topic_filter(&random, &filter);
            shard_collect_and_check(shard, random_topic_bytes(&filter));
        }
    }
    check_converged();
    for (uint32_t s = 0; s < SHARDS; s++)
        erase_all_and_finish(&shards[s]);
}

int main(void)
{
    static const CU_TestInfo cases[] = {
        {"the latest message of a topic is kept", the_latest_message_of_a_topic_is_kept},
        {"an empty payload erases and is never kept", an_empty_payload_erases_and_is_never_kept},
        {"what is older changes nothing", what_is_older_changes_nothing},
        {"an erased message does not come back", an_erased_message_does_not_come_back},
        {"what is let go is marked", what_is_let_go_is_marked},
        {"a full store takes no new topic", a_full_store_takes_no_new_topic},
        {"a message without room takes its predecessor away",
         a_message_without_room_takes_its_predecessor_away},
        {"a ceiling of zero lets nothing in", a_ceiling_of_zero_lets_nothing_in},
        {"what the broker says of itself has room, and takes none",
         what_the_broker_says_of_itself_has_room_and_takes_none},
        {"a collection outlives what it collected", a_collection_outlives_what_it_collected},
        {"wildcards walk only their branches", wildcards_walk_only_their_branches},
        {"shards that hear late agree in the end", shards_that_hear_late_agree_in_the_end},
    };
    return RUN_TESTS("retained", cases);
}
