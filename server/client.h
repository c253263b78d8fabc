// SPDX-License-Identifier: MIT
// One client's connection in a shard: its transport, its protocol side, its timer, and how it ends.
//
//     SERVING --client id of another shard--> MOVING --receive came back--> handed over
//        |
//        +--client_close--> FLUSHING --outbox empty--> LINGERING --peer closed--> ABANDONED --idle--> freed
//        +--lost------------------------------------------------------------------^
//
// LINGERING waits a moment for the peer's end, because closing a socket with unread bytes resets it and may
// cost the peer what was sent last, such as a refusing CONNACK. Both FLUSHING and LINGERING have a deadline.
#ifndef CLIENT_H
#define CLIENT_H

#include "server/shard.h"

#define CLIENT_FLUSH_MS  1000u
#define CLIENT_LINGER_MS 1000u

enum client_state { CLIENT_SERVING, CLIENT_MOVING, CLIENT_FLUSHING, CLIENT_LINGERING, CLIENT_ABANDONED };

struct hold;
struct identity;
struct judgement;
struct pending_subscription;

struct client {
    struct connection connection;
    struct link link;
    struct timer timer;  // CONNECT in time, keep-alive, or the end of closing
    struct list place;   // in shard->serving, shard->closing or shard->dead
    struct list sending; // in shard->sending
    struct list paused;  // in shard->paused
    uint64_t id;
    uint64_t send_since_ns;       // when the send that is with the kernel began, or stalled last
    uint64_t told_dropped;        // of link.dropped, the next number that is told
    struct listener_terms *terms; // that it was accepted on
    struct list replay_requests;  // subscriptions whose retained messages are still to be looked up
    uint32_t replay_request_count;
    struct pending_subscription *subscribing; // the newest of its SUBSCRIBEs whose SUBACK waits; or NULL
    bool deaf; // has more to send than its outbox may hold, and is not read from until that has gone
    struct list shaking;          // in shard->shaking
    struct segment *shaking_with; // what was received and waits for a step of the handshake
    struct segment *moving;       // what the next shard is to read: CONNECT and what came behind it
    uint8_t state;                // enum client_state
    bool ended_layers;            // what its layers have to say at the end is on its way
    uint16_t close_code;          // of WebSocket
    bool lost;                    // it takes nothing more; what it had sent before is still to be carried out
    bool judged;                  // the shard that accepted it has asked the plugins about its CONNECT
    uint32_t told_by;             // shard->adopted of the plugins that are told what leaves; see witness.c
    uint64_t told_ahead;       // bytes at the front of the outbox that belong to a packet they were told of
    const char *why;           // a phrase for the log that says more than the reason code; or NULL
    struct identity *identity; // until its session has it
    struct hold *hold;         // it waits for the answer of a plugin; or NULL
};

// A new connection, whose slot among the connections is counted already. `received` is what came on another
// shard before it moved here; empty for a connection that was just accepted.
struct client_arrival {
    int fd;
    struct layers *layers;        // taken
    struct listener_terms *terms; // taken
    struct bytes received;
    bool authenticated;        // also: judged by the plugins
    struct identity *identity; // taken; or NULL
};
void client_create(struct shard *shard, const struct client_arrival *arrival);

// NULL if the client has gone.
struct client *client_find(struct shard *shard, uint64_t id);

// Events of the ring and of the clock.
void client_accepted(struct shard *shard, struct listener_terms *terms, int fd);
void client_received(struct shard *shard, const struct ring_event *event);
void client_timer_expired(struct shard *shard, struct timer *timer);

// What was received, through its layers. The bytes may be changed.
void client_take_received(struct shard *shard, struct client *client, struct iovec received);

// Ends the protocol side now (the will goes out, the session is left or ends) and the connection after its
// outbox was sent.
void client_close(struct shard *shard, struct client *client, uint8_t reason);

// Sends what its layers have to say, and closes a client whose layers have come to their end. To be called
// when something has happened to them.
void client_look_at_layers(struct shard *shard, struct client *client);

// Lets its layers say that nothing more comes, behind what is under way.
void client_say_goodbye(struct client *client);

// The same as client_close for all of them: the broker stops.
void client_close_all(struct shard *shard);

// Stops reading from all of them, and hands over no more.
void client_quiet_all(struct shard *shard);

// Whether its layers have something to send beside MQTT.
static inline bool client_waiting(const struct client *client)
{
    return client->connection.layers != NULL && layers_waiting(client->connection.layers);
}

// Reads from a client again, unless something else still speaks against it.
void client_listen_again(struct shard *shard, struct client *client);

// Carries out a packet about which plugins have a say: CONNECT, PUBLISH, SUBSCRIBE. Returns true if the
// client has to be held for an answer; the judgement goes on with it.
WARN_UNUSED bool client_carry_out_judged(struct shard *shard, struct client *client,
                                         const struct frame *frame, const struct effect *effect,
                                         struct judgement *judgement);

// Works off what its inbox was fed, packet by packet, until the bytes end or the client does, or is held.
void client_work_off(struct shard *shard, struct client *client);

// It is held no more. `ended`: meanwhile its peer has said that nothing more comes.
void client_let_go(struct shard *shard, struct client *client, bool ended);

// Starts to read again from clients that were paused.
void client_resume_paused(struct shard *shard);

// Ends the connection now, whatever it still had to send.
void client_abandon(struct shard *shard, struct client *client);

// To be called when an operation of the client has come back: an abandoned one is freed at the end of the
// turn.
void client_settle(struct shard *shard, struct client *client);

// Arms the timer for the end of the keep-alive. It is not moved with every packet: when it expires, it looks
// at when the last one came.
void client_watch_silence(struct shard *shard, struct client *client);

// Who it is, for a line of the log; the address of its peer is in `address`.
struct log_subject client_subject(const struct client *client, char address[ADDRESS_TEXT_BYTES]);

// Frees a client without touching its descriptor.
void client_free(struct shard *shard, struct client *client);

// Frees the clients whose operations have come back.
void client_reap(struct shard *shard);

#endif
