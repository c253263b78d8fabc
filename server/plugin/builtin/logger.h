// SPDX-License-Identifier: MIT
// What both loggers have in common: the level at which they write, from their setting `level`.
#ifndef PLUGIN_LOGGER_H
#define PLUGIN_LOGGER_H

#include "server/plugin/builtin/builtin.h"

struct logger {
    const struct hbmqtt_plugin_broker *broker;
    int level; // enum hbmqtt_plugin_log_level
};

// The plugin's init, with the level that holds without a setting; its reload; its finish is free(3).
int logger_init(const struct hbmqtt_plugin_broker *broker, const struct hbmqtt_plugin_setting *settings,
                int level, void **ret_state);
int logger_reload(void *state, const struct hbmqtt_plugin_setting *settings);

// Who it is about, as words for a line; "the broker" where it is nobody.
#define LOGGER_WHO_BYTES 512u
void logger_write_who(const struct hbmqtt_plugin_session *session, char ret_text[LOGGER_WHO_BYTES]);

#endif
