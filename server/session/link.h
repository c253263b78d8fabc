// SPDX-License-Identifier: MIT
// The protocol side of one connection: from packets to effects.
//
//     LINK_NEW --CONNECT accepted--> LINK_OPEN --DISCONNECT, fault, takeover, silence--> LINK_CLOSED
//        \--anything else, CONNECT refused-----------------------------------------------/
//
// link_handle judges one packet and answers with one effect, which the shard carries out: it alone knows the
// router, the other shards and the registry of sessions. What only concerns this connection (PUBREL,
// the acknowledgements of what was delivered) is done here and lands in the outbox.
#ifndef SESSION_LINK_H
#define SESSION_LINK_H

#include "server/access/access.h"
#include "server/session/inbox.h"
#include "server/session/turn.h"

struct session;

enum link_state { LINK_NEW, LINK_OPEN, LINK_CLOSED };

struct link {
    struct list dirty;     // in turn->dirty while there is something to send or to tell
    uint8_t state;         // enum link_state
    uint8_t version;       // enum mqtt_version; once open
    bool authenticated;    // nothing more is asked of its CONNECT: its certificate vouches for it, or it was
                           // judged on the shard that accepted the connection
    uint8_t listener;      // number of that where it came from
    uint32_t keepalive_ms; // 0 = none
    struct outbox outbox;
    struct session *session; // while open
    struct message *will;    // goes out when the link closes other than by DISCONNECT; counted
    struct inbox inbox;
    uint64_t received_ns; // when bytes came last, for the keep-alive
    uint64_t dropped;     // messages that its ceilings cost this peer
};

enum effect_kind {
    EFFECT_NONE,
    EFFECT_CONNECT,     // accepted so far: give packet.connect its session and answer
    EFFECT_PUBLISH,     // route packet.publish, then acknowledge
    EFFECT_ACKNOWLEDGE, // only acknowledge
    EFFECT_SUBSCRIBE,
    EFFECT_UNSUBSCRIBE,
    EFFECT_PING,  // PINGREQ: answer it behind what it is asked to wait for
    EFFECT_CLOSE, // close for `reason`; what is in the outbox (a refusal) goes out first
};

struct effect {
    enum effect_kind kind;
    uint8_t reason;       // of EFFECT_CLOSE; REASON_SUCCESS after a DISCONNECT
    uint8_t acknowledge;  // the type of the acknowledgement, or 0
    uint16_t packet_id;   // of the acknowledgement
    struct packet packet; // views into the frame
};

struct link_options {
    struct segment_pool *chunks;
    uint64_t outbox_bytes_max;
    uint64_t now_ns;
    uint8_t listener;
};

void link_init(struct link *link, const struct link_options *options);
void link_finish(struct link *link); // its outbox must not be with the kernel

// What may come before a CONNECT was accepted, in bytes: the longest CONNECT of MQTT 3.x, which has five
// fields of 64 KiB. Who is not known yet is not to fill memory with more.
#define LINK_CONNECT_MAX 327701u

// Size of the largest packet that may come now, in bytes.
static inline uint32_t link_packet_max(const struct link *link, const struct turn *turn)
{
    uint64_t size_max = turn_limits(turn, link->listener)->packet_size_max;
    return link->state == LINK_NEW && size_max > LINK_CONNECT_MAX ? LINK_CONNECT_MAX : (uint32_t)size_max;
}

// Whether no packet of this type may come now: anything else before CONNECT, or a second one [MQTT-3.1.0-1,
// MQTT-3.1.0-2].
static inline bool link_out_of_turn(const struct link *link, uint8_t packet_type)
{
    return (packet_type == PACKET_CONNECT) != (link->state == LINK_NEW);
}

// Judges one packet.
void link_handle(struct link *link, const struct frame *frame, struct turn *turn, const struct access *access,
                 struct effect *ret_effect);

// Answers a CONNECT. A refusal is encoded for the version that the peer named; refusals without a fitting
// code say nothing.
void link_accept(struct link *link, struct turn *turn, bool session_present);
void link_refuse(struct link *link, struct turn *turn, uint8_t version, uint8_t reason);

// Puts a packet that is this client's alone into the outbox.
void link_put(struct link *link, struct turn *turn, const struct packet *packet);

// The same for PUBACK, PUBREC, PUBREL and PUBCOMP, of which there are many: cheaper where they carry no
// reason.
void link_put_ack(struct link *link, struct turn *turn, uint8_t packet_type, uint16_t packet_id,
                  uint8_t reason);

// When silence ends this link; TIMER_NEVER without keep-alive. [MQTT-3.1.2-24]
uint64_t link_silence_deadline_ns(const struct link *link);

static inline void link_touch(struct link *link, struct turn *turn)
{
    if (list_empty(&link->dirty))
        list_append(&turn->dirty, &link->dirty);
}

#endif
