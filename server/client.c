// SPDX-License-Identifier: MIT
#include "server/client.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "server/mail.h"
#include "server/publish.h"
#include "server/subscribe.h"

#define GENERATED_ID_BYTES 32u

// The slots: an id names a slot and the generation that is in it, so that an id kept elsewhere never finds
// somebody else.

static void slots_grow(struct shard *shard)
{
    uint32_t count = shard->slot_count ? shard->slot_count * 2 : 64;
    shard->slots = memory_require_again(shard->slots, count * sizeof *shard->slots);
    shard->slots_free = memory_require_again(shard->slots_free, count * sizeof *shard->slots_free);
    for (uint32_t i = count; i > shard->slot_count; i--) {
        shard->slots[i - 1] = (struct client_slot){0};
        shard->slots_free[shard->slots_free_count++] = i - 1;
    }
    shard->slot_count = count;
}

static uint64_t slot_take(struct shard *shard, struct client *client)
{
    if (shard->slots_free_count == 0)
        slots_grow(shard);
    uint32_t index = shard->slots_free[--shard->slots_free_count];
    shard->slots[index].client = client;
    shard->client_count++;
    return (uint64_t)shard->slots[index].generation << 32 | index;
}

static void slot_release(struct shard *shard, uint64_t id)
{
    uint32_t index = (uint32_t)id;
    shard->slots[index].client = NULL;
    shard->slots[index].generation++;
    shard->slots_free[shard->slots_free_count++] = index;
    shard->client_count--;
}

struct client *client_find(struct shard *shard, uint64_t id)
{
    const struct client_slot *slot = &shard->slots[(uint32_t)id];
    return slot->generation == id >> 32 ? slot->client : NULL;
}

static void client_uncount(struct shard *shard, struct listener *listener)
{
    atomic_fetch_sub(&listener->connections, 1);
    atomic_fetch_sub(&shard->broker->connections, 1);
}

static const char *client_name(const struct client *client, char text[ADDRESS_TEXT_BYTES])
{
    connection_peer(&client->connection, text);
    return text;
}

static struct client *client_of_link(struct link *link)
{
    return container_of(link, struct client, link);
}

// Receiving.

// An abandoned client is freed at the end of the turn in which the last of its operations came back.
static void client_settle(struct shard *shard, struct client *client)
{
    if (client->state != CLIENT_ABANDONED || !connection_idle(&client->connection))
        return;
    list_remove(&client->place);
    list_append(&shard->dead, &client->place);
}

static void client_abandon(struct shard *shard, struct client *client)
{
    client->state = CLIENT_ABANDONED;
    timer_cancel(&shard->timers, &client->timer);
    connection_abandon(&client->connection, shard->ring);
    client_settle(shard, client);
}

// The keep-alive timer is not moved with every packet: when it expires, it looks at when the last one came.
static void client_watch_silence(struct shard *shard, struct client *client)
{
    uint64_t deadline_ns = link_silence_deadline_ns(&client->link);
    if (deadline_ns == TIMER_NEVER)
        timer_cancel(&shard->timers, &client->timer);
    else
        timer_arm(&shard->timers, &client->timer, deadline_ns);
}

// Keeps what another shard is to read: the CONNECT frame that was given out last, and everything behind it.
static void client_move(struct shard *shard, struct client *client, const struct frame *frame)
{
    uint32_t left = inbox_left(&client->link.inbox);
    struct segment *moving = segment_create(frame->size + left);
    if (moving == NULL) {
        client_close(shard, client, REASON_QUOTA_EXCEEDED);
        return;
    }
    const uint8_t *connect = frame->body.data + frame->body.length - frame->size;
    struct writer writer = writer_of(moving->data, moving->capacity);
    writer_put_bytes(&writer, (struct bytes){connect, frame->size});
    inbox_copy_left(&client->link.inbox, &writer);
    moving->used = frame->size + left;
    client->moving = moving;
    client->state = CLIENT_MOVING;
    connection_pause(&client->connection, shard->ring);
}

// More bytes came before the receive ended.
static void client_move_more(struct shard *shard, struct client *client, struct bytes received)
{
    struct segment *longer = segment_create(client->moving->used + received.length);
    if (longer == NULL) {
        client_abandon(shard, client);
        return;
    }
    memcpy(longer->data, client->moving->data, client->moving->used);
    memcpy(longer->data + client->moving->used, received.data, received.length);
    longer->used = client->moving->used + received.length;
    segment_unref(client->moving);
    client->moving = longer;
}

static void client_free(struct shard *shard, struct client *client)
{
    timer_cancel(&shard->timers, &client->timer);
    list_remove(&client->place);
    list_remove(&client->sending);
    list_remove(&client->paused);
    link_finish(&client->link);
    if (client->moving != NULL)
        segment_unref(client->moving);
    slot_release(shard, client->id);
    free(client);
}

// The receive came back: the descriptor goes where the client id lives, with nothing in the kernel's hands.
static void client_hand_over(struct shard *shard, struct client *client)
{
    struct frame frame;
    struct packet packet;
    struct bytes moving = {client->moving->data, client->moving->used};
    enum frame_status status = frame_read(moving, UINT32_MAX, &frame);
    assert(status == FRAME_READY);
    uint8_t reason = packet_decode(&frame, 0, &packet);
    assert(reason == REASON_SUCCESS);
    mail_handover(shard, broker_place(shard->broker, packet.connect.client_id),
                  &(struct client_arrival){.fd = client->connection.fd,
                                           .listener = client->listener,
                                           .received = moving,
                                           .authenticated = true});
    client_free(shard, client);
}

static void client_publish_will(struct shard *shard, struct link *link)
{
    if (link->will == NULL)
        return;
    struct publication publication;
    publication_from_message(&publication, link->will);
    publication.stamp_ns = shard_stamp(shard);
    link->will->stamp_ns = publication.stamp_ns; // it is ours alone until now
    message_unref(link->will);
    link->will = NULL;
    publish_route(shard, &publication); // [MQTT-3.1.2-8, MQTT-3.1.2-16, MQTT-3.1.2-17]
    publication_finish(&publication);
}

static bool client_keep_will(struct client *client, const struct packet_connect *connect)
{
    if (!connect->has_will)
        return true;
    struct publication publication = {
        .topic = connect->will.topic,
        .payload = connect->will.payload,
        .qos = connect->will.qos,
        .retain = connect->will.retain,
    };
    client->link.will = message_create(&publication);
    return client->link.will != NULL;
}

void client_end_session(struct shard *shard, struct session *session)
{
    unsubscribe_all(shard, session);
    session_registry_remove(&shard->sessions, session);
    session_destroy(session, &shard->turn);
    atomic_fetch_sub(&shard->broker->sessions, 1);
    counter_subtract(&shard->counters.sessions, 1);
}

// The session for an accepted CONNECT: the one that is there, or a new one; NULL at the ceiling.
// [MQTT-3.1.2-4, MQTT-3.1.2-6]
static struct session *client_session(struct shard *shard, struct bytes client_id, bool clean,
                                      bool *ret_present)
{
    struct session *session = session_registry_find(&shard->sessions, client_id);
    if (session != NULL && session->link != NULL)
        client_close(shard, client_of_link(session->link), REASON_SESSION_TAKEN_OVER); // [MQTT-3.1.4-2]
    session = session_registry_find(&shard->sessions, client_id); // a clean one ended with its link
    if (session != NULL && clean) {
        client_end_session(shard, session);
        session = NULL;
    }
    *ret_present = session != NULL;
    if (session != NULL)
        return session;
    if (atomic_fetch_add(&shard->broker->sessions, 1) >= shard->turn.limits->sessions_max) {
        atomic_fetch_sub(&shard->broker->sessions, 1);
        return NULL;
    }
    session = session_create(client_id, clean);
    session_registry_add(&shard->sessions, session);
    counter_add(&shard->counters.sessions, 1);
    return session;
}

static void client_tell_missed(struct session *session)
{
    if (session->dropped > 0)
        log_peer("client '%.*s' is back: %" PRIu64 " messages were dropped while it was away (limits "
                 "queued_messages_max, queued_bytes_max)",
                 (int)session->client_id_length, (const char *)session->client_id, session->dropped);
    session->dropped = 0;
}

static void client_open(struct shard *shard, struct client *client, struct bytes client_id,
                        const struct packet_connect *connect)
{
    struct link *link = &client->link;
    bool present;
    struct session *session = client_session(shard, client_id, connect->clean, &present);
    if (session == NULL || !client_keep_will(client, connect)) {
        if (session != NULL && !present)
            client_end_session(shard, session);
        link_refuse(link, &shard->turn, connect->version, REASON_SERVER_UNAVAILABLE);
        client_close(shard, client, REASON_SERVER_UNAVAILABLE);
        return;
    }
    session_attach(session, link);
    link_accept(link, &shard->turn, present);
    counter_add(&shard->counters.clients_connected, 1);
    client_watch_silence(shard, client);
    client_tell_missed(session);
    session_resume(session, &shard->turn);
}

// A client that leaves the choice of its id to the broker gets one that lives on this shard. [MQTT-3.1.3-6]
static struct bytes client_generate_id(struct shard *shard, char text[GENERATED_ID_BYTES])
{
    struct bytes id;
    do {
        (void)snprintf(text, GENERATED_ID_BYTES, "hbmqtt-%016" PRIx64, random_next(&shard->random)); // fits
        id = bytes_of(text);
    } while (broker_place(shard->broker, id) != shard->number ||
             session_registry_find(&shard->sessions, id) != NULL);
    return id;
}

static void client_connect(struct shard *shard, struct client *client, const struct frame *frame,
                           const struct packet_connect *connect)
{
    char generated[GENERATED_ID_BYTES];
    struct bytes client_id = connect->client_id;
    if (client_id.length == 0)
        client_id = client_generate_id(shard, generated);
    if (broker_place(shard->broker, client_id) != shard->number)
        client_move(shard, client, frame);
    else
        client_open(shard, client, client_id, connect);
}

static void client_publish(struct shard *shard, const struct packet_publish *publish)
{
    struct publication publication = {
        .topic = publish->topic,
        .properties = publish->properties,
        .payload = publish->payload,
        .stamp_ns = shard_stamp(shard),
        .qos = publish->qos,
        .retain = publish->retain,
    };
    publish_route(shard, &publication);
    publication_finish(&publication);
}

static void client_acknowledge(struct shard *shard, const struct client *client, const struct effect *effect)
{
    if (effect->acknowledge != 0)
        store_commit(&shard->store, (struct acknowledgement){.client = client->id,
                                                             .packet_id = effect->packet_id,
                                                             .packet_type = effect->acknowledge});
}

static void client_carry_out(struct shard *shard, struct client *client, const struct frame *frame,
                             const struct effect *effect)
{
    switch (effect->kind) {
    case EFFECT_NONE:
        break;
    case EFFECT_CONNECT:
        client_connect(shard, client, frame, &effect->packet.connect);
        break;
    case EFFECT_PUBLISH:
        client_publish(shard, &effect->packet.publish);
        client_acknowledge(shard, client, effect);
        break;
    case EFFECT_ACKNOWLEDGE:
        client_acknowledge(shard, client, effect);
        break;
    case EFFECT_SUBSCRIBE:
        subscribe_begin(shard, client, &effect->packet.subscribe);
        break;
    case EFFECT_UNSUBSCRIBE:
        unsubscribe(shard, client, &effect->packet.subscribe);
        break;
    case EFFECT_CLOSE:
        client_close(shard, client, effect->reason);
        break;
    }
}

// Works off what was received, packet by packet, until the bytes end or the client does.
static void client_feed(struct shard *shard, struct client *client, struct bytes received)
{
    struct link *link = &client->link;
    uint32_t size_max = (uint32_t)shard->turn.limits->packet_size_max;
    link->received_ns = shard->turn.now_ns;
    inbox_feed(&link->inbox, received);
    struct frame frame;
    struct effect effect;
    enum frame_status status = FRAME_NEED_MORE;
    while (client->state == CLIENT_SERVING &&
           (status = inbox_next(&link->inbox, size_max, &frame)) == FRAME_READY) {
        link_handle(link, &frame, &shard->turn, &shard->broker->access, &effect);
        client_carry_out(shard, client, &frame, &effect);
    }
    if (client->state == CLIENT_SERVING && status == FRAME_MALFORMED)
        client_close(shard, client, frame.reason);
}

void client_create(struct shard *shard, const struct client_arrival *arrival)
{
    if (shard->phase != SHARD_SERVING) {
        (void)close(arrival->fd); // the broker stops: nobody serves it any more
        client_uncount(shard, arrival->listener);
        return;
    }
    struct client *client = memory_require(sizeof *client);
    const struct link_options options = {.chunks = &shard->chunks,
                                         .outbox_bytes_max = shard->turn.limits->outbox_bytes_max,
                                         .now_ns = shard->turn.now_ns};
    connection_init(&client->connection, arrival->fd, OWNER_CLIENT_RECEIVE, OWNER_CLIENT_SEND);
    link_init(&client->link, &options);
    client->link.authenticated = arrival->authenticated;
    client->listener = arrival->listener;
    client->timer.kind = TIMER_CLIENT;
    client->told_dropped = 1;
    list_init(&client->sending);
    list_init(&client->paused);
    list_append(&shard->serving, &client->place);
    client->id = slot_take(shard, client);
    timer_arm(&shard->timers, &client->timer,
              shard->turn.now_ns + shard->turn.limits->connect_timeout_ms * NS_PER_MS);
    client_feed(shard, client, arrival->received);
    if (client->state == CLIENT_SERVING)
        connection_receive(&client->connection, shard->ring);
}

static bool client_count(struct shard *shard, struct listener *listener)
{
    uint64_t all = atomic_fetch_add(&shard->broker->connections, 1);
    uint64_t here = atomic_fetch_add(&listener->connections, 1);
    if (all < shard->turn.limits->connections_max && here < listener->connections_max)
        return true;
    client_uncount(shard, listener);
    return false;
}

void client_accepted(struct shard *shard, struct listener *listener, int fd)
{
    counter_add(&shard->counters.connections_total, 1);
    if (!client_count(shard, listener)) {
        counter_add(&shard->counters.connections_refused, 1);
        log_peer("a connection on %s is refused: the limit connections_max is reached", listener->address);
        (void)close(fd); // nothing was written to it
        return;
    }
    client_create(shard, &(struct client_arrival){.fd = fd, .listener = listener});
}

static void client_receive_ended(struct shard *shard, struct client *client, int result)
{
    switch ((enum client_state)client->state) {
    case CLIENT_MOVING: // also at the peer's end: its bytes are still to be worked off, and the next shard
                        // sees the end again
        client_hand_over(shard, client);
        break;
    case CLIENT_SERVING:
        if (result != -ECANCELED)
            client_close(shard, client, REASON_UNSPECIFIED_ERROR);
        else if (list_empty(&client->paused) && shard->phase == SHARD_SERVING)
            connection_receive(&client->connection,
                               shard->ring); // its pause ended before the cancellation did
        break;
    case CLIENT_FLUSHING:
    case CLIENT_LINGERING:
        client_abandon(shard, client);
        break;
    case CLIENT_ABANDONED:
        client_settle(shard, client);
        break;
    }
}

void client_received(struct shard *shard, const struct ring_event *event)
{
    struct client *client = container_of(event->operation, struct client, connection.receive);
    if (event->result > 0) {
        struct bytes received = {event->data, (uint32_t)event->result};
        counter_add(&shard->counters.bytes_received, received.length);
        if (client->state == CLIENT_SERVING && shard->phase == SHARD_SERVING)
            client_feed(shard, client, received);
        else if (client->state == CLIENT_MOVING)
            client_move_more(shard, client, received);
        if (shard->congested && client->state == CLIENT_SERVING && list_empty(&client->paused)) {
            list_append(&shard->paused, &client->paused);
            connection_pause(&client->connection, shard->ring);
        }
    }
    if (event->final)
        client_receive_ended(shard, client, event->result);
}

void client_resume_paused(struct shard *shard)
{
    struct list *node;
    while ((node = list_take_first(&shard->paused)) != NULL) {
        struct client *client = container_of(node, struct client, paused);
        if (client->state == CLIENT_SERVING && client->connection.receive.kind == RING_IDLE)
            connection_receive(&client->connection, shard->ring);
    }
}

// Sending.

static void client_send(struct shard *shard, struct client *client)
{
    struct iovec spans[RING_SPANS_MAX];
    uint32_t count = outbox_gather(&client->link.outbox, spans, RING_SPANS_MAX);
    connection_send(&client->connection, shard->ring, spans, count);
    client->send_since_ns = shard->turn.now_ns;
    list_append(&shard->sending, &client->sending);
}

static void client_tell_dropped(struct shard *shard, struct client *client)
{
    struct link *link = &client->link;
    if (link->dropped < client->told_dropped || link->session == NULL)
        return;
    if (client->told_dropped == 1)
        counter_add(&shard->counters.slow_consumers, 1);
    client->told_dropped = link->dropped * 2; // ever less often, for as long as it goes on
    char peer[ADDRESS_TEXT_BYTES];
    log_peer("client '%.*s' at %s does not keep up: %" PRIu64
             " messages dropped on this connection so far (limits "
             "outbox_bytes_max, queued_messages_max, queued_bytes_max)",
             (int)link->session->client_id_length, (const char *)link->session->client_id,
             client_name(client, peer), link->dropped);
}

static void client_flush(struct shard *shard, struct client *client)
{
    struct outbox *outbox = &client->link.outbox;
    if (outbox->failed && client->state != CLIENT_ABANDONED) {
        log_peer("out of memory for what a client is to receive; its connection is closed");
        client_close(shard, client, REASON_QUOTA_EXCEEDED);
        client_abandon(shard, client);
        return;
    }
    client_tell_dropped(shard, client);
    if (client->state > CLIENT_FLUSHING || outbox_sending(outbox))
        return;
    if (!outbox_empty(outbox)) {
        client_send(shard, client);
        return;
    }
    if (client->state == CLIENT_FLUSHING) {
        client->state = CLIENT_LINGERING;
        timer_arm(&shard->timers, &client->timer, shard->turn.now_ns + CLIENT_LINGER_MS * NS_PER_MS);
        connection_end_sending(&client->connection);
        if (client->connection.receive.kind == RING_IDLE)
            connection_receive(&client->connection, shard->ring); // to see the peer's end
    }
}

void client_flush_dirty(struct shard *shard)
{
    struct list *node;
    while ((node = list_take_first(&shard->turn.dirty)) != NULL)
        client_flush(shard, client_of_link(container_of(node, struct link, dirty)));
}

void client_sent(struct shard *shard, const struct ring_event *event)
{
    struct client *client = container_of(event->operation, struct client, connection.send);
    struct link *link = &client->link;
    list_remove(&client->sending);
    outbox_sent(&link->outbox, event->result > 0 ? (uint32_t)event->result : 0);
    if (client->state == CLIENT_ABANDONED) {
        client_settle(shard, client);
        return;
    }
    if (event->result < 0) {
        client_close(shard, client, REASON_UNSPECIFIED_ERROR);
        client_abandon(shard, client);
        return;
    }
    counter_add(&shard->counters.bytes_sent, (uint64_t)event->result);
    if (link->session != NULL && session_waiting(link->session))
        session_pump(link->session, &shard->turn);
    if (!outbox_empty(&link->outbox) || client->state == CLIENT_FLUSHING)
        link_touch(link, &shard->turn);
}

uint64_t client_detach_stalled(struct shard *shard)
{
    struct list *node;
    while ((node = list_first(&shard->sending)) != NULL) {
        struct client *client = container_of(node, struct client, sending);
        uint64_t stalled_ns = client->send_since_ns + CLIENT_STALL_MS * NS_PER_MS;
        if (stalled_ns > shard->turn.now_ns)
            return stalled_ns;
        outbox_detach(&client->link.outbox);
        client->send_since_ns = shard->turn.now_ns;
        list_remove(node);
        list_append(&shard->sending, node);
    }
    return TIMER_NEVER;
}

// Closing.

static void client_tell_closed(const struct client *client, uint8_t reason)
{
    char peer[ADDRESS_TEXT_BYTES];
    const struct session *session = client->link.session;
    bool fault = reason != REASON_SUCCESS && reason != REASON_UNSPECIFIED_ERROR &&
                 reason != REASON_SESSION_TAKEN_OVER && reason != REASON_SERVER_SHUTTING_DOWN;
    if (!fault && !log_enabled(LOG_DEBUG))
        return;
    struct bytes id = session == NULL ? bytes_of("") : session_client_id(session);
    if (fault)
        log_peer("client '%.*s' at %s: connection closed: %s", (int)id.length, (const char *)id.data,
                 client_name(client, peer), reason_text(reason));
    else
        log_debug("client '%.*s' at %s: connection ends: %s", (int)id.length, (const char *)id.data,
                  client_name(client, peer), reason == REASON_SUCCESS ? "disconnected" : reason_text(reason));
}

static void client_leave_session(struct shard *shard, struct link *link)
{
    struct session *session = link->session;
    if (session == NULL)
        return;
    counter_subtract(&shard->counters.clients_connected, 1);
    session_detach(session);
    if (session->clean)
        client_end_session(shard, session);
}

void client_close(struct shard *shard, struct client *client, uint8_t reason)
{
    if (client->state > CLIENT_MOVING)
        return;
    client_tell_closed(client, reason);
    client->link.state = LINK_CLOSED;
    list_remove(&client->place);
    list_append(&shard->closing, &client->place);
    list_remove(&client->paused);
    client_leave_session(shard, &client->link);
    client_publish_will(shard, &client->link);
    // Who has left or been replaced reads no more; anybody else gets what was on its way, a refusal above
    // all.
    bool deaf =
        reason == REASON_SUCCESS || reason == REASON_UNSPECIFIED_ERROR || reason == REASON_SESSION_TAKEN_OVER;
    if (deaf || client->state == CLIENT_MOVING) {
        client_abandon(shard, client);
        return;
    }
    client->state = CLIENT_FLUSHING;
    timer_arm(&shard->timers, &client->timer, shard->turn.now_ns + CLIENT_FLUSH_MS * NS_PER_MS);
    link_touch(&client->link, &shard->turn);
}

void client_timer_expired(struct shard *shard, struct timer *timer)
{
    struct client *client = container_of(timer, struct client, timer);
    if (client->state == CLIENT_FLUSHING || client->state == CLIENT_LINGERING) {
        client_abandon(shard, client);
        return;
    }
    if (client->link.state == LINK_NEW) {
        client_close(shard, client, REASON_MAXIMUM_CONNECT_TIME);
        return;
    }
    if (!list_empty(&client->paused))
        client->link.received_ns = shard->turn.now_ns; // it is we who do not read
    if (link_silence_deadline_ns(&client->link) > shard->turn.now_ns)
        client_watch_silence(shard, client);
    else
        client_close(shard, client, REASON_KEEP_ALIVE_TIMEOUT); // [MQTT-3.1.2-24]
}

void client_quiet_all(struct shard *shard)
{
    struct list *next;
    for (struct list *node = shard->serving.next; node != &shard->serving; node = next) {
        next = node->next;
        struct client *client = container_of(node, struct client, place);
        if (client->state == CLIENT_MOVING)
            client_close(shard, client, REASON_SERVER_SHUTTING_DOWN);
        else
            connection_pause(&client->connection, shard->ring);
    }
}

void client_close_all(struct shard *shard)
{
    struct list *node;
    while ((node = list_first(&shard->serving)) != NULL) {
        struct client *client = container_of(node, struct client, place);
        if (client->link.will != NULL)
            message_unref(client->link.will); // the broker goes, and with it everybody who could read it
        client->link.will = NULL;
        client_close(shard, client, REASON_SERVER_SHUTTING_DOWN);
        timer_arm(&shard->timers, &client->timer, shard->finish_deadline_ns);
    }
}

void client_reap(struct shard *shard)
{
    struct list *node;
    while ((node = list_first(&shard->dead)) != NULL) {
        struct client *client = container_of(node, struct client, place);
        connection_close(&client->connection);
        client_uncount(shard, client->listener);
        client_free(shard, client);
    }
}
