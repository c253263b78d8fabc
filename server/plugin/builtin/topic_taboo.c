// SPDX-License-Identifier: MIT
// topic_taboo: keeps everybody but the user `admin`, if that is who it is, away from three topics, which are
// those of the original. A filter that matches more may be subscribed to: what is taboo is left out of what
// it gets.
#include "server/base/base.h"
#include "server/plugin/answer.h"
#include "server/plugin/builtin/builtin.h"

static const char *const taboo[] = {"prohibited", "top-secret", "data/classified"};

static int init(const struct hbmqtt_plugin_broker *broker, const struct hbmqtt_plugin_setting *settings,
                void **ret_state)
{
    static const char *const none[] = {NULL};
    return broker->setting_keys(broker, settings, none);
}

static bool is_admin(const struct hbmqtt_plugin_session *session)
{
    return (session->flags & HBMQTT_SESSION_VOUCHED) != 0 &&
           bytes_equal(bytes_from_plugin(session->user_name), bytes_of("admin"));
}

static int topic_filtering(void *state, uint64_t question, const struct hbmqtt_plugin_access *access)
{
    struct bytes topic = bytes_from_plugin(access->topic);
    for (size_t i = 0; i < sizeof taboo / sizeof taboo[0]; i++)
        if (bytes_equal(topic, bytes_of(taboo[i])) && !is_admin(access->session))
            return HBMQTT_DENY | HBMQTT_STABLE;
    return HBMQTT_NOT_CONCERNED | HBMQTT_STABLE;
}

const struct hbmqtt_plugin builtin_topic_taboo = {
    .abi = HBMQTT_PLUGIN_ABI,
    .size = sizeof(struct hbmqtt_plugin),
    .name = "topic_taboo",
    .version = HBMQTT_VERSION,
    .flags = HBMQTT_PLUGIN_INLINE,
    .filters = HBMQTT_FILTER_PUBLISH | HBMQTT_FILTER_SUBSCRIBE | HBMQTT_FILTER_RECEIVE,
    .init = init,
    .topic_filtering = topic_filtering,
};
