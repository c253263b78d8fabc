// SPDX-License-Identifier: MIT
#include "server/plugin/builtin/builtin.h"

#include <string.h>

#include "server/plugin/loader.h"

// Under the names that configurations of the original hbmqtt and of its successor give them.
static const struct {
    const char *names[3];
    const struct hbmqtt_plugin *code;
} builtins[] = {
    {{"event_logger_plugin", "event_logger", "amqtt.plugins.logging_amqtt.EventLoggerPlugin"},
     &builtin_event_logger},
    {{"packet_logger_plugin", "packet_logger", "amqtt.plugins.logging_amqtt.PacketLoggerPlugin"},
     &builtin_packet_logger},
    {{"auth_anonymous", "amqtt.plugins.authentication.AnonymousAuthPlugin"}, &builtin_auth_anonymous},
    {{"topic_taboo", "amqtt.plugins.topic_checking.TopicTabooPlugin"}, &builtin_topic_taboo},
};

const struct hbmqtt_plugin *builtin_find(const char *name)
{
    for (size_t i = 0; i < sizeof builtins / sizeof builtins[0]; i++)
        for (size_t j = 0; j < 3 && builtins[i].names[j] != NULL; j++)
            if (strcmp(builtins[i].names[j], name) == 0)
                return builtins[i].code;
    return NULL;
}
