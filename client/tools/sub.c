// SPDX-License-Identifier: MIT
// hbmqtt_sub: prints the payload of each message of its subscriptions, and a newline.
#include "client/tools/tool.h"

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
static int subscribe(const struct tool_run *run)
{
    const struct arguments *arguments = &run->arguments;
    int qos = arguments->qos != ARGUMENTS_UNSET ? arguments->qos : run->config.default_qos;
    struct hbmqtt_subscription *subscriptions = calloc(arguments->topic_count, sizeof *subscriptions);
    if (subscriptions == NULL)
        return tool_say(run, TOOL_EXIT_LOCAL, "out of memory");
    for (size_t i = 0; i < arguments->topic_count; i++) {
        subscriptions[i].filter = arguments->topics[i];
        subscriptions[i].qos = qos == CONFIG_UNSET ? 0 : (uint8_t)qos;
    }
    uint8_t codes[HBMQTT_FILTERS_MAX];
    int error = hbmqtt_subscribe(run->client, subscriptions, arguments->topic_count, codes);
    free(subscriptions);
    return error == 0 ? judge_codes(run, codes) : tool_fail(run, error);
}

static bool print(const struct hbmqtt_message *message)
{
    size_t length = message->payload_length;
    return (length == 0 || fwrite(message->payload, 1, length, stdout) == length) && putchar('\n') != EOF;
}

// What was printed is flushed before the library waits, and so before an acknowledgement leaves. Returns an
// exit status; standard output is flushed when it is not TOOL_EXIT_LOCAL.
static int print_messages(const struct tool_run *run)
{
    uint64_t count = run->arguments.count;
    const struct hbmqtt_message *message = NULL;
    for (uint64_t printed = 0; count == 0 || printed < count; printed++) {
        if (hbmqtt_deliverable(run->client) == 0 && fflush(stdout) != 0)
            return fail_writing(run);
        int error = hbmqtt_deliver(run->client, -1, &message);
        if (error == HBMQTT_ERROR_INTERRUPTED && count == 0)
            return TOOL_EXIT_DONE;
        if (error != 0)
            return tool_fail(run, error);
        if (!print(message))
            return fail_writing(run);
    }
    return fflush(stdout) == 0 ? TOOL_EXIT_DONE : fail_writing(run);
}

static int sub_work(struct tool_run *run)
{
    int status = tool_connect(run);
    if (status != 0)
        return status;
    status = subscribe(run);
    if (status == TOOL_EXIT_DONE)
        status = print_messages(run);
    // A message that could not be printed must not be acknowledged, as disconnecting in order would do.
    if (status == TOOL_EXIT_LOCAL)
        return status;
    int error = hbmqtt_disconnect(run->client);
    if (status == TOOL_EXIT_DONE && error != 0)
        return tool_fail(run, error);
    return status;
}

int main(int argc, char **argv)
{
    return tool_main(TOOL_SUB, argc, argv, sub_work);
}
