// SPDX-License-Identifier: MIT
#include "client/tools/tool.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

// Messages under way: enough that a broker far away does not slow us down. MQTT 3.1.1 has no way to ask how
// many of QoS 2 a broker takes; mosquitto takes 20 as it is shipped, and ends the connection at the next.
#define INFLIGHT_MAX              1000u
#define INFLIGHT_EXACTLY_ONCE_MAX 20u
#define SIGNAL_AGAIN_S                                                                                       \
    1 // timeout(1) sends its signal to the process and to its group: two within this time are one

// A signal handler can reach nothing but what is global.
static struct hbmqtt_client *signal_client;
static volatile sig_atomic_t signal_seen;
static volatile time_t signal_time_s;
static enum tool warning_tool; // and config_warn has no context

// The first signal ends the work in order, a later one ends the process.
static void tool_handle_signal(int number)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (signal_seen == 0) {
        signal_seen = number;
        signal_time_s = now.tv_sec;
        hbmqtt_interrupt(signal_client);
    } else if (now.tv_sec - signal_time_s > SIGNAL_AGAIN_S) {
        signal(number, SIG_DFL);
        raise(number);
    }
}

static void tool_catch_signals(struct hbmqtt_client *client)
{
    struct sigaction action = {.sa_handler = tool_handle_signal};
    sigemptyset(&action.sa_mask);
    sigaddset(&action.sa_mask, SIGINT);
    sigaddset(&action.sa_mask, SIGTERM);
    signal_client = client;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

static void tool_leave_signals(void)
{
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    signal_client = NULL;
}

int tool_interrupted(void)
{
    return 128 + signal_seen;
}

int tool_say(const struct tool_run *run, int exit_status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "%s: ", tool_name(run->tool));
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    return exit_status;
}

int tool_fail(const struct tool_run *run, int error)
{
    static const uint8_t statuses[] = {
        [-HBMQTT_ERROR_ARGUMENT] = TOOL_EXIT_USAGE,
        [-HBMQTT_ERROR_UNSUPPORTED] = TOOL_EXIT_USAGE,
        [-HBMQTT_ERROR_UNREACHABLE] = TOOL_EXIT_UNREACHABLE,
        [-HBMQTT_ERROR_REFUSED] = TOOL_EXIT_REFUSED,
        [-HBMQTT_ERROR_NOT_CONNECTED] = TOOL_EXIT_LOST,
        [-HBMQTT_ERROR_LOST] = TOOL_EXIT_LOST,
        [-HBMQTT_ERROR_PROTOCOL] = TOOL_EXIT_PROTOCOL,
        [-HBMQTT_ERROR_TIMEOUT] = TOOL_EXIT_LOST,
        [-HBMQTT_ERROR_FULL] = TOOL_EXIT_LOCAL,
        [-HBMQTT_ERROR_SYSTEM] = TOOL_EXIT_LOCAL,
        [-HBMQTT_ERROR_UNTRUSTED] = TOOL_EXIT_UNTRUSTED,
        [-HBMQTT_ERROR_DROPPED] = TOOL_EXIT_LOCAL,
    };
    if (error == HBMQTT_ERROR_INTERRUPTED)
        return tool_interrupted();
    return tool_say(run, statuses[-error], "%s", hbmqtt_error_text(run->client));
}

static void tool_trace(void *context, const struct hbmqtt_trace *trace)
{
    const struct tool_run *run = context;
    const char *direction = trace->sent ? "sent" : "received";
    char id[16] = "";
    if (trace->packet_id != 0)
        snprintf(id, sizeof id, " %u", trace->packet_id);
    tool_say(run, 0, "%s %s%s (%zu bytes)", direction, trace->packet, id, trace->packet_bytes);
}

uint64_t tool_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

int tool_time_left_ms(const struct tool_run *run, int longest_ms)
{
    uint64_t now_ms = tool_now_ms();
    if (run->deadline_ms == UINT64_MAX)
        return longest_ms;
    uint64_t left_ms = run->deadline_ms > now_ms ? run->deadline_ms - now_ms : 0;
    uint64_t most_ms = longest_ms < 0 ? INT_MAX : (uint64_t)longest_ms;
    return (int)(left_ms < most_ms ? left_ms : most_ms);
}

int tool_time_is_over(const struct tool_run *run)
{
    return tool_say(run, TOOL_EXIT_TIMED_OUT, "the %g s of -W are over", run->arguments.timeout_s);
}

uint8_t tool_qos(const struct tool_run *run, const char *topic)
{
    const struct config *config = &run->config;
    const struct config_topic *particular = topic == NULL ? NULL : config_find_topic(config, topic);
    int qos = particular != NULL && particular->qos != CONFIG_UNSET ? particular->qos : config->default_qos;
    if (run->arguments.qos != ARGUMENTS_UNSET)
        qos = run->arguments.qos;
    return qos == CONFIG_UNSET ? 0 : (uint8_t)qos;
}

// Connecting.

// A person is told when the connection is made again, and when it is there.
static void tool_told(void *context, struct hbmqtt_client *client, const struct hbmqtt_state_change *change)
{
    struct tool_run *run = context;
    if (change->state == HBMQTT_STATE_WAITING) {
        tool_say(run, 0, "%s; trying again in %.1f s", change->text, change->wait_ms / 1000.0);
        run->away = true;
    } else if (change->state == HBMQTT_STATE_CONNECTED && change->error != 0) {
        tool_say(run, 0, "%s", change->text);
    } else if (change->state == HBMQTT_STATE_CONNECTED && run->away) {
        tool_say(run, 0, "connected to %s", change->broker);
        run->away = false;
    }
}

// What the original called its clients: "hbmqtt_pub/1234-myhost".
static void tool_name_client(enum tool tool, char *text, size_t size)
{
    char host[HOST_NAME_MAX + 1] = "";
    (void)gethostname(host, sizeof host - 1); // an empty name serves as well
    snprintf(text, size, "%s/%ld-%s", tool_name(tool), (long)getpid(), host);
}

static int first_set(int given, int configured, int otherwise)
{
    if (given != CONFIG_UNSET)
        return given;
    return configured != CONFIG_UNSET ? configured : otherwise;
}

// A session is kept where somebody could come back to it: under a client id that was chosen.
static bool tool_clean_session(const struct tool_run *run)
{
    if (run->arguments.clean_session)
        return true;
    return first_set(CONFIG_UNSET, run->config.clean_session, run->arguments.client_id == NULL);
}

// Sets `will` where the command line or the configuration has one. Returns an exit status.
static int tool_make_will(const struct tool_run *run, struct hbmqtt_message *will,
                          struct hbmqtt_options *options)
{
    const struct arguments *arguments = &run->arguments;
    const struct config *config = &run->config;
    const char *message = arguments->will_message != NULL ? arguments->will_message : config->will_message;
    int qos = first_set(arguments->will_qos, config->will_qos, ARGUMENTS_UNSET);
    int retain = arguments->will_retain ? 1 : config->will_retain;
    *will = (struct hbmqtt_message){.size = sizeof *will};
    will->topic = arguments->will_topic != NULL ? arguments->will_topic : config->will_topic;
    if (will->topic == NULL && (message != NULL || qos != ARGUMENTS_UNSET || retain != CONFIG_UNSET))
        return tool_say(run, TOOL_EXIT_USAGE, "a will needs a topic: --will-topic, or 'topic' in the file");
    if (will->topic == NULL)
        return 0;
    will->payload = message;
    will->payload_length = message == NULL ? 0 : strlen(message);
    will->qos = (uint8_t)first_set(qos, CONFIG_UNSET, 0);
    will->retain = retain == 1;
    options->will = will;
    return 0;
}

static const char *first_text(const char *given, const char *configured)
{
    return given != NULL ? given : configured;
}

static void tool_set_transport(const struct tool_run *run, struct hbmqtt_options *options)
{
    const struct arguments *arguments = &run->arguments;
    const struct config *config = &run->config;
    options->ca_file = first_text(arguments->ca_file, config->ca_file);
    options->ca_path = first_text(arguments->ca_path, config->ca_path);
    options->ca_data = first_text(arguments->ca_data, config->ca_data);
    options->certificate_file = first_text(arguments->certificate_file, config->certificate_file);
    options->key_file = first_text(arguments->key_file, config->key_file);
    options->verify_certificate = config->verify_certificate != 0 && !arguments->insecure;
    options->check_host_name = config->check_host_name != 0;
    options->proxy = arguments->proxy;
    options->headers = run->headers.list;
    options->header_count = run->headers.count;
    if (config->connection_timeout_s != CONFIG_UNSET)
        options->connect_timeout_ms = (uint32_t)config->connection_timeout_s * 1000u;
}

// The command line wants any number of attempts unless it says otherwise, the file as many as the original
// made.
static void tool_set_reconnecting(struct tool_run *run, struct hbmqtt_options *options)
{
    const struct arguments *arguments = &run->arguments;
    const struct config *config = &run->config;
    int retries = arguments->auto_reconnect ? -1 : CONFIG_RETRIES;
    int interval_s = first_set(arguments->reconnect_interval_s, config->reconnect_interval_s, CONFIG_UNSET);
    if (config->reconnect_retries != CONFIG_NO_RETRIES)
        retries = config->reconnect_retries;
    if (arguments->reconnect_retries != ARGUMENTS_NO_RETRIES)
        retries = arguments->reconnect_retries;
    options->reconnect = arguments->auto_reconnect || config->auto_reconnect == 1;
    options->connect_retry = options->reconnect;
    options->reconnect_retries = retries;
    if (interval_s != CONFIG_UNSET)
        options->reconnect_max_ms = (uint32_t)interval_s * 1000u;
    if (options->reconnect)
        options->answer_timeout_ms = 0; // an answer is worth waiting for as long as the connection is
    options->queue_file = arguments->queue_file;
    options->on_state = tool_told;
    options->callback_context = run;
}

static uint32_t tool_inflight_max(const struct tool_run *run)
{
    const struct arguments *arguments = &run->arguments;
    if (arguments->inflight_max != ARGUMENTS_UNSET)
        return (uint32_t)arguments->inflight_max;
    for (size_t i = 0; i < arguments->topic_count; i++)
        if (tool_qos(run, arguments->topics[i]) == 2)
            return INFLIGHT_EXACTLY_ONCE_MAX;
    return INFLIGHT_MAX;
}

// Makes the client. Returns an exit status.
static int tool_make_client(struct tool_run *run)
{
    const struct arguments *arguments = &run->arguments;
    const struct config *config = &run->config;
    struct hbmqtt_options options;
    struct hbmqtt_message will;
    char client_id[HOST_NAME_MAX + 32];
    tool_name_client(run->tool, client_id, sizeof client_id);
    hbmqtt_options_init(&options, sizeof options);
    options.client_id = arguments->client_id != NULL ? arguments->client_id : client_id;
    options.clean_session = tool_clean_session(run);
    options.keepalive_s =
        (uint16_t)first_set(arguments->keepalive_s, config->keepalive_s, options.keepalive_s);
    if (config->ping_delay_s != CONFIG_UNSET)
        options.ping_delay_ms = (uint32_t)config->ping_delay_s * 1000u;
    options.inflight_max = tool_inflight_max(run);
    options.user_name = arguments->user_name;
    options.password = arguments->password;
    options.password_length = arguments->password == NULL ? 0 : strlen(arguments->password);
    tool_set_reconnecting(run, &options);
    tool_set_transport(run, &options);
    if (arguments->debug) {
        options.trace = tool_trace;
        options.trace_context = run;
    }
    int status = tool_make_will(run, &will, &options);
    if (status != 0)
        return status;
    run->client = hbmqtt_create(&options);
    if (run->client == NULL)
        return tool_say(run, TOOL_EXIT_LOCAL, "cannot begin: %s", strerror(errno));
    return 0;
}

// Tells which options mean nothing to the scheme of the URL: a script that passes them goes on working.
static void tool_warn_idle(const struct tool_run *run, const char *url)
{
    const struct arguments *arguments = &run->arguments;
    bool secure = strncasecmp(url, "mqtts:", 6) == 0 || strncasecmp(url, "wss:", 4) == 0;
    bool websocket = strncasecmp(url, "ws", 2) == 0;
    bool with_ca = arguments->ca_file != NULL || arguments->ca_path != NULL || arguments->ca_data != NULL;
    int length = (int)strcspn(url, ":");
    if (with_ca && !secure)
        tool_say(run, 0, "warning: a CA has no effect on %.*s://", length, url);
    if (arguments->extra_headers != NULL && !websocket)
        tool_say(run, 0, "warning: --extra-headers has no effect on %.*s://", length, url);
}

int tool_connect(struct tool_run *run)
{
    const char *url = first_text(run->arguments.url, run->config.uri);
    tool_warn_idle(run, url);
    int error = hbmqtt_connect(run->client, url, NULL);
    if (error == HBMQTT_ERROR_TIMEOUT)
        return tool_say(run, TOOL_EXIT_UNREACHABLE, "%s", hbmqtt_error_text(run->client));
    return error == 0 ? 0 : tool_fail(run, error);
}

// From main to work.

static void tool_warn(const char *text)
{
    fprintf(stderr, "%s: warning: %s\n", tool_name(warning_tool), text);
}

// Returns an exit status.
static int tool_configure(struct tool_run *run)
{
    const char *file = run->arguments.config_file;
    struct error error;
    warning_tool = run->tool;
    if (file != NULL) {
        int status = config_read(&run->config, file, tool_warn, &error);
        if (status != 0)
            return tool_say(run, status == HBMQTT_ERROR_ARGUMENT ? TOOL_EXIT_USAGE : TOOL_EXIT_LOCAL, "%s",
                            error.text);
    }
    if (run->arguments.url == NULL && run->config.uri == NULL)
        return tool_say(run, TOOL_EXIT_USAGE, "--url is missing, and %s has no 'uri' in 'broker'", file);
    if (headers_parse(&run->headers, run->arguments.extra_headers, &error) != 0)
        return tool_say(run, TOOL_EXIT_USAGE, "%s", error.text);
    run->deadline_ms = UINT64_MAX;
    if (run->arguments.timeout_s != 0)
        run->deadline_ms = tool_now_ms() + (uint64_t)(run->arguments.timeout_s * 1000);
    return 0;
}

static int tool_work(struct tool_run *run, int (*work)(struct tool_run *run))
{
    int status = tool_configure(run);
    if (status == 0)
        status = tool_make_client(run);
    if (status != 0)
        return status;
    tool_catch_signals(run->client);
    status = work(run);
    tool_leave_signals();
    return status;
}

static int tool_print(const struct tool_run *run)
{
    if (run->arguments.action == ARGUMENTS_HELP)
        arguments_print_help(run->tool);
    else
        printf("%s %s\n", tool_name(run->tool), hbmqtt_version());
    if (fflush(stdout) != 0)
        return tool_say(run, TOOL_EXIT_LOCAL, "cannot write to standard output: %s", strerror(errno));
    return 0;
}

int tool_main(enum tool tool, int argc, char **argv, int (*work)(struct tool_run *run))
{
    struct tool_run run = {.tool = tool};
    struct error error;
    config_init(&run.config);
    signal(SIGPIPE, SIG_IGN); // a reader that went away is an error of writing, and told as one
    int status;
    if (arguments_parse(tool, argc, argv, &run.arguments, &error) != 0)
        status = tool_say(&run, TOOL_EXIT_USAGE, "%s (-h for help)", error.text);
    else if (run.arguments.action != ARGUMENTS_RUN)
        status = tool_print(&run);
    else
        status = tool_work(&run, work);
    hbmqtt_destroy(run.client);
    config_finish(&run.config);
    headers_finish(&run.headers);
    arguments_finish(&run.arguments);
    return status;
}
