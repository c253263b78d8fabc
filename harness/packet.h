// SPDX-License-Identifier: MIT
// MQTT 3.1.1 packets, built and taken apart. Building does not judge: a case may ask for what no client would
// send. Taking apart judges strictly: whatever a packet has to be is checked here, for every packet that any
// case receives.
#ifndef HARNESS_PACKET_H
#define HARNESS_PACKET_H

#include "harness/bytes.h"

enum packet_type {
    PACKET_CONNECT = 1,
    PACKET_CONNACK,
    PACKET_PUBLISH,
    PACKET_PUBACK,
    PACKET_PUBREC,
    PACKET_PUBREL,
    PACKET_PUBCOMP,
    PACKET_SUBSCRIBE,
    PACKET_SUBACK,
    PACKET_UNSUBSCRIBE,
    PACKET_UNSUBACK,
    PACKET_PINGREQ,
    PACKET_PINGRESP,
    PACKET_DISCONNECT,
};

// What a CONNECT says. All zero is a clean session without keep alive.
struct connect {
    const char *id;
    bool keep; // the session: Clean Session 0
    unsigned keepalive_s;
    const char *will_topic; // NULL: no will
    const char *will;       // its message
    unsigned will_qos;
    bool will_retain;
    const char *user;        // NULL: none
    const char *password;    // NULL: none
    const char *protocol;    // NULL: "MQTT"
    unsigned level;          // 0: 4
    unsigned flags_flip;     // bits of the connect flags that are turned over
    unsigned expect_present; // for peer_connect: the session present that has to be in the CONNACK
};

struct publish {
    const char *topic;
    unsigned qos;
    bool retain;
    bool dup;
    unsigned id;
    const char *payload; // a text; NULL: none
    struct bytes data;   // in place of `payload` where it is no text
};

// One filter of a SUBSCRIBE.
struct filter {
    const char *filter;
    unsigned qos;
};

struct bytes packet_connect_of(const struct connect *connect);
struct bytes packet_publish_of(const struct publish *publish);

// packet_connect("id", .keep = true) and packet_publish("topic", .qos = 1, .id = 7, .payload = "text").
#define packet_connect(...) packet_connect_of(&(struct connect){.id = __VA_ARGS__})
#define packet_publish(...) packet_publish_of(&(struct publish){.topic = __VA_ARGS__})

struct bytes packet_connack(unsigned session_present, unsigned code);
struct bytes packet_subscribe(unsigned id, const char *filter, unsigned qos);
struct bytes packet_subscribe_all(unsigned id, const struct filter *filters, size_t count);
struct bytes packet_suback(unsigned id, unsigned code);
struct bytes packet_suback_all(unsigned id, struct bytes codes);
struct bytes packet_unsubscribe(unsigned id, const char *filter);
struct bytes packet_unsubscribe_all(unsigned id, const char *const *filters, size_t count);

// PUBACK, PUBREC, PUBREL, PUBCOMP, UNSUBACK.
struct bytes packet_answer(enum packet_type type, unsigned id);

// PINGREQ, PINGRESP, DISCONNECT.
struct bytes packet_empty(enum packet_type type);

// Any first byte with the remaining length of a body put in front of it.
struct bytes packet_raw(unsigned first, struct bytes body);

// "PUBLISH"; "type 15" for what is none.
const char *packet_type_name(unsigned type);

// Finds the end of the packet that `bytes` begin with: 1 and its length, 0 when more bytes are needed, -1
// when the remaining length is none.
int packet_find(struct bytes bytes, size_t *ret_length);

struct packet {
    enum packet_type type;
    struct bytes whole; // points into what was parsed, as everything below
    unsigned id;        // 0: it has none
    // PUBLISH
    unsigned qos;
    bool dup, retain;
    struct bytes topic, payload;
    // CONNACK
    unsigned session_present, code;
    // SUBACK: codes. SUBSCRIBE and UNSUBSCRIBE: the filters as they lie in the packet.
    struct bytes list;
    // CONNECT
    unsigned connect_flags, keepalive_s, level;
    struct bytes protocol, client_id, will_topic, will, user, password;
};

enum packet_sender { SENDER_CLIENT, SENDER_SERVER };

// Takes one whole packet apart. False when it breaks a rule for packets of this sender; *ret_fault then says
// which, with the statement.
bool packet_parse(struct bytes whole, enum packet_sender sender, struct packet *ret_packet,
                  const char **ret_fault);

// The filter of a SUBSCRIBE (with its QoS) or UNSUBSCRIBE at *at of packet->list, which moves behind it.
// False at the end.
bool packet_next_filter(const struct packet *packet, size_t *at, struct bytes *ret_filter, unsigned *ret_qos);

// What the bytes say, for people, whether they are right or not: every packet in them.
char *packet_describe(struct bytes bytes);

#endif
