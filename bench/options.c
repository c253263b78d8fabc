// SPDX-License-Identifier: MIT
// The command line of the load generator.
#include "bench/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/wire.h"

#define WINDOW_DEFAULT       1024u    // messages, shared among the publishers
#define WINDOW_DEFAULT_BYTES 1048576u // and no more payload than this
#define WINDOW_DEFAULT_MIN   8u // but never fewer messages for each publisher, or nothing could be batched

enum option_id {
    OPTION_HOST = 256,
    OPTION_PORT,
    OPTION_PID,
    OPTION_SHAPE,
    OPTION_PUBLISHERS,
    OPTION_SUBSCRIBERS,
    OPTION_CONNECTIONS,
    OPTION_PAYLOAD,
    OPTION_QOS,
    OPTION_WARMUP,
    OPTION_SECONDS,
    OPTION_MESSAGES,
    OPTION_WINDOW,
    OPTION_BATCH,
    OPTION_JSON,
    OPTION_HELP,
};

static const struct option long_options[] = {
    {"host", required_argument, NULL, OPTION_HOST},
    {"port", required_argument, NULL, OPTION_PORT},
    {"pid", required_argument, NULL, OPTION_PID},
    {"shape", required_argument, NULL, OPTION_SHAPE},
    {"publishers", required_argument, NULL, OPTION_PUBLISHERS},
    {"subscribers", required_argument, NULL, OPTION_SUBSCRIBERS},
    {"connections", required_argument, NULL, OPTION_CONNECTIONS},
    {"payload", required_argument, NULL, OPTION_PAYLOAD},
    {"qos", required_argument, NULL, OPTION_QOS},
    {"warmup", required_argument, NULL, OPTION_WARMUP},
    {"seconds", required_argument, NULL, OPTION_SECONDS},
    {"messages", required_argument, NULL, OPTION_MESSAGES},
    {"window", required_argument, NULL, OPTION_WINDOW},
    {"batch", required_argument, NULL, OPTION_BATCH},
    {"json", no_argument, NULL, OPTION_JSON},
    {"help", no_argument, NULL, OPTION_HELP},
    {NULL, 0, NULL, 0},
};

static const char usage[] =
    "usage: hbmqtt_load [options]\n"
    "Loads an MQTT broker in a closed loop and tells what each delivered message cost it.\n"
    "\n"
    "  --host HOST          of the broker (127.0.0.1)\n"
    "  --port PORT          (1883)\n"
    "  --pid PID            of the broker, for its CPU time and memory\n"
    "  --shape SHAPE        fan-out, fan-in, pairwise or idle (fan-out)\n"
    "  --publishers P       (fan-out: 1; fan-in, pairwise: 100)\n"
    "  --subscribers N      (fan-out: 100; fan-in: 1; pairwise: as many as publishers)\n"
    "  --connections N      of the idle shape (1000)\n"
    "  --payload BYTES      8 or more (64)\n"
    "  --qos 0|1|2          of publishers and subscribers (0)\n"
    "  --warmup SECONDS     of load before measuring (0.5)\n"
    "  --seconds SECONDS    to measure (3)\n"
    "  --messages COUNT     deliveries to measure, instead of seconds\n"
    "  --window COUNT       undelivered messages of each publisher (1024 shared among them, at most 1 MiB of "
    "payload,\n"
    "                       at least 8)\n"
    "  --batch COUNT        a publisher waits until its window has room for so many (1)\n"
    "  --json               one line of JSON instead of a table\n";

static const char *const shape_names[SHAPES] = {
    [SHAPE_FAN_OUT] = "fan-out",
    [SHAPE_FAN_IN] = "fan-in",
    [SHAPE_PAIRWISE] = "pairwise",
    [SHAPE_IDLE] = "idle",
};

const char *shape_name(enum shape shape)
{
    return shape_names[shape];
}

static const char *option_name(int id)
{
    for (const struct option *option = long_options; option->name != NULL; option++)
        if (option->val == id)
            return option->name;
    return "?";
}

static int refuse(int id, const char *text, const char *wanted)
{
    fprintf(stderr, "hbmqtt_load: --%s %s: expected %s\n", option_name(id), text, wanted);
    return -EINVAL;
}

static int parse_count(int id, const char *text, uint64_t lowest, uint64_t highest, uint64_t *ret_count)
{
    char *end;
    errno = 0;
    unsigned long long count = strtoull(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || *text == '-' || count < lowest || count > highest) {
        char wanted[80];
        snprintf(wanted, sizeof(wanted), "a number from %llu to %llu", (unsigned long long)lowest,
                 (unsigned long long)highest);
        return refuse(id, text, wanted);
    }
    *ret_count = count;
    return 0;
}

static int parse_u32(int id, const char *text, uint32_t lowest, uint32_t highest, uint32_t *ret_count)
{
    uint64_t count;
    int rc = parse_count(id, text, lowest, highest, &count);
    if (rc == 0)
        *ret_count = (uint32_t)count;
    return rc;
}

static int parse_seconds(int id, const char *text, double *ret_seconds)
{
    char *end;
    double seconds = strtod(text, &end);
    if (end == text || *end != '\0' || !(seconds >= 0 && seconds <= 86400))
        return refuse(id, text, "seconds, at most a day");
    *ret_seconds = seconds;
    return 0;
}

static int parse_shape(int id, const char *text, enum shape *ret_shape)
{
    for (int shape = 0; shape < SHAPES; shape++) {
        if (strcmp(text, shape_names[shape]) == 0) {
            *ret_shape = (enum shape)shape;
            return 0;
        }
    }
    return refuse(id, text, "fan-out, fan-in, pairwise or idle");
}

static int parse_pid(int id, const char *text, pid_t *ret_pid)
{
    uint64_t pid;
    int rc = parse_count(id, text, 1, INT32_MAX, &pid);
    if (rc == 0)
        *ret_pid = (pid_t)pid;
    return rc;
}

static int parse_qos(int id, const char *text, uint8_t *ret_qos)
{
    uint64_t qos;
    int rc = parse_count(id, text, 0, 2, &qos);
    if (rc == 0)
        *ret_qos = (uint8_t)qos;
    return rc;
}

static int parse_option(int id, const char *text, struct options *options)
{
    switch (id) {
    case OPTION_HOST:
        options->host = text;
        return 0;
    case OPTION_PORT:
        options->port = text;
        return 0;
    case OPTION_PID:
        return parse_pid(id, text, &options->pid);
    case OPTION_SHAPE:
        return parse_shape(id, text, &options->shape);
    case OPTION_PUBLISHERS:
        return parse_u32(id, text, 1, PEERS_MAX, &options->publishers);
    case OPTION_SUBSCRIBERS:
        return parse_u32(id, text, 1, PEERS_MAX, &options->subscribers);
    case OPTION_CONNECTIONS:
        return parse_u32(id, text, 1, PEERS_MAX, &options->connections);
    case OPTION_PAYLOAD:
        return parse_u32(id, text, WIRE_TAG_BYTES, PAYLOAD_MAX, &options->payload);
    case OPTION_QOS:
        return parse_qos(id, text, &options->qos);
    case OPTION_WARMUP:
        return parse_seconds(id, text, &options->warmup_s);
    case OPTION_SECONDS:
        return parse_seconds(id, text, &options->seconds);
    case OPTION_MESSAGES:
        return parse_count(id, text, 1, INT64_MAX, &options->messages);
    case OPTION_WINDOW:
        return parse_u32(id, text, 1, WINDOW_MAX, &options->window);
    case OPTION_BATCH:
        return parse_u32(id, text, 1, WINDOW_MAX, &options->batch);
    case OPTION_JSON:
        options->json = true;
        return 0;
    case OPTION_HELP:
        fputs(usage, stdout);
        return 1;
    default:
        fputs("try hbmqtt_load --help\n", stderr);
        return -EINVAL;
    }
}

static uint32_t smaller(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static uint32_t larger(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

static uint32_t window_default(const struct options *options)
{
    uint32_t by_bytes = smaller(WINDOW_DEFAULT_BYTES / options->payload, WINDOW_DEFAULT);
    return larger(by_bytes / options->publishers, WINDOW_DEFAULT_MIN);
}

// What was left out depends on what was given.
static int options_complete(struct options *options)
{
    bool one_publisher = options->shape == SHAPE_FAN_OUT;
    if (options->publishers == 0) {
        options->publishers = one_publisher ? 1 : 100;
        if (options->shape == SHAPE_PAIRWISE && options->subscribers != 0)
            options->publishers = options->subscribers;
    }
    if (options->subscribers == 0)
        options->subscribers = options->shape == SHAPE_FAN_IN ? 1 : one_publisher ? 100 : options->publishers;
    if (options->shape == SHAPE_PAIRWISE && options->subscribers != options->publishers) {
        fprintf(stderr, "hbmqtt_load: --shape pairwise needs as many subscribers as publishers\n");
        return -EINVAL;
    }
    if (options->shape == SHAPE_IDLE && options->pid == 0) {
        fprintf(stderr, "hbmqtt_load: --shape idle measures the broker's memory and needs its --pid\n");
        return -EINVAL;
    }
    if (options->seconds == 0 && options->messages == 0) {
        fprintf(stderr, "hbmqtt_load: --seconds 0 measures nothing\n");
        return -EINVAL;
    }
    if (options->window == 0)
        options->window = larger(window_default(options), options->batch);
    if (options->batch > options->window) {
        fprintf(stderr, "hbmqtt_load: --batch %u is larger than the window of %u\n", options->batch,
                options->window);
        return -EINVAL;
    }
    return 0;
}

int options_parse(int argc, char **argv, struct options *ret_options)
{
    struct options options = {
        .host = "127.0.0.1",
        .port = "1883",
        .connections = 1000,
        .payload = 64,
        .warmup_s = 0.5,
        .seconds = 3,
        .batch = 1,
    };
    for (int id; (id = getopt_long(argc, argv, "", long_options, NULL)) != -1;) {
        int rc = parse_option(id, optarg, &options);
        if (rc != 0)
            return rc;
    }
    if (optind != argc) {
        fprintf(stderr, "hbmqtt_load: unexpected argument: %s\n", argv[optind]);
        return -EINVAL;
    }
    int rc = options_complete(&options);
    if (rc == 0)
        *ret_options = options;
    return rc;
}
