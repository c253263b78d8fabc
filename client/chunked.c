// SPDX-License-Identifier: MIT
#include "client/chunked.h"

#include <errno.h>
#include <stdlib.h>

size_t chunked_find(struct bytes input, const struct frame *frame, uint32_t bytes_min,
                    struct packet_publish *ret_publish)
{
    if (bytes_min == UINT32_MAX || frame->size < bytes_min || frame->size == 0 ||
        frame_type(frame) != PACKET_PUBLISH)
        return 0;
    uint32_t fixed = 1;
    while ((input.data[fixed++] & 0x80) != 0)
        ;
    if (input.length < fixed + 2)
        return 0;
    size_t topic_length = (size_t)input.data[fixed] << 8 | input.data[fixed + 1];
    size_t head = 2 + topic_length + ((frame->header & 6) == 0 ? 0 : 2);
    if (input.length < fixed + head || frame->size < fixed + head || frame->size - fixed - head < bytes_min)
        return 0;
    struct frame part = {
        .header = frame->header, .size = (uint32_t)(fixed + head), .body = {input.data + fixed, head}};
    struct packet packet;
    if (packet_decode(&part, MQTT_VERSION_3_1_1, &packet) != REASON_SUCCESS)
        return 0; // it will be judged when it is whole
    *ret_publish = packet.publish;
    ret_publish->payload.length = frame->size - fixed - head;
    return fixed + head;
}

int chunked_begin(struct chunked *chunked, const struct packet_publish *publish)
{
    char *topic = malloc(publish->topic.length + 1);
    if (topic == NULL)
        return -ENOMEM;
    memcpy(topic, publish->topic.data, publish->topic.length);
    topic[publish->topic.length] = '\0';
    *chunked = (struct chunked){.topic = topic, .packet_id = publish->packet_id};
    chunked->message = (struct hbmqtt_message){
        .size = sizeof chunked->message,
        .topic = topic,
        .payload_length = publish->payload.length,
        .qos = publish->qos,
        .retain = publish->retain,
        .duplicate = publish->dup,
    };
    return 0;
}

void chunked_finish(struct chunked *chunked)
{
    free(chunked->topic);
    *chunked = (struct chunked){.topic = NULL};
}
