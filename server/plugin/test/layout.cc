// SPDX-License-Identifier: MIT
// The same from C++, where a plugin may be written as well: a line that does not hold does not compile.
#include "server/plugin/hbmqtt_plugin.h"

#define SIZE(structure, bytes)          static_assert(sizeof(structure) == bytes, #structure);
#define FIELD(structure, field, offset) static_assert(offsetof(structure, field) == offset, #structure "." #field);
#include "server/plugin/test/layout.def"

static int filter(void *, uint64_t, const hbmqtt_plugin_access *access)
{
    return access->topic.length > 100 ? HBMQTT_DENY : HBMQTT_NO_OPINION;
}

static hbmqtt_plugin describe()
{
    hbmqtt_plugin plugin = hbmqtt_plugin();
    plugin.abi = HBMQTT_PLUGIN_ABI;
    plugin.size = sizeof plugin;
    plugin.name = "short_topics";
    plugin.version = "1.0";
    plugin.topic_filtering = filter;
    return plugin;
}

const hbmqtt_plugin hbmqtt_plugin_descriptor = describe();

int main()
{
    hbmqtt_plugin_access access = hbmqtt_plugin_access();
    access.topic.length = 101;
    return hbmqtt_plugin_descriptor.topic_filtering(nullptr, 0, &access) == HBMQTT_DENY ? 0 : 1;
}
