// SPDX-License-Identifier: MIT
// The door of server/session/: the protocol state machine of a client.
//
// A link is one connection; a session is what belongs to a client id and, unless it is clean, outlives its
// connections: what was sent and not acknowledged, what waits, and the QoS 2 identifiers received.
// [MQTT-4.1.0-1] Its subscriptions are the router's.
//
// How a message leaves, in this order, so that order is kept:
//
//     retained replays -> queue -> in-flight window (QoS 1, 2) -> outbox of the link
//                                  QoS 0 --------------------->
//
// The ceilings and what happens there: inflight_max: later messages wait in the queue; queued_messages_max,
// queued_bytes_max: the newest message is dropped and counted; outbox_bytes_max: QoS 0 is dropped and
// counted, QoS 1 and 2 wait in the queue.
#ifndef SESSION_SESSION_H
#define SESSION_SESSION_H

#include "server/session/inbox.h"
#include "server/session/link.h"
#include "server/session/queue.h"
#include "server/session/turn.h"

struct subscriber;
struct replay;
struct identity;

struct session {
    // What every delivery looks at, together.
    struct link *link;      // NULL while the client is absent
    struct replay *replays; // retained messages still to be sent, oldest subscription first
    struct queue queue;
    bool replays_to_come; // more retained messages are to be sent before what waits in the queue

    struct hash_node by_client_id;
    struct list away; // in the absences, while the client is absent
    uint64_t left_ns; // when it went there
    struct inflight outgoing;
    struct packet_id_set *incoming; // QoS 2 received and not released; NULL when there is none
    struct subscriber
        *subscriber; // the router's, the shard's to make and destroy; NULL before the first subscription
    struct identity *identity; // who its client says it is: the shard's to make and destroy; or NULL
    uint64_t dropped;          // messages refused by the ceilings while the client was absent
    bool clean;                // ends with its connection [MQTT-3.1.2-6]
    uint8_t listener;          // number of that where its last link came from
    uint16_t client_id_length;
    uint8_t client_id[];
};

static inline struct bytes session_client_id(const struct session *session)
{
    return (struct bytes){session->client_id, session->client_id_length};
}

// A session without link. Its client id is copied.
struct session *session_create(struct bytes client_id, bool clean);
// It must be detached and without subscriber; `turn` for the counters. NULL accepted.
void session_destroy(struct session *session, struct turn *turn);

// Gives a session to a link that is about to open, which ends its absence, and takes it away again.
void session_attach(struct session *session, struct link *link);
void session_detach(struct session *session);

// Before session_resume: drops what waits or was not acknowledged and is not to be sent, as `keep` says. An
// exchange of QoS 2 goes on with PUBREL, so that its identifier is free at both ends before it is used again.
void session_sift(struct session *session, struct turn *turn, queue_keep *keep, void *context);

// After CONNACK of a session that was present: sends again what was not acknowledged, in order [MQTT-4.4.0-1,
// MQTT-4.6.0-1], then what waited.
void session_resume(struct session *session, struct turn *turn);

// One publication for one subscription: sends, queues or drops it.
void session_deliver(struct session *session, struct turn *turn, struct publication *publication,
                     struct subscription_options options, uint32_t identifier);

// `count` messages of QoS 0, with so many bytes of payload together, that lie in the wire log one behind the
// other, for a session that has just taken one of the same kind straight from there.
void session_deliver_span(struct session *session, struct turn *turn, struct span span, uint32_t count,
                          uint64_t payload_bytes);

// The retained messages that a new subscription matched, as collected by the router: takes the array and its
// references.
struct retained_batch {
    struct message **messages;
    uint32_t count;
    struct subscription_options options;
    uint32_t identifier;
};
void session_take_replay(struct session *session, struct turn *turn, struct retained_batch batch);

// Sends what waits as far as window and outbox allow: after acknowledgements, and when the outbox was
// emptied.
void session_pump(struct session *session, struct turn *turn);

// True if there is something that session_pump could send later.
bool session_waiting(const struct session *session);

// PUBACK, PUBREC or PUBCOMP from the client.
void session_acknowledged(struct session *session, struct turn *turn, uint8_t packet_type,
                          const struct packet_ack *ack);

// QoS 2 towards the broker. Begin returns true if the identifier is new and the message is to be routed,
// false for a repetition that is only acknowledged [MQTT-4.3.3-2]; release is PUBREL, for any identifier.
bool session_receive_begin(struct session *session, struct turn *turn, uint16_t packet_id);
void session_receive_release(struct session *session, struct turn *turn, uint16_t packet_id);

// The sessions of a shard by client id.
struct session_registry {
    struct hash_table by_client_id;
    uint64_t hash_seed;
};
void session_registry_init(struct session_registry *registry, uint64_t hash_seed);
void session_registry_finish(struct session_registry *registry); // must be empty
struct session *session_registry_find(const struct session_registry *registry, struct bytes client_id);
void session_registry_add(struct session_registry *registry, struct session *session);
void session_registry_remove(struct session_registry *registry, struct session *session);
// The next one of a walk that pauses after any of them: start with *bucket = 0 and NULL. After a pause NULL
// again, with the bucket that follows; *bucket is that of the session returned.
struct session *session_registry_walk(const struct session_registry *registry, size_t *bucket,
                                      const struct session *after);
struct session *session_registry_any(const struct session_registry *registry); // NULL when empty

// The kept sessions of a shard whose clients are away, in the order in which they left: however many there
// are, the first is the next to end.
struct absences {
    struct list sessions; // by session->away
};

void absences_init(struct absences *absences);

// The client of a session has left at `now_ns`, which is not before the last one left. Its session is in here
// until it is attached again or destroyed.
void absences_add(struct absences *absences, struct session *session, uint64_t now_ns);

// When the first session has been without its client for so long; TIMER_NEVER if there is none, or if
// `longest_s` is CONFIG_NEVER.
uint64_t absences_deadline_ns(struct absences *absences, uint64_t longest_s);

// That session, which stays where it is, if its time has come at `now_ns`; else NULL.
struct session *absences_due(struct absences *absences, uint64_t longest_s, uint64_t now_ns);

#endif
