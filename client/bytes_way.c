// SPDX-License-Identifier: MIT
// The way of bytes of hbmqtt.h: the core, with what the link does elsewhere when a connection begins and
// ends.
#include "client/client.h"
#include "client/request.h"

#include <sys/random.h>

static void tell(struct hbmqtt_client *client, int state, const struct error *why, uint32_t wait_ms)
{
    struct hbmqtt_state_change change = {
        .size = sizeof change,
        .state = state,
        .error = why == NULL ? 0 : why->code,
        .text = why == NULL ? "" : why->text,
        .broker = "",
        .attempt = client->link.reconnect.failures,
        .wait_ms = wait_ms,
        .session_present = state == HBMQTT_STATE_CONNECTED && client->link.core.session_present,
        .reason_code = why == NULL ? 0 : client->link.core.refusal_code,
    };
    client_told(client, &change);
}

// The connection is over: another one, or none.
static void ended(struct hbmqtt_client *client)
{
    struct link *link = &client->link;
    struct reconnect *reconnect = &link->reconnect;
    struct error why = link->core.ending;
    if (link->accepted)
        reconnect_lost(reconnect, client->bytes_now_ms);
    else
        reconnect_failed(reconnect);
    link->accepted = false;
    link->error = why;
    uint8_t refusal = link->core.refusal_code;
    bool final = why.code == 0 || (refusal != 0 && refusal != CONNECT_RETURN_SERVER_UNAVAILABLE);
    if (!final && reconnect_again(reconnect)) {
        uint32_t delay_ms = reconnect_delay_ms(reconnect);
        client->bytes = CLIENT_BYTES_WAITING;
        client->bytes_open_ms = client->bytes_now_ms + delay_ms;
        tell(client, HBMQTT_STATE_WAITING, &why, delay_ms);
        return;
    }
    client->bytes = CLIENT_BYTES_ENDED;
    bool kept = !client->settings.options.clean_session || client->journal != NULL;
    core_abandon(&link->core, &why, kept);
    tell(client, HBMQTT_STATE_IDLE, &why, 0);
}

// After anything has moved.
static void moved(struct hbmqtt_client *client)
{
    struct link *link = &client->link;
    if (client->bytes != CLIENT_BYTES_OPEN)
        return;
    if (link->core.state == CORE_OPEN && !link->accepted) {
        link->accepted = true;
        reconnect_accepted(&link->reconnect, client->bytes_now_ms);
        tell(client, HBMQTT_STATE_CONNECTED, NULL, 0);
    }
    client_stepped(client);
    if (link->core.state == CORE_IDLE)
        client->bytes = CLIENT_BYTES_CLOSING;
}

int hbmqtt_bytes_open(struct hbmqtt_client *client, uint64_t now_ms, const struct hbmqtt_call *call)
{
    struct link *link = &client->link;
    struct packet_connect connect;
    uint64_t seed = now_ms;
    if (!link_is_idle(link) || link->core.state != CORE_IDLE)
        return client_fault(client, HBMQTT_ERROR_ARGUMENT, "already connected");
    int status = request_call(call, &link->error);
    if (status == 0)
        status = request_connect(&client->settings, NULL, &connect, &link->error);
    if (status == 0 && client->queue_fault.code != 0) {
        link->error = client->queue_fault;
        return client->queue_fault.code;
    }
    if (status != 0)
        return status;
    if (client->bytes != CLIENT_BYTES_WAITING) {
        (void)!getrandom(&seed, sizeof seed, GRND_NONBLOCK);
        reconnect_begin(&link->reconnect, seed);
        link->reconnect.enabled = client->settings.options.reconnect;
    }
    client->bytes = CLIENT_BYTES_OPEN;
    client->bytes_now_ms = now_ms;
    link->core.accepting = true;
    status = core_open(&link->core, &connect, link_ping_after_ms(link), now_ms);
    if (status != 0)
        return client_fault(client, status, "out of memory");
    if (call != NULL)
        client->connecting = *call;
    tell(client, HBMQTT_STATE_CONNECTING, NULL, 0);
    return 0;
}

void hbmqtt_bytes_closed(struct hbmqtt_client *client, uint64_t now_ms)
{
    struct core *core = &client->link.core;
    struct error why = {0};
    client->bytes_now_ms = now_ms;
    if (client->bytes != CLIENT_BYTES_OPEN && client->bytes != CLIENT_BYTES_CLOSING)
        return;
    if (core->state != CORE_CLOSING || core_has_output(core))
        error_set(&why, HBMQTT_ERROR_LOST, "connection lost");
    core_end(core, &why);
    ended(client);
}

void client_bytes_close(struct hbmqtt_client *client)
{
    client->link.reconnect.enabled = false;
    core_close(&client->link.core);
    if (client->bytes == CLIENT_BYTES_WAITING) {
        client->link.core.ending = (struct error){.code = 0};
        ended(client);
    }
    moved(client);
}

size_t hbmqtt_bytes_output(struct hbmqtt_client *client, const void **ret_bytes)
{
    if (client->bytes != CLIENT_BYTES_OPEN)
        return 0;
    struct bytes bytes = core_output(&client->link.core);
    *ret_bytes = bytes.data;
    if (bytes.length == 0)
        moved(client);
    return bytes.length;
}

void hbmqtt_bytes_sent(struct hbmqtt_client *client, size_t size, uint64_t now_ms)
{
    client->bytes_now_ms = now_ms;
    if (client->bytes != CLIENT_BYTES_OPEN || client->link.core.state == CORE_IDLE)
        return;
    core_output_sent(&client->link.core, size, now_ms);
    moved(client);
}

size_t hbmqtt_bytes_received(struct hbmqtt_client *client, const void *bytes, size_t size, uint64_t now_ms)
{
    struct core *core = &client->link.core;
    size_t taken = 0;
    client->bytes_now_ms = now_ms;
    while (taken < size && client->bytes == CLIENT_BYTES_OPEN && core_wants_input(core)) {
        size_t room_size = 0;
        uint8_t *room = core_input_room(core, &room_size);
        if (room == NULL)
            break;
        size_t part = size - taken < room_size ? size - taken : room_size;
        memcpy(room, (const uint8_t *)bytes + taken, part);
        core_input_added(core, part, now_ms);
        taken += part;
        moved(client);
    }
    return taken;
}

uint64_t hbmqtt_bytes_deadline_ms(const struct hbmqtt_client *client)
{
    if (client->bytes == CLIENT_BYTES_WAITING)
        return client->bytes_open_ms;
    return client->bytes == CLIENT_BYTES_OPEN ? core_deadline_ms(&client->link.core) : CORE_NEVER;
}

void hbmqtt_bytes_tick(struct hbmqtt_client *client, uint64_t now_ms)
{
    client->bytes_now_ms = now_ms;
    if (client->bytes != CLIENT_BYTES_OPEN)
        return;
    core_tick(&client->link.core, now_ms);
    moved(client);
}

bool hbmqtt_bytes_wants_close(const struct hbmqtt_client *client)
{
    const struct core *core = &client->link.core;
    return client->bytes == CLIENT_BYTES_CLOSING ||
           (client->bytes == CLIENT_BYTES_OPEN && core->state == CORE_CLOSING && !core_has_output(core));
}

bool hbmqtt_bytes_wants_open(const struct hbmqtt_client *client, uint64_t now_ms)
{
    return client->bytes == CLIENT_BYTES_WAITING && now_ms >= client->bytes_open_ms;
}
