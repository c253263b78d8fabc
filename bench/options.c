// SPDX-License-Identifier: MIT
// The command line of the load generator.
#include "bench/options.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/wire.h"

#define WINDOW_DEFAULT       1024u     // messages, shared among the publishers
#define WINDOW_DEFAULT_BYTES 1048576u  // and no more payload than this
#define WINDOW_OPEN_BYTES    67108864u // the same in an open loop, which is not to wait for its window
#define WINDOW_DEFAULT_MIN   8u // but never fewer messages for each publisher, or nothing could be batched

#define SHAPES_TEXT "fan-out, fan-in, pairwise, shared, wildcard, idle, connect or retained"

#define WS_PATH_DEFAULT "/mqtt"
#define WS_PATH_MAX     1024u // bytes

#define RATE_MAX 1e7
#define RATE_MIN 1e-3

enum option_id {
    OPTION_HOST = 256,
    OPTION_PORT,
    OPTION_TLS,
    OPTION_RESUME,
    OPTION_CAFILE,
    OPTION_WS,
    OPTION_WS_PATH,
    OPTION_PID,
    OPTION_SHAPE,
    OPTION_PUBLISHERS,
    OPTION_SUBSCRIBERS,
    OPTION_CONNECTIONS,
    OPTION_TOPICS,
    OPTION_FILTERS,
    OPTION_RETAINED,
    OPTION_PAYLOAD,
    OPTION_QOS,
    OPTION_RATE,
    OPTION_WARMUP,
    OPTION_SECONDS,
    OPTION_MESSAGES,
    OPTION_WINDOW,
    OPTION_BATCH,
    OPTION_SYSCALLS,
    OPTION_RING,
    OPTION_JSON,
    OPTION_HELP,
};

static const struct option long_options[] = {
    {"host", required_argument, NULL, OPTION_HOST},
    {"port", required_argument, NULL, OPTION_PORT},
    {"tls", no_argument, NULL, OPTION_TLS},
    {"resume", no_argument, NULL, OPTION_RESUME},
    {"cafile", required_argument, NULL, OPTION_CAFILE},
    {"ws", no_argument, NULL, OPTION_WS},
    {"ws-path", required_argument, NULL, OPTION_WS_PATH},
    {"pid", required_argument, NULL, OPTION_PID},
    {"shape", required_argument, NULL, OPTION_SHAPE},
    {"publishers", required_argument, NULL, OPTION_PUBLISHERS},
    {"subscribers", required_argument, NULL, OPTION_SUBSCRIBERS},
    {"connections", required_argument, NULL, OPTION_CONNECTIONS},
    {"topics", required_argument, NULL, OPTION_TOPICS},
    {"filters", required_argument, NULL, OPTION_FILTERS},
    {"retained", required_argument, NULL, OPTION_RETAINED},
    {"payload", required_argument, NULL, OPTION_PAYLOAD},
    {"qos", required_argument, NULL, OPTION_QOS},
    {"rate", required_argument, NULL, OPTION_RATE},
    {"warmup", required_argument, NULL, OPTION_WARMUP},
    {"seconds", required_argument, NULL, OPTION_SECONDS},
    {"messages", required_argument, NULL, OPTION_MESSAGES},
    {"window", required_argument, NULL, OPTION_WINDOW},
    {"batch", required_argument, NULL, OPTION_BATCH},
    {"syscalls", no_argument, NULL, OPTION_SYSCALLS},
    {"ring", no_argument, NULL, OPTION_RING},
    {"json", no_argument, NULL, OPTION_JSON},
    {"help", no_argument, NULL, OPTION_HELP},
    {NULL, 0, NULL, 0},
};

static const char usage[] =
    "usage: hbmqtt_load [options]\n"
    "Loads an MQTT broker and tells what each delivered message cost it, and how long it took.\n"
    "\n"
    "  --host HOST          of the broker (127.0.0.1)\n"
    "  --port PORT          (1883)\n"
    "  --tls                over TLS; the broker's certificate is not checked without\n"
    "  --cafile FILE        certificates that it must come from\n"
    "  --resume             sessions of TLS go on from those of before, where the broker lets them\n"
    "  --ws                 over WebSocket; with --tls within TLS\n"
    "  --ws-path PATH       (/mqtt)\n"
    "  --pid PID            of the broker, for its CPU time and memory\n"
    "  --shape SHAPE        " SHAPES_TEXT "\n"
    "                       (fan-out)\n"
    "  --publishers P       (fan-out: 1; else 100)\n"
    "  --subscribers N      (fan-in: 1; fan-out, shared: 100; pairwise, wildcard: as many as publishers)\n"
    "  --topics T           of the shared shape: P and N are multiples of it (10)\n"
    "  --filters F          of the wildcard shape, spread over the subscribers (100000)\n"
    "  --connections N      idle: how many (1000); connect: at once (64); retained: at once (1)\n"
    "  --retained R         messages of the retained shape (10000)\n"
    "  --payload BYTES      16 or more (64)\n"
    "  --qos 0|1|2          of publishers and subscribers (0)\n"
    "  --rate R             open loop: messages a second of all publishers, on a fixed timetable;\n"
    "                       without it a closed loop, which goes on when messages have arrived\n"
    "  --warmup SECONDS     of load before measuring (0.5)\n"
    "  --seconds SECONDS    to measure (3)\n"
    "  --messages COUNT     deliveries (connect: visits) to measure, instead of seconds\n"
    "  --window COUNT       undelivered messages of each publisher (1024 shared among them, at most 1 MiB "
    "of\n"
    "                       payload, at least 8; open loop: 32768, at most 64 MiB)\n"
    "  --batch COUNT        closed loop: a publisher waits until its window has room for so many (1)\n"
    "  --syscalls           count the broker's system calls (needs tracefs and root, and costs time)\n"
    "  --ring               read what hbmqtt tells of its ring (its sys_interval must be 1 or 2)\n"
    "  --json               one line of JSON instead of a table\n";

static const char *const shape_names[SHAPES] = {
    [SHAPE_FAN_OUT] = "fan-out", [SHAPE_FAN_IN] = "fan-in",     [SHAPE_PAIRWISE] = "pairwise",
    [SHAPE_SHARED] = "shared",   [SHAPE_WILDCARD] = "wildcard", [SHAPE_IDLE] = "idle",
    [SHAPE_CONNECT] = "connect", [SHAPE_RETAINED] = "retained",
};

const char *shape_name(enum shape shape)
{
    return shape_names[shape];
}

const char *transport_name(const struct options *options)
{
    if (options->ws)
        return options->tls ? "wss" : "ws";
    return options->tls ? "tls" : "tcp";
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

static int parse_number(int id, const char *text, double highest, const char *wanted, double *ret_number)
{
    char *end;
    double number = strtod(text, &end);
    if (end == text || *end != '\0' || !(number >= 0 && number <= highest))
        return refuse(id, text, wanted);
    *ret_number = number;
    return 0;
}

static int parse_seconds(int id, const char *text, double *ret_seconds)
{
    return parse_number(id, text, 86400, "seconds, at most a day", ret_seconds);
}

static int parse_rate(int id, const char *text, double *ret_rate)
{
    int rc = parse_number(id, text, RATE_MAX, "messages a second, at most ten millions", ret_rate);
    return rc == 0 && *ret_rate < RATE_MIN ? refuse(id, text, "at least one message in 1000 seconds") : rc;
}

static int parse_shape(int id, const char *text, enum shape *ret_shape)
{
    for (int shape = 0; shape < SHAPES; shape++) {
        if (strcmp(text, shape_names[shape]) == 0) {
            *ret_shape = (enum shape)shape;
            return 0;
        }
    }
    return refuse(id, text, SHAPES_TEXT);
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

static int parse_path(int id, const char *text, const char **ret_path)
{
    size_t length = strlen(text);
    bool plain = text[0] == '/' && length <= WS_PATH_MAX;
    for (size_t index = 0; index < length; index++)
        plain = plain && isgraph((unsigned char)text[index]);
    if (!plain)
        return refuse(id, text, "a path that begins with / and has neither blanks nor other than ASCII");
    *ret_path = text;
    return 0;
}

// What an option without a value switches on; NULL for any other.
static bool *flag_of(int id, struct options *options)
{
    switch (id) {
    case OPTION_TLS:
        return &options->tls;
    case OPTION_RESUME:
        return &options->resume;
    case OPTION_WS:
        return &options->ws;
    case OPTION_SYSCALLS:
        return &options->syscalls;
    case OPTION_RING:
        return &options->ring;
    case OPTION_JSON:
        return &options->json;
    default:
        return NULL;
    }
}

static int parse_option(int id, const char *text, struct options *options)
{
    bool *flag = flag_of(id, options);
    if (flag != NULL) {
        *flag = true;
        return 0;
    }
    switch (id) {
    case OPTION_HOST:
        options->host = text;
        return 0;
    case OPTION_PORT:
        options->port = text;
        return 0;
    case OPTION_CAFILE:
        options->cafile = text;
        return 0;
    case OPTION_WS_PATH:
        return parse_path(id, text, &options->ws_path);
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
    case OPTION_TOPICS:
        return parse_u32(id, text, 1, TOPICS_MAX, &options->topics);
    case OPTION_FILTERS:
        return parse_u32(id, text, 1, TOPICS_MAX, &options->filters);
    case OPTION_RETAINED:
        return parse_u32(id, text, 1, TOPICS_MAX, &options->retained);
    case OPTION_PAYLOAD:
        return parse_u32(id, text, WIRE_TAG_BYTES, PAYLOAD_MAX, &options->payload);
    case OPTION_QOS:
        return parse_qos(id, text, &options->qos);
    case OPTION_RATE:
        return parse_rate(id, text, &options->rate);
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
    bool open = options->rate > 0;
    uint32_t bytes = open ? WINDOW_OPEN_BYTES : WINDOW_DEFAULT_BYTES;
    uint32_t by_bytes = smaller(bytes / options->payload, open ? WINDOW_MAX : WINDOW_DEFAULT);
    return larger(by_bytes / options->publishers, WINDOW_DEFAULT_MIN);
}

static int refuse_all(const char *why)
{
    fprintf(stderr, "hbmqtt_load: %s\n", why);
    return -EINVAL;
}

static bool shape_pairs(enum shape shape)
{
    return shape == SHAPE_PAIRWISE || shape == SHAPE_WILDCARD;
}

// What was left out depends on what was given.
static void options_complete(struct options *options)
{
    enum shape shape = options->shape;
    if (options->publishers == 0) {
        options->publishers = shape == SHAPE_FAN_OUT ? 1 : 100;
        if (shape_pairs(shape) && options->subscribers != 0)
            options->publishers = options->subscribers;
    }
    if (options->subscribers == 0)
        options->subscribers = shape == SHAPE_FAN_IN ? 1 : shape_pairs(shape) ? options->publishers : 100;
    if (options->connections == 0)
        options->connections = shape == SHAPE_IDLE ? 1000 : shape == SHAPE_CONNECT ? 64 : 1;
    if (options->ws_path == NULL && options->ws)
        options->ws_path = WS_PATH_DEFAULT;
    if (options->window == 0)
        options->window = larger(window_default(options), options->batch);
}

static int options_check_transport(const struct options *options)
{
    if (options->cafile != NULL && !options->tls)
        return refuse_all("--cafile goes with --tls");
    if (options->resume && !options->tls)
        return refuse_all("--resume goes with --tls");
    if (options->ws_path != NULL && !options->ws)
        return refuse_all("--ws-path goes with --ws");
    if (options->ring && (options->tls || options->ws))
        return refuse_all("--ring asks the broker over TCP: it goes without --tls and --ws");
    return 0;
}

static int options_check(const struct options *options)
{
    if (shape_pairs(options->shape) && options->subscribers != options->publishers)
        return refuse_all("this shape needs as many subscribers as publishers");
    if (options->shape == SHAPE_SHARED &&
        (options->publishers % options->topics != 0 || options->subscribers % options->topics != 0))
        return refuse_all("the publishers and the subscribers must be multiples of --topics");
    if (options->shape == SHAPE_WILDCARD && options->filters < options->subscribers)
        return refuse_all("--filters must be at least one for each subscriber");
    if (options->shape == SHAPE_IDLE && options->pid == 0)
        return refuse_all("--shape idle measures the broker's memory and needs its --pid");
    if (options->syscalls && options->pid == 0)
        return refuse_all("--syscalls needs the broker's --pid");
    if (options->seconds == 0 && options->messages == 0)
        return refuse_all("--seconds 0 measures nothing");
    if (options->rate > 0 && (!shape_publishes(options->shape) || options->batch != 1))
        return refuse_all("--rate goes with publishers and without --batch");
    if (options->batch > options->window)
        return refuse_all("--batch is larger than the window");
    return options_check_transport(options);
}

int options_parse(int argc, char **argv, struct options *ret_options)
{
    struct options options = {
        .host = "127.0.0.1",
        .port = "1883",
        .topics = 10,
        .filters = 100000,
        .retained = 10000,
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
    options_complete(&options);
    int rc = options_check(&options);
    if (rc == 0)
        *ret_options = options;
    return rc;
}
