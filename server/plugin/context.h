// SPDX-License-Identifier: MIT
// What the broker does for its plugins: the functions of struct hbmqtt_plugin_broker, checked here and
// carried out behind the host's door.
#ifndef PLUGIN_CONTEXT_H
#define PLUGIN_CONTEXT_H

#include "server/plugin/hbmqtt_plugin.h"

struct plugin;

// Fills in the table of a plugin.
void context_offer(struct hbmqtt_plugin_broker *broker);

// Whose table this is.
struct plugin *plugin_of(const struct hbmqtt_plugin_broker *broker);

#endif
