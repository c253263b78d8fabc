// SPDX-License-Identifier: MIT
#include "server/client.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "server/attach.h"
#include "server/expiry.h"
#include "server/handshake.h"
#include "server/hold.h"
#include "server/publish.h"
#include "server/subscribe.h"
#include "server/witness.h"

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

struct log_subject client_subject(const struct client *client, char address[ADDRESS_TEXT_BYTES])
{
    const struct session *session = client->link.session;
    struct bytes id = session == NULL ? bytes_of("") : session_client_id(session);
    connection_peer(&client->connection, address);
    return (struct log_subject){(const char *)id.data, id.length, address};
}

// An abandoned client is freed at the end of the turn in which the last of its operations came back.
void client_settle(struct shard *shard, struct client *client)
{
    if (client->state != CLIENT_ABANDONED || !connection_idle(&client->connection))
        return;
    list_remove(&client->place);
    list_append(&shard->dead, &client->place);
}

void client_abandon(struct shard *shard, struct client *client)
{
    client->state = CLIENT_ABANDONED;
    timer_cancel(&shard->timers, &client->timer);
    connection_abandon(&client->connection, shard->ring);
    client_settle(shard, client);
}

void client_watch_silence(struct shard *shard, struct client *client)
{
    uint64_t deadline_ns = link_silence_deadline_ns(&client->link);
    if (deadline_ns == TIMER_NEVER)
        timer_cancel(&shard->timers, &client->timer);
    else
        timer_arm(&shard->timers, &client->timer, deadline_ns);
}

void client_free(struct shard *shard, struct client *client)
{
    timer_cancel(&shard->timers, &client->timer);
    list_remove(&client->place);
    list_remove(&client->sending);
    list_remove(&client->paused);
    handshake_drop(client);
    hold_drop(shard, client);
    subscribe_drop_replays(client);
    identity_destroy(client->identity);
    link_finish(&client->link);
    if (client->moving != NULL)
        segment_unref(client->moving);
    listener_terms_unref(client->terms);
    slot_release(shard, client->id);
    free(client);
}

static void client_publish_will(struct shard *shard, struct link *link)
{
    if (link->will == NULL)
        return;
    struct message *will = link->will;
    link->will = NULL;
    struct publication publication;
    publication_from_message(&publication, will);
    publication.stamp_ns = shard_stamp(shard);
    publication.pools = &shard->messages;
    publish_route(shard, &publication); // [MQTT-3.1.2-8, MQTT-3.1.2-16, MQTT-3.1.2-17]
    publication_finish(&publication);
    message_unref(will);
}

static void client_acknowledge(struct shard *shard, const struct client *client, const struct effect *effect)
{
    if (effect->acknowledge != 0)
        store_commit(&shard->store, client->id, effect->acknowledge, effect->packet_id, REASON_SUCCESS);
}

bool client_carry_out_judged(struct shard *shard, struct client *client, const struct frame *frame,
                             const struct effect *effect, struct judgement *judgement)
{
    switch (effect->kind) {
    case EFFECT_CONNECT:
        return attach_connect(shard, client, frame, &effect->packet.connect, judgement);
    case EFFECT_PUBLISH:
        if (publish_judged(shard, client, frame, &effect->packet.publish, judgement) == JUDGED_HELD)
            return true;
        client_acknowledge(shard, client, effect);
        return false;
    case EFFECT_SUBSCRIBE:
        return subscribe_begin(shard, client, &effect->packet.subscribe, judgement);
    default:
        return false;
    }
}

static void client_judge(struct shard *shard, struct client *client, const struct frame *frame,
                         const struct effect *effect)
{
    struct judgement judgement = {0};
    if (client_carry_out_judged(shard, client, frame, effect, &judgement))
        hold_begin(shard, client, frame, effect, &judgement);
    else
        judgement_finish(&judgement);
}

static void client_carry_out(struct shard *shard, struct client *client, const struct frame *frame,
                             const struct effect *effect)
{
    switch (effect->kind) {
    case EFFECT_NONE:
        break;
    case EFFECT_PUBLISH:
        if (shard->roster != NULL && !publish_unasked(shard, client, &effect->packet.publish)) {
            client_judge(shard, client, frame, effect);
            break;
        }
        publish_packet(shard, client, frame, &effect->packet.publish);
        client_acknowledge(shard, client, effect);
        break;
    case EFFECT_CONNECT:
    case EFFECT_SUBSCRIBE:
        client_judge(shard, client, frame, effect);
        break;
    case EFFECT_ACKNOWLEDGE:
        client_acknowledge(shard, client, effect);
        break;
    case EFFECT_UNSUBSCRIBE:
        unsubscribe(shard, client, &effect->packet.subscribe);
        break;
    case EFFECT_PING:
        subscribe_reply(shard, client, SUBSCRIBE_REPLY_PING);
        break;
    case EFFECT_CLOSE:
        client_close(shard, client, effect->reason);
        break;
    }
}

// Receiving.

// Who speaks another protocol has mistaken the port: the log says so, and what has words for it is answered.
// No CONNECT comes of what is guessed here, so the connection ends.
static void client_guess(struct client *client, struct bytes first)
{
    const struct listener_terms *terms = client->terms;
    enum greeting greeting = greeting_of(first);
    bool served = (greeting == GREETING_TLS && (terms->tls != NULL || terms->layers.websocket)) ||
                  (greeting == GREETING_HTTP && terms->layers.websocket) ||
                  (greeting == GREETING_PROXY && terms->layers.proxy_protocol);
    if (greeting == GREETING_MQTT || served)
        return;
    uint8_t answer[GREETING_ANSWER_MAX];
    struct writer writer = writer_of(answer, sizeof answer);
    greeting_answer(greeting, "This port speaks MQTT", &writer);
    if (writer.at > answer)
        outbox_put_bytes(&client->link.outbox, (struct bytes){answer, (size_t)(writer.at - answer)});
    client->why = greeting_why(greeting);
}

// Where plugins are asked about credentials, the protocol side is not to judge them.
static const struct access *client_access(const struct shard *shard)
{
    return roster_concerned(shard->roster, CALL_AUTHENTICATE) ? NULL : &shard->regime->access;
}

void client_work_off(struct shard *shard, struct client *client)
{
    struct link *link = &client->link;
    uint32_t size_max = link_packet_max(link, &shard->turn);
    struct frame frame;
    struct effect effect;
    enum frame_status status = FRAME_NEED_MORE;
    while (client->state == CLIENT_SERVING && client->hold == NULL &&
           (status = inbox_next(&link->inbox, size_max, &frame)) == FRAME_READY) {
        if (frame_type(&frame) != PACKET_PUBLISH)
            burst_end(shard);
        witness_received(shard, client, &frame);
        link_handle(link, &frame, &shard->turn, client_access(shard), &effect);
        if (effect.kind != EFFECT_PUBLISH)
            burst_end(shard);
        client_carry_out(shard, client, &frame, &effect);
        if (effect.kind == EFFECT_CONNECT)
            size_max = link_packet_max(link, &shard->turn);
    }
    burst_end(shard);
    if (client->state != CLIENT_SERVING || client->hold != NULL)
        return;
    if (status == FRAME_NEED_MORE && frame.header != 0 && link_out_of_turn(link, frame_type(&frame))) {
        client_close(shard, client, REASON_PROTOCOL_ERROR); // whatever its rest is
        return;
    }
    if (status == FRAME_MALFORMED) {
        client_close(shard, client, frame.reason);
        return;
    }
    // An acknowledgement may have ended a replay without anything to send, whose end would go on with the
    // next.
    if (!list_empty(&client->replay_requests))
        subscribe_replay_next(shard, client);
}

static void client_feed(struct shard *shard, struct client *client, struct bytes received)
{
    struct link *link = &client->link;
    link->received_ns = shard->turn.now_ns;
    if (link->state == LINK_NEW && received.length > 0 && inbox_left(&link->inbox) == 0)
        client_guess(client, received);
    inbox_feed(&link->inbox, received);
    client_work_off(shard, client);
}

void client_look_at_layers(struct shard *shard, struct client *client)
{
    struct layers *layers = client->connection.layers;
    if (layers == NULL)
        return;
    if (layers_waiting(layers))
        link_touch(&client->link, &shard->turn);
    enum layers_status status = layers_status(layers);
    if (client->state != CLIENT_SERVING || status == LAYERS_GOING || client->hold != NULL)
        return; // one that is held is looked at when it is let go
    client->why = layers_why(layers);
    client_close(shard, client, status == LAYERS_FAILED ? REASON_PROTOCOL_ERROR : REASON_UNSPECIFIED_ERROR);
}

void client_create(struct shard *shard, const struct client_arrival *arrival)
{
    if (shard->phase != SHARD_SERVING) {
        (void)close(arrival->fd); // the broker stops: nobody serves it any more
        layers_destroy(arrival->layers);
        identity_destroy(arrival->identity);
        client_uncount(shard, arrival->terms->listener);
        listener_terms_unref(arrival->terms);
        return;
    }
    layers_move(arrival->layers, &shard->tls_pool);
    struct client *client = memory_require(sizeof *client);
    uint8_t listener = (uint8_t)arrival->terms->listener->number;
    const struct limits *limits = turn_limits(&shard->turn, listener);
    const struct link_options options = {.chunks = &shard->chunks,
                                         .outbox_bytes_max = limits->outbox_bytes_max,
                                         .now_ns = shard->turn.now_ns,
                                         .listener = listener};
    connection_init(&client->connection, arrival->fd, arrival->layers, OWNER_CLIENT_RECEIVE,
                    OWNER_CLIENT_SEND);
    link_init(&client->link, &options);
    client->link.authenticated = arrival->authenticated;
    client->judged = arrival->authenticated;
    client->identity = arrival->identity;
    client->told_by = shard->adopted;
    client->terms = arrival->terms;
    client->timer.kind = TIMER_CLIENT;
    client->told_dropped = 1;
    list_init(&client->sending);
    list_init(&client->paused);
    list_init(&client->shaking);
    list_init(&client->replay_requests);
    list_append(&shard->serving, &client->place);
    client->id = slot_take(shard, client);
    timer_arm(&shard->timers, &client->timer, shard->turn.now_ns + limits->connect_timeout_ms * NS_PER_MS);
    client_feed(shard, client, arrival->received);
    client_look_at_layers(shard, client);
    if (client->state == CLIENT_SERVING && client->hold == NULL)
        connection_receive(&client->connection, shard->ring);
}

static bool client_count(struct shard *shard, const struct listener_terms *terms)
{
    struct listener *listener = terms->listener;
    uint64_t all = atomic_fetch_add(&shard->broker->connections, 1);
    uint64_t here = atomic_fetch_add(&listener->connections, 1);
    if (all < shard->turn.limits->connections_max && here < terms->connections_max)
        return true;
    client_uncount(shard, listener);
    return false;
}

void client_accepted(struct shard *shard, struct listener_terms *terms, int fd)
{
    struct listener *listener = terms->listener;
    counter_add(&shard->counters.connections_total, 1);
    if (!client_count(shard, terms)) {
        counter_add(&shard->counters.connections_refused, 1);
        log_peer("a connection on %s is refused: the limit connections_max is reached", listener->address);
        (void)close(fd); // nothing was written to it
        return;
    }
    bool failed = false;
    struct layers *layers = layers_create(terms, &shard->tls_pool, &failed);
    if (failed) {
        log_peer("out of memory for a connection on %s; it is closed", listener->address);
        client_uncount(shard, listener);
        (void)close(fd); // nothing was written to it
        return;
    }
    const struct client_arrival arrival = {
        .fd = fd,
        .layers = layers,
        .terms = listener_terms_ref(terms),
    };
    client_create(shard, &arrival);
}

static bool client_listens(const struct client *client)
{
    return !client->deaf && list_empty(&client->paused) && list_empty(&client->shaking) &&
           client->hold == NULL;
}

// The peer has gone, and hears no goodbye.
static void client_lose(struct shard *shard, struct client *client)
{
    client_close(shard, client, REASON_UNSPECIFIED_ERROR);
    if (client->state != CLIENT_ABANDONED)
        client_abandon(shard, client);
}

static void client_receive_ended(struct shard *shard, struct client *client, int result)
{
    switch ((enum client_state)client->state) {
    case CLIENT_MOVING: // also at the peer's end: its bytes are still to be worked off, and the next shard
                        // sees the end again
        if (connection_idle(&client->connection))
            attach_hand_over(shard, client);
        break;
    case CLIENT_SERVING:
        if (result != -ECANCELED && client->hold != NULL)
            client->hold->ended = true;
        else if (result != -ECANCELED)
            client_lose(shard, client);
        else if (client_listens(client) && shard->phase == SHARD_SERVING)
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

// Reasons not to read from a client for a while: another shard does not keep up with our mail, the client
// does not take the answers to what it sends, or it is held.
static void client_hold_back(struct shard *shard, struct client *client)
{
    if (client->state != CLIENT_SERVING)
        return;
    if (shard->congested && list_empty(&client->paused))
        list_append(&shard->paused, &client->paused);
    if (client->link.outbox.bytes > client->link.outbox.bytes_max)
        client->deaf = true;
    if (!client_listens(client))
        connection_pause(&client->connection, shard->ring);
}

// Bytes of MQTT.
static void client_take(struct shard *shard, struct client *client, struct bytes received)
{
    if (client->hold != NULL)
        hold_append(shard, client, received);
    else if (client->state == CLIENT_SERVING && shard->phase == SHARD_SERVING)
        client_feed(shard, client, received);
    else if (client->state == CLIENT_MOVING)
        attach_move_more(shard, client, received);
}

void client_take_received(struct shard *shard, struct client *client, struct iovec received)
{
    struct layers *layers = client->connection.layers;
    struct bytes piece;
    layers_receive(layers, received);
    while (layers_next(layers, shard->scratch, &piece)) {
        if (layers_user_name(layers)[0] != '\0')
            client->link.authenticated = true; // its certificate vouches for it
        client_take(shard, client, piece);
    }
    client_look_at_layers(shard, client);
}

void client_received(struct shard *shard, const struct ring_event *event)
{
    struct client *client = container_of(event->operation, struct client, connection.receive);
    if (event->result > 0) {
        uint32_t length = (uint32_t)event->result;
        counter_add(&shard->counters.bytes_received, length);
        if (client->connection.layers == NULL)
            client_take(shard, client, (struct bytes){event->data, length});
        else if (handshake_take(shard, client, (struct bytes){event->data, length}))
            client_take_received(shard, client, (struct iovec){event->data, length});
        client_hold_back(shard, client);
    }
    if (event->final)
        client_receive_ended(shard, client, event->result);
}

// A receive that has not come back yet is started again when it does.
void client_listen_again(struct shard *shard, struct client *client)
{
    if (client->state == CLIENT_SERVING && shard->phase == SHARD_SERVING && client_listens(client) &&
        client->connection.receive.kind == RING_IDLE)
        connection_receive(&client->connection, shard->ring);
}

void client_let_go(struct shard *shard, struct client *client, bool ended)
{
    if (client->hold != NULL) { // by the next packet
        client->hold->ended = client->hold->ended || ended;
        return;
    }
    client_look_at_layers(shard, client);
    client_hold_back(shard, client);
    if (ended && client->state == CLIENT_SERVING)
        client_lose(shard, client);
    else
        client_listen_again(shard, client);
}

void client_resume_paused(struct shard *shard)
{
    struct list *node;
    while ((node = list_take_first(&shard->paused)) != NULL)
        client_listen_again(shard, container_of(node, struct client, paused));
}

// Closing.

static void client_tell_closed(const struct client *client, uint8_t reason)
{
    char address[ADDRESS_TEXT_BYTES];
    bool fault = reason != REASON_SUCCESS && reason != REASON_UNSPECIFIED_ERROR &&
                 reason != REASON_SESSION_TAKEN_OVER && reason != REASON_SERVER_SHUTTING_DOWN;
    if (!fault && !log_enabled(LOG_DEBUG))
        return;
    struct log_subject subject = client_subject(client, address);
    if (fault)
        log_peer_about(LOG_INFO, &subject, "connection closed: %s",
                       client->why != NULL ? client->why : reason_text(reason));
    else
        log_peer_about(LOG_DEBUG, &subject, "connection ends: %s",
                       reason == REASON_SUCCESS ? "disconnected" : reason_text(reason));
}

static void client_leave_session(struct shard *shard, struct link *link, uint8_t reason)
{
    struct session *session = link->session;
    if (session == NULL)
        return;
    if (session->identity != NULL)
        session->identity->session.flags &= ~(uint32_t)HBMQTT_SESSION_CONNECTED;
    witness_session(shard, HBMQTT_EVENT_CLIENT_DISCONNECTED, session,
                    reason == REASON_SUCCESS ? "disconnected" : reason_text(reason));
    atomic_fetch_sub(&shard->broker->clients, 1);
    session_detach(session);
    session->replays_to_come = false;
    if (session->clean)
        attach_end_session(shard, session);
    else
        expiry_begin(shard, session);
}

// What WebSocket says for the reason of an end (RFC 6455, 7.4.1).
static uint16_t client_close_code(uint8_t reason)
{
    switch (reason) {
    case REASON_SUCCESS:
        return WEBSOCKET_CLOSE_NORMAL;
    case REASON_SERVER_SHUTTING_DOWN:
        return WEBSOCKET_CLOSE_GOING_AWAY;
    case REASON_MALFORMED_PACKET:
    case REASON_PROTOCOL_ERROR:
        return WEBSOCKET_CLOSE_PROTOCOL_ERROR;
    case REASON_PACKET_TOO_LARGE:
        return WEBSOCKET_CLOSE_TOO_LARGE;
    default:
        return WEBSOCKET_CLOSE_POLICY;
    }
}

void client_say_goodbye(struct client *client)
{
    client->ended_layers = true;
    layers_end(client->connection.layers, client->close_code);
}

void client_close(struct shard *shard, struct client *client, uint8_t reason)
{
    if (client->state > CLIENT_MOVING)
        return;
    client->close_code = client_close_code(reason);
    client_tell_closed(client, reason);
    client->link.state = LINK_CLOSED;
    list_remove(&client->place);
    list_append(&shard->closing, &client->place);
    list_remove(&client->paused);
    handshake_drop(client);
    hold_drop(shard, client);
    client_leave_session(shard, &client->link, reason);
    client_publish_will(shard, &client->link);
    // Who has left reads no more, but for the goodbye of its layers; anybody else gets what was on its way, a
    // CONNACK above all.
    bool deaf = reason == REASON_SUCCESS || reason == REASON_UNSPECIFIED_ERROR;
    if ((deaf && client->connection.layers == NULL) || client->state == CLIENT_MOVING) {
        client_abandon(shard, client);
        return;
    }
    if (deaf)
        client_say_goodbye(client);
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
        if (client->hold == NULL) // else its CONNECT has come, and the time to judge it is another
            client_close(shard, client, REASON_MAXIMUM_CONNECT_TIME);
        return;
    }
    if (!list_empty(&client->paused) || client->hold != NULL)
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
        client_uncount(shard, client->terms->listener);
        client_free(shard, client);
    }
}
