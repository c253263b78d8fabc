// SPDX-License-Identifier: MIT
#include "server/metrics/metrics.h"

#include <math.h>

void metrics_add(struct metrics *metrics, const struct counters *counters)
{
#define COUNTER(name) metrics->name += counter_read(&counters->name);
#include "server/metrics/counters.def"
#undef COUNTER
}

// As mosquitto does it: the rate since the last round, for each minute, takes its place in an average whose
// older part fades with the time that has passed. It begins with 0.
static double load_average(double average, double rate, double seconds, double span_s)
{
    return rate + exp(-seconds / span_s) * (average - rate);
}

static void compare_loads(struct metrics_history *history, const uint64_t counts[LOADS], double seconds)
{
    static const double spans_s[LOAD_SPANS] = {60, 300, 900};
    for (uint32_t load = 0; load < LOADS; load++) {
        // The sum may be seen a little lower than before: a connection that changes shards is counted anew.
        uint64_t before = history->counts[load];
        double rate = counts[load] > before ? (double)(counts[load] - before) * 60 / seconds : 0;
        for (uint32_t span = 0; span < LOAD_SPANS; span++)
            history->loads[load][span] =
                load_average(history->loads[load][span], rate, seconds, spans_s[span]);
    }
}

// With the round before, if there was one.
static void compare(struct metrics *metrics, struct metrics_history *history)
{
    const uint64_t counts[LOADS] = {
#define LOAD(name, figure) metrics->figure,
#include "server/metrics/loads.def"
#undef LOAD
    };
    if (history->now_ns != 0) {
        double seconds = (double)(metrics->now_ns - history->now_ns) / NS_PER_S;
        compare_loads(history, counts, seconds);
        metrics->cpu_percent = (double)(metrics->cpu_ns - history->cpu_ns) / NS_PER_S / seconds * 100;
    }
    memcpy(history->counts, counts, sizeof counts);
    history->cpu_ns = metrics->cpu_ns;
    history->now_ns = metrics->now_ns;
}

void metrics_complete(struct metrics *metrics, struct metrics_history *history)
{
    // The shards were read one after the other, while they went on counting.
    metrics->clients_disconnected =
        metrics->sessions > metrics->clients_connected ? metrics->sessions - metrics->clients_connected : 0;
    metrics->packets_sent = metrics->controls_sent + metrics->publishes_sent;
    metrics->messages_inflight_both = metrics->messages_inflight + metrics->messages_inflight_in;
    metrics->uptime_s = (metrics->now_ns - metrics->started_ns) / NS_PER_S;
    compare(metrics, history);
    if (metrics->memory_bytes > history->memory_bytes_maximum)
        history->memory_bytes_maximum = metrics->memory_bytes;
    if (metrics->cpu_percent > history->cpu_percent_maximum)
        history->cpu_percent_maximum = metrics->cpu_percent;
    metrics->memory_bytes_maximum = history->memory_bytes_maximum;
    metrics->cpu_percent_maximum = history->cpu_percent_maximum;
    memcpy(metrics->loads, history->loads, sizeof metrics->loads);
}

uint64_t metrics_round_delay_ns(uint64_t wall_ns, uint64_t interval_ns)
{
    uint64_t left_ns = interval_ns - wall_ns % interval_ns;
    return left_ns > interval_ns / 10 ? left_ns : left_ns + interval_ns;
}
