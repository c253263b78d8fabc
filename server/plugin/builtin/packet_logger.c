// SPDX-License-Identifier: MIT
// packet_logger_plugin: a line in the log for each control packet, without what is in it. Settings: `level`
// (debug).
#include <inttypes.h>
#include <stdlib.h>

#include "server/plugin/builtin/logger.h"

static int init(const struct hbmqtt_plugin_broker *broker, const struct hbmqtt_plugin_setting *settings,
                void **ret_state)
{
    return logger_init(broker, settings, HBMQTT_PLUGIN_LOG_DEBUG, ret_state);
}

static void log_packet(void *state, const struct hbmqtt_plugin_event *event)
{
    const struct logger *logger = state;
    char who[LOGGER_WHO_BYTES];
    logger_write_who(event->session, who);
    logger->broker->log(logger->broker, logger->level, "%s %s %s, %" PRIu64 " bytes", who,
                        event->kind == HBMQTT_EVENT_PACKET_SENT ? "<-" : "->", event->packet->name,
                        event->packet->length);
}

const struct hbmqtt_plugin builtin_packet_logger = {
    .abi = HBMQTT_PLUGIN_ABI,
    .size = sizeof(struct hbmqtt_plugin),
    .name = "packet_logger_plugin",
    .version = HBMQTT_VERSION,
    .events = HBMQTT_EVENT_BIT(HBMQTT_EVENT_PACKET_SENT) | HBMQTT_EVENT_BIT(HBMQTT_EVENT_PACKET_RECEIVED),
    .init = init,
    .finish = free,
    .reload = logger_reload,
    .event = log_packet,
};
