// SPDX-License-Identifier: MIT
// Random topics and filters of few levels over few texts, so that they meet often.
#ifndef ROUTER_TEST_RANDOM_TOPIC_H
#define ROUTER_TEST_RANDOM_TOPIC_H

#include "proto/proto.h"
#include "test/suite.h"

#define RANDOM_TOPIC_LEVELS 5u
#define RANDOM_TOPIC_BYTES  32u

struct random_topic {
    uint8_t text[RANDOM_TOPIC_BYTES];
    uint32_t length;
};

static inline struct bytes random_topic_bytes(const struct random_topic *topic)
{
    return (struct bytes){topic->text, topic->length};
}

static inline void random_topic_put(struct random_topic *topic, const char *text)
{
    size_t length = strlen(text);
    memcpy(topic->text + topic->length, text, length);
    topic->length += (uint32_t)length;
}

static inline void random_topic_make(struct random *random, struct random_topic *ret_topic,
                                     const char *const *texts, uint32_t count)
{
    struct random_topic topic = {.length = 0};
    uint32_t levels = 1 + suite_below(random, RANDOM_TOPIC_LEVELS);
    for (uint32_t i = 0; i < levels; i++) {
        const char *text = texts[suite_below(random, count)];
        if (i > 0)
            random_topic_put(&topic, "/");
        random_topic_put(&topic, text);
        if (strcmp(text, "#") == 0)
            break;
    }
    if (topic.length == 0) // one empty level: not a valid topic
        random_topic_put(&topic, "a");
    *ret_topic = topic;
}

static inline void random_topic_name(struct random *random, struct random_topic *ret_topic)
{
    static const char *const texts[] = {"a", "a", "b", "cc", "", "$x"};
    random_topic_make(random, ret_topic, texts, 6);
}

static inline void random_topic_filter(struct random *random, struct random_topic *ret_topic)
{
    static const char *const texts[] = {"a", "a", "b", "cc", "", "$x", "+", "+", "#"};
    random_topic_make(random, ret_topic, texts, 9);
}

#endif
