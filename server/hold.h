// SPDX-License-Identifier: MIT
// A client that is held: a plugin has been asked about one of its packets and will answer later, or to judge
// the packet takes long and others have their turn first. The packet
// and everything behind it are kept, receiving pauses, and when the answer or the deadline comes, the packet
// is carried out again with the judgement as far as it is, and then what is behind it.
//
//     judgement is JUDGED_HELD -> hold_begin -> answer, deadline, other plugins -> hold_resume -> free again
//                                                                                     |
//                                                            held once more  <--------+
//
// What is kept is what was received when receiving paused: no more than the shard's receive buffers. A client
// that is held is not let go when its connection ends: what it sent before is carried out first.
#ifndef HOLD_H
#define HOLD_H

#include "server/judgement.h"

struct hold {
    struct timer deadline;
    struct list place; // in shard->held
    struct client *client;
    struct judgement judgement;
    enum effect_kind effect; // of the packet, but for the packet itself
    uint8_t acknowledge;
    uint16_t packet_id;
    struct segment *frame; // the packet
    struct segment *rest;  // what came behind it, from `rest_at` on; or NULL
    uint32_t rest_at;
    bool ended; // its peer has said that nothing more comes
};

// Holds a client whose packet is in `frame`, taking the judgement. Without memory it closes the client.
void hold_begin(struct shard *shard, struct client *client, const struct frame *frame,
                const struct effect *effect, struct judgement *judgement);

// It receives more meanwhile.
void hold_append(struct shard *shard, struct client *client, struct bytes received);

// An answer for the shard, which is taken.
void hold_answered(struct shard *shard, struct answer *answer);

// The deadline is past.
void hold_expired(struct shard *shard, struct timer *timer);

// The plugins are others from now on: what is open is asked anew.
void hold_adopt(struct shard *shard, struct roster *roster);

// The client goes, and what was held with it.
void hold_drop(struct shard *shard, struct client *client);

#endif
