// SPDX-License-Identifier: MIT
#include "server/metrics/metrics.h"

#include <inttypes.h>
#include <stdio.h>

void metrics_add(struct metrics *metrics, const struct counters *counters)
{
#define COUNTER(name) metrics->name += counter_read(&counters->name);
#include "server/metrics/counters.def"
#undef COUNTER
}

typedef void (*sys_writer)(const struct metrics *metrics, char *payload);

static void write_number(char *payload, uint64_t number)
{
    (void)snprintf(payload, SYS_PAYLOAD_MAX, "%" PRIu64, number); // twenty digits always fit
}

#define NUMBER(name, expression)                                                                             \
    static void name(const struct metrics *metrics, char *payload)                                           \
    {                                                                                                        \
        write_number(payload, expression);                                                                   \
    }

NUMBER(write_bytes_received, metrics->bytes_received)
NUMBER(write_bytes_sent, metrics->bytes_sent)
NUMBER(write_packets_received, metrics->packets_received)
NUMBER(write_packets_sent, metrics->packets_sent)
NUMBER(write_publishes_received, metrics->publishes_received)
NUMBER(write_publishes_sent, metrics->publishes_sent)
NUMBER(write_publishes_dropped, metrics->publishes_dropped)
NUMBER(write_clients_connected, metrics->clients_connected)
// The shards were read one after the other, while they went on counting.
NUMBER(write_clients_disconnected,
       metrics->sessions > metrics->clients_connected ? metrics->sessions - metrics->clients_connected : 0)
NUMBER(write_clients_maximum, metrics->clients_maximum)
NUMBER(write_clients_total, metrics->sessions)
NUMBER(write_inflight, metrics->messages_inflight)
NUMBER(write_queued, metrics->messages_queued)
NUMBER(write_retained, metrics->retained_messages)
NUMBER(write_subscriptions, metrics->subscriptions)
NUMBER(write_ring_enters, metrics->ring_enters)
NUMBER(write_ring_submissions, metrics->ring_submissions)
NUMBER(write_uptime, metrics->uptime_s)

static void write_version(const struct metrics *metrics, char *payload)
{
    (void)metrics;
    (void)snprintf(payload, SYS_PAYLOAD_MAX, "hbmqtt version %s", HBMQTT_VERSION); // fits by its definition
}

static void write_time(const struct metrics *metrics, char *payload)
{
    time_t seconds = (time_t)metrics->wall_s;
    struct tm tm;
    (void)strftime(payload, SYS_PAYLOAD_MAX, "%Y-%m-%dT%H:%M:%SZ",
                   gmtime_r(&seconds, &tm)); // twenty characters
}

static void write_uptime_formatted(const struct metrics *metrics, char *payload)
{
    uint64_t s = metrics->uptime_s;
    (void)snprintf(payload, SYS_PAYLOAD_MAX, "%" PRIu64 " days, %02u:%02u:%02u", s / 86400,
                   (unsigned)(s / 3600 % 24), (unsigned)(s / 60 % 60), (unsigned)(s % 60)); // fits
}

static const struct sys_topic {
    const char *topic;
    sys_writer write;
} sys_topics[] = {
    {"$SYS/broker/version", write_version},
    {"$SYS/broker/time", write_time},
    {"$SYS/broker/uptime", write_uptime},
    {"$SYS/broker/uptime/formated", write_uptime_formatted}, // the original's spelling, which dashboards know
    {"$SYS/broker/uptime/formatted", write_uptime_formatted},
    {"$SYS/broker/load/bytes/received", write_bytes_received},
    {"$SYS/broker/load/bytes/sent", write_bytes_sent},
    {"$SYS/broker/messages/received", write_packets_received},
    {"$SYS/broker/messages/sent", write_packets_sent},
    {"$SYS/broker/messages/publish/received", write_publishes_received},
    {"$SYS/broker/messages/publish/sent", write_publishes_sent},
    {"$SYS/broker/messages/publish/dropped", write_publishes_dropped},
    {"$SYS/broker/messages/inflight", write_inflight},
    {"$SYS/broker/messages/stored", write_queued},
    {"$SYS/broker/messages/retained/count", write_retained},
    {"$SYS/broker/messages/subscriptions/count", write_subscriptions},
    {"$SYS/broker/clients/connected", write_clients_connected},
    {"$SYS/broker/clients/disconnected", write_clients_disconnected},
    {"$SYS/broker/clients/maximum", write_clients_maximum},
    {"$SYS/broker/clients/total", write_clients_total},
    {"$SYS/broker/ring/enters", write_ring_enters},
    {"$SYS/broker/ring/submissions", write_ring_submissions},
};

const char *metrics_sys_topic(const struct metrics *metrics, uint32_t *index, char *payload)
{
    if (*index >= sizeof sys_topics / sizeof sys_topics[0])
        return NULL;
    const struct sys_topic *entry = &sys_topics[(*index)++];
    entry->write(metrics, payload);
    return entry->topic;
}
