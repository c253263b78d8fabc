// SPDX-License-Identifier: MIT
// What a plugin has answered, as a copy that is checked and goes to the shard that asked.
#ifndef PLUGIN_ANSWER_H
#define PLUGIN_ANSWER_H

#include "proto/proto.h"
#include "server/plugin/hbmqtt_plugin.h"

struct answer {
    uint64_t question;
    uint64_t client;        // the shard's id of the client that it is about
    int verdict;            // enum hbmqtt_plugin_verdict, its flags included
    struct bytes user_name; // empty: as the CONNECT says
    bool has_message;
    uint8_t qos;
    bool retain;
    struct bytes topic;
    struct bytes payload;
    uint8_t bytes[];
};

// Copies what a plugin gave. Returns NULL and sets *ret_error, an enum hbmqtt_plugin_error, if it cannot be
// an answer, or there is no memory. The result is freed with free(3).
struct answer *answer_create(const struct hbmqtt_plugin_answer *given, uint32_t topic_levels_max,
                             int *ret_error);

// A view of what a plugin gave; and what is given to one.
static inline struct bytes bytes_from_plugin(struct hbmqtt_plugin_bytes bytes)
{
    return (struct bytes){(const uint8_t *)bytes.data, bytes.length};
}

static inline struct hbmqtt_plugin_bytes bytes_to_plugin(struct bytes bytes)
{
    return (struct hbmqtt_plugin_bytes){(const char *)bytes.data, bytes.length};
}

// Whether a message of a plugin can be a PUBLISH. Fields that its plugin did not know are taken as 0.
// *ret_message is a copy that borrows topic and payload.
bool message_from_plugin(const struct hbmqtt_plugin_message *given, uint32_t topic_levels_max,
                         struct hbmqtt_plugin_message *ret_message);

// Copies a structure that was filled by somebody who knew `size` bytes of it; what they did not know is 0.
void structure_read(void *to, size_t to_size, const void *from, size_t size);

#endif
