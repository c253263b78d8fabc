// SPDX-License-Identifier: MIT
#include "client/client.h"

#include "client/clock.h"
#include "client/request.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

// Making.

static void owner_told(void *owner, const struct hbmqtt_state_change *change)
{
    client_told(owner, change);
}

static void owner_stepped(void *owner)
{
    client_stepped(owner);
}

static void hook_trace(void *owner, const struct hbmqtt_trace *trace)
{
    struct hbmqtt_client *client = owner;
    client->settings.options.trace(client->settings.options.trace_context, trace);
}

static void hook_chunk(void *owner, const struct hbmqtt_message *message, uint64_t offset, struct bytes bytes)
{
    struct hbmqtt_client *client = owner;
    const struct hbmqtt_options *options = &client->settings.options;
    client->depth++;
    options->on_chunk(options->callback_context, client, message, offset, bytes.data, bytes.length);
    client->depth--;
}

static void hook_ended(void *owner, hbmqtt_done done, void *context, const struct hbmqtt_result *result)
{
    struct hbmqtt_client *client = owner;
    client->depth++;
    done(context, client, result);
    client->depth--;
}

static void hook_refused(void *owner, const char *text)
{
    struct hbmqtt_client *client = owner;
    struct hbmqtt_state_change change = {
        .size = sizeof change,
        .state = HBMQTT_STATE_CONNECTED,
        .error = HBMQTT_ERROR_REFUSED,
        .text = text,
        .broker = client->link.name,
    };
    client_told(client, &change);
}

static void client_hook(struct hbmqtt_client *client)
{
    const struct hbmqtt_options *options = &client->settings.options;
    struct core *core = &client->link.core;
    core->hooks.context = client;
    core->hooks.trace = options->trace == NULL ? NULL : hook_trace;
    core->hooks.chunk = options->on_chunk == NULL ? NULL : hook_chunk;
    core->hooks.ended = hook_ended;
    core->hooks.refused = hook_refused;
    client->link.owner = client;
    client->link.told = owner_told;
    client->link.stepped = owner_stepped;
}

static struct core_limits limits_of(const struct hbmqtt_options *options)
{
    return (struct core_limits){
        .packet_bytes_max = options->packet_bytes_max,
        .inbox_bytes_max = options->inbox_bytes_max,
        .chunk_bytes_min = options->on_chunk == NULL ? UINT32_MAX : options->chunk_bytes_min,
        .outbound = {options->output_bytes_max, options->inflight_max, options->queue_bytes_max},
    };
}

static int restore(void *context, const struct journal_message *message)
{
    struct hbmqtt_client *client = context;
    struct sending *sending = sending_of_bytes(message->packet, message->id_offset);
    if (sending == NULL)
        return -ENOMEM;
    sending->serial = message->serial;
    int status =
        outbound_restore(&client->link.core.outbound, sending, message->packet_id, message->released);
    if (status != 0)
        free(sending);
    return status;
}

// A queue file that cannot be used is told by hbmqtt_connect, as everything else that is wrong with the
// options.
static void client_open_queue(struct hbmqtt_client *client)
{
    const struct hbmqtt_options *options = &client->settings.options;
    struct core *core = &client->link.core;
    if (options->queue_file == NULL)
        return;
    (void)journal_open(options->queue_file, options->queue_sync, restore, client, &core->released,
                       &client->journal, &client->queue_fault);
    core->outbound.journal = client->journal;
}

static int client_init(struct hbmqtt_client *client, const struct hbmqtt_options *options)
{
    client->timer_fd = -1;
    int status = settings_init(&client->settings, options);
    if (status != 0)
        return status;
    struct core_limits limits = limits_of(&client->settings.options);
    status = link_init(&client->link, &limits, &client->settings);
    if (status != 0) {
        settings_finish(&client->settings);
        return status;
    }
    status = post_init(&client->post, client->settings.options.queue_bytes_max);
    struct epoll_event event = {.events = EPOLLIN};
    if (status == 0 && epoll_ctl(client->link.epoll_fd, EPOLL_CTL_ADD, client->post.fd, &event) != 0) {
        status = -errno;
        post_finish(&client->post);
    }
    if (status != 0) {
        link_finish(&client->link);
        settings_finish(&client->settings);
    }
    return status;
}

struct hbmqtt_client *client_create(const struct hbmqtt_options *options)
{
    struct hbmqtt_client *client = calloc(1, sizeof *client);
    if (client == NULL)
        return NULL;
    int status = client_init(client, options);
    if (status != 0) {
        free(client);
        errno = -status;
        return NULL;
    }
    client->answer.result = (struct hbmqtt_result){.size = sizeof client->answer.result, .text = ""};
    client_hook(client);
    client_open_queue(client);
    return client;
}

static void tell_posted(struct hbmqtt_client *client, const struct error *why)
{
    struct sending *sending = client->posted;
    client->posted = NULL;
    while (sending != NULL) {
        struct sending *next = sending->next;
        core_tell(&client->link.core, sending, why, (struct bytes){0});
        sending = next;
    }
}

void hbmqtt_destroy(struct hbmqtt_client *client)
{
    static const struct error gone = {HBMQTT_ERROR_NOT_CONNECTED, "the handle was destroyed"};
    if (client == NULL)
        return;
    // What the file holds stays there: it is not told to have ended.
    (void)journal_flush(client->journal);
    client->link.core.outbound.journal = NULL;
    client->link.reconnect.enabled = false;
    client->depth++; // callbacks may not begin anything that waits any more
    link_drop(&client->link, &gone);
    core_end(&client->link.core, &gone);
    core_abandon(&client->link.core, &gone, false);
    if (client->posted == NULL)
        client->posted = post_take_all(&client->post);
    tell_posted(client, &gone);
    journal_close(client->journal);
    post_finish(&client->post);
    link_finish(&client->link);
    settings_finish(&client->settings);
    if (client->timer_fd >= 0)
        close(client->timer_fd);
    free(client);
}

// What calls have in common.

int client_fault(struct hbmqtt_client *client, int code, const char *text)
{
    return error_set(&client->link.error, code, "%s", text);
}

int client_check_outside(struct hbmqtt_client *client)
{
    return client->depth == 0
               ? 0
               : client_fault(client, HBMQTT_ERROR_ARGUMENT, "a callback may not call what waits");
}

uint64_t client_now_ms(const struct hbmqtt_client *client)
{
    return client->bytes == CLIENT_BYTES_NONE ? clock_now_ms() : client->bytes_now_ms;
}

int client_aim(struct hbmqtt_client *client, const char *uris)
{
    struct link *link = &client->link;
    struct packet_connect connect;
    // What is wrong with the options is told before what is wrong with their queue file.
    int status = link_aim(link, uris);
    if (status == 0)
        status = request_connect(&client->settings, &link->brokers[0], &connect, &link->error);
    if (status == 0 && client->queue_fault.code != 0) {
        link->error = client->queue_fault;
        return client->queue_fault.code;
    }
    return status;
}

static int client_report_core(struct hbmqtt_client *client, int status)
{
    if (status == HBMQTT_ERROR_SYSTEM)
        return client_fault(client, status, "out of memory");
    return link_report(&client->link);
}

// The message found its queue full.
static int client_overflow(struct hbmqtt_client *client)
{
    static const struct error dropped = {HBMQTT_ERROR_DROPPED,
                                         "given up for newer messages: the queue is full"};
    switch (client->settings.options.queue_policy) {
    case HBMQTT_QUEUE_DROP_OLDEST:
        core_drop_oldest(&client->link.core, &dropped);
        // What is under way cannot be given up any more.
        return core_has_room(&client->link.core) ? 0 : CORE_WAIT;
    case HBMQTT_QUEUE_DROP_NEWEST:
        return client_fault(client, HBMQTT_ERROR_DROPPED, "the queue is full");
    default:
        return CORE_WAIT;
    }
}

static int client_take(struct hbmqtt_client *client, struct packet_publish *publish, int descriptor,
                       const struct hbmqtt_call *call)
{
    struct core *core = &client->link.core;
    if (descriptor < 0 || publish->payload.length == 0)
        return core_publish(core, publish, call);
    struct sending *sending = sending_of_publish(publish, call);
    if (sending == NULL)
        return HBMQTT_ERROR_SYSTEM;
    off_t offset = lseek(descriptor, 0, SEEK_CUR);
    sending->file = descriptor;
    sending->file_offset = offset < 0 ? 0 : (uint64_t)offset;
    sending->payload_bytes = publish->payload.length;
    int status = core_take_sending(core, sending, &publish->packet_id);
    if (status != 0)
        free(sending);
    return status;
}

// What was taken is in the queue file before anybody may rely on that.
static int client_write_down(struct hbmqtt_client *client)
{
    int status = journal_flush(client->journal);
    if (status == 0)
        return 0;
    return error_set(&client->link.error, HBMQTT_ERROR_SYSTEM, "cannot write to the queue file %s: %s",
                     client->settings.options.queue_file, strerror(-status));
}

int client_publish(struct hbmqtt_client *client, const struct hbmqtt_message *message, int descriptor,
                   uint64_t size, const struct hbmqtt_call *call)
{
    struct packet_publish publish;
    int status = request_call(call, &client->link.error);
    if (status == 0)
        status = request_publish(message, descriptor < 0 ? NULL : &size, &publish, &client->link.error);
    if (status == 0 && descriptor >= 0 && publish.qos != 0 && lseek(descriptor, 0, SEEK_CUR) < 0)
        return client_fault(client, HBMQTT_ERROR_ARGUMENT,
                            "above QoS 0 a message comes from a file that can be read again");
    if (status != 0)
        return status;
    status = client_take(client, &publish, descriptor, call);
    if (status == 0)
        return client_write_down(client);
    if (status != CORE_WAIT)
        return client_report_core(client, status);
    status = client_overflow(client);
    return status == 0 ? client_publish(client, message, descriptor, size, call) : status;
}

// Calling back.

void client_told(struct hbmqtt_client *client, const struct hbmqtt_state_change *change)
{
    const struct hbmqtt_options *options = &client->settings.options;
    static const uint8_t success = 0;
    client->depth++;
    if (options->on_state != NULL)
        options->on_state(options->callback_context, client, change);
    bool accepted = change->state == HBMQTT_STATE_CONNECTED && change->error == 0;
    bool ended = change->state == HBMQTT_STATE_IDLE;
    struct hbmqtt_result result = {.size = sizeof result, .error = change->error, .text = change->text};
    uint8_t refusal = client->link.core.refusal_code;
    if (accepted || change->error == HBMQTT_ERROR_REFUSED) {
        result.reason_codes = accepted ? &success : &refusal;
        result.reason_code_count = 1;
    }
    if (accepted || ended) {
        struct hbmqtt_call connecting = client->connecting;
        client->connecting = (struct hbmqtt_call){.done = NULL};
        if (ended && result.error == 0)
            result.error = HBMQTT_ERROR_NOT_CONNECTED;
        if (connecting.done != NULL)
            connecting.done(connecting.context, client, &result);
    }
    if (ended) {
        struct hbmqtt_call disconnecting = client->disconnecting;
        client->disconnecting = (struct hbmqtt_call){.done = NULL};
        result.error = change->error;
        if (disconnecting.done != NULL)
            disconnecting.done(disconnecting.context, client, &result);
    }
    client->depth--;
}

// Hands over what other threads have posted, as far as there is room.
static void client_take_posted(struct hbmqtt_client *client)
{
    struct core *core = &client->link.core;
    if (client->posted == NULL)
        client->posted = post_take_all(&client->post);
    while (client->posted != NULL) {
        struct sending *sending = client->posted;
        struct sending *next = sending->next;
        uint16_t packet_id = 0;
        int status = core_take_sending(core, sending, &packet_id);
        if (status == CORE_WAIT)
            return;
        client->posted = next;
        if (status == 0)
            continue;
        struct error why;
        error_set(&why, status, "not connected to a broker");
        core_tell(core, sending, &why, (struct bytes){0});
    }
}

static void client_give_messages(struct hbmqtt_client *client)
{
    const struct hbmqtt_options *options = &client->settings.options;
    struct core *core = &client->link.core;
    const struct hbmqtt_message *message;
    while (core->inbox.taken == NULL && (message = core_take(core, client_now_ms(client))) != NULL) {
        options->on_message(options->callback_context, client, message);
        core_release(core);
    }
}

void client_stepped(struct hbmqtt_client *client)
{
    const struct hbmqtt_options *options = &client->settings.options;
    const struct core *core = &client->link.core;
    if (client->depth != 0)
        return;
    client->depth++;
    client_take_posted(client);
    if (options->on_message != NULL)
        client_give_messages(client);
    if (client->wants_room && core->outbound.held_bytes <= core->outbound.limits.held_bytes_max / 2) {
        client->wants_room = false;
        if (options->on_room != NULL)
            options->on_room(options->callback_context, client);
    }
    (void)outbound_tidy_journal(&client->link.core.outbound,
                                &client->link.core.released); // told by the next flush
    client->depth--;
    link_send(&client->link);
}

// Has the descriptor become readable when it is time.
static void client_arm(struct hbmqtt_client *client)
{
    uint64_t deadline_ms = link_deadline_ms(&client->link);
    if (client->timer_fd < 0 || deadline_ms == client->timer_ms || deadline_ms == CORE_NEVER)
        return;
    // A timer that fires too early costs one look, so a later deadline is left to that.
    if (client->timer_ms != 0 && client->timer_ms <= deadline_ms && client->timer_ms > clock_now_ms())
        return;
    struct itimerspec when = {.it_value = {.tv_sec = (time_t)(deadline_ms / 1000),
                                           .tv_nsec = (long)(deadline_ms % 1000) * 1000000L + 1}};
    client->timer_ms = deadline_ms;
    (void)timerfd_settime(client->timer_fd, TFD_TIMER_ABSTIME, &when, NULL); // the arguments are right
}

void client_begun(struct hbmqtt_client *client)
{
    struct link *link = &client->link;
    if (client->bytes != CLIENT_BYTES_NONE || client->depth != 0)
        return;
    if (core_has_output(&link->core) && buffer_length(&link->core.outbound.output) >= CLIENT_BATCH_BYTES)
        link_send(link);
    link_watch(link);
    client_arm(client);
}

int hbmqtt_descriptor(struct hbmqtt_client *client)
{
    struct link *link = &client->link;
    if (client->timer_fd < 0) {
        struct epoll_event event = {.events = EPOLLIN};
        int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
        if (fd < 0)
            return -errno;
        if (epoll_ctl(link->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0) {
            int status = -errno;
            close(fd);
            return status;
        }
        client->timer_fd = fd;
        link_watch(link);
        client_arm(client);
    }
    return link->epoll_fd;
}

int hbmqtt_process(struct hbmqtt_client *client)
{
    struct link *link = &client->link;
    uint64_t count;
    int status = client_check_outside(client);
    if (status != 0)
        return status;
    if (client->timer_fd >= 0 && read(client->timer_fd, &count, sizeof count) == (ssize_t)sizeof count)
        client->timer_ms = 0;
    link_step(link, clock_now_ms());
    client_arm(client);
    return 0;
}
