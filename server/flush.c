// SPDX-License-Identifier: MIT
#include "server/flush.h"

#include <inttypes.h>

#include "server/attach.h"
#include "server/client.h"
#include "server/hold.h"
#include "server/subscribe.h"
#include "server/witness.h"

// The spans to send, wrapped in the layers of the connection.
static uint32_t flush_wrap(struct shard *shard, struct client *client, struct iovec *spans)
{
    struct layers *layers = client->connection.layers;
    struct outbox *outbox = &client->link.outbox;
    uint32_t room = layers_room(layers);
    uint32_t count = room > 0 ? outbox_gather(outbox, spans, RING_SPANS_MAX - LAYERS_SPANS_OWN, room) : 0;
    bool taken = false;
    uint32_t wrapped = layers_wrap(layers, spans, count, &taken);
    if (taken) {
        witness_sent(shard, client, outbox->sending);
        outbox_sent(outbox, outbox->sending);
    }
    return wrapped;
}

// Starts a send of what there is. Returns false if there is nothing.
static bool flush_send(struct shard *shard, struct client *client)
{
    struct iovec spans[RING_SPANS_MAX];
    struct connection *connection = &client->connection;
    struct outbox *outbox = &client->link.outbox;
    uint32_t count = connection->layers == NULL
                         ? outbox_gather(outbox, spans, RING_SPANS_MAX, OUTBOX_SEND_MAX)
                         : flush_wrap(shard, client, spans);
    if (count == 0)
        return false;
    connection_send(connection, shard->ring, spans, count);
    client->send_since_ns = shard->turn.now_ns;
    list_append(&shard->sending, &client->sending);
    return true;
}

// What was to be said has been said: the layers say goodbye, then the sending side ends.
static void flush_end(struct shard *shard, struct client *client)
{
    struct connection *connection = &client->connection;
    if (connection->layers != NULL && !client->ended_layers) {
        client_say_goodbye(client);
        if (flush_send(shard, client))
            return;
    }
    client->state = CLIENT_LINGERING;
    timer_arm(&shard->timers, &client->timer, shard->turn.now_ns + CLIENT_LINGER_MS * NS_PER_MS);
    connection_end_sending(connection);
    if (connection->receive.kind == RING_IDLE)
        connection_receive(connection, shard->ring); // to see the peer's end
}

static void flush_tell_dropped(struct shard *shard, struct client *client)
{
    struct link *link = &client->link;
    if (link->dropped < client->told_dropped || link->session == NULL)
        return;
    if (client->told_dropped == 1)
        counter_add(&shard->counters.slow_consumers, 1);
    client->told_dropped = link->dropped * 2; // ever less often, for as long as it goes on
    char address[ADDRESS_TEXT_BYTES];
    struct log_subject subject = client_subject(client, address);
    log_peer_about(LOG_INFO, &subject,
                   "does not keep up: %" PRIu64 " messages dropped on this connection so far (limits "
                   "outbox_bytes_max, queued_messages_max, queued_bytes_max)",
                   link->dropped);
}

static void flush_client(struct shard *shard, struct client *client)
{
    struct outbox *outbox = &client->link.outbox;
    if (outbox->failed && client->state != CLIENT_ABANDONED) {
        char address[ADDRESS_TEXT_BYTES];
        struct log_subject subject = client_subject(client, address);
        log_peer_about(LOG_INFO, &subject,
                       "out of memory for what it is to receive; its connection is closed");
        client_close(shard, client, REASON_QUOTA_EXCEEDED);
        client_abandon(shard, client);
        return;
    }
    flush_tell_dropped(shard, client);
    if (client->state == CLIENT_MOVING && connection_idle(&client->connection)) {
        attach_hand_over(shard, client);
        return;
    }
    if (client->state > CLIENT_FLUSHING || client->state == CLIENT_MOVING || client->lost ||
        connection_sending(&client->connection))
        return;
    if (!flush_send(shard, client) && client->state == CLIENT_FLUSHING)
        flush_end(shard, client);
    else if (client->connection.layers != NULL && layers_status(client->connection.layers) == LAYERS_FAILED)
        client_look_at_layers(shard, client); // sealing did
}

void flush_dirty(struct shard *shard)
{
    struct list *node;
    while ((node = list_take_first(&shard->turn.dirty)) != NULL)
        flush_client(shard, container_of(node, struct client, link.dirty));
}

void flush_sent(struct shard *shard, const struct ring_event *event)
{
    struct client *client = container_of(event->operation, struct client, connection.send);
    struct link *link = &client->link;
    list_remove(&client->sending);
    uint32_t length = event->result > 0 ? (uint32_t)event->result : 0;
    counter_add(&shard->counters.bytes_sent, length);
    uint32_t left =
        client->connection.layers == NULL ? length : layers_sent(client->connection.layers, length);
    witness_sent(shard, client, left);
    outbox_sent(&link->outbox, left);
    if (client->state == CLIENT_ABANDONED) {
        client_settle(shard, client);
        return;
    }
    if (event->result < 0 && client->hold != NULL) {
        client->lost = true;
        client->hold->ended = true;
        return;
    }
    if (event->result < 0) {
        client_close(shard, client, REASON_UNSPECIFIED_ERROR);
        client_abandon(shard, client);
        return;
    }
    if (link->session != NULL && session_waiting(link->session))
        session_pump(link->session, &shard->turn);
    if (link->session != NULL && !list_empty(&client->replay_requests))
        subscribe_replay_next(shard, client);
    if (client->deaf) {
        link->received_ns = shard->turn.now_ns; // it takes what we send: it is alive
        client->deaf = link->outbox.bytes > link->outbox.bytes_max;
        client_listen_again(shard, client);
    }
    if (client->state == CLIENT_MOVING) {
        if (connection_idle(&client->connection))
            attach_hand_over(shard, client);
        return;
    }
    if (!outbox_empty(&link->outbox) || client->state == CLIENT_FLUSHING || client_waiting(client))
        link_touch(link, &shard->turn);
}

uint64_t flush_detach_stalled(struct shard *shard)
{
    struct list *node;
    while ((node = list_first(&shard->sending)) != NULL) {
        struct client *client = container_of(node, struct client, sending);
        uint64_t stalled_ns = client->send_since_ns + FLUSH_STALL_MS * NS_PER_MS;
        if (stalled_ns > shard->turn.now_ns)
            return stalled_ns;
        outbox_detach(&client->link.outbox);
        client->send_since_ns = shard->turn.now_ns;
        list_remove(node);
        list_append(&shard->sending, node);
    }
    return TIMER_NEVER;
}
