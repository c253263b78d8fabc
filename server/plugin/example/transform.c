// SPDX-License-Identifier: MIT
// An example: changes messages on their way in. A topic that begins with `from` begins with `to` instead, and
// with `envelope` the payload becomes JSON that says whom it is from:
//
//     plugins:
//       /usr/lib/x86_64-linux-gnu/hbmqtt/plugins/transform.so:
//         from: old/
//         to: new/
//         envelope: yes    # {"client": "gauge-7", "user": "alice", "topic": "old/level", "payload": "42"}
//         bytes-max: 65536 # a longer payload is refused
//
// With `envelope` a payload that is no UTF-8 is refused. The messages of the broker and of plugins are not
// changed.
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include <hbmqtt_plugin.h>

#define TOPIC_BYTES_MAX 65535

struct transform {
    const struct hbmqtt_plugin_broker *broker;
    char *from; // "": no topic is changed
    char *to;
    int envelope;
    int64_t bytes_max;
};

// The payload in its envelope, which the caller frees; NULL if it is no text, or there is no memory.
static char *wrap(const struct hbmqtt_plugin_session *session, const struct hbmqtt_plugin_message *message)
{
    json_t *envelope =
        json_pack("{s:s%, s:s%, s:s%, s:s%}", "client", session->client_id.data, session->client_id.length,
                  "user", session->user_name.data, session->user_name.length, "topic", message->topic.data,
                  message->topic.length, "payload", message->payload.data, message->payload.length);
    char *text = envelope == NULL ? NULL : json_dumps(envelope, JSON_COMPACT);
    json_decref(envelope);
    return text;
}

// The topic with its other beginning, in `ret_topic`. Returns 0 if it is too long then.
static int rewrite(const struct transform *transform, struct hbmqtt_plugin_bytes topic, char *ret_topic,
                   struct hbmqtt_plugin_bytes *ret_rewritten)
{
    size_t from = strlen(transform->from);
    size_t to = strlen(transform->to);
    *ret_rewritten = topic;
    if (from == 0 || topic.length < from || memcmp(topic.data, transform->from, from) != 0)
        return 1;
    if (topic.length - from + to > TOPIC_BYTES_MAX)
        return 0;
    memcpy(ret_topic, transform->to, to);
    memcpy(ret_topic + to, topic.data + from, topic.length - from);
    *ret_rewritten = (struct hbmqtt_plugin_bytes){ret_topic, topic.length - from + to};
    return 1;
}

static int message_received(void *state, uint64_t question, const struct hbmqtt_plugin_session *session,
                            const struct hbmqtt_plugin_message *message)
{
    const struct transform *transform = state;
    char topic[TOPIC_BYTES_MAX];
    struct hbmqtt_plugin_message changed = *message;
    if (message->payload.length > (size_t)transform->bytes_max ||
        !rewrite(transform, message->topic, topic, &changed.topic))
        return HBMQTT_DENY;
    char *payload = NULL;
    if (transform->envelope) {
        payload = wrap(session, message);
        if (payload == NULL)
            return HBMQTT_DENY;
        changed.payload = (struct hbmqtt_plugin_bytes){payload, strlen(payload)};
    }
    if (payload == NULL && changed.topic.data == message->topic.data)
        return HBMQTT_NOT_CONCERNED;
    const struct hbmqtt_plugin_answer answer = {
        .size = sizeof answer, .verdict = HBMQTT_ALLOW, .message = &changed};
    int status = transform->broker->answer(transform->broker, question, &answer);
    free(payload);
    return status == 0 ? HBMQTT_PENDING : HBMQTT_DENY;
}

static void finish(void *state)
{
    struct transform *transform = state;
    free(transform->from);
    free(transform->to);
    free(transform);
}

static int read_settings(struct transform *transform, const struct hbmqtt_plugin_setting *settings)
{
    static const char *const keys[] = {"from", "to", "envelope", "bytes-max", NULL};
    const struct hbmqtt_plugin_broker *broker = transform->broker;
    const char *from = "";
    const char *to = "";
    transform->bytes_max = 1 << 28;
    if (broker->setting_keys(broker, settings, keys) != 0 ||
        broker->setting_text_of(broker, settings, "from", &from) < 0 ||
        broker->setting_text_of(broker, settings, "to", &to) < 0 ||
        broker->setting_flag_of(broker, settings, "envelope", &transform->envelope) < 0 ||
        broker->setting_integer_of(broker, settings, "bytes-max", 0, 1 << 28, &transform->bytes_max) < 0)
        return -1;
    transform->from = strdup(from);
    transform->to = strdup(to);
    return transform->from == NULL || transform->to == NULL ? -1 : 0;
}

static int init(const struct hbmqtt_plugin_broker *broker, const struct hbmqtt_plugin_setting *settings,
                void **ret_state)
{
    struct transform *transform = calloc(1, sizeof *transform);
    if (transform == NULL)
        return -1;
    transform->broker = broker;
    if (read_settings(transform, settings) != 0) {
        finish(transform);
        return -1;
    }
    *ret_state = transform;
    return 0;
}

const struct hbmqtt_plugin hbmqtt_plugin_descriptor = {
    .abi = HBMQTT_PLUGIN_ABI,
    .size = sizeof(struct hbmqtt_plugin),
    .name = "transform",
    .version = "1.0",
    .flags = HBMQTT_PLUGIN_INLINE,
    .init = init,
    .finish = finish,
    .message_received = message_received,
};
