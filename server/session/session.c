// SPDX-License-Identifier: MIT
#include "server/session/session.h"

#include <stdlib.h>

#include "server/session/replay.h"

#define INFLIGHT_SLOTS_FIRST 8u
#define COPY_AUDIENCE        3u // from how many subscribers on encoding once pays
#define COPY_BYTES                                                                                           \
    (OUTBOX_COPY_MAX - 16) // of topic, properties and payload: whole in the outbox with their head

struct session *session_create(struct bytes client_id, bool clean)
{
    assert(client_id.length <= UINT16_MAX);
    struct session *session = memory_require(sizeof *session + client_id.length);
    inflight_init(&session->outgoing);
    queue_init(&session->queue);
    list_init(&session->away);
    session->clean = clean;
    session->client_id_length = (uint16_t)client_id.length;
    memcpy(session->client_id, client_id.data, client_id.length);
    return session;
}

static void session_drop_inflight(struct session *session)
{
    uint16_t packet_id = 0;
    for (struct inflight_slot *slot; (slot = inflight_next(&session->outgoing, &packet_id)) != NULL;)
        if (slot->item != NULL)
            message_unref(slot->item);
    free(session->outgoing.slots);
}

void session_destroy(struct session *session, struct turn *turn)
{
    if (session == NULL)
        return;
    assert(session->link == NULL && session->subscriber == NULL);
    counter_subtract(&turn->counters->messages_inflight, session->outgoing.count);
    counter_subtract(&turn->counters->messages_queued, queue_count(&session->queue));
    if (session->incoming != NULL)
        counter_subtract(&turn->counters->messages_inflight_in, session->incoming->count);
    list_remove(&session->away);
    session_drop_inflight(session);
    queue_finish(&session->queue);
    replay_destroy_all(&session->replays);
    free(session->incoming);
    free(session);
}

void session_attach(struct session *session, struct link *link)
{
    assert(session->link == NULL && link->session == NULL);
    list_remove(&session->away);
    session->link = link;
    session->listener = link->listener;
    link->session = session;
}

void session_detach(struct session *session)
{
    session->link->session = NULL;
    session->link = NULL;
    if (session->incoming != NULL && session->incoming->count == 0) {
        free(session->incoming);
        session->incoming = NULL;
    }
}

static void session_count_dropped(struct session *session, struct turn *turn)
{
    counter_add(&turn->counters->publishes_dropped, 1);
    if (session->link == NULL) {
        session->dropped++;
        return;
    }
    session->link->dropped++;
    link_touch(session->link, turn); // so that the shard sees it and tells
}

// Makes sure of a slot in the in-flight window. A window whose holes reach back to an old unacknowledged
// message waits for it.
static bool session_reserve_slot(struct session *session, const struct limits *limits)
{
    struct inflight *outgoing = &session->outgoing;
    if (outgoing->count >= limits->inflight_max)
        return false;
    if (!inflight_full(outgoing))
        return true;
    uint32_t capacity = outgoing->capacity ? outgoing->capacity * 2 : INFLIGHT_SLOTS_FIRST;
    if (capacity > INFLIGHT_SLOTS_MAX)
        return false;
    struct inflight_slot *old = outgoing->slots;
    struct inflight_slot *slots = calloc(capacity, sizeof *slots);
    if (slots == NULL)
        return false;
    inflight_move(outgoing, slots, capacity);
    free(old);
    return true;
}

static struct packet_publish publish_of(const struct message *message, struct delivery delivery)
{
    return (struct packet_publish){
        .qos = delivery.qos,
        .retain = delivery.retain,
        .topic = message->topic,
        .properties = message->properties,
        .payload = message->payload,
    };
}

static void session_count_sent(struct session *session, struct turn *turn, uint32_t count,
                               uint64_t payload_bytes)
{
    counter_add(&turn->counters->publishes_sent, count);
    counter_add(&turn->counters->publish_bytes_sent, payload_bytes);
    link_touch(session->link, turn);
}

static void session_put_publish(struct session *session, struct turn *turn, struct message *message,
                                const struct packet_publish *publish)
{
    outbox_put_publish(&session->link->outbox, publish, session->link->version, message);
    session_count_sent(session, turn, 1, message->payload.length);
}

// Begins an exchange for a message above QoS 0. Returns its packet identifier, or 0 if the window is full.
static uint16_t session_begin(struct session *session, struct turn *turn, struct message *message,
                              struct delivery delivery)
{
    if (!session_reserve_slot(session, turn_limits(turn, session->listener)))
        return 0;
    counter_add(&turn->counters->messages_inflight, 1);
    uint8_t wait = delivery.qos == 1 ? INFLIGHT_WAIT_PUBACK : INFLIGHT_WAIT_PUBREC;
    return inflight_begin(&session->outgoing, wait, message_ref(message), delivery_pack(delivery));
}

// Sends one message if window and outbox have room for it now.
static bool session_send(struct session *session, struct turn *turn, struct message *message,
                         struct delivery delivery)
{
    if (!outbox_has_room(&session->link->outbox, message_size(message)))
        return false;
    struct packet_publish publish = publish_of(message, delivery);
    if (delivery.qos > 0 && (publish.packet_id = session_begin(session, turn, message, delivery)) == 0)
        return false;
    session_put_publish(session, turn, message, &publish);
    return true;
}

static enum wire_variant session_variant(const struct session *session, struct delivery delivery)
{
    bool is_5 = session->link->version == MQTT_VERSION_5_0;
    return (is_5 ? WIRE_5_QOS_1 : WIRE_3_QOS_1) + (delivery.qos - 1u);
}

// A small message leaves as a copy of a packet that is there, or is encoded once for many, and each copy gets
// its own identifier: copying is a fraction of encoding.
static bool session_copies(const struct session *session, const struct publication *publication,
                           struct delivery delivery)
{
    return delivery.qos > 0 && !delivery.retain && delivery.identifier == 0 &&
           message_size(publication->message) <= COPY_BYTES &&
           (publication->audience >= COPY_AUDIENCE ||
            publication_came_as(publication, session_variant(session, delivery)));
}

// As session_send.
static bool session_send_copy(struct session *session, struct turn *turn, struct publication *publication,
                              struct delivery delivery)
{
    struct outbox *outbox = &session->link->outbox;
    uint32_t packet_id_at = 0;
    struct bytes packet =
        wirelog_packet(turn->wirelog, publication, session_variant(session, delivery), &packet_id_at);
    if (packet.length == 0 || !outbox_has_room(outbox, packet.length))
        return false;
    uint16_t packet_id = session_begin(session, turn, publication->message, delivery);
    if (packet_id == 0)
        return false;
    outbox_put_copy(outbox, packet, packet_id_at, packet_id);
    session_count_sent(session, turn, 1, publication->payload.length);
    return true;
}

bool session_waiting(const struct session *session)
{
    return session->replays != NULL || session->replays_to_come || queue_count(&session->queue) > 0;
}

void session_pump(struct session *session, struct turn *turn)
{
    if (session->link == NULL || session->link->state != LINK_OPEN)
        return;
    struct delivery delivery;
    for (struct message *message; (message = replay_next(&session->replays, &delivery)) != NULL;) {
        if (!session_send(session, turn, message, delivery))
            return;
        replay_advance(session->replays);
    }
    if (session->replays_to_come)
        return;
    for (const struct queued *first; (first = queue_first(&session->queue)) != NULL;) {
        if (!session_send(session, turn, first->message, delivery_unpack(first->delivery)))
            return;
        struct queued sent = queue_pop(&session->queue);
        counter_subtract(&turn->counters->messages_queued, 1);
        message_unref(sent.message);
    }
}

static void session_queue(struct session *session, struct turn *turn, struct message *message,
                          struct delivery delivery)
{
    const struct limits *limits = turn_limits(turn, session->listener);
    struct queue_ceiling ceiling = {limits->queued_messages_max, limits->queued_bytes_max};
    if (queue_push(&session->queue, ceiling, message, delivery))
        counter_add(&turn->counters->messages_queued, 1);
    else
        session_count_dropped(session, turn);
}

static void session_deliver_kept(struct session *session, struct turn *turn, struct publication *publication,
                                 struct delivery delivery)
{
    struct message *message = publication_keep(publication);
    if (message == NULL) {
        session_count_dropped(session, turn);
        return;
    }
    bool now = session->link != NULL && !session_waiting(session);
    if (now && (session_copies(session, publication, delivery)
                    ? session_send_copy(session, turn, publication, delivery)
                    : session_send(session, turn, message, delivery)))
        return;
    session_queue(session, turn, message, delivery);
}

// Near the ceiling of the outbox: as many of the messages as have room, each for itself.
static void session_deliver_singly(struct session *session, struct turn *turn, struct span span)
{
    while (span.length > 0) {
        struct frame frame = {0};
        struct packet packet;
        enum frame_status status = frame_read(span_bytes(span), UINT32_MAX, &frame);
        assert(status == FRAME_READY); // we encoded it
        uint8_t reason = packet_decode(&frame, session->link->version, &packet);
        assert(reason == REASON_SUCCESS);
        session_deliver_span(session, turn, (struct span){span.segment, span.offset, frame.size}, 1,
                             packet.publish.payload.length);
        span.offset += frame.size;
        span.length -= frame.size;
    }
}

void session_deliver_span(struct session *session, struct turn *turn, struct span span, uint32_t count,
                          uint64_t payload_bytes)
{
    struct link *link = session->link;
    if (link == NULL)
        return;
    if (outbox_has_room(&link->outbox, span.length)) {
        outbox_append(&link->outbox, span);
        session_count_sent(session, turn, count, payload_bytes);
    } else if (count > 1) {
        session_deliver_singly(session, turn, span);
    } else {
        session_count_dropped(session, turn);
    }
}

static void session_deliver_shared(struct session *session, struct turn *turn,
                                   struct publication *publication, bool retain)
{
    enum wire_variant variant = session->link->version == MQTT_VERSION_5_0 ? WIRE_5 : WIRE_3;
    struct span span = wirelog_publish(turn->wirelog, publication, variant + (retain ? 1 : 0));
    if (span.segment != NULL)
        session_deliver_span(session, turn, span, 1, publication->payload.length);
    else
        session_count_dropped(session, turn);
}

void session_deliver(struct session *session, struct turn *turn, struct publication *publication,
                     struct subscription_options options, uint32_t identifier)
{
    // The lower of what was published and what was granted. [MQTT-3.8.4-6]
    uint8_t qos = publication->qos < options.qos ? publication->qos : options.qos;
    bool retain = options.retain_as_published && publication->retain; // 3.x: never [MQTT-3.3.1-9]
    if (qos == 0 && session->link == NULL)
        return; // only QoS 1 and 2 wait for an absent client [MQTT-3.1.2-5]
    // QoS 0 passes what waits at another QoS, but not what waits at its own. [MQTT-4.6.0-6]
    bool overtakes = session->replays != NULL || session->replays_to_come || session->queue.qos_0 > 0;
    if (qos == 0 && !overtakes && identifier == 0)
        session_deliver_shared(session, turn, publication, retain);
    else
        session_deliver_kept(session, turn, publication, (struct delivery){qos, retain, identifier});
}

void session_take_replay(struct session *session, struct turn *turn, struct retained_batch batch)
{
    replay_append(&session->replays, batch);
    session_pump(session, turn);
}

static void session_resend(struct session *session, struct turn *turn, uint16_t packet_id,
                           const struct inflight_slot *slot)
{
    if (slot->wait == INFLIGHT_WAIT_PUBCOMP) {
        link_put_ack(session->link, turn, PACKET_PUBREL, packet_id, REASON_SUCCESS);
        return;
    }
    struct message *message = slot->item;
    struct packet_publish publish = publish_of(message, delivery_unpack(slot->detail));
    publish.packet_id = packet_id;
    publish.dup = true; // [MQTT-3.3.1-1]
    session_put_publish(session, turn, message, &publish);
}

static void session_give_up(struct session *session, struct turn *turn, uint16_t packet_id, uint8_t wait)
{
    uint8_t packet_type = wait == INFLIGHT_WAIT_PUBACK ? PACKET_PUBACK : PACKET_PUBREC;
    struct inflight_slot slot = {0};
    enum inflight_result result =
        inflight_acknowledge(&session->outgoing, packet_type, packet_id, false, &slot);
    message_unref(slot.item);
    if (result == INFLIGHT_ENDED)
        counter_subtract(&turn->counters->messages_inflight, 1);
}

void session_sift(struct session *session, struct turn *turn, queue_keep *keep, void *context)
{
    uint16_t packet_id = 0;
    uint32_t dropped = queue_sift(&session->queue, keep, context);
    counter_subtract(&turn->counters->messages_queued, dropped);
    dropped += replay_sift(session->replays, keep, context);
    for (struct inflight_slot *slot; (slot = inflight_next(&session->outgoing, &packet_id)) != NULL;) {
        if (slot->wait == INFLIGHT_WAIT_PUBCOMP || keep(context, slot->item))
            continue;
        session_give_up(session, turn, packet_id, slot->wait);
        dropped++;
    }
    counter_add(&turn->counters->publishes_dropped, dropped);
}

void session_resume(struct session *session, struct turn *turn)
{
    // Not held back by the outbox's ceiling: the window has one of its own, and large payloads are shared.
    uint16_t packet_id = 0;
    for (struct inflight_slot *slot; (slot = inflight_next(&session->outgoing, &packet_id)) != NULL;)
        session_resend(session, turn, packet_id, slot);
    session_pump(session, turn);
}

void session_acknowledged(struct session *session, struct turn *turn, uint8_t packet_type,
                          const struct packet_ack *ack)
{
    struct inflight_slot slot = {0};
    bool failed = ack->reason >= REASON_UNSPECIFIED_ERROR;
    enum inflight_result result =
        inflight_acknowledge(&session->outgoing, packet_type, ack->packet_id, failed, &slot);
    if (slot.item != NULL && (result == INFLIGHT_ENDED || result == INFLIGHT_RELEASE))
        message_unref(slot.item);
    if (result == INFLIGHT_ENDED)
        counter_subtract(&turn->counters->messages_inflight, 1);
    // PUBREL answers every PUBREC, so that a client that resumes an exchange we have forgotten can end it.
    if (packet_type == PACKET_PUBREC && result != INFLIGHT_ENDED)
        link_put_ack(session->link, turn, PACKET_PUBREL, ack->packet_id, REASON_SUCCESS);
    if (session_waiting(session))
        session_pump(session, turn);
}

bool session_receive_begin(struct session *session, struct turn *turn, uint16_t packet_id)
{
    if (session->incoming == NULL)
        session->incoming = memory_require(sizeof *session->incoming);
    if (packet_id_set_has(session->incoming, packet_id))
        return false;
    packet_id_set_add(session->incoming, packet_id);
    counter_add(&turn->counters->messages_inflight_in, 1);
    return true;
}

void session_receive_release(struct session *session, struct turn *turn, uint16_t packet_id)
{
    // Whether it was there changes nothing for the client. [MQTT-4.3.3-2]
    if (session->incoming != NULL && packet_id_set_remove(session->incoming, packet_id))
        counter_subtract(&turn->counters->messages_inflight_in, 1);
}
