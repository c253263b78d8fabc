// SPDX-License-Identifier: MIT
#include "server/plugin/builtin/logger.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "server/base/base.h"

static int read_level(struct logger *logger, const struct hbmqtt_plugin_setting *settings)
{
    static const char *const keys[] = {"level", NULL};
    static const char *const levels[] = {"error", "warning", "info", "debug"};
    const struct hbmqtt_plugin_broker *broker = logger->broker;
    const char *text = NULL;
    if (broker->setting_keys(broker, settings, keys) != 0)
        return -1;
    int given = broker->setting_text_of(broker, settings, keys[0], &text);
    if (given <= 0)
        return given;
    for (int level = HBMQTT_PLUGIN_LOG_ERROR; level <= HBMQTT_PLUGIN_LOG_DEBUG; level++)
        if (strcasecmp(text, levels[level]) == 0) {
            logger->level = level;
            return 0;
        }
    broker->log(broker, HBMQTT_PLUGIN_LOG_ERROR,
                "setting 'level': expected error, warning, info or debug, seen '%.64s'", text);
    return -1;
}

int logger_init(const struct hbmqtt_plugin_broker *broker, const struct hbmqtt_plugin_setting *settings,
                int level, void **ret_state)
{
    struct logger *logger = memory_require(sizeof *logger);
    *logger = (struct logger){.broker = broker, .level = level};
    if (read_level(logger, settings) != 0) {
        free(logger);
        return -1;
    }
    *ret_state = logger;
    return 0;
}

int logger_reload(void *state, const struct hbmqtt_plugin_setting *settings)
{
    return read_level(state, settings);
}

void logger_write_who(const struct hbmqtt_plugin_session *session, char ret_text[LOGGER_WHO_BYTES])
{
    if (session == NULL)
        (void)snprintf(ret_text, LOGGER_WHO_BYTES, "the broker"); // fits
    else if (session->flags & HBMQTT_SESSION_HAS_USER_NAME)
        (void)snprintf(ret_text, LOGGER_WHO_BYTES, "client '%.*s' (user '%.*s') at %s", // long names are cut
                       (int)session->client_id.length, session->client_id.data,
                       (int)session->user_name.length, session->user_name.data, session->peer);
    else
        (void)snprintf(ret_text, LOGGER_WHO_BYTES, "client '%.*s' at %s", (int)session->client_id.length,
                       session->client_id.data, session->peer); // a long one is cut
}
