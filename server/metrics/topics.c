// SPDX-License-Identifier: MIT
#include <inttypes.h>
#include <stdio.h>

#include "server/metrics/metrics.h"

// A payload is written by a function, which is given where in the metrics its figure lies. All of them fit.
typedef void (*topic_writer)(const void *figure, char *payload);

static uint64_t number_at(const void *figure)
{
    uint64_t number;
    memcpy(&number, figure, sizeof number);
    return number;
}

static double fraction_at(const void *figure)
{
    double fraction;
    memcpy(&fraction, figure, sizeof fraction);
    return fraction;
}

static void write_number(const void *figure, char *payload)
{
    (void)snprintf(payload, SYS_PAYLOAD_MAX, "%" PRIu64, number_at(figure));
}

static void write_zero(const void *figure, char *payload)
{
    (void)snprintf(payload, SYS_PAYLOAD_MAX, "0");
}

static void write_percent(const void *figure, char *payload)
{
    (void)snprintf(payload, SYS_PAYLOAD_MAX, "%.1f", fraction_at(figure));
}

static void write_load(const void *figure, char *payload)
{
    (void)snprintf(payload, SYS_PAYLOAD_MAX, "%.2f", fraction_at(figure));
}

static void write_version(const void *figure, char *payload)
{
    (void)snprintf(payload, SYS_PAYLOAD_MAX, "hbmqtt version %s", HBMQTT_VERSION);
}

static void write_time(const void *figure, char *payload)
{
    time_t seconds = (time_t)number_at(figure);
    struct tm tm;
    (void)strftime(payload, SYS_PAYLOAD_MAX, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&seconds, &tm));
}

static void write_duration(const void *figure, char *payload)
{
    uint64_t s = number_at(figure);
    (void)snprintf(payload, SYS_PAYLOAD_MAX, "%" PRIu64 " days, %02u:%02u:%02u", s / 86400,
                   (unsigned)(s / 3600 % 24), (unsigned)(s / 60 % 60), (unsigned)(s % 60));
}

#define ROOT "$SYS/broker/"

static const struct topic {
    const char *name;
    topic_writer write;
    size_t offset; // of the figure
} topics[] = {
#define TOPIC(name, writer, figure) {ROOT name, write_##writer, offsetof(struct metrics, figure)},
#include "server/metrics/topics.def"
#undef TOPIC
#define LOAD(name, figure)                                                                                   \
    {ROOT "load/" name "/1min", write_load, offsetof(struct metrics, loads[LOAD_##figure][LOAD_1_MINUTE])},  \
        {ROOT "load/" name "/5min", write_load,                                                              \
         offsetof(struct metrics, loads[LOAD_##figure][LOAD_5_MINUTES])},                                    \
        {ROOT "load/" name "/15min", write_load,                                                             \
         offsetof(struct metrics, loads[LOAD_##figure][LOAD_15_MINUTES])},
#include "server/metrics/loads.def"
#undef LOAD
};

const char *metrics_sys_topic(const struct metrics *metrics, uint32_t *index, char *payload)
{
    if (*index >= sizeof topics / sizeof topics[0])
        return NULL;
    const struct topic *topic = &topics[(*index)++];
    topic->write((const uint8_t *)metrics + topic->offset, payload);
    return topic->name;
}
