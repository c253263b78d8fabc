// SPDX-License-Identifier: MIT
// The calls of hbmqtt.h that wait: each judges its arguments, gives the work to the core, and waits with the
// link.
#include "client/hbmqtt.h"

#include "client/client.h"
#include "client/clock.h"
#include "client/request.h"

#include <assert.h>
#include <errno.h>
#include <unistd.h>

#define WINDOW_PATIENCE_MS 10

// A call that waits for something of its own to end.
struct waiter {
    const struct hbmqtt_call *call; // whom the program wants told; NULL: nobody
    bool ended;
    struct error error;
};

const char *hbmqtt_version(void)
{
    return HBMQTT_VERSION;
}

const char *hbmqtt_error_name(int error)
{
    static const char *const names[] = {
        [0] = "done",
        [-HBMQTT_ERROR_ARGUMENT] = "wrong argument",
        [-HBMQTT_ERROR_UNSUPPORTED] = "not supported",
        [-HBMQTT_ERROR_UNREACHABLE] = "unreachable",
        [-HBMQTT_ERROR_REFUSED] = "refused",
        [-HBMQTT_ERROR_NOT_CONNECTED] = "not connected",
        [-HBMQTT_ERROR_LOST] = "connection lost",
        [-HBMQTT_ERROR_PROTOCOL] = "protocol error",
        [-HBMQTT_ERROR_TIMEOUT] = "timed out",
        [-HBMQTT_ERROR_FULL] = "inbox full",
        [-HBMQTT_ERROR_INTERRUPTED] = "interrupted",
        [-HBMQTT_ERROR_SYSTEM] = "lack of resources",
        [-HBMQTT_ERROR_UNTRUSTED] = "not trusted",
        [-HBMQTT_ERROR_DROPPED] = "dropped",
    };
    int count = (int)(sizeof names / sizeof names[0]);
    return error <= 0 && error > -count ? names[-error] : "unknown error";
}

// The handle.

struct hbmqtt_client *hbmqtt_create(const struct hbmqtt_options *options)
{
    return client_create(options);
}

// Waiting for something of one's own.

static void waiter_done(void *context, struct hbmqtt_client *client, const struct hbmqtt_result *result)
{
    struct waiter *waiter = context;
    struct client_answer *answer = &client->answer;
    waiter->ended = true;
    error_set(&waiter->error, result->error, "%s", result->text);
    assert(result->reason_code_count <= HBMQTT_FILTERS_MAX); // there are as many as filters were asked for
    answer->result.reason_code_count = result->reason_code_count;
    if (result->reason_code_count != 0) {
        memcpy(answer->codes, result->reason_codes, result->reason_code_count);
        answer->result.reason_codes = answer->codes;
    }
    if (waiter->call != NULL && waiter->call->done != NULL)
        waiter->call->done(waiter->call->context, client, result);
}

// Begins a call that waits. *ret_call is what the waiter is told with; `call` stays where it is meanwhile.
static int waiter_begin(struct waiter *waiter, struct hbmqtt_client *client, const struct hbmqtt_call *call,
                        struct hbmqtt_call *ret_call)
{
    int status = client_check_outside(client);
    if (status != 0)
        return status;
    waiter->call = call;
    waiter->ended = false;
    client->answer.result = (struct hbmqtt_result){.size = sizeof client->answer.result, .text = ""};
    *ret_call =
        (struct hbmqtt_call){.size = sizeof(struct hbmqtt_call), .done = waiter_done, .context = waiter};
    return request_call(call, &client->link.error);
}

static bool waiter_has_ended(const struct link *link, const void *context)
{
    const struct waiter *waiter = context;
    return waiter->ended;
}

// Waits for the end. What goes on after that tells the program itself.
static int client_wait(struct hbmqtt_client *client, struct waiter *waiter)
{
    struct link *link = &client->link;
    int status = link_wait(link, waiter_has_ended, waiter);
    if (!waiter->ended) {
        core_hand_over(&link->core, waiter, waiter->call);
        return status;
    }
    if (waiter->error.code != 0)
        link->error = waiter->error;
    return waiter->error.code;
}

// Every call that waits leaves with this. What a callback may not call leaves the answer of the call around
// it alone.
static int client_conclude(struct hbmqtt_client *client, int status)
{
    struct hbmqtt_result *result = &client->answer.result;
    if (client->depth != 0)
        return status;
    result->error = status;
    result->text = status == 0 ? "" : client->link.error.text;
    return status;
}

// Connecting.

// Waits until the broker has accepted, or everything was tried.
static int client_wait_accepted(struct hbmqtt_client *client)
{
    struct link *link = &client->link;
    struct error wish = {0};
    int status = 0;
    while (!link_is_idle(link) && link_status(link) != 0 && status != HBMQTT_ERROR_INTERRUPTED &&
           status != HBMQTT_ERROR_SYSTEM)
        status = link_turn(link, CORE_NEVER, -1, NULL);
    if (link_status(link) == 0)
        return 0;
    if (link_is_idle(link))
        return link_report(link);
    struct error why = link->error; // the link is told that it was wished
    link_drop(link, &wish);
    link->error = why;
    return status;
}

// Both ways to a connection end here: each attempt comes to its end in this call.
static int client_connect(struct hbmqtt_client *client, const struct hbmqtt_call *call)
{
    client->connecting = *call;
    link_start(&client->link);
    int status = client_wait_accepted(client);
    assert(client->connecting.context != call->context);
    return status;
}

// Makes sure that there is no connection, and that one can be made to `uri`.
static int client_aim_idle(struct hbmqtt_client *client, const char *uri)
{
    struct link *link = &client->link;
    if (!link_is_idle(link) || client->bytes != CLIENT_BYTES_NONE)
        return error_set(&link->error, HBMQTT_ERROR_ARGUMENT, "already connected to %s", link->name);
    core_release(&link->core);
    return client_aim(client, uri);
}

int hbmqtt_connect(struct hbmqtt_client *client, const char *uri, const struct hbmqtt_call *call)
{
    struct waiter waiter;
    struct hbmqtt_call own;
    int status = waiter_begin(&waiter, client, call, &own);
    if (status == 0)
        status = client_aim_idle(client, uri);
    if (status == 0)
        status = client_connect(client, &own);
    return client_conclude(client, status);
}

int hbmqtt_reconnect(struct hbmqtt_client *client, bool clean_session, const struct hbmqtt_call *call)
{
    struct link *link = &client->link;
    struct waiter waiter;
    struct hbmqtt_call own;
    struct error wish = {0};
    int status = waiter_begin(&waiter, client, call, &own);
    if (status == 0 && link->broker_count == 0)
        status = client_fault(client, HBMQTT_ERROR_ARGUMENT, "hbmqtt_connect has not been called");
    if (status == 0) {
        client->settings.options.clean_session = clean_session;
        core_release(&link->core);
        link_drop(link, &wish);
        status = client_connect(client, &own);
    }
    return client_conclude(client, status);
}

static bool link_has_ended(const struct link *link, const void *context)
{
    return link_is_idle(link);
}

static int client_disconnect(struct hbmqtt_client *client, const struct hbmqtt_call *call)
{
    struct link *link = &client->link;
    struct error wish = {0};
    client->disconnecting = *call;
    core_release(&link->core);
    link_close(link);
    int status = link_wait(link, link_has_ended, NULL);
    if (status == 0 && link->core.ending.code != 0)
        return link_report(link);
    if (!link_is_idle(link)) {
        struct error why = link->error;
        link_drop(link, &wish);
        link->error = why;
    }
    return status;
}

int hbmqtt_disconnect(struct hbmqtt_client *client, const struct hbmqtt_call *call)
{
    struct waiter waiter;
    struct hbmqtt_call own;
    int status = waiter_begin(&waiter, client, call, &own);
    if (status == 0 && link_is_idle(&client->link))
        core_tell_call(&client->link.core, &own);
    else if (status == 0)
        status = client_disconnect(client, &own);
    return client_conclude(client, status);
}

// Publishing.

static bool has_room_or_is_away(const struct link *link, const void *context)
{
    const uint8_t *qos = context;
    return link->core.state != CORE_OPEN || core_can_publish(&link->core, *qos);
}

static bool has_an_eighth_free_or_is_away(const struct link *link)
{
    const struct core *core = &link->core;
    uint32_t window = core->outbound.limits.inflight_max;
    return core->state != CORE_OPEN || core->outbound.publishing <= window - window / 8;
}

// A full window is left alone until an eighth of it is free, so that the next messages share a system call as
// well; but not for long, since a broker may keep its acknowledgements until more has come.
static int client_wait_for_room(struct link *link, uint8_t qos)
{
    int status = link_wait(link, has_room_or_is_away, &qos);
    if (status != 0 || qos == 0)
        return status;
    uint64_t deadline_ms = clock_now_ms() + WINDOW_PATIENCE_MS;
    while (status == 0 && !has_an_eighth_free_or_is_away(link))
        status = link_turn(link, deadline_ms, -1, NULL);
    return status == HBMQTT_ERROR_TIMEOUT || link->core.state != CORE_OPEN ? 0 : status;
}

static bool queue_has_room(const struct link *link, const void *context)
{
    return core_has_room(&link->core);
}

// Publishes as soon as there is room. Messages are sent at once where they can be, and queued only while
// there is no connection: so the caller is held back by the window and not by the queue.
static int client_publish_patiently(struct hbmqtt_client *client, const struct hbmqtt_message *message,
                                    int descriptor, uint64_t size, const struct hbmqtt_call *call)
{
    struct link *link = &client->link;
    int status = client_check_outside(client);
    if (status != 0)
        return status;
    uint8_t qos = message->qos <= 2 ? message->qos : 0; // it is judged later
    if (link->core.state == CORE_OPEN && !core_can_publish(&link->core, qos))
        status = client_wait_for_room(link, qos);
    while (status == 0 && (status = client_publish(client, message, descriptor, size, call)) == CORE_WAIT)
        status = link_wait(link, queue_has_room, NULL);
    if (status != 0)
        return status;
    if (link->core.state == CORE_OPEN && buffer_length(&link->core.outbound.output) >= CLIENT_BATCH_BYTES)
        link_send(link);
    return 0;
}

int hbmqtt_publish_start(struct hbmqtt_client *client, const struct hbmqtt_message *message,
                         const struct hbmqtt_call *call)
{
    return client_publish_patiently(client, message, -1, 0, call);
}

static int client_publish_whole(struct hbmqtt_client *client, const struct hbmqtt_message *message,
                                int descriptor, uint64_t size, const struct hbmqtt_call *call)
{
    struct waiter waiter;
    struct hbmqtt_call own;
    int status = waiter_begin(&waiter, client, call, &own);
    if (status == 0)
        status = client_publish_patiently(client, message, descriptor, size, &own);
    if (status == 0)
        status = client_wait(client, &waiter);
    return client_conclude(client, status);
}

int hbmqtt_publish(struct hbmqtt_client *client, const struct hbmqtt_message *message,
                   const struct hbmqtt_call *call)
{
    return client_publish_whole(client, message, -1, 0, call);
}

int hbmqtt_publish_file(struct hbmqtt_client *client, const struct hbmqtt_message *message, int descriptor,
                        uint64_t size, const struct hbmqtt_call *call)
{
    if (descriptor < 0)
        return error_set(&client->link.error, HBMQTT_ERROR_ARGUMENT, "%d is no descriptor", descriptor);
    return client_publish_whole(client, message, descriptor, size, call);
}

static bool all_is_acknowledged(const struct link *link, const void *context)
{
    const struct core *core = &link->core;
    return link_status(link) == 0 && !core_has_output(core) &&
           outbound_unacknowledged(&core->outbound) == 0 && core->outbound.queue.first == NULL;
}

int hbmqtt_flush(struct hbmqtt_client *client)
{
    struct link *link = &client->link;
    int status = client_check_outside(client);
    if (status != 0)
        return status;
    return link_is_idle(link) ? link_report(link) : link_wait(link, all_is_acknowledged, NULL);
}

// Subscribing.

static int client_request(struct hbmqtt_client *client, uint8_t packet_type, struct bytes entries,
                          size_t count, struct waiter *waiter, const struct hbmqtt_call *own)
{
    struct link *link = &client->link;
    int status;
    while ((status = core_request(&link->core, packet_type, entries, (uint32_t)count, own)) == CORE_WAIT) {
        status = link_wait(link, queue_has_room, NULL);
        if (status != 0)
            return status;
    }
    return status == 0 ? client_wait(client, waiter) : link_report(link);
}

int hbmqtt_subscribe(struct hbmqtt_client *client, const struct hbmqtt_subscription *subscriptions,
                     size_t count, const struct hbmqtt_call *call)
{
    struct buffer entries;
    struct waiter waiter;
    struct hbmqtt_call own;
    buffer_init(&entries);
    int status = waiter_begin(&waiter, client, call, &own);
    if (status == 0)
        status = request_subscribe(subscriptions, count, &entries, &client->link.error);
    if (status == 0)
        status = client_request(client, PACKET_SUBSCRIBE, buffer_bytes(&entries), count, &waiter, &own);
    buffer_finish(&entries);
    return client_conclude(client, status);
}

int hbmqtt_unsubscribe(struct hbmqtt_client *client, const char *const *filters, size_t count,
                       const struct hbmqtt_call *call)
{
    struct buffer entries;
    struct waiter waiter;
    struct hbmqtt_call own;
    buffer_init(&entries);
    int status = waiter_begin(&waiter, client, call, &own);
    if (status == 0)
        status = request_unsubscribe(filters, count, &entries, &client->link.error);
    if (status == 0)
        status = client_request(client, PACKET_UNSUBSCRIBE, buffer_bytes(&entries), count, &waiter, &own);
    buffer_finish(&entries);
    return client_conclude(client, status);
}

// Delivery, and waiting for it.

int hbmqtt_deliver(struct hbmqtt_client *client, int timeout_ms, const struct hbmqtt_message **ret_message)
{
    struct link *link = &client->link;
    struct core *core = &link->core;
    int status = client_check_outside(client);
    if (status != 0)
        return status;
    uint64_t now_ms = client_now_ms(client);
    uint64_t deadline_ms = link_after_ms(now_ms, timeout_ms);
    core_release(core);
    // A program that empties a deep inbox slowly must not be taken for dead meanwhile.
    if (client->bytes == CLIENT_BYTES_NONE && now_ms >= core_deadline_ms(core))
        status = link_turn(link, now_ms, -1, NULL);
    const struct hbmqtt_message *message;
    while ((message = core_take(core, now_ms)) == NULL) {
        if (client->bytes != CLIENT_BYTES_NONE)
            return HBMQTT_ERROR_TIMEOUT; // bytes come between the calls
        if (status != 0 && status != HBMQTT_ERROR_TIMEOUT)
            return status;
        status = link_turn(link, deadline_ms, -1, NULL);
        now_ms = clock_now_ms();
        if (core->inbox.count == 0 &&
            (status == HBMQTT_ERROR_TIMEOUT || (status == 0 && now_ms >= deadline_ms)))
            return error_set(&link->error, HBMQTT_ERROR_TIMEOUT, "%s: no message within %d ms", link->name,
                             timeout_ms);
    }
    *ret_message = message;
    return 0;
}

int hbmqtt_ping(struct hbmqtt_client *client, const struct hbmqtt_call *call)
{
    struct waiter waiter;
    struct hbmqtt_call own;
    int status = waiter_begin(&waiter, client, call, &own);
    if (status == 0) {
        status = core_ping(&client->link.core, &own, clock_now_ms());
        status = status == 0 ? client_wait(client, &waiter) : link_report(&client->link);
    }
    return client_conclude(client, status);
}

int hbmqtt_wait_readable(struct hbmqtt_client *client, int descriptor, int timeout_ms)
{
    struct link *link = &client->link;
    int status = client_check_outside(client);
    if (status == 0 && descriptor < 0)
        status = error_set(&link->error, HBMQTT_ERROR_ARGUMENT, "%d is no descriptor", descriptor);
    if (status != 0)
        return status;
    uint64_t deadline_ms = link_after_ms(clock_now_ms(), timeout_ms);
    bool readable = false;
    while (!readable) {
        status = link_turn(link, deadline_ms, descriptor, &readable);
        if (status == HBMQTT_ERROR_TIMEOUT)
            return error_set(&link->error, status, "nothing to read within %d ms", timeout_ms);
        if (status != 0)
            return status;
    }
    return 0;
}

void hbmqtt_interrupt(struct hbmqtt_client *client)
{
    // A signal handler leaves errno as it was. The counter cannot be full; if it were, an interruption would
    // be pending.
    int before = errno;
    uint64_t one = 1;
    (void)!write(client->link.interrupt_fd, &one, sizeof one);
    errno = before;
}

// What is known.

size_t hbmqtt_deliverable(const struct hbmqtt_client *client)
{
    return client->link.core.inbox.count;
}

bool hbmqtt_is_connected(const struct hbmqtt_client *client)
{
    return core_status(&client->link.core) == 0;
}

bool hbmqtt_session_present(const struct hbmqtt_client *client)
{
    return client->link.core.session_present;
}

int hbmqtt_refusal_code(const struct hbmqtt_client *client)
{
    return client->link.core.refusal_code;
}

const struct hbmqtt_result *hbmqtt_last_result(const struct hbmqtt_client *client)
{
    return &client->answer.result;
}

int hbmqtt_reason_code(const struct hbmqtt_client *client)
{
    const struct hbmqtt_result *result = &client->answer.result;
    return result->reason_code_count == 0 ? HBMQTT_REASON_NONE : result->reason_codes[0];
}

const char *hbmqtt_error_text(const struct hbmqtt_client *client)
{
    return client->link.error.text;
}

size_t hbmqtt_unacknowledged(const struct hbmqtt_client *client)
{
    return outbound_unacknowledged(&client->link.core.outbound);
}
