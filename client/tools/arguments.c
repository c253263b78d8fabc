// SPDX-License-Identifier: MIT
#include "client/tools/arguments.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

// How an option is stored.
enum option_kind {
    TAKE_TEXT,   // a pointer to the value
    TAKE_NUMBER, // an int from `lowest` to `highest`
    TAKE_FLAG,   // a bool; no value
    TAKE_COUNT,
    TAKE_SECONDS, // a double
    TAKE_TOPIC,
    TAKE_UNWANTED, // a filter
    TAKE_ENDED,    // a filter
    TAKE_URL,      // one of several; with a topic behind it where `lowest` is set
    TAKE_SOURCE,   // `lowest` is the source; with a value where has_value
    TAKE_ACTION,   // `lowest` is the action
};

struct option_row {
    char letter; // 0: none
    const char *name;
    const char *value; // what the help calls the value; NULL: there is none
    const char *help;
    uint8_t tools; // enum tool, added
    uint8_t kind;
    uint16_t offset; // in struct arguments
    int lowest;
    int highest;
};

#define BOTH        (TOOL_PUB | TOOL_SUB)
#define AT(member)  offsetof(struct arguments, member)
#define QOS_RANGE   0, 2
#define U16_RANGE   0, 65535
#define NO_OFFSET   0
#define SECONDS_MAX 1e9
#define LONGEST_ROW 36 // columns of the help before the text

static const struct option_row rows[] = {
    {0, "url", "URL", "mqtt, mqtts, ws or wss://[user[:password]@]host[:port][/path]", BOTH, TAKE_URL,
     NO_OFFSET, 0, 0},
    {'L', "url-topic", "URL", "the same with the topic as path: mqtt://host/topic", BOTH, TAKE_URL, NO_OFFSET,
     1, 0},
    {0, "host", "HOST", "in place of --url: mqtt://HOST, or mqtts://HOST with a CA", BOTH, TAKE_TEXT,
     AT(host), 0, 0},
    {'p', "port", "PORT", "its port; without --host, of localhost", BOTH, TAKE_NUMBER, AT(port), 1, 65535},
    {'t', "topic", "TOPIC", "a topic to publish to; may be given again", TOOL_PUB, TAKE_TOPIC, NO_OFFSET, 0,
     0},
    {'t', "topic", "FILTER", "a topic filter to subscribe to; may be given again", TOOL_SUB, TAKE_TOPIC,
     NO_OFFSET, 0, 0},
    {'T', "filter-out", "FILTER", "do not print messages that match; may be given again", TOOL_SUB,
     TAKE_UNWANTED, NO_OFFSET, 0, 0},
    {'U', "unsubscribe", "FILTER", "end the subscription that the session has; may be given again", TOOL_SUB,
     TAKE_ENDED, NO_OFFSET, 0, 0},
    {'E', "subscribe-only", NULL, "end once the broker has answered the subscriptions", TOOL_SUB, TAKE_FLAG,
     AT(subscribe_only), 0, 0},
    {'f', "file", "FILE", "publish each line of FILE as a message; - is stdin", TOOL_PUB, TAKE_SOURCE,
     NO_OFFSET, SOURCE_FILE, 0},
    {0, "whole-file", "FILE", "publish all of FILE as one message", TOOL_PUB, TAKE_SOURCE, NO_OFFSET,
     SOURCE_WHOLE, 0},
    {'l', "lines", NULL, "publish each line of standard input, except blank ones", TOOL_PUB, TAKE_SOURCE,
     NO_OFFSET, SOURCE_LINES, 0},
    {'m', "message", "MESSAGE", "publish MESSAGE", TOOL_PUB, TAKE_SOURCE, NO_OFFSET, SOURCE_MESSAGE, 0},
    {'n', "no-message", NULL, "publish a message without bytes", TOOL_PUB, TAKE_SOURCE, NO_OFFSET,
     SOURCE_EMPTY, 0},
    {'s', "stdin", NULL, "publish all of standard input as one message", TOOL_PUB, TAKE_SOURCE, NO_OFFSET,
     SOURCE_STDIN, 0},
    {'r', "retain", NULL, "ask the broker to keep the message for later subscribers", TOOL_PUB, TAKE_FLAG,
     AT(retain), 0, 0},
    {'n', "count", "COUNT", "end after COUNT messages; 0, the default, is never", TOOL_SUB, TAKE_COUNT,
     AT(count), 0, 0},
    {'C', "stop-after", "COUNT", "the same as -n", TOOL_SUB, TAKE_COUNT, AT(count), 0, 0},
    {'W', "timeout", "SECONDS", "end after SECONDS", BOTH, TAKE_SECONDS, AT(timeout_s), 0, 0},
    {'R', "no-retained", NULL, "do not print messages that the broker had kept", TOOL_SUB, TAKE_FLAG,
     AT(no_retained), 0, 0},
    {'v', "verbose", NULL, "print the topic before each message", TOOL_SUB, TAKE_FLAG, AT(verbose), 0, 0},
    {'N', "no-newline", NULL, "print no newline behind each message", TOOL_SUB, TAKE_FLAG, AT(no_newline), 0,
     0},
    {'F', "format", "FORMAT", "print messages as FORMAT says: %t %p %j %x %I ...", TOOL_SUB, TAKE_TEXT,
     AT(format), 0, 0},
    {0, "repeat", "TIMES", "publish the message TIMES times", TOOL_PUB, TAKE_NUMBER, AT(repeat), 1, INT_MAX},
    {0, "repeat-delay", "SECONDS", "wait between them", TOOL_PUB, TAKE_SECONDS, AT(repeat_delay_s), 0, 0},
    {'e', "response-topic", "TOPIC", "then print the first message that comes to TOPIC", TOOL_PUB, TAKE_TEXT,
     AT(response_topic), 0, 0},
    {0, "quiet", NULL, "show no progress on a terminal", TOOL_PUB, TAKE_FLAG, AT(quiet), 0, 0},
    {'q', "qos", "QOS", "quality of service: 0, 1 or 2", BOTH, TAKE_NUMBER, AT(qos), QOS_RANGE},
    {'c', "config-file", "FILE", "read FILE (YAML) for what the command line leaves open", BOTH, TAKE_TEXT,
     AT(config_file), 0, 0},
    {'i', "client-id", "ID", "the client id; its session is kept", BOTH, TAKE_TEXT, AT(client_id), 0, 0},
    {'u', "user", "NAME", "user name, if the URL has none", BOTH, TAKE_TEXT, AT(user_name), 0, 0},
    {'P', "password", "PASSWORD", "and password; others on this host can see it", BOTH, TAKE_TEXT,
     AT(password), 0, 0},
    {'k', "keep-alive", "SECONDS", "keep-alive period; 0 is off", BOTH, TAKE_NUMBER, AT(keepalive_s),
     U16_RANGE},
    {0, "clean-session", NULL, "begin with an empty session and keep none", BOTH, TAKE_FLAG,
     AT(clean_session), 0, 0},
    {'M', "inflight", "COUNT", "messages under way at once, above QoS 0", BOTH, TAKE_NUMBER, AT(inflight_max),
     1, 16384},
    {0, "auto-reconnect", NULL, "connect again when the connection breaks", BOTH, TAKE_FLAG,
     AT(auto_reconnect), 0, 0},
    {0, "reconnect-retries", "COUNT", "attempts in a row; negative: any number", BOTH, TAKE_NUMBER,
     AT(reconnect_retries), -INT_MAX, INT_MAX},
    {0, "reconnect-max-interval", "SECONDS", "the longest time between two", BOTH, TAKE_NUMBER,
     AT(reconnect_interval_s), 0, 86400},
    {0, "queue-file", "FILE", "keep what is not acknowledged in FILE", BOTH, TAKE_TEXT, AT(queue_file), 0, 0},
    {0, "proxy", "URL", "reach the broker through http:// or socks5://host:port", BOTH, TAKE_TEXT, AT(proxy),
     0, 0},
    {0, "will-topic", "TOPIC", "what the broker publishes if the connection is lost:", BOTH, TAKE_TEXT,
     AT(will_topic), 0, 0},
    {0, "will-message", "MESSAGE", "its message, empty by default,", BOTH, TAKE_TEXT, AT(will_message), 0, 0},
    {0, "will-qos", "QOS", "its quality of service,", BOTH, TAKE_NUMBER, AT(will_qos), QOS_RANGE},
    {0, "will-retain", NULL, "and that it is kept", BOTH, TAKE_FLAG, AT(will_retain), 0, 0},
    {0, "ca-file", "FILE", "mqtts, wss: trust the CAs in FILE (PEM)", BOTH, TAKE_TEXT, AT(ca_file), 0, 0},
    {0, "ca-path", "DIRECTORY", "mqtts, wss: trust the CAs in DIRECTORY", BOTH, TAKE_TEXT, AT(ca_path), 0, 0},
    {0, "ca-data", "PEM", "mqtts, wss: trust the CAs in this text", BOTH, TAKE_TEXT, AT(ca_data), 0, 0},
    {0, "cert", "FILE", "mqtts, wss: our certificate (PEM)", BOTH, TAKE_TEXT, AT(certificate_file), 0, 0},
    {0, "key", "FILE", "mqtts, wss: and its key", BOTH, TAKE_TEXT, AT(key_file), 0, 0},
    {0, "insecure", NULL, "mqtts, wss: accept any certificate of the broker", BOTH, TAKE_FLAG, AT(insecure),
     0, 0},
    {0, "extra-headers", "JSON", "ws, wss: headers for the upgrade: {\"name\": \"value\"}", BOTH, TAKE_TEXT,
     AT(extra_headers), 0, 0},
    {'d', "debug", NULL, "name each packet on standard error", BOTH, TAKE_FLAG, AT(debug), 0, 0},
    {0, "version", NULL, "print the version", BOTH, TAKE_ACTION, AT(action), ARGUMENTS_VERSION, 0},
    {'h', "help", NULL, "print this help", BOTH, TAKE_ACTION, AT(action), ARGUMENTS_HELP, 0},
};

#define ROWS      (sizeof rows / sizeof rows[0])
#define ROW_FIRST 256 // getopt's value for rows[0], above every letter

const char *tool_name(enum tool tool)
{
    return tool == TOOL_PUB ? "hbmqtt_pub" : "hbmqtt_sub";
}

bool number_parse(const char *text, int64_t lowest, int64_t highest, int64_t *ret_number)
{
    char *end = NULL;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    bool plain = *text == '-' || (*text >= '0' && *text <= '9'); // strtoll would also take blanks and a plus
    if (!plain || end == text || *end != '\0' || errno != 0 || number < lowest || number > highest)
        return false;
    *ret_number = number;
    return true;
}

static int usage_fault(struct error *ret_error, const char *name, const char *why)
{
    return error_set(ret_error, HBMQTT_ERROR_ARGUMENT, "--%s: %s", name, why);
}

static int store_number(const struct option_row *row, const char *value, void *member,
                        struct error *ret_error)
{
    int64_t number = 0;
    if (!number_parse(value, row->lowest, row->highest, &number))
        return error_set(ret_error, HBMQTT_ERROR_ARGUMENT, "--%s: '%s' is not a number from %d to %d",
                         row->name, value, row->lowest, row->highest);
    *(int *)member = (int)number;
    return 0;
}

static int store_count(const struct option_row *row, const char *value, void *member, struct error *ret_error)
{
    int64_t number = 0;
    if (!number_parse(value, 0, INT64_MAX, &number))
        return error_set(ret_error, HBMQTT_ERROR_ARGUMENT, "--%s: '%s' is not a number of messages",
                         row->name, value);
    *(uint64_t *)member = (uint64_t)number;
    return 0;
}

static int store_seconds(const struct option_row *row, const char *value, double *member,
                         struct error *ret_error)
{
    char *end = NULL;
    double seconds = strtod(value, &end);
    bool plain = (*value >= '0' && *value <= '9') || *value == '.';
    if (!plain || *end != '\0' || !(seconds <= SECONDS_MAX))
        return error_set(ret_error, HBMQTT_ERROR_ARGUMENT, "--%s: '%s' is not a number of seconds", row->name,
                         value);
    *member = seconds;
    return 0;
}

// Takes the topic off the end of a URL of -L.
static int split_topic(struct arguments *arguments, char *url, struct error *ret_error)
{
    char *host = strstr(url, "://");
    char *slash = host == NULL ? NULL : strchr(host + 3, '/');
    if (slash == NULL || slash[1] == '\0' || strncasecmp(url, "mqtt", 4) != 0)
        return error_set(ret_error, HBMQTT_ERROR_ARGUMENT,
                         "-L: '%.*s' is not mqtt://host/topic or mqtts://host/topic",
                         (int)(host == NULL ? strcspn(url, "@") : (size_t)(host - url)), url);
    *slash = '\0';
    free(arguments->url_topic);
    arguments->url_topic = strdup(slash + 1);
    return arguments->url_topic == NULL ? error_set(ret_error, HBMQTT_ERROR_SYSTEM, "out of memory") : 0;
}

static int store_url(struct arguments *arguments, const struct option_row *row, const char *value,
                     struct error *ret_error)
{
    char *one = strdup(value);
    int status = one == NULL ? error_set(ret_error, HBMQTT_ERROR_SYSTEM, "out of memory") : 0;
    if (status == 0 && row->lowest != 0)
        status = split_topic(arguments, one, ret_error);
    char *all = NULL;
    if (status == 0 && asprintf(&all, "%s%s%s", arguments->url == NULL ? "" : arguments->url,
                                arguments->url == NULL ? "" : " ", one) < 0)
        status = error_set(ret_error, HBMQTT_ERROR_SYSTEM, "out of memory");
    free(one);
    if (status != 0)
        return status;
    free(arguments->url);
    arguments->url = all;
    if (row->lowest != 0)
        arguments->topics[arguments->topic_count++] = arguments->url_topic;
    return 0;
}

static int store_source(struct arguments *arguments, const struct option_row *row, const char *value,
                        struct error *ret_error)
{
    if (arguments->source != SOURCE_NONE)
        return usage_fault(ret_error, row->name,
                           "only one of -f, -l, -m, -n, -s and --whole-file can be given");
    arguments->source = (enum arguments_source)row->lowest;
    arguments->source_text = value;
    if (row->lowest == SOURCE_FILE && strcmp(value, "-") == 0)
        arguments->source = SOURCE_LINES;
    return 0;
}

static int store(struct arguments *arguments, const struct option_row *row, const char *value,
                 struct error *ret_error)
{
    void *member = (char *)arguments + row->offset;
    switch (row->kind) {
    case TAKE_TEXT:
        *(const char **)member = value;
        return 0;
    case TAKE_NUMBER:
        return store_number(row, value, member, ret_error);
    case TAKE_FLAG:
        *(bool *)member = true;
        return 0;
    case TAKE_COUNT:
        return store_count(row, value, member, ret_error);
    case TAKE_SECONDS:
        return store_seconds(row, value, member, ret_error);
    case TAKE_URL:
        return store_url(arguments, row, value, ret_error);
    case TAKE_UNWANTED:
        arguments->unwanted[arguments->unwanted_count++] = value;
        return 0;
    case TAKE_ENDED:
        arguments->ended[arguments->ended_count++] = value;
        return 0;
    case TAKE_TOPIC:
        arguments->topics[arguments->topic_count++] = value; // there is room for one from each word of argv
        return 0;
    case TAKE_SOURCE:
        return store_source(arguments, row, value, ret_error);
    default:
        *(enum arguments_action *)member = (enum arguments_action)row->lowest;
        return 0;
    }
}

// The tables of getopt_long, made from the rows of one tool.
struct getopt_tables {
    char letters[2 + 3 * ROWS];
    struct option names[ROWS + 1];
    const struct option_row *by_letter[128];
};

static void tables_make(enum tool tool, struct getopt_tables *ret_tables)
{
    *ret_tables = (struct getopt_tables){.letters = ":"}; // a missing value is told from an unknown option
    char *letter = ret_tables->letters + 1;
    struct option *name = ret_tables->names;
    for (size_t i = 0; i < ROWS; i++) {
        const struct option_row *row = &rows[i];
        if ((row->tools & tool) == 0)
            continue;
        *name++ = (struct option){row->name, row->value == NULL ? no_argument : required_argument, NULL,
                                  ROW_FIRST + (int)i};
        if (row->letter == 0)
            continue;
        ret_tables->by_letter[(int)row->letter] = row;
        *letter++ = row->letter;
        if (row->value != NULL)
            *letter++ = ':';
    }
    *letter = '\0';
}

// What getopt_long stumbled over: `found` is '?' or ':', `word` the argument that it read last.
static int report_option(int found, const char *word, struct error *ret_error)
{
    const char *why = found == ':' ? "needs a value" : "is unknown, ambiguous, or takes no value";
    if (optopt != 0 && optopt < 128)
        return error_set(ret_error, HBMQTT_ERROR_ARGUMENT, "option -%c %s", optopt,
                         found == ':' ? why : "is unknown");
    int length = (int)strcspn(word, "=");
    return error_set(ret_error, HBMQTT_ERROR_ARGUMENT, "option %.*s %s", length, word, why);
}

static int check_will(const struct arguments *arguments, struct error *ret_error)
{
    if (arguments->will_topic != NULL && !hbmqtt_topic_is_valid(arguments->will_topic))
        return error_set(ret_error, HBMQTT_ERROR_ARGUMENT, "--will-topic: '%s' is not a topic to publish to",
                         arguments->will_topic);
    bool with =
        arguments->will_message != NULL || arguments->will_qos != ARGUMENTS_UNSET || arguments->will_retain;
    if (with && arguments->will_topic == NULL && arguments->config_file == NULL)
        return error_set(ret_error, HBMQTT_ERROR_ARGUMENT, "a will needs --will-topic");
    return 0;
}

static int check_topics(enum tool tool, const struct arguments *arguments, struct error *ret_error)
{
    if (arguments->topic_count == 0 && arguments->ended_count == 0)
        return error_set(ret_error, HBMQTT_ERROR_ARGUMENT, "-t is missing");
    if (arguments->topic_count > HBMQTT_FILTERS_MAX || arguments->ended_count > HBMQTT_FILTERS_MAX)
        return error_set(ret_error, HBMQTT_ERROR_ARGUMENT, "-t, -U: more than %d filters",
                         HBMQTT_FILTERS_MAX);
    for (size_t i = 0; i < arguments->topic_count; i++) {
        const char *topic = arguments->topics[i];
        if (tool == TOOL_PUB && !hbmqtt_topic_is_valid(topic))
            return error_set(ret_error, HBMQTT_ERROR_ARGUMENT, "-t: '%s' is not a topic to publish to",
                             topic);
        if (tool == TOOL_SUB && !hbmqtt_filter_is_valid(topic))
            return error_set(ret_error, HBMQTT_ERROR_ARGUMENT, "-t: '%s' is not a topic filter", topic);
    }
    for (size_t i = 0; i < arguments->ended_count; i++)
        if (!hbmqtt_filter_is_valid(arguments->ended[i]))
            return error_set(ret_error, HBMQTT_ERROR_ARGUMENT, "-U: '%s' is not a topic filter",
                             arguments->ended[i]);
    for (size_t i = 0; i < arguments->unwanted_count; i++)
        if (!hbmqtt_filter_is_valid(arguments->unwanted[i]))
            return error_set(ret_error, HBMQTT_ERROR_ARGUMENT, "-T: '%s' is not a topic filter",
                             arguments->unwanted[i]);
    if (arguments->response_topic != NULL && !hbmqtt_topic_is_valid(arguments->response_topic))
        return error_set(ret_error, HBMQTT_ERROR_ARGUMENT,
                         "-e: '%s' is not a topic that somebody can answer to", arguments->response_topic);
    return 0;
}

// What only makes sense with something else.
static int check_pairs(const struct arguments *arguments, struct error *ret_error)
{
    bool repeats = arguments->repeat != ARGUMENTS_UNSET;
    bool lines = arguments->source == SOURCE_LINES || arguments->source == SOURCE_FILE;
    if (arguments->repeat_delay_s != 0 && !repeats)
        return usage_fault(ret_error, "repeat-delay", "it needs --repeat");
    if (repeats && lines)
        return usage_fault(ret_error, "repeat", "lines are published once");
    if (arguments->password != NULL && arguments->user_name == NULL)
        return usage_fault(ret_error, "password", "it needs -u");
    return 0;
}

// Makes a URL of --host and --port.
static int take_host(struct arguments *arguments, struct error *ret_error)
{
    const char *host = arguments->host == NULL ? "localhost" : arguments->host;
    bool secure = arguments->ca_file != NULL || arguments->ca_path != NULL || arguments->ca_data != NULL;
    bool bare_ipv6 = strchr(host, ':') != NULL && *host != '[';
    char port[16] = "";
    if (arguments->host == NULL && arguments->port == ARGUMENTS_UNSET)
        return 0;
    if (arguments->url != NULL)
        return error_set(ret_error, HBMQTT_ERROR_ARGUMENT,
                         "--host and --port are for a broker without a URL, and there is one");
    if (*host == '\0' || strpbrk(host, "/@?# \t\n") != NULL)
        return error_set(ret_error, HBMQTT_ERROR_ARGUMENT, "--host: '%s' is not a host", host);
    if (arguments->port != ARGUMENTS_UNSET)
        snprintf(port, sizeof port, ":%d", arguments->port);
    if (asprintf(&arguments->url, "%s://%s%s%s%s", secure ? "mqtts" : "mqtt", bare_ipv6 ? "[" : "", host,
                 bare_ipv6 ? "]" : "", port) >= 0)
        return 0;
    arguments->url = NULL;
    return error_set(ret_error, HBMQTT_ERROR_SYSTEM, "out of memory");
}

static int check(enum tool tool, struct arguments *arguments, struct error *ret_error)
{
    int status = take_host(arguments, ret_error);
    if (status != 0)
        return status;
    if (arguments->url == NULL && arguments->config_file == NULL)
        return error_set(ret_error, HBMQTT_ERROR_ARGUMENT,
                         "--url is missing, and there is no configuration file to take it from");
    status = check_topics(tool, arguments, ret_error);
    if (status != 0)
        return status;
    if (tool == TOOL_PUB && arguments->source == SOURCE_NONE)
        return error_set(ret_error, HBMQTT_ERROR_ARGUMENT,
                         "what to publish is missing: one of -f, -l, -m, -n, -s and --whole-file");
    status = check_pairs(arguments, ret_error);
    if (status != 0)
        return status;
    return check_will(arguments, ret_error);
}

int arguments_parse(enum tool tool, int argc, char **argv, struct arguments *ret_arguments,
                    struct error *ret_error)
{
    struct arguments *arguments = ret_arguments;
    *arguments = (struct arguments){
        .qos = ARGUMENTS_UNSET,
        .keepalive_s = ARGUMENTS_UNSET,
        .will_qos = ARGUMENTS_UNSET,
        .repeat = ARGUMENTS_UNSET,
        .inflight_max = ARGUMENTS_UNSET,
        .reconnect_retries = ARGUMENTS_NO_RETRIES,
        .reconnect_interval_s = ARGUMENTS_UNSET,
        .port = ARGUMENTS_UNSET,
        .ended = calloc((size_t)argc + 1, sizeof *arguments->ended),
        .topics = calloc((size_t)argc + 1, sizeof *arguments->topics),
        .unwanted = calloc((size_t)argc + 1, sizeof *arguments->unwanted),
    };
    if (arguments->topics == NULL || arguments->unwanted == NULL || arguments->ended == NULL)
        return error_set(ret_error, HBMQTT_ERROR_SYSTEM, "out of memory");
    struct getopt_tables tables;
    tables_make(tool, &tables);
    optind = 0; // makes glibc begin afresh
    opterr = 0;
    int found;
    while ((found = getopt_long(argc, argv, tables.letters, tables.names, NULL)) != -1) {
        if (found == '?' || found == ':')
            return report_option(found, argv[optind - 1], ret_error);
        const struct option_row *row =
            found >= ROW_FIRST ? &rows[found - ROW_FIRST] : tables.by_letter[found];
        int status = store(arguments, row, optarg, ret_error);
        if (status != 0)
            return status;
        if (arguments->action != ARGUMENTS_RUN)
            return 0;
    }
    if (optind < argc)
        return error_set(ret_error, HBMQTT_ERROR_ARGUMENT, "'%s' belongs to no option", argv[optind]);
    return check(tool, arguments, ret_error);
}

void arguments_finish(struct arguments *arguments)
{
    free(arguments->topics);
    free(arguments->unwanted);
    free(arguments->ended);
    free(arguments->url);
    free(arguments->url_topic);
    *arguments = (struct arguments){.topics = NULL};
}

void arguments_print_help(enum tool tool)
{
    const char *rest = tool == TOOL_PUB
                           ? "-t TOPIC... (-f FILE | -l | -m MESSAGE | -n | -s | --whole-file FILE)"
                           : "-t FILTER [-t FILTER]...";
    printf("usage: %s --url URL %s [options]\n\n", tool_name(tool), rest);
    for (size_t i = 0; i < ROWS; i++) {
        const struct option_row *row = &rows[i];
        if ((row->tools & tool) == 0)
            continue;
        char left[64];
        char letter[] = {'-', row->letter, ',', ' ', '\0'};
        snprintf(left, sizeof left, "  %s--%s%s%s", row->letter == 0 ? "    " : letter, row->name,
                 row->value == NULL ? "" : " ", row->value == NULL ? "" : row->value);
        printf("%-*s%s\n", LONGEST_ROW, left, row->help);
    }
}
