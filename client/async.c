// SPDX-License-Identifier: MIT
// The calls of hbmqtt.h that begin something and return.
#include "client/client.h"
#include "client/request.h"

#include <stdlib.h>

int hbmqtt_connect_async(struct hbmqtt_client *client, const char *uri, const struct hbmqtt_call *call)
{
    struct link *link = &client->link;
    if (!link_is_idle(link) || client->bytes != CLIENT_BYTES_NONE)
        return error_set(&link->error, HBMQTT_ERROR_ARGUMENT, "already connected to %s", link->name);
    int status = request_call(call, &link->error);
    if (status == 0)
        status = client_aim(client, uri);
    if (status != 0)
        return status;
    if (call != NULL)
        client->connecting = *call;
    link_start(link);
    client_begun(client);
    return 0;
}

int hbmqtt_publish_async(struct hbmqtt_client *client, const struct hbmqtt_message *message,
                         const struct hbmqtt_call *call)
{
    int status = client_publish(client, message, -1, 0, call);
    client_begun(client);
    if (status != CORE_WAIT)
        return status;
    client->wants_room = true;
    return client_fault(client, HBMQTT_ERROR_FULL, "the queue is full");
}

static int client_request(struct hbmqtt_client *client, uint8_t packet_type, struct bytes entries,
                          size_t count, const struct hbmqtt_call *call)
{
    int status = request_call(call, &client->link.error);
    if (status != 0)
        return status;
    status = core_request(&client->link.core, packet_type, entries, (uint32_t)count, call);
    client_begun(client);
    if (status == CORE_WAIT)
        return client_fault(client, HBMQTT_ERROR_FULL, "the queue is full");
    return status == 0 ? 0 : link_report(&client->link);
}

int hbmqtt_subscribe_async(struct hbmqtt_client *client, const struct hbmqtt_subscription *subscriptions,
                           size_t count, const struct hbmqtt_call *call)
{
    struct buffer entries;
    buffer_init(&entries);
    int status = request_subscribe(subscriptions, count, &entries, &client->link.error);
    if (status == 0)
        status = client_request(client, PACKET_SUBSCRIBE, buffer_bytes(&entries), count, call);
    buffer_finish(&entries);
    return status;
}

int hbmqtt_unsubscribe_async(struct hbmqtt_client *client, const char *const *filters, size_t count,
                             const struct hbmqtt_call *call)
{
    struct buffer entries;
    buffer_init(&entries);
    int status = request_unsubscribe(filters, count, &entries, &client->link.error);
    if (status == 0)
        status = client_request(client, PACKET_UNSUBSCRIBE, buffer_bytes(&entries), count, call);
    buffer_finish(&entries);
    return status;
}

int hbmqtt_ping_async(struct hbmqtt_client *client, const struct hbmqtt_call *call)
{
    int status = request_call(call, &client->link.error);
    if (status != 0)
        return status;
    status = core_ping(&client->link.core, call, client_now_ms(client));
    client_begun(client);
    return status == 0 ? 0 : link_report(&client->link);
}

int hbmqtt_disconnect_async(struct hbmqtt_client *client, const struct hbmqtt_call *call)
{
    struct link *link = &client->link;
    int status = request_call(call, &link->error);
    if (status != 0)
        return status;
    if (call != NULL)
        client->disconnecting = *call;
    core_release(&link->core);
    if (client->bytes != CLIENT_BYTES_NONE)
        client_bytes_close(client);
    else if (link_is_idle(link))
        client_told(client,
                    &(struct hbmqtt_state_change){.size = sizeof(struct hbmqtt_state_change), .text = ""});
    else
        link_close(link);
    client_begun(client);
    return 0;
}

int hbmqtt_post(struct hbmqtt_client *client, const struct hbmqtt_message *message,
                const struct hbmqtt_call *call)
{
    struct packet_publish publish;
    struct error fault; // that of the handle is another thread's
    int status = request_call(call, &fault);
    if (status == 0)
        status = request_publish(message, NULL, &publish, &fault);
    if (status != 0)
        return status;
    struct sending *sending = sending_of_publish(&publish, call);
    if (sending == NULL)
        return HBMQTT_ERROR_SYSTEM;
    status = post_put(&client->post, sending);
    if (status != 0)
        free(sending);
    return status;
}

int hbmqtt_state(const struct hbmqtt_client *client)
{
    const struct link *link = &client->link;
    bool bytes = client->bytes != CLIENT_BYTES_NONE;
    if (core_status(&link->core) == 0)
        return HBMQTT_STATE_CONNECTED;
    if (bytes ? client->bytes == CLIENT_BYTES_WAITING : link->state == LINK_WAITING)
        return HBMQTT_STATE_WAITING;
    if (bytes ? link->core.state == CORE_OPENING : !link_is_idle(link) && link->core.state != CORE_CLOSING)
        return HBMQTT_STATE_CONNECTING;
    return HBMQTT_STATE_IDLE;
}
