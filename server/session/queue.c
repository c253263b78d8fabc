// SPDX-License-Identifier: MIT
#include "server/session/queue.h"

#include <stdlib.h>

#define SLOTS_FIRST 8u

#define DELIVERY_QOS_BITS   2u
#define DELIVERY_RETAIN_BIT (1u << DELIVERY_QOS_BITS)
#define DELIVERY_ID_SHIFT   (DELIVERY_QOS_BITS + 1u)

uint32_t delivery_pack(struct delivery delivery)
{
    return delivery.identifier << DELIVERY_ID_SHIFT | (delivery.retain ? DELIVERY_RETAIN_BIT : 0) |
           delivery.qos;
}

struct delivery delivery_unpack(uint32_t packed)
{
    return (struct delivery){.qos = packed & (DELIVERY_RETAIN_BIT - 1),
                             .retain = (packed & DELIVERY_RETAIN_BIT) != 0,
                             .identifier = packed >> DELIVERY_ID_SHIFT};
}

void queue_init(struct queue *queue)
{
    *queue = (struct queue){0};
}

void queue_finish(struct queue *queue)
{
    for (; queue->head != queue->tail; queue->head++)
        message_unref(queue->slots[queue->head & (queue->capacity - 1)].message);
    free(queue->slots);
    *queue = (struct queue){0};
}

static bool queue_grow(struct queue *queue)
{
    uint32_t capacity = queue->capacity ? queue->capacity * 2 : SLOTS_FIRST;
    struct queued *slots = malloc(capacity * sizeof *slots);
    if (slots == NULL)
        return false;
    uint32_t count = queue_count(queue);
    for (uint32_t i = 0; i < count; i++)
        slots[i] = queue->slots[(queue->head + i) & (queue->capacity - 1)];
    free(queue->slots);
    queue->slots = slots;
    queue->capacity = capacity;
    queue->head = 0;
    queue->tail = count;
    return true;
}

bool queue_push(struct queue *queue, struct queue_ceiling ceiling, struct message *message,
                struct delivery delivery)
{
    if (queue_count(queue) >= ceiling.messages_max)
        return false;
    // A queue that is empty takes a message of any size: else it could never be delivered.
    if (queue->bytes > 0 && queue->bytes + message_size(message) > ceiling.bytes_max)
        return false;
    if (queue_count(queue) == queue->capacity && !queue_grow(queue))
        return false;
    queue->slots[queue->tail++ & (queue->capacity - 1)] =
        (struct queued){message_ref(message), delivery_pack(delivery)};
    queue->bytes += message_size(message);
    queue->qos_0 += delivery.qos == 0;
    return true;
}

const struct queued *queue_first(const struct queue *queue)
{
    return queue->head == queue->tail ? NULL : &queue->slots[queue->head & (queue->capacity - 1)];
}

struct queued queue_pop(struct queue *queue)
{
    const struct queued *first = queue_first(queue);
    assert(first != NULL);
    struct queued popped = *first;
    queue->head++;
    queue->bytes -= message_size(popped.message);
    queue->qos_0 -= delivery_unpack(popped.delivery).qos == 0;
    // A queue that was long once gives its memory back when it has been worked off.
    if (queue->head == queue->tail && queue->capacity > SLOTS_FIRST)
        queue_finish(queue);
    return popped;
}

uint32_t queue_sift(struct queue *queue, queue_keep *keep, void *context)
{
    uint32_t dropped = 0;
    uint32_t count = queue_count(queue);
    for (uint32_t i = 0; i < count; i++) { // once around: what stays goes to the end
        struct queued one = queue->slots[queue->head++ & (queue->capacity - 1)];
        if (keep(context, one.message)) {
            queue->slots[queue->tail++ & (queue->capacity - 1)] = one;
            continue;
        }
        queue->bytes -= message_size(one.message);
        queue->qos_0 -= delivery_unpack(one.delivery).qos == 0;
        message_unref(one.message);
        dropped++;
    }
    if (queue->head == queue->tail)
        queue_finish(queue);
    return dropped;
}
