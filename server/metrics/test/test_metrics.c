// SPDX-License-Identifier: MIT
#include "server/metrics/metrics.h"

#include "test/suite.h"

static void the_counters_of_the_shards_are_summed(void)
{
    static struct counters shards[2];
    struct metrics metrics = {0};
    uint64_t value = 1;
#define COUNTER(name)                                                                                        \
    counter_set(&shards[0].name, value);                                                                     \
    counter_set(&shards[1].name, 1000 * value++);
#include "server/metrics/counters.def"
#undef COUNTER
    metrics_add(&metrics, &shards[0]);
    metrics_add(&metrics, &shards[1]);
    value = 1;
#define COUNTER(name) CU_ASSERT_EQUAL(metrics.name, 1001 * value++);
#include "server/metrics/counters.def"
#undef COUNTER
}

static void a_gauge_goes_up_and_down(void)
{
    _Atomic uint64_t gauge = 0;
    counter_add(&gauge, 5);
    counter_add(&gauge, 2);
    counter_subtract(&gauge, 6);
    CU_ASSERT_EQUAL(counter_read(&gauge), 1);
    counter_set(&gauge, 9);
    CU_ASSERT_EQUAL(counter_read(&gauge), 9);
}

// The payload of a topic under $SYS/broker/; "" if there is no such topic.
static const char *sys(const struct metrics *metrics, const char *name)
{
    static char payload[SYS_PAYLOAD_MAX];
    char topic[64];
    (void)snprintf(topic, sizeof topic, "$SYS/broker/%s", name);
    uint32_t index = 0;
    for (const char *found; (found = metrics_sys_topic(metrics, &index, payload)) != NULL;)
        if (strcmp(found, topic) == 0)
            return payload;
    return "";
}

static void each_number_has_its_topic(void)
{
    const struct metrics metrics = {
        .bytes_received = 1,
        .bytes_sent = 2,
        .packets_received = 3,
        .packets_sent = 4,
        .publishes_received = 5,
        .publishes_sent = 6,
        .publishes_dropped = 7,
        .messages_inflight = 8,
        .messages_queued = 9,
        .retained_messages = 10,
        .subscriptions = 11,
        .clients_connected = 12,
        .sessions = 20,
        .clients_maximum = 13,
        .uptime_s = 14,
        .ring_enters = 15,
        .ring_submissions = 16,
    };
    static const struct {
        const char *name;
        const char *payload;
    } expected[] = {
        {"load/bytes/received", "1"},
        {"load/bytes/sent", "2"},
        {"messages/received", "3"},
        {"messages/sent", "4"},
        {"messages/publish/received", "5"},
        {"messages/publish/sent", "6"},
        {"messages/publish/dropped", "7"},
        {"messages/inflight", "8"},
        {"messages/stored", "9"},
        {"messages/retained/count", "10"},
        {"messages/subscriptions/count", "11"},
        {"clients/connected", "12"},
        {"clients/disconnected", "8"},
        {"clients/maximum", "13"},
        {"clients/total", "20"},
        {"uptime", "14"},
        {"ring/enters", "15"},
        {"ring/submissions", "16"},
    };
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++)
        CU_ASSERT_STRING_EQUAL(sys(&metrics, expected[i].name), expected[i].payload);
}

static void the_largest_number_fits(void)
{
    const struct metrics metrics = {.bytes_sent = UINT64_MAX, .uptime_s = UINT64_MAX};
    CU_ASSERT_STRING_EQUAL(sys(&metrics, "load/bytes/sent"), "18446744073709551615");
    CU_ASSERT_STRING_EQUAL(sys(&metrics, "uptime/formatted"), "213503982334601 days, 07:00:15");
}

// The shards are read one after the other while they go on counting: a client may be seen that has no session
// yet, or no more.
static void fewer_sessions_than_clients_is_nobody_away(void)
{
    const struct metrics metrics = {.clients_connected = 5, .sessions = 4};
    CU_ASSERT_STRING_EQUAL(sys(&metrics, "clients/disconnected"), "0");
}

static void times_are_written_for_people(void)
{
    const struct metrics metrics = {.uptime_s = 3 * 86400 + 4 * 3600 + 5 * 60 + 6, .wall_s = 1700000000};
    CU_ASSERT_STRING_EQUAL(sys(&metrics, "uptime"), "273906");
    CU_ASSERT_STRING_EQUAL(sys(&metrics, "uptime/formatted"), "3 days, 04:05:06");
    CU_ASSERT_STRING_EQUAL(sys(&metrics, "uptime/formated"), "3 days, 04:05:06");
    CU_ASSERT_STRING_EQUAL(sys(&metrics, "time"), "2023-11-14T22:13:20Z");
    CU_ASSERT_STRING_EQUAL(sys(&metrics, "version"), "hbmqtt version " HBMQTT_VERSION);
}

static void the_topics_come_to_an_end_and_each_once(void)
{
    const struct metrics metrics = {0};
    const char *seen[100];
    char payload[SYS_PAYLOAD_MAX];
    uint32_t index = 0;
    uint32_t count = 0;
    for (const char *topic; (topic = metrics_sys_topic(&metrics, &index, payload)) != NULL;) {
        CU_ASSERT_TRUE_FATAL(count < 100);
        CU_ASSERT_EQUAL(strncmp(topic, "$SYS/broker/", 12), 0);
        CU_ASSERT_TRUE(strlen(payload) > 0 && strlen(payload) < SYS_PAYLOAD_MAX);
        for (uint32_t i = 0; i < count; i++)
            CU_ASSERT_NOT_EQUAL(strcmp(seen[i], topic), 0);
        seen[count++] = topic;
    }
    CU_ASSERT_TRUE(count > 0);
    CU_ASSERT_PTR_NULL(metrics_sys_topic(&metrics, &index, payload)); // and stay there
}

int main(void)
{
    static const struct suite_case cases[] = {
        {"the counters of the shards are summed", the_counters_of_the_shards_are_summed},
        {"a gauge goes up and down", a_gauge_goes_up_and_down},
        {"each number has its topic", each_number_has_its_topic},
        {"the largest number fits", the_largest_number_fits},
        {"fewer sessions than clients is nobody away", fewer_sessions_than_clients_is_nobody_away},
        {"times are written for people", times_are_written_for_people},
        {"the topics come to an end, and each once", the_topics_come_to_an_end_and_each_once},
    };
    return SUITE_RUN("metrics", cases);
}
