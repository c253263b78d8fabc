// SPDX-License-Identifier: MIT
// The plugins that come with the broker, which use the same door as any other.
#ifndef PLUGIN_BUILTIN_H
#define PLUGIN_BUILTIN_H

#include "server/plugin/hbmqtt_plugin.h"

extern const struct hbmqtt_plugin builtin_event_logger;
extern const struct hbmqtt_plugin builtin_packet_logger;
extern const struct hbmqtt_plugin builtin_auth_anonymous;
extern const struct hbmqtt_plugin builtin_auth_file;
extern const struct hbmqtt_plugin builtin_topic_acl;
extern const struct hbmqtt_plugin builtin_receive_acl;
extern const struct hbmqtt_plugin builtin_topic_taboo;

#endif
