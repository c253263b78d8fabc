// SPDX-License-Identifier: MIT
#include "server/plugin/builtin/builtin.h"

#include <string.h>

#include "server/plugin/loader.h"

static const struct hbmqtt_plugin *const builtins[] = {
    &builtin_auth_anonymous, &builtin_auth_file, &builtin_event_logger, &builtin_packet_logger,
    &builtin_receive_acl,    &builtin_topic_acl, &builtin_topic_taboo,
};

const struct hbmqtt_plugin *builtin_find(const char *name)
{
    for (size_t i = 0; i < sizeof builtins / sizeof builtins[0]; i++)
        if (strcmp(builtins[i]->name, name) == 0)
            return builtins[i];
    return NULL;
}
