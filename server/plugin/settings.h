// SPDX-License-Identifier: MIT
// The settings of one plugin: a tree of texts, lists and maps. Whoever reads the configuration builds it; the
// plugin sees it through the functions of struct hbmqtt_plugin_broker.
#ifndef PLUGIN_SETTINGS_H
#define PLUGIN_SETTINGS_H

#include "server/base/base.h"
#include "server/plugin/hbmqtt_plugin.h"

// Settings of the host, which are there beside those of any plugin.
#define HOST_SETTING_TIMEOUT "answer-timeout-ms"
#define HOST_SETTING_DEFAULT "answer-default"

struct setting_entry {
    char *key; // NULL in a list
    struct hbmqtt_plugin_setting *value;
};

struct hbmqtt_plugin_setting {
    char *text; // NULL: a list or a map
    bool is_map;
    struct setting_entry *entries;
    uint32_t count;
};

// `text` is copied.
struct hbmqtt_plugin_setting *setting_create_text(const char *text);
struct hbmqtt_plugin_setting *setting_create_list(void);
struct hbmqtt_plugin_setting *setting_create_map(void);

// Appends to a list (`key` is NULL) or a map, taking `value`; `key` is copied. Nothing asks whether the map
// has such a key already: the first one is found.
void setting_add(struct hbmqtt_plugin_setting *parent, const char *key, struct hbmqtt_plugin_setting *value);

void setting_destroy(struct hbmqtt_plugin_setting *setting); // NULL accepted; with everything in it

// Fills in the setting_* functions of the table.
void settings_offer(struct hbmqtt_plugin_broker *broker);

#endif
