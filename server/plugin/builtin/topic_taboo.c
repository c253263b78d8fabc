// SPDX-License-Identifier: MIT
// topic_taboo: keeps everybody but the user `admin`, if that is who it is, away from the topics and filters
// in its setting `taboo-topics`. Without the setting these are the topics of the original. A wider filter may
// be subscribed to: what is taboo is left out of what it gets.
#include <stdlib.h>
#include <string.h>

#include "proto/proto.h"
#include "server/base/base.h"
#include "server/plugin/answer.h"
#include "server/plugin/builtin/builtin.h"

struct taboo {
    char **topics;
    size_t count;
};

static const char *const topics_original[] = {"prohibited", "top-secret", "data/classified"};

static void taboo_add(struct taboo *taboo, const char *topic)
{
    taboo->topics = memory_require_again(taboo->topics, (taboo->count + 1) * sizeof *taboo->topics);
    taboo->topics[taboo->count] = memory_require(strlen(topic) + 1);
    memcpy(taboo->topics[taboo->count++], topic, strlen(topic) + 1);
}

static void finish(void *state)
{
    struct taboo *taboo = state;
    for (size_t i = 0; i < taboo->count; i++)
        free(taboo->topics[i]);
    free(taboo->topics);
    free(taboo);
}

static int read_topics(const struct hbmqtt_plugin_broker *broker, const struct hbmqtt_plugin_setting *list,
                       struct taboo *taboo)
{
    if (list != NULL && broker->setting_text(broker, list) != NULL) {
        broker->log(broker, HBMQTT_PLUGIN_LOG_ERROR, "setting 'taboo-topics': expected a list of topics");
        return -1;
    }
    for (size_t i = 0; i < broker->setting_count(broker, list); i++) {
        const char *topic = broker->setting_text(broker, broker->setting_at(broker, list, i));
        if (topic == NULL || !topic_filter_valid(bytes_of(topic), UINT32_MAX)) {
            broker->log(broker, HBMQTT_PLUGIN_LOG_ERROR,
                        "setting 'taboo-topics': entry %zu is no topic or topic filter", i + 1);
            return -1;
        }
        taboo_add(taboo, topic);
    }
    return 0;
}

static int init(const struct hbmqtt_plugin_broker *broker, const struct hbmqtt_plugin_setting *settings,
                void **ret_state)
{
    static const char *const keys[] = {"taboo-topics", NULL};
    struct taboo *taboo = memory_require(sizeof *taboo);
    const struct hbmqtt_plugin_setting *list = broker->setting_get(broker, settings, keys[0]);
    if (broker->setting_keys(broker, settings, keys) != 0 || read_topics(broker, list, taboo) != 0) {
        finish(taboo);
        return -1;
    }
    for (size_t i = 0; list == NULL && i < sizeof topics_original / sizeof topics_original[0]; i++)
        taboo_add(taboo, topics_original[i]);
    *ret_state = taboo;
    return 0;
}

static bool is_admin(const struct hbmqtt_plugin_session *session)
{
    return (session->flags & HBMQTT_SESSION_VOUCHED) != 0 &&
           bytes_equal(bytes_from_plugin(session->user_name), bytes_of("admin"));
}

static int topic_filtering(void *state, uint64_t question, const struct hbmqtt_plugin_access *access)
{
    const struct taboo *taboo = state;
    struct bytes topic = bytes_from_plugin(access->topic);
    for (size_t i = 0; i < taboo->count; i++) {
        struct bytes filter = bytes_of(taboo->topics[i]);
        bool hit = bytes_equal(filter, topic) ||
                   (access->action != HBMQTT_FILTER_SUBSCRIBE && topic_matches(filter, topic));
        if (hit && !is_admin(access->session))
            return HBMQTT_DENY | HBMQTT_STABLE;
    }
    return HBMQTT_NO_OPINION | HBMQTT_STABLE;
}

const struct hbmqtt_plugin builtin_topic_taboo = {
    .abi = HBMQTT_PLUGIN_ABI,
    .size = sizeof(struct hbmqtt_plugin),
    .name = "topic_taboo",
    .version = HBMQTT_VERSION,
    .flags = HBMQTT_PLUGIN_INLINE | HBMQTT_PLUGIN_VETO,
    .filters = HBMQTT_FILTER_PUBLISH | HBMQTT_FILTER_SUBSCRIBE | HBMQTT_FILTER_RECEIVE,
    .init = init,
    .finish = finish,
    .topic_filtering = topic_filtering,
};
