// SPDX-License-Identifier: MIT
// Shared objects for the tests of the loader: a descriptor that is right, but for what the build says with
// MODULE_*.
#include "server/plugin/hbmqtt_plugin.h"

#ifndef MODULE_SYMBOL
#define MODULE_SYMBOL "hbmqtt_plugin_descriptor"
#endif
#ifndef MODULE_ABI
#define MODULE_ABI HBMQTT_PLUGIN_ABI
#endif
#ifndef MODULE_SIZE
#define MODULE_SIZE sizeof(struct hbmqtt_plugin)
#endif
#ifndef MODULE_NAME
#define MODULE_NAME "module"
#endif
#ifndef MODULE_FIELDS
#define MODULE_FIELDS
#endif
#ifndef MODULE_BEYOND
#define MODULE_BEYOND NULL
#endif

// A descriptor, and a function that a later header may have put behind it.
struct newer {
    struct hbmqtt_plugin known;
    int (*beyond)(void *state);
};

static int authenticate(void *state, uint64_t question, const struct hbmqtt_plugin_credentials *credentials)
{
    return HBMQTT_ALLOW;
}

__attribute__((unused)) static int filter(void *state, uint64_t question,
                                          const struct hbmqtt_plugin_access *access)
{
    return HBMQTT_ALLOW;
}

__attribute__((unused)) static void note(void *state, const struct hbmqtt_plugin_session *session,
                                         const struct hbmqtt_plugin_message *message)
{
}

__attribute__((unused)) static void tick(void *state, uint64_t now_ns)
{
}

__attribute__((unused)) static int beyond(void *state)
{
    return HBMQTT_DENY;
}

extern const struct newer descriptor __asm__(MODULE_SYMBOL) HBMQTT_PLUGIN_EXPORT;

const struct newer descriptor = {
    .known =
        {
            .abi = MODULE_ABI,
            .size = MODULE_SIZE,
            .name = MODULE_NAME,
            .version = "1.0",
            .authenticate = authenticate,
            MODULE_FIELDS // of a plugin that is not the plain one
        },
    .beyond = MODULE_BEYOND,
};
