// SPDX-License-Identifier: MIT
#include "client/inbox.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

void inbox_init(struct inbox *inbox, uint32_t bytes_max)
{
    *inbox = (struct inbox){.bytes_max = bytes_max};
}

void inbox_finish(struct inbox *inbox)
{
    inbox_release(inbox);
    while (inbox_take(inbox) != NULL)
        inbox_release(inbox);
}

static struct inbox_message *message_copy(const struct packet_publish *publish)
{
    struct bytes topic = publish->topic;
    struct bytes payload = publish->payload;
    size_t size = sizeof(struct inbox_message) + topic.length + 1u + payload.length;
    struct inbox_message *message = malloc(size);
    if (message == NULL)
        return NULL;
    char *payload_copy = message->text + topic.length + 1;
    memcpy(message->text, topic.data, topic.length);
    message->text[topic.length] = '\0';
    if (payload.length != 0)
        memcpy(payload_copy, payload.data, payload.length);
    message->next = NULL;
    message->message = (struct hbmqtt_message){
        .size = sizeof message->message,
        .topic = message->text,
        .payload = payload_copy,
        .payload_length = payload.length,
        .qos = publish->qos,
        .retain = publish->retain,
        .duplicate = publish->dup,
    };
    message->held_bytes = (uint32_t)size;
    message->packet_id = publish->packet_id;
    message->acknowledgeable = publish->qos != 0;
    return message;
}

int inbox_push(struct inbox *inbox, const struct packet_publish *publish)
{
    struct inbox_message *message = message_copy(publish);
    if (message == NULL)
        return -ENOMEM;
    if (inbox->last == NULL)
        inbox->first = message;
    else
        inbox->last->next = message;
    inbox->last = message;
    inbox->count++;
    inbox->held_bytes += message->held_bytes;
    return 0;
}

const struct hbmqtt_message *inbox_take(struct inbox *inbox)
{
    assert(inbox->taken == NULL);
    struct inbox_message *message = inbox->first;
    if (message == NULL)
        return NULL;
    inbox->first = message->next;
    if (inbox->first == NULL)
        inbox->last = NULL;
    inbox->count--;
    inbox->held_bytes -= message->held_bytes;
    inbox->taken = message;
    return &message->message;
}

void inbox_release(struct inbox *inbox)
{
    free(inbox->taken);
    inbox->taken = NULL;
}

struct inbox_message *inbox_find(struct inbox *inbox, uint16_t packet_id)
{
    struct inbox_message *taken = inbox->taken;
    if (taken != NULL && taken->packet_id == packet_id && taken->message.qos == 2)
        return taken;
    for (struct inbox_message *at = inbox->first; at != NULL; at = at->next)
        if (at->packet_id == packet_id && at->message.qos == 2)
            return at;
    return NULL;
}

void inbox_detach(struct inbox *inbox)
{
    if (inbox->taken != NULL)
        inbox->taken->acknowledgeable = false;
    for (struct inbox_message *at = inbox->first; at != NULL; at = at->next)
        at->acknowledgeable = false;
}

void inbox_forget_ids(struct inbox *inbox)
{
    if (inbox->taken != NULL)
        inbox->taken->packet_id = 0;
    for (struct inbox_message *at = inbox->first; at != NULL; at = at->next)
        at->packet_id = 0;
}
