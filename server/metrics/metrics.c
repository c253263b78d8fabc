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

// A topic is written by a function, which is given where in the metrics its figure lies (if it is one
// figure).
typedef void (*sys_writer)(const struct metrics *metrics, size_t offset, char *payload);

static void write_number(const struct metrics *metrics, size_t offset, char *payload)
{
    uint64_t number;
    memcpy(&number, (const uint8_t *)metrics + offset, sizeof number);
    (void)snprintf(payload, SYS_PAYLOAD_MAX, "%" PRIu64, number); // twenty digits always fit
}

static void write_disconnected(const struct metrics *metrics, size_t offset, char *payload)
{
    // The shards were read one after the other, while they went on counting.
    uint64_t connected = metrics->clients_connected;
    uint64_t away = metrics->sessions > connected ? metrics->sessions - connected : 0;
    (void)snprintf(payload, SYS_PAYLOAD_MAX, "%" PRIu64, away); // fits
}

static void write_version(const struct metrics *metrics, size_t offset, char *payload)
{
    (void)snprintf(payload, SYS_PAYLOAD_MAX, "hbmqtt version %s", HBMQTT_VERSION); // fits by its definition
}

static void write_time(const struct metrics *metrics, size_t offset, char *payload)
{
    time_t seconds = (time_t)metrics->wall_s;
    struct tm tm;
    (void)strftime(payload, SYS_PAYLOAD_MAX, "%Y-%m-%dT%H:%M:%SZ",
                   gmtime_r(&seconds, &tm)); // twenty characters
}

static void write_uptime_formatted(const struct metrics *metrics, size_t offset, char *payload)
{
    uint64_t s = metrics->uptime_s;
    (void)snprintf(payload, SYS_PAYLOAD_MAX, "%" PRIu64 " days, %02u:%02u:%02u", s / 86400,
                   (unsigned)(s / 3600 % 24), (unsigned)(s / 60 % 60), (unsigned)(s % 60)); // fits
}

#define NUMBER(member) write_number, offsetof(struct metrics, member)

static const struct sys_topic {
    const char *topic;
    sys_writer write;
    size_t offset;
} sys_topics[] = {
    {"$SYS/broker/version", write_version, 0},
    {"$SYS/broker/time", write_time, 0},
    {"$SYS/broker/uptime", NUMBER(uptime_s)},
    // The original's spelling, which dashboards know, and the right one.
    {"$SYS/broker/uptime/formated", write_uptime_formatted, 0},
    {"$SYS/broker/uptime/formatted", write_uptime_formatted, 0},
    {"$SYS/broker/load/bytes/received", NUMBER(bytes_received)},
    {"$SYS/broker/load/bytes/sent", NUMBER(bytes_sent)},
    {"$SYS/broker/messages/received", NUMBER(packets_received)},
    {"$SYS/broker/messages/sent", NUMBER(packets_sent)},
    {"$SYS/broker/messages/publish/received", NUMBER(publishes_received)},
    {"$SYS/broker/messages/publish/sent", NUMBER(publishes_sent)},
    {"$SYS/broker/messages/publish/dropped", NUMBER(publishes_dropped)},
    {"$SYS/broker/messages/inflight", NUMBER(messages_inflight)},
    {"$SYS/broker/messages/stored", NUMBER(messages_queued)},
    {"$SYS/broker/messages/retained/count", NUMBER(retained_messages)},
    {"$SYS/broker/messages/subscriptions/count", NUMBER(subscriptions)},
    {"$SYS/broker/clients/connected", NUMBER(clients_connected)},
    {"$SYS/broker/clients/disconnected", write_disconnected, 0},
    {"$SYS/broker/clients/maximum", NUMBER(clients_maximum)},
    {"$SYS/broker/clients/total", NUMBER(sessions)},
    {"$SYS/broker/ring/enters", NUMBER(ring_enters)},
    {"$SYS/broker/ring/submissions", NUMBER(ring_submissions)},
};

const char *metrics_sys_topic(const struct metrics *metrics, uint32_t *index, char *payload)
{
    if (*index >= sizeof sys_topics / sizeof sys_topics[0])
        return NULL;
    const struct sys_topic *entry = &sys_topics[(*index)++];
    entry->write(metrics, entry->offset, payload);
    return entry->topic;
}
