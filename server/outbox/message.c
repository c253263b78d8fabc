// SPDX-License-Identifier: MIT
#include "server/outbox/message.h"

#include <stdlib.h>

static struct bytes message_put(struct message *message, struct bytes bytes)
{
    struct bytes copy = {message->segment.data + message->segment.used, bytes.length};
    if (bytes.length > 0)
        memcpy(message->segment.data + message->segment.used, bytes.data, bytes.length);
    message->segment.used += bytes.length;
    return copy;
}

// What stays idle in each pool: what a few hundred clients with full windows let go at once.
#define POOL_IDLE_BYTES 4194304u

void message_pools_init(struct message_pools *pools)
{
    for (uint32_t i = 0; i < MESSAGE_POOLS; i++) {
        uint32_t block = MESSAGE_POOL_FIRST << i;
        segment_pool_init(&pools->by_size[i], block - (uint32_t)sizeof(struct segment),
                          POOL_IDLE_BYTES / block);
    }
    segment_pool_init(&pools->exact, 0, 0);
}

void message_pools_finish(struct message_pools *pools)
{
    for (uint32_t i = 0; i < MESSAGE_POOLS; i++)
        segment_pool_finish(&pools->by_size[i]);
    segment_pool_finish(&pools->exact);
}

struct message_tally message_pools_tally(const struct message_pools *pools)
{
    struct message_tally tally = {pools->exact.lent, pools->exact.lent_weight};
    for (uint32_t i = 0; i < MESSAGE_POOLS; i++) {
        tally.messages += pools->by_size[i].lent;
        tally.payload_bytes += pools->by_size[i].lent_weight;
    }
    return tally;
}

static struct segment *message_take(const struct publication *from, size_t size)
{
    uint32_t capacity = (uint32_t)(size - sizeof(struct segment));
    if (from->pools == NULL)
        return segment_create(capacity);
    if (!from->retain)
        for (uint32_t i = 0; i < MESSAGE_POOLS; i++)
            if (size <= MESSAGE_POOL_FIRST << i)
                return segment_take(&from->pools->by_size[i]);
    return segment_take_exact(&from->pools->exact, capacity);
}

struct message *message_create(const struct publication *from)
{
    uint32_t capacity = from->topic.length + from->properties.length + from->payload.length;
    struct segment *segment = message_take(from, sizeof(struct message) + (size_t)capacity);
    if (segment == NULL)
        return NULL;
    // A message is the segment that it begins with, and more: its block holds both.
    struct message *message = container_of(segment, struct message, segment);
    segment->data = (uint8_t *)(message + 1);
    segment->capacity = capacity;
    if (segment->pool != NULL) {
        segment->weight = from->payload.length;
        segment->pool->lent_weight += from->payload.length;
    }
    // Every field by itself: clearing the whole first would cost more than the rest.
    message->stamp_ns = from->stamp_ns;
    message->expiry_s = from->expiry_s;
    message->qos = from->qos;
    message->retain = from->retain;
    message->superseded = false;
    message->topic = message_put(message, from->topic);
    message->properties = message_put(message, from->properties);
    message->payload = message_put(message, from->payload);
    return message;
}

// A PUBLISH of 3.x that is neither retained nor repeated leaves as it came.
static bool packet_is_form(const struct frame *frame, uint8_t version, uint8_t qos)
{
    return version != MQTT_VERSION_5_0 && frame->header == (PACKET_PUBLISH << 4 | qos << 1);
}

void publication_from_packet(struct publication *publication, const struct packet_publish *publish,
                             const struct frame *frame, uint8_t version)
{
    publication_init(publication);
    bytes_copy(&publication->topic, &publish->topic);
    bytes_copy(&publication->properties, &publish->properties);
    bytes_copy(&publication->payload, &publish->payload);
    publication->qos = publish->qos;
    publication->retain = publish->retain;
    if (!packet_is_form(frame, version, publish->qos))
        return;
    publication->packet = frame_packet(frame);
    publication->packet_form = publish->qos == 0 ? WIRE_3 : publish->qos == 1 ? WIRE_3_QOS_1 : WIRE_3_QOS_2;
}

void publication_from_message(struct publication *publication, const struct message *message)
{
    *publication = (struct publication){
        .topic = message->topic,
        .properties = message->properties,
        .payload = message->payload,
        .stamp_ns = message->stamp_ns,
        .expiry_s = message->expiry_s,
        .qos = message->qos,
        .retain = message->retain,
    };
}

struct message *publication_keep(struct publication *publication)
{
    if (publication->message == NULL)
        publication->message = message_create(publication);
    return publication->message;
}

void publication_finish(struct publication *publication)
{
    for (uint32_t variant = 0; publication->encoded != 0; publication->encoded >>= 1, variant++) {
        if ((publication->encoded & 1) == 0)
            continue;
        segment_unref(publication->wire[variant].segment);
        publication->wire[variant].segment = NULL;
    }
    if (publication->message != NULL)
        message_unref(publication->message);
    publication->message = NULL;
}
