// SPDX-License-Identifier: MIT
// The door of server/store/: the one place that every acknowledgement of a QoS 1 or 2 PUBLISH passes on its
// way out.
//
// An acknowledgement says that the broker has taken responsibility. What that means is decided here: messages
// are held in memory, so responsibility is taken as soon as the sessions have them, and each acknowledgement
// is released in the turn in which it was asked for. Order is kept. [MQTT-4.6.0-2, MQTT-4.6.0-3]
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "proto/proto.h"
#include "server/base/base.h"

// An acknowledgement to be sent: to whom (by id, for the connection may be gone by then), and what.
struct acknowledgement {
    uint64_t client; // the shard's id of the connection
    uint16_t packet_id;
    uint8_t packet_type; // PACKET_PUBACK, PACKET_PUBREC or PACKET_PUBCOMP
    uint8_t reason;      // 5.0
};

struct store {
    struct acknowledgement *waiting; // a ring of `capacity` (a power of two)
    uint32_t capacity;
    uint32_t head;
    uint32_t tail;
};

void store_init(struct store *store);
void store_finish(struct store *store);

// Asks for an acknowledgement to the connection `client` to be released once what it stands for is in the
// store's hands.
void store_commit(struct store *store, uint64_t client, uint8_t packet_type, uint16_t packet_id,
                  uint8_t reason);

// Takes the next released acknowledgement, in the order in which they were asked for; borrowed until the next
// store_commit. Returns NULL if there is none.
const struct acknowledgement *store_next_released(struct store *store);

#endif
