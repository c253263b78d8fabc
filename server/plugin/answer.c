// SPDX-License-Identifier: MIT
#include "server/plugin/answer.h"

#include <stdlib.h>

#include "server/plugin/tally.h"

// What the first version of each structure had: less is a mistake.
#define ANSWER_SIZE_FIRST  32u
#define MESSAGE_SIZE_FIRST 48u

#define PUBLISH_HEAD 4u // at most, beside the topic: its length and a packet identifier

void structure_read(void *to, size_t to_size, const void *from, size_t size)
{
    memset(to, 0, to_size);
    memcpy(to, from, size < to_size ? size : to_size);
}

bool message_from_plugin(const struct hbmqtt_plugin_message *given, uint32_t topic_levels_max,
                         struct hbmqtt_plugin_message *ret_message)
{
    if (given == NULL || given->size < MESSAGE_SIZE_FIRST)
        return false;
    struct hbmqtt_plugin_message message;
    structure_read(&message, sizeof message, given, given->size);
    struct bytes topic = bytes_from_plugin(message.topic);
    if (message.qos > 2 || message.retain > 1 || message.payload.length > VARINT_MAX ||
        topic.length > TOPIC_BYTES_MAX || !utf8_valid(topic) || !topic_name_valid(topic, topic_levels_max) ||
        topic.length + message.payload.length + PUBLISH_HEAD > VARINT_MAX)
        return false;
    *ret_message = message;
    return true;
}

static bool verdict_is_answer(int verdict)
{
    int bare = verdict_bare(verdict);
    return bare >= HBMQTT_NO_OPINION && bare <= HBMQTT_NOT_CONCERNED && bare != HBMQTT_PENDING;
}

// A user name is a text of MQTT, whoever gives it.
static bool user_name_is_text(struct bytes name)
{
    return name.length <= UINT16_MAX && utf8_valid(name);
}

static struct bytes put_behind(uint8_t **at, struct bytes bytes)
{
    if (bytes.length == 0)
        return (struct bytes){0};
    struct bytes copied = {memcpy(*at, bytes.data, bytes.length), bytes.length};
    *at += bytes.length;
    return copied;
}

struct answer *answer_create(const struct hbmqtt_plugin_answer *given, uint32_t topic_levels_max,
                             int *ret_error)
{
    *ret_error = HBMQTT_PLUGIN_ERROR_ARGUMENT;
    if (given == NULL || given->size < ANSWER_SIZE_FIRST)
        return NULL;
    struct hbmqtt_plugin_answer read;
    structure_read(&read, sizeof read, given, given->size);
    struct hbmqtt_plugin_message message = {0};
    struct bytes name = bytes_from_plugin(read.user_name);
    if (!verdict_is_answer(read.verdict) || !user_name_is_text(name) ||
        (read.message != NULL && !message_from_plugin(read.message, topic_levels_max, &message)))
        return NULL;
    struct bytes topic = bytes_from_plugin(message.topic);
    struct bytes payload = bytes_from_plugin(message.payload);
    struct answer *answer = malloc(sizeof *answer + name.length + topic.length + payload.length);
    if (answer == NULL) {
        *ret_error = HBMQTT_PLUGIN_ERROR_MEMORY;
        return NULL;
    }
    *answer = (struct answer){
        .verdict = read.verdict,
        .has_message = read.message != NULL,
        .qos = (uint8_t)message.qos,
        .retain = message.retain != 0,
    };
    uint8_t *at = answer->bytes;
    answer->user_name = put_behind(&at, name);
    answer->topic = put_behind(&at, topic);
    answer->payload = put_behind(&at, payload);
    return answer;
}
