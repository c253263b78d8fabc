// SPDX-License-Identifier: MIT
// event_logger_plugin: a line in the log for each event of the broker but those of single packets. Settings:
// `level` (info).
#include <stdlib.h>

#include "server/plugin/builtin/logger.h"

static int init(const struct hbmqtt_plugin_broker *broker, const struct hbmqtt_plugin_setting *settings,
                void **ret_state)
{
    return logger_init(broker, settings, HBMQTT_PLUGIN_LOG_INFO, ret_state);
}

static void log_message(const struct logger *logger, const struct hbmqtt_plugin_event *event, const char *who)
{
    const struct hbmqtt_plugin_message *message = event->message;
    logger->broker->log(logger->broker, logger->level, "%s: %s, topic '%.*s', %zu bytes, QoS %u%s",
                        event->name, who, (int)message->topic.length, message->topic.data,
                        message->payload.length, message->qos, message->retain ? ", retain" : "");
}

static void log_event(void *state, const struct hbmqtt_plugin_event *event)
{
    const struct logger *logger = state;
    const struct hbmqtt_plugin_broker *broker = logger->broker;
    char who[LOGGER_WHO_BYTES];
    logger_write_who(event->session, who);
    if (event->message != NULL)
        log_message(logger, event, who);
    else if (event->filter.length > 0)
        broker->log(broker, logger->level, "%s: %s, filter '%.*s', QoS %u", event->name, who,
                    (int)event->filter.length, event->filter.data, event->qos);
    else if (event->reason != NULL)
        broker->log(broker, logger->level, "%s: %s, %s", event->name, who, event->reason);
    else
        broker->log(broker, logger->level, "%s: %s", event->name, who);
}

const struct hbmqtt_plugin builtin_event_logger = {
    .abi = HBMQTT_PLUGIN_ABI,
    .size = sizeof(struct hbmqtt_plugin),
    .name = "event_logger_plugin",
    .version = HBMQTT_VERSION,
    .events = HBMQTT_EVENT_BIT(HBMQTT_EVENT_PACKET_SENT) - 1, // all before it
    .init = init,
    .finish = free,
    .reload = logger_reload,
    .event = log_event,
};
