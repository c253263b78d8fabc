// SPDX-License-Identifier: MIT
// A message that the broker keeps (retained, queued, in flight, a will), and a publication: one PUBLISH on
// its way to its subscribers.
//
// A publication borrows its bytes and lives for one pass through the router. What has to outlive the pass
// takes the counted message that publication_keep makes, once, whatever the number of sessions that keep it.
#ifndef OUTBOX_MESSAGE_H
#define OUTBOX_MESSAGE_H

#include "server/outbox/segment.h"

struct message {
    struct segment segment;  // first: a span may refer to the message, and its count is this one
    struct bytes topic;      // these three are inside the segment
    struct bytes properties; // those of a 5.0 PUBLISH that travel with the message; empty for 3.x
    struct bytes payload;
    uint64_t stamp_ns; // when it arrived, on the monotonic clock: order between shards, expiry
    uint32_t expiry_s; // 5.0; 0 = never
    uint8_t qos;
    bool retain;
    bool superseded; // it was retained and another has taken its place, or it was erased
};

// The forms in which a PUBLISH leaves: one encoding serves everybody who needs that form. Those of QoS 1 and
// 2 are encoded without packet identifier, and a subscriber's copy gets its own.
enum wire_variant {
    WIRE_3, // 3.1 and 3.1.1
    WIRE_3_RETAIN,
    WIRE_3_QOS_1,
    WIRE_3_QOS_2,
    WIRE_5, // 5.0 with the message's own properties
    WIRE_5_RETAIN,
    WIRE_5_QOS_1,
    WIRE_5_QOS_2,
    WIRE_VARIANTS,
};

// Memory for messages that live shortly: pools of blocks by size, doubling from MESSAGE_POOL_FIRST. Larger
// messages, and those that are retained and so live long, have exactly the memory that they need.
#define MESSAGE_POOLS      5u
#define MESSAGE_POOL_FIRST 256u

struct message_pools {
    struct segment_pool by_size[MESSAGE_POOLS];
    struct segment_pool exact;
};

void message_pools_init(struct message_pools *pools);
void message_pools_finish(struct message_pools *pools);

// The messages that were made in these pools and are still referred to, each once, whoever does.
struct message_tally {
    uint64_t messages;
    uint64_t payload_bytes;
};
struct message_tally message_pools_tally(const struct message_pools *pools);

struct publication {
    struct bytes topic;
    struct bytes properties;
    struct bytes payload;
    struct bytes packet;           // the PUBLISH as it came, if that is one of its forms; else empty
    enum wire_variant packet_form; // which one
    uint64_t stamp_ns;
    uint32_t expiry_s;
    uint8_t qos;
    bool retain;
    bool retain_only;                     // it goes to nobody who subscribes now
    uint8_t encoded;                      // a bit for each form in `wire`
    uint32_t audience;                    // how many sessions it was routed to
    struct message_pools *pools;          // for the counted copy; NULL = the heap, in nobody's tally
    struct message *message;              // the counted copy, or NULL while nobody keeps it
    struct span wire[WIRE_VARIANTS];      // counted, where encoded
    uint32_t packet_id_at[WIRE_VARIANTS]; // where the identifier lies in an encoded form of QoS 1 or 2
};

// A message of its own from borrowed bytes, with one reference; NULL if there is no memory.
WARN_UNUSED struct message *message_create(const struct publication *from);

static inline struct message *message_ref(struct message *message)
{
    (void)segment_ref(&message->segment);
    return message;
}

static inline void message_unref(struct message *message)
{
    segment_unref(&message->segment);
}

// Bytes held by a message, for the ceilings.
static inline uint32_t message_size(const struct message *message)
{
    return message->topic.length + message->properties.length + message->payload.length;
}

// A publication of nothing yet, QoS 0. Its forms are left as they are: `encoded` tells which there are.
static inline void publication_init(struct publication *publication)
{
    memset(publication, 0, offsetof(struct publication, wire));
}

// A publication of a packet that was received; both are borrowed.
void publication_from_packet(struct publication *publication, const struct packet_publish *publish,
                             const struct frame *frame, uint8_t version);

// Whether the packet that was received is this form.
static inline bool publication_came_as(const struct publication *publication, enum wire_variant variant)
{
    return publication->packet.length > 0 && publication->packet_form == variant;
}

// A publication of what a message says, which is borrowed. Who keeps it gets a copy, as of any other.
void publication_from_message(struct publication *publication, const struct message *message);

// The counted copy, made at the first call; borrowed from the publication until publication_finish. NULL if
// there is no memory.
WARN_UNUSED struct message *publication_keep(struct publication *publication);

// Ends the pass: gives back what the publication refers to.
void publication_finish(struct publication *publication);

#endif
