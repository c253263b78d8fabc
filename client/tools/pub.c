// SPDX-License-Identifier: MIT
// hbmqtt_pub: publishes a message, or each line of a file or of standard input.
#include "client/tools/lines.h"
#include "client/tools/progress.h"
#include "client/tools/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAYLOAD_BYTES_MAX   268435455u // no packet holds more
#define LOOK_AT_CLOCK_EVERY 256u       // messages

struct publisher {
    struct tool_run *run;
    struct lines lines; // of a file or standard input
    struct hbmqtt_message message;
    uint64_t file_bytes; // of a source that is read as it leaves; 0: it is in `message`
    struct progress progress;
    uint64_t published;
    uint64_t read_bytes;
};

static bool reads_lines(const struct publisher *publisher)
{
    enum arguments_source source = publisher->run->arguments.source;
    return source == SOURCE_LINES || source == SOURCE_FILE;
}

// The command line comes before what the file says of the topic, and that before what it says of all topics.
static void choose_topic(struct publisher *publisher, const char *name)
{
    const struct tool_run *run = publisher->run;
    const struct config_topic *topic = config_find_topic(&run->config, name);
    int retain = topic != NULL && topic->retain != CONFIG_UNSET ? topic->retain : run->config.default_retain;
    publisher->message.topic = name;
    publisher->message.qos = tool_qos(run, name);
    publisher->message.retain = run->arguments.retain || retain == 1;
}

static int fail_reading(const struct publisher *publisher, int status)
{
    const struct arguments *arguments = &publisher->run->arguments;
    bool named = arguments->source == SOURCE_FILE || arguments->source == SOURCE_WHOLE;
    const char *from = named ? arguments->source_text : "standard input";
    const char *why = status == -EMSGSIZE ? "longer than an MQTT message can be" : strerror(-status);
    return tool_say(publisher->run, TOOL_EXIT_LOCAL, "cannot read %s: %s", from, why);
}

static void set_payload(struct publisher *publisher, struct bytes payload)
{
    publisher->message.payload = payload.data;
    publisher->message.payload_length = payload.length;
}

// The bytes from here to the end of a regular file; 0 of anything else.
static uint64_t bytes_left(int fd)
{
    struct stat status;
    off_t at = lseek(fd, 0, SEEK_CUR);
    if (at < 0 || fstat(fd, &status) != 0 || !S_ISREG(status.st_mode) || status.st_size <= at)
        return 0;
    return (uint64_t)(status.st_size - at);
}

// One message out of a file is read as it leaves; out of anything else before that.
static int read_whole(struct publisher *publisher)
{
    struct bytes all = {0};
    publisher->file_bytes = bytes_left(publisher->lines.fd);
    if (publisher->file_bytes > PAYLOAD_BYTES_MAX)
        return fail_reading(publisher, -EMSGSIZE);
    int status = publisher->file_bytes == 0 ? lines_read_all(&publisher->lines, &all) : 0;
    if (status != 0)
        return fail_reading(publisher, status);
    set_payload(publisher, all);
    return 0;
}

// Opens the source, and reads a source that is one message. Returns an exit status.
static int open_source(struct publisher *publisher)
{
    const struct arguments *arguments = &publisher->run->arguments;
    int fd = STDIN_FILENO;
    if (arguments->source == SOURCE_FILE || arguments->source == SOURCE_WHOLE)
        fd = open(arguments->source_text, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return tool_say(publisher->run, TOOL_EXIT_USAGE, "cannot open %s: %s", arguments->source_text,
                        strerror(errno));
    lines_init(&publisher->lines, fd, PAYLOAD_BYTES_MAX);
    if (arguments->source == SOURCE_STDIN || arguments->source == SOURCE_WHOLE)
        return read_whole(publisher);
    if (arguments->source == SOURCE_MESSAGE)
        set_payload(publisher, bytes_of(arguments->source_text));
    return 0;
}

static void close_source(struct publisher *publisher)
{
    if (publisher->lines.fd > STDIN_FILENO)
        close(publisher->lines.fd);
    lines_finish(&publisher->lines);
}

static void show_progress(struct publisher *publisher)
{
    uint64_t now_ms = tool_now_ms();
    if (progress_is_due(&publisher->progress, now_ms))
        progress_draw(&publisher->progress, publisher->published, publisher->read_bytes, now_ms);
}

// Begins to publish the message to every topic. Returns a result of the library.
static int start_everywhere(struct publisher *publisher)
{
    const struct arguments *arguments = &publisher->run->arguments;
    int error = 0;
    for (size_t i = 0; i < arguments->topic_count && error == 0; i++) {
        if (arguments->topic_count > 1)
            choose_topic(publisher, arguments->topics[i]);
        error = hbmqtt_publish_start(publisher->run->client, &publisher->message, NULL);
    }
    publisher->published++;
    if (publisher->published % LOOK_AT_CLOCK_EVERY == 0)
        show_progress(publisher);
    return error;
}

// Publishes the lines that were read. Returns a result of the library.
static int publish_read_lines(struct publisher *publisher)
{
    struct bytes line;
    int error = 0;
    while (error == 0 && lines_next(&publisher->lines, &line)) {
        publisher->read_bytes += line.length + 1;
        if (line.length == 0 && publisher->run->arguments.source == SOURCE_LINES)
            continue;
        set_payload(publisher, line);
        error = start_everywhere(publisher);
    }
    return error;
}

// Returns a result of the library; *ret_status is an exit status when reading has failed.
static int publish_lines(struct publisher *publisher, int *ret_status)
{
    struct tool_run *run = publisher->run;
    struct lines *lines = &publisher->lines;
    uint64_t total = bytes_left(lines->fd);
    int error = 0;
    progress_begin(&publisher->progress, STDERR_FILENO, run->arguments.quiet, total, tool_now_ms());
    while (error == 0 && !lines->ended) {
        // A file can always be read, and so needs no waiting for it.
        error = total != 0 ? 0 : hbmqtt_wait_readable(run->client, lines->fd, tool_time_left_ms(run, -1));
        int status = error == 0 ? lines_fill(lines) : 0;
        if (status != 0)
            *ret_status = fail_reading(publisher, status);
        if (status != 0)
            break;
        if (error == 0)
            error = publish_read_lines(publisher);
        show_progress(publisher);
    }
    progress_end(&publisher->progress);
    return error;
}

// Waits, and serves the connection meanwhile. Returns a result of the library.
static int pause_between(struct publisher *publisher)
{
    struct tool_run *run = publisher->run;
    double delay_ms = run->arguments.repeat_delay_s * 1000;
    int wait_ms = tool_time_left_ms(run, delay_ms < INT_MAX ? (int)delay_ms : INT_MAX);
    int nothing = eventfd(0, EFD_CLOEXEC); // is never readable
    int error = hbmqtt_wait_readable(run->client, nothing, wait_ms);
    close(nothing);
    if (error == HBMQTT_ERROR_TIMEOUT)
        return tool_time_left_ms(run, 1) == 0 ? error : 0;
    return error;
}

static int publish_file(struct publisher *publisher)
{
    const struct arguments *arguments = &publisher->run->arguments;
    int error = 0;
    for (size_t i = 0; i < arguments->topic_count && error == 0; i++) {
        choose_topic(publisher, arguments->topics[i]);
        error = hbmqtt_publish_file(publisher->run->client, &publisher->message, publisher->lines.fd,
                                    publisher->file_bytes, NULL);
    }
    return error;
}

// Publishes one message as often as it is wanted. Returns a result of the library.
static int publish_repeatedly(struct publisher *publisher)
{
    const struct arguments *arguments = &publisher->run->arguments;
    int times = arguments->repeat == ARGUMENTS_UNSET ? 1 : arguments->repeat;
    int error = 0;
    for (int i = 0; i < times && error == 0; i++) {
        if (i != 0 && arguments->repeat_delay_s != 0)
            error = pause_between(publisher);
        if (error == 0)
            error = publisher->file_bytes != 0 ? publish_file(publisher) : start_everywhere(publisher);
    }
    return error;
}

// Prints the first message that comes to the topic of the response. Returns an exit status.
static int print_response(struct tool_run *run)
{
    const struct hbmqtt_message *message = NULL;
    int error = hbmqtt_deliver(run->client, tool_time_left_ms(run, -1), &message);
    if (error == HBMQTT_ERROR_TIMEOUT)
        return tool_time_is_over(run);
    if (error != 0)
        return tool_fail(run, error);
    size_t length = message->payload_length;
    bool written = (length == 0 || fwrite(message->payload, 1, length, stdout) == length) &&
                   putchar('\n') != EOF && fflush(stdout) == 0;
    return written ? 0
                   : tool_say(run, TOOL_EXIT_LOCAL, "cannot write to standard output: %s", strerror(errno));
}

// Returns an exit status.
static int listen_for_response(struct tool_run *run)
{
    const char *topic = run->arguments.response_topic;
    struct hbmqtt_subscription subscription = {.filter = topic, .qos = tool_qos(run, topic)};
    int error = hbmqtt_subscribe(run->client, &subscription, 1, NULL);
    if (error != 0)
        return tool_fail(run, error);
    return hbmqtt_reason_code(run->client) == HBMQTT_SUBSCRIPTION_FAILED
               ? tool_say(run, TOOL_EXIT_REFUSED, "the broker refused the filter '%s'", topic)
               : 0;
}

// Waits for the acknowledgements of everything. Returns an exit status.
static int finish_publishing(struct publisher *publisher, int error)
{
    struct tool_run *run = publisher->run;
    if (error == HBMQTT_ERROR_TIMEOUT && run->deadline_ms != UINT64_MAX)
        return tool_time_is_over(run);
    if (error != 0 && error != HBMQTT_ERROR_INTERRUPTED)
        return tool_fail(run, error);
    int flushed = hbmqtt_flush(run->client);
    if (flushed != 0)
        return tool_fail(run, flushed);
    return error == 0 ? 0 : tool_interrupted();
}

static int publish_all(struct publisher *publisher)
{
    struct tool_run *run = publisher->run;
    int status = 0;
    if (run->arguments.response_topic != NULL)
        status = listen_for_response(run);
    if (status != 0)
        return status;
    int error = reads_lines(publisher) ? publish_lines(publisher, &status) : publish_repeatedly(publisher);
    if (status != 0)
        return status;
    status = finish_publishing(publisher, error);
    return status == 0 && run->arguments.response_topic != NULL ? print_response(run) : status;
}

static int publish(struct publisher *publisher)
{
    struct tool_run *run = publisher->run;
    int status = tool_connect(run);
    if (status != 0)
        return status;
    status = publish_all(publisher);
    int error = hbmqtt_disconnect(run->client, NULL);
    if (status == 0 && error != 0)
        return tool_fail(run, error);
    return status;
}

static int pub_work(struct tool_run *run)
{
    struct publisher publisher = {.run = run};
    publisher.message = (struct hbmqtt_message){.size = sizeof publisher.message};
    choose_topic(&publisher, run->arguments.topics[0]);
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
