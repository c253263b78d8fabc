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

// Numbers that are all different, so that no two topics could be mixed up.
static struct metrics different_numbers(void)
{
    struct metrics metrics = {0};
    uint64_t value = 101;
#define COUNTER(name) metrics.name = value++;
#include "server/metrics/counters.def"
#undef COUNTER
    metrics.clients_connected = 50;
    metrics.clients_maximum = 60;
    metrics.memory_bytes = 70;
    metrics.started_ns = 5 * NS_PER_S;
    metrics.now_ns = 95 * NS_PER_S + 999999999;
    return metrics;
}

static void each_number_has_its_topic(void)
{
    struct metrics metrics = different_numbers();
    struct metrics_history history = {.memory_bytes_maximum = 80};
    metrics_complete(&metrics, &history);
    const struct {
        const char *name;
        uint64_t number;
    } expected[] = {
        {"uptime", 90},
        {"clients/connected", 50},
        {"clients/active", 50},
        {"clients/disconnected", metrics.sessions - 50},
        {"clients/inactive", metrics.sessions - 50},
        {"clients/expired", metrics.sessions_expired},
        {"clients/maximum", 60},
        {"clients/total", metrics.sessions},
        {"connections/socket/count", metrics.connections_total},
        {"bytes/received", metrics.bytes_received},
        {"bytes/sent", metrics.bytes_sent},
        {"load/bytes/received", metrics.bytes_received},
        {"load/bytes/sent", metrics.bytes_sent},
        {"messages/received", metrics.packets_received},
        {"messages/sent", metrics.controls_sent + metrics.publishes_sent},
        {"publish/messages/received", metrics.publishes_received},
        {"publish/messages/sent", metrics.publishes_sent},
        {"publish/messages/dropped", metrics.publishes_dropped},
        {"publish/bytes/received", metrics.publish_bytes_received},
        {"publish/bytes/sent", metrics.publish_bytes_sent},
        {"messages/publish/received", metrics.publishes_received},
        {"messages/publish/sent", metrics.publishes_sent},
        {"messages/publish/dropped", metrics.publishes_dropped},
        {"messages/inflight", metrics.messages_inflight + metrics.messages_inflight_in},
        {"messages/inflight/in", metrics.messages_inflight_in},
        {"messages/inflight/out", metrics.messages_inflight},
        {"messages/inflight/stored", metrics.messages_stored},
        {"messages/stored", metrics.messages_stored},
        {"store/messages/count", metrics.messages_stored},
        {"store/messages/bytes", metrics.stored_bytes},
        {"messages/queued", metrics.messages_queued},
        {"messages/retained/count", metrics.retained_messages},
        {"retained messages/count", metrics.retained_messages},
        {"messages/subscriptions/count", metrics.subscriptions},
        {"subscriptions/count", metrics.subscriptions},
        {"shared_subscriptions/count", 0},
        {"heap/size", 70},
        {"heap/current", 70},
        {"heap/maximum", 80},
        {"ring/enters", metrics.ring_enters},
        {"ring/submissions", metrics.ring_submissions},
    };
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        char number[24];
        (void)snprintf(number, sizeof number, "%" PRIu64, expected[i].number);
        CU_ASSERT_STRING_EQUAL(sys(&metrics, expected[i].name), number);
    }
}

static void the_largest_number_fits(void)
{
    const struct metrics metrics = {
        .bytes_sent = UINT64_MAX, .uptime_s = UINT64_MAX, .loads[LOAD_bytes_sent] = {1e18}};
    CU_ASSERT_STRING_EQUAL(sys(&metrics, "load/bytes/sent"), "18446744073709551615");
    CU_ASSERT_STRING_EQUAL(sys(&metrics, "uptime/formatted"), "213503982334601 days, 07:00:15");
    CU_ASSERT_STRING_EQUAL(sys(&metrics, "load/bytes/sent/1min"), "1000000000000000000.00");
}

// The shards are read one after the other while they go on counting: a client may be seen that has no session
// yet, or no more.
static void fewer_sessions_than_clients_is_nobody_away(void)
{
    struct metrics metrics = {.clients_connected = 5, .sessions = 4};
    struct metrics_history history = {0};
    metrics_complete(&metrics, &history);
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

// One round `ms` after the last one, with so many sockets opened and so much CPU time taken until then.
static struct metrics round_after(struct metrics_history *history, uint64_t ms, uint64_t sockets,
                                  uint64_t cpu_ms)
{
    struct metrics metrics = {
        .now_ns = (history->now_ns == 0 ? 1000 * NS_PER_S : history->now_ns) + ms * NS_PER_MS,
        .connections_total = sockets,
        .cpu_ns = cpu_ms * NS_PER_MS,
    };
    metrics_complete(&metrics, history);
    return metrics;
}

static void expect_loads(const struct metrics *metrics, const char *one, const char *five,
                         const char *fifteen)
{
    CU_ASSERT_STRING_EQUAL(sys(metrics, "load/sockets/1min"), one);
    CU_ASSERT_STRING_EQUAL(sys(metrics, "load/sockets/5min"), five);
    CU_ASSERT_STRING_EQUAL(sys(metrics, "load/sockets/15min"), fifteen);
}

// 100 more in 20 seconds are 300 a minute; exp(-20/60) of what was before stays, and so on. The figures come
// from another program.
static void averages_follow_the_rate_and_fade(void)
{
    struct metrics_history history = {0};
    struct metrics metrics = round_after(&history, 0, 7, 0);
    expect_loads(&metrics, "0.00", "0.00", "0.00"); // of what was before the first round nothing is known
    metrics = round_after(&history, 20000, 107, 0);
    expect_loads(&metrics, "85.04", "19.35", "6.59");
    metrics = round_after(&history, 20000, 107, 0);
    expect_loads(&metrics, "60.93", "18.10", "6.45");
    metrics = round_after(&history, 600000, 107, 0);
    expect_loads(&metrics, "0.00", "2.45", "3.31");
}

static void averages_reach_a_steady_rate_whatever_the_interval(void)
{
    static const uint64_t intervals_ms[] = {1000, 20000, 60000};
    for (int i = 0; i < 3; i++) {
        struct metrics_history history = {0};
        struct metrics metrics = round_after(&history, 0, 0, 0);
        for (uint64_t ms = intervals_ms[i]; ms <= 3 * 3600000; ms += intervals_ms[i])
            metrics = round_after(&history, intervals_ms[i], ms * 5 / 1000, 0);
        expect_loads(&metrics, "300.00", "300.00", "300.00");
    }
}

static void a_sum_that_goes_back_is_no_rate(void)
{
    struct metrics_history history = {0};
    (void)round_after(&history, 0, 100, 0);
    struct metrics metrics = round_after(&history, 20000, 99, 0);
    expect_loads(&metrics, "0.00", "0.00", "0.00");
}

static void each_load_is_of_its_figure(void)
{
    static const char *const names[LOADS] = {
#define LOAD(name, figure) name,
#include "server/metrics/loads.def"
#undef LOAD
    };
    static const char *const others[LOADS] = {"messages/received", "messages/sent",    "bytes/received",
                                              "bytes/sent",        "publish/received", "publish/sent",
                                              "publish/dropped",   "sockets",          "connections"};
    struct metrics_history history = {0};
    struct metrics metrics = different_numbers();
    metrics_complete(&metrics, &history);
    metrics = different_numbers();
    metrics.now_ns += 60 * NS_PER_S;
    metrics.publishes_dropped += 1000;
    metrics.connects_received += 2000;
    metrics_complete(&metrics, &history);
    for (int i = 0; i < LOADS; i++) {
        char topic[48];
        (void)snprintf(topic, sizeof topic, "load/%s/1min", names[i]);
        CU_ASSERT_STRING_EQUAL(names[i], others[i]);
        const char *load = i == LOAD_publishes_dropped   ? "632.12"
                           : i == LOAD_connects_received ? "1264.24"
                                                         : "0.00";
        CU_ASSERT_STRING_EQUAL(sys(&metrics, topic), load);
    }
}

static void cpu_time_is_that_since_the_last_round(void)
{
    struct metrics_history history = {0};
    struct metrics metrics = round_after(&history, 0, 0, 5000); // before the first round
    CU_ASSERT_STRING_EQUAL(sys(&metrics, "cpu/percent"), "0.0");
    metrics = round_after(&history, 20000, 0, 5000 + 30000);
    CU_ASSERT_STRING_EQUAL(sys(&metrics, "cpu/percent"), "150.0"); // of one processor
    metrics = round_after(&history, 20000, 0, 35000 + 10);
    CU_ASSERT_STRING_EQUAL(sys(&metrics, "cpu/percent"), "0.1"); // 0.05, rounded
    CU_ASSERT_STRING_EQUAL(sys(&metrics, "cpu/maximum"), "150.0");
}

static void the_most_memory_is_remembered(void)
{
    struct metrics_history history = {0};
    static const uint64_t sizes[] = {100, 300, 200};
    static const char *const maxima[] = {"100", "300", "300"};
    for (int i = 0; i < 3; i++) {
        struct metrics metrics = {.now_ns = (uint64_t)(i + 1) * NS_PER_S, .memory_bytes = sizes[i]};
        metrics_complete(&metrics, &history);
        CU_ASSERT_STRING_EQUAL(sys(&metrics, "heap/maximum"), maxima[i]);
    }
}

static void rounds_come_at_multiples_of_the_interval(void)
{
    const uint64_t s = NS_PER_S;
    CU_ASSERT_EQUAL(metrics_round_delay_ns(1700000000 * s, 20 * s), 20 * s);
    CU_ASSERT_EQUAL(metrics_round_delay_ns(1700000000 * s + 1, 20 * s), 20 * s - 1);
    CU_ASSERT_EQUAL(metrics_round_delay_ns(1700000013 * s, 20 * s), 7 * s);
    CU_ASSERT_EQUAL(metrics_round_delay_ns(1700000017 * s, 20 * s), 3 * s);
    CU_ASSERT_EQUAL(metrics_round_delay_ns(1700000018 * s - 1, 20 * s), 2 * s + 1);
    // The clock was put back, or the timer was early: the round has just been.
    CU_ASSERT_EQUAL(metrics_round_delay_ns(1700000018 * s, 20 * s), 22 * s);
    CU_ASSERT_EQUAL(metrics_round_delay_ns(1700000020 * s - 1, 20 * s), 20 * s + 1);
    for (uint64_t wall_ns = 1699999999 * s; wall_ns < 1700000009 * s; wall_ns += 123456789) {
        CU_ASSERT_EQUAL((wall_ns + metrics_round_delay_ns(wall_ns, s)) % s, 0);
        CU_ASSERT_EQUAL((wall_ns + metrics_round_delay_ns(wall_ns, 7 * s)) % (7 * s), 0);
    }
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
    static const CU_TestInfo cases[] = {
        {"the counters of the shards are summed", the_counters_of_the_shards_are_summed},
        {"a gauge goes up and down", a_gauge_goes_up_and_down},
        {"each number has its topic", each_number_has_its_topic},
        {"the largest number fits", the_largest_number_fits},
        {"fewer sessions than clients is nobody away", fewer_sessions_than_clients_is_nobody_away},
        {"times are written for people", times_are_written_for_people},
        {"averages follow the rate, and fade", averages_follow_the_rate_and_fade},
        {"averages reach a steady rate, whatever the interval",
         averages_reach_a_steady_rate_whatever_the_interval},
        {"a sum that goes back is no rate", a_sum_that_goes_back_is_no_rate},
        {"each load is of its figure", each_load_is_of_its_figure},
        {"CPU time is that since the last round", cpu_time_is_that_since_the_last_round},
        {"the most memory is remembered", the_most_memory_is_remembered},
        {"rounds come at multiples of the interval", rounds_come_at_multiples_of_the_interval},
        {"the topics come to an end, and each once", the_topics_come_to_an_end_and_each_once},
    };
    return RUN_TESTS("metrics", cases);
}
