// SPDX-License-Identifier: MIT
#include "server/attach.h"

#include <inttypes.h>
#include <stdio.h>

#include "server/client.h"
#include "server/mail.h"
#include "server/subscribe.h"
#include "server/witness.h"

#define GENERATED_ID_BYTES 32u
#define STEP_WILL          2u // of the judgement of a CONNECT: the client may come in

// A session goes by the limits of the listener where its client came from last, so that one keeps its number.
static void attach_to_listener(struct shard *shard, struct session *session, uint8_t listener)
{
    atomic_fetch_add(&shard->broker->listeners[listener].sessions, 1);
    session->listener = listener;
}

static void attach_leave_listener(struct shard *shard, const struct session *session)
{
    atomic_fetch_sub(&shard->broker->listeners[session->listener].sessions, 1);
}

void attach_end_session(struct shard *shard, struct session *session)
{
    if (shard->phase == SHARD_SERVING)
        witness_expiry(shard, session);
    unsubscribe_all(shard, session);
    identity_give(session, NULL);
    attach_leave_listener(shard, session);
    session_registry_remove(&shard->sessions, session);
    session_destroy(session, &shard->turn);
    atomic_fetch_sub(&shard->broker->sessions, 1);
    counter_subtract(&shard->counters.sessions, 1);
}

static bool is_vouched(const struct identity *identity)
{
    return identity != NULL && (identity->session.flags & HBMQTT_SESSION_VOUCHED) != 0;
}

// A session is its user's, once somebody has vouched for the name: what one user has subscribed to and not
// yet received is nothing for another who comes with the same client id.
static bool attach_is_owner(const struct client *client, const struct session *session)
{
    return !is_vouched(session->identity) ||
           (is_vouched(client->identity) &&
            bytes_equal(bytes_from_plugin(client->identity->session.user_name),
                        bytes_from_plugin(session->identity->session.user_name)));
}

static void attach_tell_other_user(const struct client *client, struct bytes client_id)
{
    char address[ADDRESS_TEXT_BYTES];
    connection_peer(&client->connection, address);
    struct log_subject subject = {(const char *)client_id.data, client_id.length, address};
    log_peer_about(LOG_INFO, &subject, "the session of this client id was another user's, and has ended");
}

// The session for an accepted CONNECT: the one that is there, or a new one; NULL at the ceiling.
// [MQTT-3.1.2-4, MQTT-3.1.2-6]
static struct session *attach_session(struct shard *shard, struct client *client, struct bytes client_id,
                                      bool clean, bool *ret_present)
{
    uint8_t listener = client->link.listener;
    struct session *session = session_registry_find(&shard->sessions, client_id);
    if (session != NULL && session->link != NULL)
        client_close(shard, container_of(session->link, struct client, link),
                     REASON_SESSION_TAKEN_OVER);                  // [MQTT-3.1.4-2]
    session = session_registry_find(&shard->sessions, client_id); // a clean one ended with its link
    bool other_user = session != NULL && !attach_is_owner(client, session);
    if (other_user)
        attach_tell_other_user(client, client_id);
    if (session != NULL && (clean || other_user)) {
        attach_end_session(shard, session);
        session = NULL;
    }
    *ret_present = session != NULL;
    if (session != NULL) {
        attach_leave_listener(shard, session);
        attach_to_listener(shard, session, listener);
        return session;
    }
    if (atomic_fetch_add(&shard->broker->sessions, 1) >= shard->turn.limits->sessions_max) {
        atomic_fetch_sub(&shard->broker->sessions, 1);
        return NULL;
    }
    session = session_create(client_id, clean);
    attach_to_listener(shard, session, listener);
    session_registry_add(&shard->sessions, session);
    counter_add(&shard->counters.sessions, 1);
    return session;
}

// Returns false if there is no memory for it. A will that may not be published is left out.
static bool attach_keep_will(struct client *client, const struct packet_connect *connect,
                             const struct judgement *judgement)
{
    if (!connect->has_will || judgement->will_denied || !access_may_publish(connect->will.topic))
        return true;
    const struct answer *change = judgement->change; // what a plugin has made of it
    struct publication publication = {
        .topic = change == NULL ? connect->will.topic : change->topic,
        .payload = change == NULL ? connect->will.payload : change->payload,
        .qos = change == NULL ? connect->will.qos : change->qos,
        .retain = change == NULL ? connect->will.retain : change->retain,
    };
    client->link.will = message_create(&publication);
    return client->link.will != NULL;
}

static void attach_tell(const struct client *client, bool present)
{
    struct session *session = client->link.session;
    if (session->dropped == 0 && !log_enabled(LOG_DEBUG))
        return;
    char address[ADDRESS_TEXT_BYTES];
    struct log_subject subject = client_subject(client, address);
    log_peer_about(LOG_DEBUG, &subject, "connected, with %s",
                   present          ? "its session"
                   : session->clean ? "a clean session"
                                    : "a new session");
    if (session->dropped > 0)
        log_peer_about(LOG_INFO, &subject,
                       "is back: %" PRIu64 " messages were dropped while it was away (limits "
                       "queued_messages_max, queued_bytes_max)",
                       session->dropped);
    session->dropped = 0;
}

static void attach_count_client(struct broker *broker)
{
    uint64_t clients = atomic_fetch_add(&broker->clients, 1) + 1;
    uint64_t maximum = atomic_load(&broker->clients_maximum);
    while (clients > maximum && !atomic_compare_exchange_weak(&broker->clients_maximum, &maximum, clients))
        continue;
}

static void attach_give_identity(struct client *client, struct session *session)
{
    identity_give(session, client->identity);
    if (client->identity != NULL)
        client->identity->session.flags |= HBMQTT_SESSION_CONNECTED;
    client->identity = NULL;
}

struct sifting {
    struct shard *shard;
    struct session *session;
};

static bool attach_keeps(void *context, const struct message *message)
{
    const struct sifting *sifting = context;
    return judge_kept(sifting->shard, sifting->session, message);
}

// What is there for the client was let through for who it was then, by the rules of then.
static void attach_sift(struct shard *shard, struct session *session)
{
    if (roster_concerned(shard->roster, CALL_RECEIVE))
        session_sift(session, &shard->turn, attach_keeps, &(struct sifting){shard, session});
}

static void attach_open(struct shard *shard, struct client *client, struct bytes client_id,
                        const struct packet_connect *connect, const struct judgement *judgement)
{
    struct link *link = &client->link;
    bool present;
    struct session *session = attach_session(shard, client, client_id, connect->clean, &present);
    if (session == NULL || !attach_keep_will(client, connect, judgement)) {
        if (session != NULL && !present)
            attach_end_session(shard, session);
        link_refuse(link, &shard->turn, connect->version, REASON_SERVER_UNAVAILABLE);
        client_close(shard, client, REASON_SERVER_UNAVAILABLE);
        return;
    }
    session_attach(session, link);
    attach_give_identity(client, session);
    link_accept(link, &shard->turn, present);
    attach_count_client(shard->broker);
    client_watch_silence(shard, client);
    attach_tell(client, present);
    witness_session(shard, HBMQTT_EVENT_CLIENT_CONNECTED, session, NULL);
    attach_sift(shard, session);
    session_resume(session, &shard->turn);
}

// A client that leaves the choice of its id to the broker gets one that lives on this shard. [MQTT-3.1.3-6]
static struct bytes attach_generate_id(struct shard *shard, char text[GENERATED_ID_BYTES])
{
    struct bytes id;
    do {
        (void)snprintf(text, GENERATED_ID_BYTES, "hbmqtt-%016" PRIx64, random_next(&shard->random)); // fits
        id = bytes_of(text);
    } while (broker_place(shard->broker, id) != shard->number ||
             session_registry_find(&shard->sessions, id) != NULL);
    return id;
}

// Keeps what another shard is to read: the CONNECT frame that was given out last, and everything behind it.
static void attach_move(struct shard *shard, struct client *client, const struct frame *frame)
{
    uint32_t left = inbox_left(&client->link.inbox);
    struct segment *moving = segment_create(frame->size + left);
    if (moving == NULL) {
        client_close(shard, client, REASON_QUOTA_EXCEEDED);
        return;
    }
    struct writer writer = writer_of(moving->data, moving->capacity);
    writer_put_bytes(&writer, frame_packet(frame));
    inbox_copy_left(&client->link.inbox, &writer);
    moving->used = frame->size + left;
    client->moving = moving;
    client->state = CLIENT_MOVING;
    counter_subtract(&shard->counters.packets_received, 1); // the other shard counts the CONNECT
    counter_subtract(&shard->counters.connects_received, 1);
    connection_pause(&client->connection, shard->ring);
    link_touch(&client->link, &shard->turn); // if it was paused already, nothing comes back
}

// Who it is, for plugins; and its user name, which later ones may ask for. Returns false if there is no
// memory.
static bool attach_identify(struct shard *shard, struct client *client, const struct packet_connect *connect)
{
    if (client->identity != NULL)
        return true; // it was held, or comes from another shard
    bool certified = client->link.authenticated && !client->judged;
    if (shard->roster == NULL && !connect->has_user_name && !certified)
        return true;
    client->identity = identity_of_connect(shard, client, connect);
    return client->identity != NULL;
}

static void attach_refuse(struct shard *shard, struct client *client, const struct packet_connect *connect,
                          uint8_t reason)
{
    link_refuse(&client->link, &shard->turn, connect->version, reason);
    client_close(shard, client, reason);
}

// What may become of the will, decided where the session is. Returns true if it has to be waited for.
static bool attach_judge_will(struct shard *shard, struct client *client,
                              const struct packet_connect *connect, struct judgement *judgement)
{
    if (shard->roster == NULL || !connect->has_will || judgement->will_denied ||
        !access_may_publish(connect->will.topic))
        return false;
    const struct packet_publish will = {
        .qos = connect->will.qos,
        .retain = connect->will.retain,
        .topic = connect->will.topic,
        .payload = connect->will.payload,
    };
    const struct judged_topic topic = {HBMQTT_FILTER_PUBLISH, will.topic, will.qos, will.retain};
    enum judged judged = JUDGED_ALLOWED;
    if (judgement->step == STEP_WILL)
        judged = judge_topic(shard, client, judgement, &topic);
    if (judged == JUDGED_ALLOWED)
        judged = judge_message(shard, client, judgement, &will);
    judgement->will_denied = judged == JUDGED_DENIED;
    return judged == JUDGED_HELD;
}

bool attach_connect(struct shard *shard, struct client *client, const struct frame *frame,
                    const struct packet_connect *connect, struct judgement *judgement)
{
    if (!attach_identify(shard, client, connect)) {
        attach_refuse(shard, client, connect, REASON_SERVER_UNAVAILABLE);
        return false;
    }
    uint8_t reason;
    if (client->judged || client->identity == NULL)
        judgement->step = judgement->step < STEP_WILL ? STEP_WILL : judgement->step;
    enum judged judged = JUDGED_ALLOWED;
    if (judgement->step < STEP_WILL)
        judged = judge_connect(shard, client, judgement, connect, &reason);
    if (judged == JUDGED_DENIED)
        attach_refuse(shard, client, connect, reason);
    if (judged != JUDGED_ALLOWED)
        return judged == JUDGED_HELD;
    char generated[GENERATED_ID_BYTES];
    struct bytes client_id = connect->client_id;
    if (client_id.length == 0)
        client_id = attach_generate_id(shard, generated);
    if (broker_place(shard->broker, client_id) != shard->number) {
        attach_move(shard, client, frame);
        return false;
    }
    if (attach_judge_will(shard, client, connect, judgement))
        return true;
    attach_open(shard, client, client_id, connect, judgement);
    return false;
}

// More bytes came before the receive ended.
void attach_move_more(struct shard *shard, struct client *client, struct bytes received)
{
    if (!segment_lengthen(&client->moving, received))
        client_abandon(shard, client);
}

// The receive came back: the descriptor goes where the client id lives, with nothing in the kernel's hands.
void attach_hand_over(struct shard *shard, struct client *client)
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
                                           .layers = client->connection.layers,
                                           .terms = listener_terms_ref(client->terms),
                                           .received = moving,
                                           .authenticated = true,
                                           .identity = client->identity});
    client->identity = NULL; // the other shard's
    client_free(shard, client);
}
