// SPDX-License-Identifier: MIT
// The control packets of MQTT 3.1, 3.1.1 and 5.0: decoding into views, encoding from them.
//
// packet_decode and packet_encode are inverse to each other: what packet_encode wrote decodes to the same
// packet, and encodes to the same bytes again. Where the standards allow one packet several forms,
// packet_encode writes the shortest, so that what another one wrote may come out as an equal packet in other
// bytes: a reason or an empty property list that could be left out (5.0: PUBACK, PUBREC, PUBREL, PUBCOMP,
// DISCONNECT, AUTH), DUP on PUBREL, SUBSCRIBE or UNSUBSCRIBE (3.1), a user name or password that was
// announced and left out (3.1).
//
// The same structures serve both directions; lists of variable length (properties, subscriptions, filters,
// reason codes) stay raw bytes that are walked with the functions below.
#ifndef PROTO_PACKET_H
#define PROTO_PACKET_H

#include "proto/bytes.h"
#include "proto/frame.h"
#include "proto/property.h"
#include "proto/reason.h"

enum mqtt_version {
    MQTT_VERSION_3_1 = 3,
    MQTT_VERSION_3_1_1 = 4,
    MQTT_VERSION_5_0 = 5,
};

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
    PACKET_AUTH,
};

struct packet_will {
    struct bytes properties;
    struct bytes topic;
    struct bytes payload;
    uint8_t qos;
    bool retain;
};

struct packet_connect {
    uint8_t version; // enum mqtt_version; what the peer named otherwise never decodes
    bool clean;      // clean session (3.x) or clean start (5.0)
    bool has_will;
    bool has_user_name;
    bool has_password;
    uint16_t keepalive_s;
    struct bytes properties;
    struct bytes client_id;
    struct packet_will will; // meaningful if has_will
    struct bytes user_name;
    struct bytes password;
};

struct packet_connack {
    bool session_present;
    uint8_t code; // a reason code (5.0) or an enum connect_return (3.x)
    struct bytes properties;
};

struct packet_publish {
    bool dup;
    uint8_t qos;
    bool retain;
    uint16_t packet_id; // 0 at QoS 0
    struct bytes topic;
    struct bytes properties;
    struct bytes payload;
};

// PUBACK, PUBREC, PUBREL, PUBCOMP.
struct packet_ack {
    uint16_t packet_id;
    uint8_t reason; // 5.0; success when left out
    struct bytes properties;
};

// SUBSCRIBE and UNSUBSCRIBE: `entries` is walked with subscribe_next or unsubscribe_next.
struct packet_subscribe {
    uint16_t packet_id;
    struct bytes properties;
    struct bytes entries;
};

// SUBACK and UNSUBACK: one code for each filter, in order. UNSUBACK of 3.x has none.
struct packet_suback {
    uint16_t packet_id;
    struct bytes properties;
    struct bytes codes;
};

// DISCONNECT and AUTH.
struct packet_disconnect {
    uint8_t reason; // 5.0; success when left out
    struct bytes properties;
};

struct packet {
    uint8_t type; // enum packet_type
    union {
        struct packet_connect connect;
        struct packet_connack connack;
        struct packet_publish publish;
        struct packet_ack ack;
        struct packet_subscribe subscribe;
        struct packet_suback suback;
        struct packet_disconnect disconnect;
    };
};

struct subscription_options {
    uint8_t qos;
    bool no_local;            // 5.0
    bool retain_as_published; // 5.0
    uint8_t retain_handling;  // 5.0: 0 to 2
};

// Decodes the body of a ready frame. `version`: what CONNECT agreed; not used for a CONNECT, which names its
// own. Returns REASON_SUCCESS and sets *ret_packet, or the reason why not, *ret_packet being untouched. The
// reasons are those of 5.0; what a 3.x connection does is close.
//
// - REASON_MALFORMED_PACKET, REASON_PROTOCOL_ERROR;
// - REASON_TOPIC_NAME_INVALID: of a PUBLISH or a will;
// - REASON_TOPIC_FILTER_INVALID: of a SUBSCRIBE or UNSUBSCRIBE, in every version;
// - REASON_TOPIC_ALIAS_INVALID: the alias 0;
// - REASON_UNSUPPORTED_PROTOCOL_VERSION: a CONNECT whose protocol name or level is not served, a level with
//   the bit 0x80 of bridges among them. 3.1.1 answers with return code 1 [MQTT-3.1.2-2], 5.0 with 0x84.
//
// Everything that one packet alone can violate is checked here: flags, lengths, text, wildcards in a topic
// name, filters, packet identifier 0 [MQTT-2.3.1-1], empty lists [MQTT-3.8.3-3], reserved bits
// [MQTT-3.8.3-4], trailing bytes. Reason codes and properties are checked against the packet that they stand
// in, not against who sent it. Not here: the empty client id, which the server judges, what a topic alias
// stands for, the method of an AUTH.
uint8_t packet_decode(const struct frame *frame, uint8_t version, struct packet *ret_packet);

// The size in bytes of `packet` on the wire, or 0 if it, or a text in it, is larger than the protocol allows.
uint32_t packet_size(const struct packet *packet, uint8_t version);

// Appends `packet`; `overflow` if it does not fit. `version` as above; a CONNECT names its own.
void packet_encode(const struct packet *packet, uint8_t version, struct writer *writer);

// The head of a PUBLISH alone, up to where its payload begins, so that a payload held elsewhere can follow it
// on the wire: of publish->payload only the length is used. The size is 0 as with packet_size.
uint32_t publish_head_size(const struct packet_publish *publish, uint8_t version);
void publish_encode_head(const struct packet_publish *publish, uint8_t version, struct writer *writer);

// A PUBACK, PUBREC, PUBREL or PUBCOMP that carries nothing but its identifier: four bytes, the same in every
// version.
#define ACK_SHORT_BYTES 4u
static inline void ack_encode_short(uint8_t packet_type, uint16_t packet_id,
                                    uint8_t ret_packet[ACK_SHORT_BYTES])
{
    ret_packet[0] = (uint8_t)(packet_type << 4 | (packet_type == PACKET_PUBREL ? 2 : 0)); // [MQTT-3.6.1-1]
    ret_packet[1] = 2;
    ret_packet[2] = (uint8_t)(packet_id >> 8);
    ret_packet[3] = (uint8_t)packet_id;
}

// Where the packet identifier of an encoded PUBLISH lies, counted from its first byte, so that a copy can get
// another one. Meaningful above QoS 0.
uint32_t publish_packet_id_offset(const struct packet_publish *publish, uint8_t version);

// Take the next entry off the front of the entries of a decoded packet; start with a copy. Return false at
// the end.
bool subscribe_next(struct bytes *entries, struct bytes *ret_filter,
                    struct subscription_options *ret_options);
bool unsubscribe_next(struct bytes *entries, struct bytes *ret_filter);

// Append an entry to the raw entries of a SUBSCRIBE or UNSUBSCRIBE that is being built.
void subscribe_put(struct writer *writer, struct bytes filter, struct subscription_options options);
void unsubscribe_put(struct writer *writer, struct bytes filter);

// "PUBLISH" for PACKET_PUBLISH; "reserved" for 0 and numbers above 15.
const char *packet_type_name(uint8_t type);

#endif
