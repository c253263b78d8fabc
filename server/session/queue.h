// SPDX-License-Identifier: MIT
// What waits for a session: messages that its in-flight window has no room for, or that came while it was
// absent. First in, first out. The ceilings are the session's: at one of them the newest message is refused,
// so that order is kept.
#ifndef SESSION_QUEUE_H
#define SESSION_QUEUE_H

#include "server/outbox/outbox.h"

// How a message goes to one subscriber, packed to travel in a queue slot or an in-flight slot.
struct delivery {
    uint8_t qos;
    bool retain;
    uint32_t identifier; // 5.0 subscription identifier, at most VARINT_MAX; 0 = none
};

uint32_t delivery_pack(struct delivery delivery);
struct delivery delivery_unpack(uint32_t packed);

struct queued {
    struct message *message; // counted
    uint32_t delivery;       // packed
};

struct queue {
    struct queued *slots; // a ring of `capacity` (a power of two); NULL while empty
    uint32_t capacity;
    uint32_t head;
    uint32_t tail;
    uint64_t bytes; // of the messages, each counted in full though several sessions may share it
    uint32_t qos_0; // how many of them go at QoS 0
};

void queue_init(struct queue *queue);
void queue_finish(struct queue *queue);

static inline uint32_t queue_count(const struct queue *queue)
{
    return queue->tail - queue->head;
}

struct queue_ceiling {
    uint64_t messages_max;
    uint64_t bytes_max;
};

// Appends, taking a reference. Returns false at a ceiling or without memory.
WARN_UNUSED bool queue_push(struct queue *queue, struct queue_ceiling ceiling, struct message *message,
                            struct delivery delivery);

// The first message, still in the queue; NULL when empty.
const struct queued *queue_first(const struct queue *queue);

// Whether a message is to stay.
typedef bool queue_keep(void *context, const struct message *message);

// Takes out and gives back those that are not to stay. Returns how many.
uint32_t queue_sift(struct queue *queue, queue_keep *keep, void *context);

// Takes the first message out; its reference is the caller's now. The queue must not be empty.
struct queued queue_pop(struct queue *queue);

#endif
