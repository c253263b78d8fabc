// SPDX-License-Identifier: MIT
#include "client/tools/arguments.h"
#include "test/run.h"

#include <string.h>

#define WORDS_MAX 48

static struct arguments arguments;
static struct error error;

// Parses a command line whose words are separated by '|'.
static int parse(enum tool tool, const char *line)
{
    static char text[512];
    char *argv[WORDS_MAX + 1] = {0};
    int argc = 0;
    char *rest = text;
    CU_ASSERT_FATAL(strlen(line) < sizeof text);
    memcpy(text, line, strlen(line) + 1);
    while (rest != NULL && argc < WORDS_MAX)
        argv[argc++] = strsep(&rest, "|");
    return arguments_parse(tool, argc, argv, &arguments, &error);
}

static void parses(enum tool tool, const char *line)
{
    int status = parse(tool, line);
    if (status != 0)
        fprintf(stderr, "\n%s: %s\n", line, error.text);
    CU_ASSERT_EQUAL(status, 0);
}

static void short_options_take_glued_and_separate_values(void)
{
    parses(TOOL_PUB, "pub|--url|mqtt://h|-t/gateway|-mHi,gateway!|-q1|-k|30|-ime|-r|-d");
    CU_ASSERT_STRING_EQUAL(arguments.url, "mqtt://h");
    CU_ASSERT_STRING_EQUAL(arguments.topics[0], "/gateway");
    CU_ASSERT_STRING_EQUAL(arguments.source_text, "Hi,gateway!");
    CU_ASSERT_EQUAL(arguments.source, SOURCE_MESSAGE);
    CU_ASSERT_EQUAL(arguments.qos, 1);
    CU_ASSERT_EQUAL(arguments.keepalive_s, 30);
    CU_ASSERT_STRING_EQUAL(arguments.client_id, "me");
    CU_ASSERT_TRUE(arguments.retain && arguments.debug);
    CU_ASSERT_FALSE(arguments.clean_session);
    arguments_finish(&arguments);
}

static void long_options_are_those_of_both_originals(void)
{
    parses(TOOL_PUB,
           "pub|--url=mqtt://h|--topic|t|--message=|--qos|2|--keep-alive|0|--client-id=i|--retain|--debug|"
           "--config-file|c");
    CU_ASSERT_STRING_EQUAL(arguments.source_text, "");
    CU_ASSERT_EQUAL(arguments.qos, 2);
    CU_ASSERT_EQUAL(arguments.keepalive_s, 0);
    CU_ASSERT_STRING_EQUAL(arguments.config_file, "c");
    arguments_finish(&arguments);
    parses(TOOL_SUB, "sub|--url=mqtt://h|-t|a|--topic=b/#|--count|3|--clean");
    CU_ASSERT_EQUAL(arguments.topic_count, 2);
    CU_ASSERT_STRING_EQUAL(arguments.topics[1], "b/#");
    CU_ASSERT_EQUAL(arguments.count, 3);
    CU_ASSERT_TRUE(arguments.clean_session);
    arguments_finish(&arguments);
}

static void each_source_is_known_by_both_names(void)
{
    static const struct {
        const char *line;
        enum arguments_source source;
    } cases[] = {
        {"pub|--url|u|-t|t|-l", SOURCE_LINES},  {"pub|--url|u|-t|t|--lines", SOURCE_LINES},
        {"pub|--url|u|-t|t|-f|x", SOURCE_FILE}, {"pub|--url|u|-t|t|--file=x", SOURCE_FILE},
        {"pub|--url|u|-t|t|-s", SOURCE_STDIN},  {"pub|--url|u|-t|t|--stdin", SOURCE_STDIN},
        {"pub|--url|u|-t|t|-n", SOURCE_EMPTY},  {"pub|--url|u|-t|t|--no-message", SOURCE_EMPTY},
        {"pub|--url|u|-rlt|t", SOURCE_LINES},   {"pub|-nd|-tt|--url=u", SOURCE_EMPTY},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        parses(TOOL_PUB, cases[i].line);
        CU_ASSERT_EQUAL(arguments.source, cases[i].source);
        arguments_finish(&arguments);
    }
}

static void wills_are_read(void)
{
    parses(TOOL_SUB, "sub|--url|u|-t|t|--will-topic|w|--will-message|gone|--will-qos|1|--will-retain");
    CU_ASSERT_STRING_EQUAL(arguments.will_topic, "w");
    CU_ASSERT_STRING_EQUAL(arguments.will_message, "gone");
    CU_ASSERT_EQUAL(arguments.will_qos, 1);
    CU_ASSERT_TRUE(arguments.will_retain);
    arguments_finish(&arguments);
}

static void options_of_transports_are_read(void)
{
    parses(TOOL_SUB, "sub|--url|u|-t|t|--ca-file|f|--ca-path|p|--ca-data|d|--extra-headers|{}");
    CU_ASSERT_STRING_EQUAL(arguments.ca_file, "f");
    CU_ASSERT_STRING_EQUAL(arguments.ca_path, "p");
    CU_ASSERT_STRING_EQUAL(arguments.ca_data, "d");
    CU_ASSERT_STRING_EQUAL(arguments.extra_headers, "{}");
    arguments_finish(&arguments);
}

static void a_host_is_a_url(void)
{
    static const struct {
        const char *line;
        const char *url;
    } cases[] = {
        {"sub|--host|h|-t|t", "mqtt://h"},
        {"sub|--host|h|-p|1884|-t|t", "mqtt://h:1884"},
        {"sub|--port|1884|-t|t", "mqtt://localhost:1884"},
        {"sub|--host|::1|-p|1|-t|t", "mqtt://[::1]:1"},
        {"sub|--host|[::1]|-t|t", "mqtt://[::1]"},
        {"sub|--host|h|--ca-file|f|-t|t", "mqtts://h"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        parses(TOOL_SUB, cases[i].line);
        CU_ASSERT_STRING_EQUAL(arguments.url, cases[i].url);
        arguments_finish(&arguments);
    }
    parses(TOOL_SUB, "sub|--host|h|-U|a|-U|b/#|-E");
    CU_ASSERT_EQUAL(arguments.ended_count, 2);
    CU_ASSERT_STRING_EQUAL(arguments.ended[1], "b/#");
    CU_ASSERT(arguments.subscribe_only);
    arguments_finish(&arguments);
}

static void options_of_mosquitto_are_read(void)
{
    parses(
        TOOL_SUB,
        "sub|--url|mqtt://a|--url|mqtt://b|-t|t|-T|x/#|-T|y|-C|3|-W|1.5|-R|-v|-N|-F|%p|-u|me|-P|secret|-M|7");
    CU_ASSERT_STRING_EQUAL(arguments.url, "mqtt://a mqtt://b");
    CU_ASSERT_EQUAL(arguments.unwanted_count, 2);
    CU_ASSERT_STRING_EQUAL(arguments.unwanted[1], "y");
    CU_ASSERT_EQUAL(arguments.count, 3);
    CU_ASSERT_EQUAL(arguments.timeout_s, 1.5);
    CU_ASSERT(arguments.no_retained && arguments.verbose && arguments.no_newline);
    CU_ASSERT_STRING_EQUAL(arguments.format, "%p");
    CU_ASSERT_STRING_EQUAL(arguments.user_name, "me");
    CU_ASSERT_STRING_EQUAL(arguments.password, "secret");
    CU_ASSERT_EQUAL(arguments.inflight_max, 7);
    arguments_finish(&arguments);
    parses(TOOL_PUB, "pub|-L|mqtts://u:p@h:1/a/b|-t|c|--repeat|3|--repeat-delay|.5|-e|r|-n");
    CU_ASSERT_STRING_EQUAL(arguments.url, "mqtts://u:p@h:1");
    CU_ASSERT_EQUAL(arguments.topic_count, 2);
    CU_ASSERT_STRING_EQUAL(arguments.topics[0], "a/b");
    CU_ASSERT_EQUAL(arguments.repeat, 3);
    CU_ASSERT_EQUAL(arguments.repeat_delay_s, 0.5);
    CU_ASSERT_STRING_EQUAL(arguments.response_topic, "r");
    arguments_finish(&arguments);
    parses(TOOL_PUB, "pub|--url|u|-t|t|-f|-");
    CU_ASSERT_EQUAL(arguments.source, SOURCE_LINES);
    arguments_finish(&arguments);
}

static void options_of_reconnecting_are_read(void)
{
    parses(TOOL_PUB, "pub|--url|u|-t|t|-n");
    CU_ASSERT_FALSE(arguments.auto_reconnect);
    CU_ASSERT_EQUAL(arguments.reconnect_retries, ARGUMENTS_NO_RETRIES);
    arguments_finish(&arguments);
    parses(TOOL_PUB, "pub|--url|u|-t|t|-n|--auto-reconnect|--reconnect-retries|-1|--reconnect-max-interval|3|"
                     "--queue-file|q|--proxy|socks5://p");
    CU_ASSERT_TRUE(arguments.auto_reconnect);
    CU_ASSERT_EQUAL(arguments.reconnect_retries, -1);
    CU_ASSERT_EQUAL(arguments.reconnect_interval_s, 3);
    CU_ASSERT_STRING_EQUAL(arguments.queue_file, "q");
    CU_ASSERT_STRING_EQUAL(arguments.proxy, "socks5://p");
    arguments_finish(&arguments);
}

static void help_and_version_need_nothing_else(void)
{
    parses(TOOL_PUB, "pub|-h");
    CU_ASSERT_EQUAL(arguments.action, ARGUMENTS_HELP);
    arguments_finish(&arguments);
    parses(TOOL_SUB, "sub|--version");
    CU_ASSERT_EQUAL(arguments.action, ARGUMENTS_VERSION);
    arguments_finish(&arguments);
}

static void faults_are_named(void)
{
    static const struct {
        enum tool tool;
        const char *line;
        const char *part;
    } cases[] = {
        {TOOL_PUB, "pub", "--url is missing"},
        {TOOL_PUB, "pub|--url|u|-m|x", "-t is missing"},
        {TOOL_PUB, "pub|--url|u|-t|t", "one of -f, -l, -m, -n, -s and --whole-file"},
        {TOOL_PUB, "pub|--url|u|-t|t|-m|x|-n", "only one of"},
        {TOOL_PUB, "pub|--url|u|-t|t|-t|a/#|-n", "'a/#' is not a topic to publish to"},
        {TOOL_PUB, "pub|--url|u|-t|t|-l|--repeat|2", "--repeat: lines are published once"},
        {TOOL_PUB, "pub|--url|u|-t|t|-n|--repeat|0", "'0' is not a number from 1"},
        {TOOL_PUB, "pub|--url|u|-t|t|-n|--repeat-delay|1", "it needs --repeat"},
        {TOOL_PUB, "pub|--url|u|-t|t|-n|-e|a/+", "-e: 'a/+' is not a topic"},
        {TOOL_PUB, "pub|--url|u|-t|t|-n|-P|x", "--password: it needs -u"},
        {TOOL_PUB, "pub|-L|mqtt://user:secret@h|-n", "-L: 'mqtt' is not mqtt://host/topic"},
        {TOOL_PUB, "pub|-L|ws://h/t|-n", "-L: 'ws' is not mqtt://host/topic"},
        {TOOL_SUB, "sub|--url|u|-t|t|-T|a/#/b", "-T: 'a/#/b' is not a topic filter"},
        {TOOL_SUB, "sub|--url|u|-t|t|-W|soon", "'soon' is not a number of seconds"},
        {TOOL_SUB, "sub|--url|u|-t|t|-W|-1", "'-1' is not a number of seconds"},
        {TOOL_SUB, "sub|--url|u|-t|t|-W|inf", "'inf' is not a number of seconds"},
        {TOOL_PUB, "pub|--url|u|-t|a/#|-n", "'a/#' is not a topic to publish to"},
        {TOOL_PUB, "pub|--url|u|-t||-n", "'' is not a topic"},
        {TOOL_SUB, "sub|--url|u|-t|a/#/b", "'a/#/b' is not a topic filter"},
        {TOOL_PUB, "pub|--url|u|-t|t|-n|-q|3", "'3' is not a number from 0 to 2"},
        {TOOL_PUB, "pub|--url|u|-t|t|-n|-q|", "'' is not a number"},
        {TOOL_PUB, "pub|--url|u|-t|t|-n|-q|1x", "'1x' is not a number"},
        {TOOL_PUB, "pub|--url|u|-t|t|-n|-k|65536", "'65536' is not a number from 0 to 65535"},
        {TOOL_PUB, "pub|--url|u|-t|t|-n|-k|-1", "'-1' is not a number"},
        {TOOL_SUB, "sub|--url|u|-t|t|-n|many", "'many' is not a number of messages"},
        {TOOL_SUB, "sub|--url|u|-t|t|-n|-1", "not a number of messages"},
        {TOOL_SUB, "sub|--url|u|-t|t|--bogus", "option --bogus is unknown"},
        {TOOL_SUB, "sub|--url|u|-t|t|--bogus=1", "option --bogus is unknown"},
        {TOOL_SUB, "sub|--url|u|-t|t|-z", "option -z is unknown"},
        {TOOL_SUB, "sub|--url|u|-t|t|-m|x", "option -m is unknown"},
        {TOOL_PUB, "pub|-n|-t|t|--url", "option --url needs a value"},
        {TOOL_PUB, "pub|--url|u|-n|-t", "option -t needs a value"},
        {TOOL_PUB, "pub|--url|u|-n|-t|t|--retain=1", "option --retain"},
        {TOOL_PUB, "pub|--url|u|-n|-t|t|--will|x", "option --will is unknown, ambiguous"},
        {TOOL_SUB, "sub|--url|u|-t|t|--host|h", "--host and --port are for a broker without a URL"},
        {TOOL_SUB, "sub|--host|a@b|-t|t", "--host: 'a@b' is not a host"},
        {TOOL_SUB, "sub|-p|0|-t|t", "--port: '0' is not a number from 1 to 65535"},
        {TOOL_SUB, "sub|--url|u|-U|a/#/b", "-U: 'a/#/b' is not a topic filter"},
        {TOOL_SUB, "sub|--url|u|-t|t|stray", "'stray' belongs to no option"},
        {TOOL_SUB, "sub|--url|u|-t|t|--will-qos|1", "a will needs --will-topic"},
        {TOOL_SUB, "sub|--url|u|-t|t|--will-topic|+", "--will-topic: '+'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CU_ASSERT_EQUAL(parse(cases[i].tool, cases[i].line), HBMQTT_ERROR_ARGUMENT);
        if (strstr(error.text, cases[i].part) == NULL)
            fprintf(stderr, "\n%s: '%s' does not hold '%s'\n", cases[i].line, error.text, cases[i].part);
        CU_ASSERT_PTR_NOT_NULL(strstr(error.text, cases[i].part));
        arguments_finish(&arguments);
    }
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"short options take glued and separate values", short_options_take_glued_and_separate_values},
        {"long options are those of both originals", long_options_are_those_of_both_originals},
        {"each source is known by both names", each_source_is_known_by_both_names},
        {"wills are read", wills_are_read},
        {"options of transports are read", options_of_transports_are_read},
        {"a host is a URL", a_host_is_a_url},
        {"options of mosquitto's tools are read", options_of_mosquitto_are_read},
        {"options of reconnecting are read", options_of_reconnecting_are_read},
        {"help and version need nothing else", help_and_version_need_nothing_else},
        {"faults are named", faults_are_named},
    };
    return RUN_TESTS("arguments", tests);
}
