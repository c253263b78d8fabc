// SPDX-License-Identifier: MIT
// The calls of hbmqtt.h: each judges its arguments, gives the work to the core, and waits with the link.
#include "client/hbmqtt.h"

#include "client/link.h"
#include "client/net.h"
#include "client/request.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

// Bytes published and not sent are worth a system call from here on; a smaller amount waits for company.
#define PUBLISH_BATCH_BYTES 32768u

struct hbmqtt_client {
    struct link link;
    struct settings settings;
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
    };
    int count = (int)(sizeof names / sizeof names[0]);
    return error <= 0 && error > -count ? names[-error] : "unknown error";
}

// The handle.

struct hbmqtt_client *hbmqtt_create(const struct hbmqtt_options *options)
{
    struct hbmqtt_client *client = calloc(1, sizeof *client);
    if (client == NULL)
        return NULL;
    int status = settings_init(&client->settings, options);
    if (status == 0) {
        const struct hbmqtt_options *own = &client->settings.options;
        struct core_limits limits = {own->packet_bytes_max, own->inbox_bytes_max, own->output_bytes_max,
                                     own->inflight_max};
        status = link_init(&client->link, &limits);
        if (status != 0)
            settings_finish(&client->settings);
    }
    if (status != 0) {
        free(client);
        errno = -status;
        return NULL;
    }
    client->link.answer_timeout_ms = client->settings.options.answer_timeout_ms;
    client->link.core.trace = client->settings.options.trace;
    client->link.core.trace_context = client->settings.options.trace_context;
    return client;
}

void hbmqtt_destroy(struct hbmqtt_client *client)
{
    if (client == NULL)
        return;
    link_finish(&client->link);
    settings_finish(&client->settings);
    free(client);
}

// Silence of ours after which PINGREQ goes out: `ping_delay_ms` before the period is over, but never at once.
static uint32_t client_ping_after_ms(const struct hbmqtt_options *options)
{
    uint32_t keepalive_ms = options->keepalive_s * 1000u;
    return options->ping_delay_ms < keepalive_ms ? keepalive_ms - options->ping_delay_ms : keepalive_ms / 2;
}

static int client_connect(struct hbmqtt_client *client, const struct url *url)
{
    struct link *link = &client->link;
    const struct hbmqtt_options *options = &client->settings.options;
    struct packet_connect connect;
    int status = request_connect(&client->settings, url, &connect, &link->error);
    if (status != 0)
        return status;
    return link_open(link, url, &connect, client_ping_after_ms(options), options);
}

int hbmqtt_connect(struct hbmqtt_client *client, const char *uri)
{
    struct link *link = &client->link;
    if (link->core.state != CORE_IDLE)
        return error_set(&link->error, HBMQTT_ERROR_ARGUMENT, "already connected to %s", link->name);
    core_release(&client->link.core);
    struct url url;
    int status = url_parse(uri, &url, &link->error);
    if (status != 0)
        return status;
    status = client_connect(client, &url);
    url_finish(&url);
    return status;
}

int hbmqtt_disconnect(struct hbmqtt_client *client)
{
    core_release(&client->link.core);
    return link_close(&client->link);
}

// Publishing.

static bool client_all_sent(const struct link *link)
{
    return core_status(&link->core) == 0 && core_output(&link->core).length == 0;
}

static bool client_all_acknowledged(const struct link *link)
{
    return client_all_sent(link) && link->core.publishing == 0;
}

static bool client_request_ended(const struct link *link)
{
    return link->core.watch.ended;
}

static bool client_has_room(const struct link *link)
{
    return core_has_room(&link->core);
}

// A full window is left alone until half of it is free, so that the next messages share a system call as
// well.
static bool client_window_half_free(const struct link *link)
{
    return core_can_publish(&link->core, 1) && link->core.publishing <= link->core.limits.inflight_max / 2;
}

int hbmqtt_publish_start(struct hbmqtt_client *client, const struct hbmqtt_message *message)
{
    struct link *link = &client->link;
    struct packet_publish publish;
    int status = request_publish(message, &publish, &link->error);
    if (status != 0)
        return status;
    while ((status = core_publish(&link->core, &publish)) == CORE_WAIT) {
        status = link_wait(link, publish.qos == 0 ? client_has_room : client_window_half_free);
        if (status != 0)
            return status;
    }
    if (status != 0)
        return link_report(link, status);
    if (core_output(&link->core).length >= PUBLISH_BATCH_BYTES)
        link_send(link);
    return 0;
}

int hbmqtt_publish(struct hbmqtt_client *client, const struct hbmqtt_message *message)
{
    int status = hbmqtt_publish_start(client, message);
    if (status != 0)
        return status;
    return link_wait(&client->link, message->qos == 0 ? client_all_sent : client_request_ended);
}

int hbmqtt_flush(struct hbmqtt_client *client)
{
    struct link *link = &client->link;
    int status = core_status(&link->core);
    return status == 0 ? link_wait(link, client_all_acknowledged) : link_report(link, status);
}

// Subscribing.

static int client_request(struct hbmqtt_client *client, uint8_t packet_type, struct bytes entries,
                          size_t count)
{
    struct link *link = &client->link;
    int status;
    while ((status = core_request(&link->core, packet_type, entries, (uint32_t)count)) == CORE_WAIT) {
        status = link_wait(link, client_has_room);
        if (status != 0)
            return status;
    }
    if (status != 0)
        return link_report(link, status);
    return link_wait(link, client_request_ended);
}

int hbmqtt_subscribe(struct hbmqtt_client *client, const struct hbmqtt_subscription *subscriptions,
                     size_t count, uint8_t *ret_codes)
{
    struct buffer entries;
    buffer_init(&entries);
    int status = request_subscribe(subscriptions, count, &entries, &client->link.error);
    if (status == 0)
        status = client_request(client, PACKET_SUBSCRIBE, buffer_bytes(&entries), count);
    if (status == 0 && ret_codes != NULL)
        memcpy(ret_codes, client->link.core.watch.codes, count);
    buffer_finish(&entries);
    return status;
}

int hbmqtt_unsubscribe(struct hbmqtt_client *client, const char *const *filters, size_t count)
{
    struct buffer entries;
    buffer_init(&entries);
    int status = request_unsubscribe(filters, count, &entries, &client->link.error);
    if (status == 0)
        status = client_request(client, PACKET_UNSUBSCRIBE, buffer_bytes(&entries), count);
    buffer_finish(&entries);
    return status;
}

// Delivery, and waiting for it.

int hbmqtt_deliver(struct hbmqtt_client *client, int timeout_ms, const struct hbmqtt_message **ret_message)
{
    struct link *link = &client->link;
    uint64_t now_ms = net_now_ms();
    uint64_t deadline_ms = link_deadline_ms(now_ms, timeout_ms);
    core_release(&link->core);
    // A program that empties a deep inbox slowly must not be taken for dead meanwhile.
    int status = now_ms >= core_deadline_ms(&link->core) ? link_turn(link, now_ms, -1, NULL) : 0;
    const struct hbmqtt_message *message;
    while ((message = core_take(&link->core, now_ms)) == NULL) {
        if (status != 0 && status != HBMQTT_ERROR_TIMEOUT)
            return status;
        status = link_turn(link, deadline_ms, -1, NULL);
        now_ms = net_now_ms();
        if (status == HBMQTT_ERROR_TIMEOUT && link->core.inbox.count == 0)
            return error_set(&link->error, status, "%s: no message within %d ms", link->name, timeout_ms);
    }
    *ret_message = message;
    return 0;
}

size_t hbmqtt_deliverable(const struct hbmqtt_client *client)
{
    return client->link.core.inbox.count;
}

static bool client_pong(const struct link *link)
{
    return core_status(&link->core) == 0 && !link->core.ping_waiting;
}

int hbmqtt_ping(struct hbmqtt_client *client)
{
    struct link *link = &client->link;
    int status = core_ping(&link->core, net_now_ms());
    return status == 0 ? link_wait(link, client_pong) : link_report(link, status);
}

int hbmqtt_wait_readable(struct hbmqtt_client *client, int descriptor, int timeout_ms)
{
    struct link *link = &client->link;
    if (descriptor < 0)
        return error_set(&link->error, HBMQTT_ERROR_ARGUMENT, "%d is no descriptor", descriptor);
    uint64_t deadline_ms = link_deadline_ms(net_now_ms(), timeout_ms);
    bool readable = false;
    while (!readable) {
        int status = link_turn(link, deadline_ms, descriptor, &readable);
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

// What is known about the connection.

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

const char *hbmqtt_error_text(const struct hbmqtt_client *client)
{
    return client->link.error.text;
}
