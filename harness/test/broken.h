// SPDX-License-Identifier: MIT
// A small broker that does one thing wrong: the judge is judged by it. It speaks TCP, serves one thread, and
// looks at each place where it could go wrong whether it is to do so there. Without a fault it does
// everything right.
//
//     broken_broker PORT [FAULT]
//     broken_broker --list
//
// What it is sent is taken apart by the harness's own code: it is a tool of the harness's tests and no
// example of a broker.
#ifndef HARNESS_TEST_BROKEN_H
#define HARNESS_TEST_BROKEN_H

#include "harness/harness.h"

enum {
    CLIENTS_MAX = 128,
    SESSIONS_MAX = 256,
    SUBSCRIPTIONS_MAX = 256,
    FLIGHT_MAX = 2048,
    RETAINED_MAX = 1024
};

struct subscription {
    const char *filter;
    unsigned qos;
};

// A QoS 1 or 2 message on its way to a client.
struct flight {
    unsigned id;
    unsigned qos;
    bool sent, released; // PUBLISH was sent; PUBREC came
    uint64_t order;      // of the PUBREC
    bool retain;
    struct bytes topic, payload;
};

struct session {
    const char *id;
    bool is_clean;
    struct client *client; // NULL: away
    struct subscription subscriptions[SUBSCRIPTIONS_MAX];
    size_t subscription_count;
    struct flight flights[FLIGHT_MAX];
    size_t flight_count;
    struct bytes will_topic, will; // of the latest connection that had one: for a fault
    unsigned latest_id;
    bool received[65536]; // QoS 2 identifiers that wait for PUBREL
    bool once[65536];     // identifiers of QoS 1 that were seen
};

struct client {
    int descriptor;
    struct buffer in, out;
    bool is_connected, is_closing, is_refused, has_left;
    unsigned keepalive_s;
    uint64_t heard_ns;
    struct session *session;
    bool has_will, will_retain;
    unsigned will_qos;
    struct bytes will_topic, will;
};

struct retained {
    struct bytes topic, payload; // no payload: none
    unsigned qos;
    const struct session *owner;
};

// Whether the fault that the program was started with is this one. A name that is not in broken_faults.def
// ends the program.
bool is_faulty(const char *name);

// Sends to a client, as soon as it takes it.
void client_send(struct client *client, struct bytes bytes);

// Ends its connection when all was sent; with its will if it has one.
void client_end(struct client *client);

// All clients, for what concerns others than the one that speaks.
extern struct client *clients[CLIENTS_MAX];

// One whole packet of a client (broken_packets.c).
void client_packet(struct client *client, struct bytes whole);

// Sessions and messages (broken_messages.c).
struct session *session_find(const char *id);
struct session *session_make(const char *id);
void session_wipe(struct session *session);
void session_resume(struct session *session);
bool session_subscribe(struct session *session, const char *filter, unsigned qos);
void session_unsubscribe(struct session *session, const char *filter);
void session_replay(struct session *session, const char *filter, unsigned qos);
struct flight *session_flight(struct session *session, unsigned id);
void session_drop_flight(struct session *session, unsigned id);
void message_publish(struct session *from, struct bytes topic, struct bytes payload, unsigned qos,
                     bool retain, bool dup);
void retained_forget(const struct session *owner);

#endif
