// SPDX-License-Identifier: MIT
#include "server/session/replay.h"

#include <stdlib.h>

void replay_append(struct replay **replays, struct retained_batch batch)
{
    if (batch.count == 0)
        return;
    struct replay *replay = memory_require(sizeof *replay);
    *replay = (struct replay){.batch = batch};
    while (*replays != NULL)
        replays = &(*replays)->next;
    *replays = replay;
}

void replay_advance(struct replay *replays)
{
    message_unref(replays->batch.messages[replays->position++]);
}

static void replay_destroy_first(struct replay **replays)
{
    struct replay *replay = *replays;
    *replays = replay->next;
    while (replay->position < replay->batch.count)
        replay_advance(replay);
    free(replay->batch.messages);
    free(replay);
}

struct message *replay_next(struct replay **replays, struct delivery *ret_delivery)
{
    while (*replays != NULL) {
        struct replay *replay = *replays;
        if (replay->position == replay->batch.count) {
            replay_destroy_first(replays);
            continue;
        }
        struct message *message = replay->batch.messages[replay->position];
        if (!message->superseded) {
            uint8_t qos_max = replay->batch.options.qos;
            *ret_delivery = (struct delivery){.qos = message->qos < qos_max ? message->qos : qos_max,
                                              .retain = true, // [MQTT-3.3.1-8]
                                              .identifier = replay->batch.identifier};
            return message;
        }
        replay_advance(replay);
    }
    return NULL;
}

// What stays closes up behind the position.
static uint32_t batch_sift(struct retained_batch *batch, uint32_t position, queue_keep *keep, void *context)
{
    uint32_t before = batch->count;
    batch->count = position;
    for (uint32_t i = position; i < before; i++)
        if (keep(context, batch->messages[i]))
            batch->messages[batch->count++] = batch->messages[i];
        else
            message_unref(batch->messages[i]);
    return before - batch->count;
}

uint32_t replay_sift(struct replay *replays, queue_keep *keep, void *context)
{
    uint32_t dropped = 0;
    for (struct replay *replay = replays; replay != NULL; replay = replay->next)
        dropped += batch_sift(&replay->batch, replay->position, keep, context);
    return dropped;
}

void replay_destroy_all(struct replay **replays)
{
    while (*replays != NULL)
        replay_destroy_first(replays);
}
