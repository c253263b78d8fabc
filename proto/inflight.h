// SPDX-License-Identifier: MIT
// Packet identifiers and the exchanges that they name: QoS 1 and 2 in both directions, and a client's
// requests.
//
// Outgoing: a window of exchanges in the order in which they began. Identifiers are given out one after the
// other, so the window is a ring of slots indexed by identifier, and finding, adding and ending one costs the
// same whatever its size:
//
//     first              next
//     [wait] [hole] [wait] [free]
//
// An exchange that ends inside the window leaves a hole until all before it have ended too, so that order is
// kept; the window spans the identifiers from `first` up to `next`.
//
//     QoS 1:  PUBLISH -> wait PUBACK -> ended
//     QoS 2:  PUBLISH -> wait PUBREC -> PUBREL, wait PUBCOMP -> ended
//     SUBSCRIBE -> wait SUBACK -> ended;  UNSUBSCRIBE -> wait UNSUBACK -> ended     (clients)
//
// Identifier 0 does not exist [MQTT-2.3.1-1]: the window passes over it and gives it no slot.
//
// Incoming: the set of identifiers for which PUBREC was sent and PUBREL has not come [MQTT-4.3.3-2].
#ifndef PROTO_INFLIGHT_H
#define PROTO_INFLIGHT_H

#include "proto/bytes.h"

#define INFLIGHT_SLOTS_MAX 32768u

enum inflight_wait {
    INFLIGHT_WAIT_NOTHING, // a hole or a free slot
    INFLIGHT_WAIT_PUBACK,
    INFLIGHT_WAIT_PUBREC,
    INFLIGHT_WAIT_PUBCOMP,
    INFLIGHT_WAIT_SUBACK,
    INFLIGHT_WAIT_UNSUBACK,
};

struct inflight_slot {
    void *item;      // the caller's: what was sent; NULL is allowed
    uint32_t detail; // the caller's: how it was sent
    uint8_t wait;    // enum inflight_wait
};

struct inflight {
    struct inflight_slot *slots; // the caller's; NULL while capacity is 0
    uint32_t capacity;           // 0 or a power of two, at most INFLIGHT_SLOTS_MAX
    uint32_t count;              // exchanges that have not ended
    uint16_t first;              // the oldest identifier that has not ended, or `next` when there is none
    uint16_t next;               // the identifier that the next exchange gets (0 is passed over)
};

// What an acknowledgement did.
enum inflight_result {
    INFLIGHT_ENDED,    // the exchange is over: *ret_slot is what it held
    INFLIGHT_RELEASE,  // PUBREC came: send PUBREL; *ret_slot is what it held, the item is held no longer
    INFLIGHT_REPEATED, // PUBREC came again while PUBCOMP is awaited: send PUBREL again
    INFLIGHT_UNKNOWN,  // no exchange under this identifier waits for this packet
};

// An empty window without slots; the first identifier will be 1.
void inflight_init(struct inflight *inflight);

// True if the window cannot begin another exchange in its present slots.
bool inflight_full(const struct inflight *inflight);

// Moves the window into `slots`, which has `capacity` slots (a power of two, larger than the present capacity
// and at most INFLIGHT_SLOTS_MAX). The former slots are the caller's again.
void inflight_move(struct inflight *inflight, struct inflight_slot *slots, uint32_t capacity);

// Begins an exchange and returns its identifier. The window must not be full.
uint16_t inflight_begin(struct inflight *inflight, uint8_t wait, void *item, uint32_t detail);

// Feeds an acknowledgement: `packet_type` is PACKET_PUBACK, PUBREC, PUBCOMP, SUBACK or UNSUBACK. Anything may
// come from a peer. `failed`: the acknowledgement carries an error (a 5.0 reason of 0x80 or more): PUBREC
// then ends its exchange.
enum inflight_result inflight_acknowledge(struct inflight *inflight, uint8_t packet_type, uint16_t packet_id,
                                          bool failed, struct inflight_slot *ret_slot);

// Walks the exchanges that have not ended, oldest first: start with *packet_id = 0. Returns NULL at the end.
// Resend after a reconnect is this walk [MQTT-4.4.0-1, MQTT-4.6.0-1].
struct inflight_slot *inflight_next(struct inflight *inflight, uint16_t *packet_id);

// Incoming QoS 2.
#define PACKET_ID_SET_WORDS 1024u
struct packet_id_set {
    uint64_t words[PACKET_ID_SET_WORDS];
    uint32_t count;
};

void packet_id_set_init(struct packet_id_set *set);
bool packet_id_set_has(const struct packet_id_set *set, uint16_t packet_id);
void packet_id_set_add(struct packet_id_set *set, uint16_t packet_id);
// Returns whether it was there.
bool packet_id_set_remove(struct packet_id_set *set, uint16_t packet_id);

#endif
