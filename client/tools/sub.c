// SPDX-License-Identifier: MIT
// hbmqtt_sub: prints the messages of its subscriptions.
#include "client/tools/format.h"
#include "client/tools/tool.h"

#include "proto/proto.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int fail_writing(const struct tool_run *run)
{
    return tool_say(run, TOOL_EXIT_LOCAL, "cannot write to standard output: %s", strerror(errno));
}

// Tells each filter that was refused. Returns an exit status: not done when all were.
static int judge_codes(const struct tool_run *run, const uint8_t *codes)
{
    size_t refused = 0;
    for (size_t i = 0; i < run->arguments.topic_count; i++) {
        if (codes[i] != HBMQTT_SUBSCRIPTION_FAILED)
            continue;
        tool_say(run, 0, "the broker refused the filter '%s'", run->arguments.topics[i]);
        refused++;
    }
    return refused == run->arguments.topic_count ? TOOL_EXIT_REFUSED : TOOL_EXIT_DONE;
}

// Returns an exit status.
static int unsubscribe(const struct tool_run *run)
{
    const struct arguments *arguments = &run->arguments;
    if (arguments->ended_count == 0)
        return 0;
    int error = hbmqtt_unsubscribe(run->client, arguments->ended, arguments->ended_count, NULL);
    return error == 0 ? 0 : tool_fail(run, error);
}

// Returns an exit status.
static int subscribe(const struct tool_run *run)
{
    const struct arguments *arguments = &run->arguments;
    if (arguments->topic_count == 0)
        return 0;
    struct hbmqtt_subscription *subscriptions = calloc(arguments->topic_count, sizeof *subscriptions);
    if (subscriptions == NULL)
        return tool_say(run, TOOL_EXIT_LOCAL, "out of memory");
    for (size_t i = 0; i < arguments->topic_count; i++) {
        subscriptions[i].filter = arguments->topics[i];
        subscriptions[i].qos = tool_qos(run, NULL);
    }
    int error = hbmqtt_subscribe(run->client, subscriptions, arguments->topic_count, NULL);
    free(subscriptions);
    return error == 0 ? judge_codes(run, hbmqtt_last_result(run->client)->reason_codes)
                      : tool_fail(run, error);
}

static bool is_wanted(const struct arguments *arguments, const struct hbmqtt_message *message)
{
    if (arguments->no_retained && message->retain)
        return false;
    for (size_t i = 0; i < arguments->unwanted_count; i++)
        if (topic_matches(bytes_of(arguments->unwanted[i]), bytes_of(message->topic)))
            return false;
    return true;
}

static bool print(const struct arguments *arguments, const struct hbmqtt_message *message)
{
    size_t length = message->payload_length;
    bool right = true;
    if (arguments->format != NULL) {
        struct timespec now;
        clock_gettime(CLOCK_REALTIME, &now);
        right = format_print(arguments->format, message, &now, stdout);
    } else {
        if (arguments->verbose)
            right = fputs(message->topic, stdout) != EOF && putchar(' ') != EOF;
        right = right && (length == 0 || fwrite(message->payload, 1, length, stdout) == length);
    }
    return right && (arguments->no_newline || putchar('\n') != EOF);
}

// The time of -W is over: that is an end like another, unless a number of messages was asked for.
static int end_of_time(const struct tool_run *run)
{
    return run->arguments.count == 0 ? TOOL_EXIT_DONE : tool_time_is_over(run);
}

// What was printed is flushed before the library waits, and so before an acknowledgement leaves. Returns an
// exit status; standard output is flushed when it is not TOOL_EXIT_LOCAL.
static int print_messages(const struct tool_run *run)
{
    const struct arguments *arguments = &run->arguments;
    uint64_t count = arguments->count;
    const struct hbmqtt_message *message = NULL;
    for (uint64_t printed = 0; count == 0 || printed < count;) {
        bool waits = hbmqtt_deliverable(run->client) == 0;
        if (waits && fflush(stdout) != 0)
            return fail_writing(run);
        int error = hbmqtt_deliver(run->client, waits ? tool_time_left_ms(run, -1) : -1, &message);
        if (error == HBMQTT_ERROR_INTERRUPTED && count == 0)
            return TOOL_EXIT_DONE;
        if (error == HBMQTT_ERROR_TIMEOUT)
            return end_of_time(run);
        if (error != 0)
            return tool_fail(run, error);
        if (!is_wanted(arguments, message))
            continue;
        if (!print(arguments, message))
            return fail_writing(run);
        printed++;
    }
    return fflush(stdout) == 0 ? TOOL_EXIT_DONE : fail_writing(run);
}

static int sub_work(struct tool_run *run)
{
    struct error error_text;
    if (run->arguments.format != NULL && format_check(run->arguments.format, &error_text) != 0)
        return tool_say(run, TOOL_EXIT_USAGE, "%s", error_text.text);
    int status = tool_connect(run);
    if (status != 0)
        return status;
    status = subscribe(run);
    if (status == TOOL_EXIT_DONE)
        status = unsubscribe(run);
    if (status == TOOL_EXIT_DONE && !run->arguments.subscribe_only)
        status = print_messages(run);
    // A message that could not be printed must not be acknowledged, as disconnecting in order would do.
    if (status == TOOL_EXIT_LOCAL)
        return status;
    int error = hbmqtt_disconnect(run->client, NULL);
    if (status == TOOL_EXIT_DONE && error != 0)
        return tool_fail(run, error);
    return status;
}

int main(int argc, char **argv)
{
    return tool_main(TOOL_SUB, argc, argv, sub_work);
}
