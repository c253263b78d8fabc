// SPDX-License-Identifier: MIT
// hbmqtt_pub: publishes a message, or each line of a file or of standard input.
#include "client/tools/lines.h"
#include "client/tools/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define PAYLOAD_BYTES_MAX 268435455u // no packet holds more

struct publisher {
    struct tool_run *run;
    struct lines lines; // of a file or standard input
    struct hbmqtt_message message;
};

static bool reads_lines(const struct publisher *publisher)
{
    enum arguments_source source = publisher->run->arguments.source;
    return source == SOURCE_LINES || source == SOURCE_FILE;
}

// The command line comes before what the file says of the topic, and that before what it says of all topics.
static void choose_quality(const struct tool_run *run, struct hbmqtt_message *message)
{
    const struct config *config = &run->config;
    const struct config_topic *topic = config_find_topic(config, message->topic);
    int qos = topic != NULL && topic->qos != CONFIG_UNSET ? topic->qos : config->default_qos;
    int retain = topic != NULL && topic->retain != CONFIG_UNSET ? topic->retain : config->default_retain;
    if (run->arguments.qos != ARGUMENTS_UNSET)
        qos = run->arguments.qos;
    message->qos = qos == CONFIG_UNSET ? 0 : (uint8_t)qos;
    message->retain = run->arguments.retain || retain == 1;
}

static int fail_reading(const struct publisher *publisher, int status)
{
    const struct arguments *arguments = &publisher->run->arguments;
    const char *from = arguments->source == SOURCE_FILE ? arguments->source_text : "standard input";
    const char *why = status == -EMSGSIZE ? "longer than an MQTT message can be" : strerror(-status);
    return tool_say(publisher->run, TOOL_EXIT_LOCAL, "cannot read %s: %s", from, why);
}

static void set_payload(struct publisher *publisher, struct bytes payload)
{
    publisher->message.payload = payload.data;
    publisher->message.payload_length = payload.length;
}

// Opens the source, and reads a source that is one message. Returns an exit status.
static int open_source(struct publisher *publisher)
{
    const struct arguments *arguments = &publisher->run->arguments;
    struct bytes all = {0};
    int status = 0;
    int fd = STDIN_FILENO;
    if (arguments->source == SOURCE_FILE)
        fd = open(arguments->source_text, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return tool_say(publisher->run, TOOL_EXIT_USAGE, "cannot open %s: %s", arguments->source_text,
                        strerror(errno));
    lines_init(&publisher->lines, fd, PAYLOAD_BYTES_MAX);
    if (arguments->source == SOURCE_STDIN)
        status = lines_read_all(&publisher->lines, &all);
    if (arguments->source == SOURCE_MESSAGE)
        all = bytes_of(arguments->source_text);
    set_payload(publisher, all);
    return status == 0 ? 0 : fail_reading(publisher, status);
}

static void close_source(struct publisher *publisher)
{
    if (publisher->lines.fd > STDIN_FILENO)
        close(publisher->lines.fd);
    lines_finish(&publisher->lines);
}

// Publishes the lines that were read. Returns a result of the library.
static int publish_read_lines(struct publisher *publisher)
{
    struct bytes line;
    int error = 0;
    while (error == 0 && lines_next(&publisher->lines, &line)) {
        if (line.length == 0 && publisher->run->arguments.source == SOURCE_LINES)
            continue;
        set_payload(publisher, line);
        error = hbmqtt_publish_start(publisher->run->client, &publisher->message);
    }
    return error;
}

// Returns an exit status.
static int publish_lines(struct publisher *publisher)
{
    struct hbmqtt_client *client = publisher->run->client;
    struct lines *lines = &publisher->lines;
    int error = 0;
    while (error == 0 && !lines->ended) {
        error = hbmqtt_wait_readable(client, lines->fd, -1);
        int status = error == 0 ? lines_fill(lines) : 0;
        if (status != 0)
            return fail_reading(publisher, status);
        if (error == 0)
            error = publish_read_lines(publisher);
    }
    if (error != 0 && error != HBMQTT_ERROR_INTERRUPTED)
        return tool_fail(publisher->run, error);
    int flushed = hbmqtt_flush(client);
    if (flushed != 0)
        return tool_fail(publisher->run, flushed);
    return error == 0 ? 0 : tool_interrupted();
}

static int publish_one(struct publisher *publisher)
{
    int error = hbmqtt_publish(publisher->run->client, &publisher->message);
    return error == 0 ? 0 : tool_fail(publisher->run, error);
}

static int publish(struct publisher *publisher)
{
    struct tool_run *run = publisher->run;
    int status = tool_connect(run);
    if (status != 0)
        return status;
    status = reads_lines(publisher) ? publish_lines(publisher) : publish_one(publisher);
    int error = hbmqtt_disconnect(run->client);
    if (status == 0 && error != 0)
        return tool_fail(run, error);
    return status;
}

static int pub_work(struct tool_run *run)
{
    struct publisher publisher = {.run = run};
    publisher.message =
        (struct hbmqtt_message){.size = sizeof publisher.message, .topic = run->arguments.topics[0]};
    choose_quality(run, &publisher.message);
    int status = open_source(&publisher);
    if (status == 0)
        status = publish(&publisher);
    close_source(&publisher);
    return status;
}

int main(int argc, char **argv)
{
    return tool_main(TOOL_PUB, argc, argv, pub_work);
}
