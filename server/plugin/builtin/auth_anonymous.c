// SPDX-License-Identifier: MIT
// auth_anonymous: lets clients in whom no other plugin knows, if `allow-anonymous` says so (it does by
// default). Who somebody is, it vouches for nobody.
#include <stdlib.h>

#include "server/base/base.h"
#include "server/plugin/builtin/builtin.h"

struct anonymous {
    const struct hbmqtt_plugin_broker *broker;
    _Atomic int allow;
};

static int read_settings(struct anonymous *anonymous, const struct hbmqtt_plugin_setting *settings)
{
    static const char *const keys[] = {"allow-anonymous", NULL};
    const struct hbmqtt_plugin_broker *broker = anonymous->broker;
    int allow = 1;
    if (broker->setting_keys(broker, settings, keys) != 0 ||
        broker->setting_flag_of(broker, settings, "allow-anonymous", &allow) < 0)
        return -1;
    anonymous->allow = allow;
    return 0;
}

static int init(const struct hbmqtt_plugin_broker *broker, const struct hbmqtt_plugin_setting *settings,
                void **ret_state)
{
    struct anonymous *anonymous = memory_require(sizeof *anonymous);
    anonymous->broker = broker;
    if (read_settings(anonymous, settings) != 0) {
        free(anonymous);
        return -1;
    }
    *ret_state = anonymous;
    return 0;
}

static int reload(void *state, const struct hbmqtt_plugin_setting *settings)
{
    return read_settings(state, settings);
}

static int authenticate(void *state, uint64_t question, const struct hbmqtt_plugin_credentials *credentials)
{
    const struct anonymous *anonymous = state;
    return anonymous->allow ? HBMQTT_ALLOW | HBMQTT_UNVOUCHED : HBMQTT_NO_OPINION;
}

const struct hbmqtt_plugin builtin_auth_anonymous = {
    .abi = HBMQTT_PLUGIN_ABI,
    .size = sizeof(struct hbmqtt_plugin),
    .name = "auth_anonymous",
    .version = HBMQTT_VERSION,
    .flags = HBMQTT_PLUGIN_INLINE,
    .init = init,
    .finish = free,
    .reload = reload,
    .authenticate = authenticate,
};
