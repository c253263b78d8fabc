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

struct message *message_create(const struct publication *from)
{
    uint32_t capacity = from->topic.length + from->properties.length + from->payload.length;
    struct message *message = malloc(sizeof *message + capacity);
    if (message == NULL)
        return NULL;
    *message = (struct message){
        .segment = {.data = (uint8_t *)(message + 1), .references = 1, .capacity = capacity},
        .stamp_ns = from->stamp_ns,
        .expiry_s = from->expiry_s,
        .qos = from->qos,
        .retain = from->retain,
    };
    message->topic = message_put(message, from->topic);
    message->properties = message_put(message, from->properties);
    message->payload = message_put(message, from->payload);
    return message;
}

void publication_from_message(struct publication *publication, struct message *message)
{
    *publication = (struct publication){
        .topic = message->topic,
        .properties = message->properties,
        .payload = message->payload,
        .stamp_ns = message->stamp_ns,
        .expiry_s = message->expiry_s,
        .qos = message->qos,
        .retain = message->retain,
        .message = message_ref(message),
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
    for (int i = 0; i < WIRE_VARIANTS; i++)
        if (publication->wire[i].segment != NULL)
            segment_unref(publication->wire[i].segment);
    if (publication->message != NULL)
        message_unref(publication->message);
    *publication = (struct publication){0};
}
