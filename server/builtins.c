// SPDX-License-Identifier: MIT
#include "server/builtins.h"

#include <inttypes.h>
#include <stdio.h>

#define TOPIC_ACTIONS (CONFIG_ACTION_PUBLISH | CONFIG_ACTION_SUBSCRIBE)

static void put_text(struct hbmqtt_plugin_setting *map, const char *key, const char *text)
{
    setting_add(map, key, setting_create_text(text));
}

static void put_number(struct hbmqtt_plugin_setting *map, const char *key, uint64_t number)
{
    char text[24];
    (void)snprintf(text, sizeof text, "%" PRIu64, number); // fits
    put_text(map, key, text);
}

static void put_actions(struct hbmqtt_plugin_setting *map, const char *key, uint32_t actions)
{
    char text[32];
    (void)snprintf(text, sizeof text, "%s%s%s", (actions & CONFIG_ACTION_PUBLISH) != 0 ? "publish " : "",
                   (actions & CONFIG_ACTION_SUBSCRIBE) != 0 ? "subscribe " : "",
                   (actions & CONFIG_ACTION_RECEIVE) != 0 ? "receive" : ""); // fits
    put_text(map, key, text);
}

static struct hbmqtt_plugin_setting *setting_of_rule(const struct config_rule *rule, uint32_t actions)
{
    static const char *const subjects[] = {
        [CONFIG_SUBJECT_USER] = "user",
        [CONFIG_SUBJECT_GROUP] = "group",
        [CONFIG_SUBJECT_ANONYMOUS] = "anonymous",
        [CONFIG_SUBJECT_EVERYBODY] = "everybody",
    };
    struct hbmqtt_plugin_setting *map = setting_create_map();
    put_actions(map, "actions", actions);
    put_text(map, rule->deny ? "deny" : "allow", rule->filter);
    put_text(map, subjects[rule->kind], rule->subject == NULL ? "" : rule->subject);
    return map;
}

static struct hbmqtt_plugin_setting *setting_of_group(const struct config_group *group)
{
    struct hbmqtt_plugin_setting *list = setting_create_list();
    for (uint32_t i = 0; i < group->user_count; i++)
        setting_add(list, NULL, setting_create_text(group->users[i]));
    return list;
}

// What of the topic check is about these actions; NULL if nothing is.
static struct hbmqtt_plugin_setting *setting_of_check(const struct config_topic_check *check,
                                                      uint32_t actions)
{
    struct hbmqtt_plugin_setting *rules = setting_create_list();
    for (uint32_t i = 0; i < check->rule_count; i++)
        if ((check->rules[i].actions & actions) != 0)
            setting_add(rules, NULL, setting_of_rule(&check->rules[i], check->rules[i].actions & actions));
    if (rules->count == 0 && (check->listed & actions) == 0 && check->acl_file.path == NULL) {
        setting_destroy(rules);
        return NULL;
    }
    struct hbmqtt_plugin_setting *groups = setting_create_map();
    for (uint32_t i = 0; i < check->group_count; i++)
        setting_add(groups, check->groups[i].name, setting_of_group(&check->groups[i]));
    struct hbmqtt_plugin_setting *map = setting_create_map();
    setting_add(map, "rules", rules);
    setting_add(map, "groups", groups);
    put_actions(map, "restrict", check->listed & actions);
    if (check->acl_file.path != NULL)
        put_text(map, "file", check->acl_file.path);
    return map;
}

static struct hbmqtt_plugin_setting *setting_of_passwords(const struct config *config)
{
    struct hbmqtt_plugin_setting *map = setting_create_map();
    put_text(map, "password-file", config->auth.password_file.path);
    put_number(map, "threads", config->limits.authentication_threads);
    put_number(map, "queue-max", config->limits.authentications_max);
    put_number(map, HOST_SETTING_TIMEOUT, config->limits.authentication_timeout_ms);
    return map;
}

uint32_t builtins_add(const struct config *config, bool others_authenticate, struct host_entry *entries)
{
    const struct config_topic_check *check = &config->topic_check;
    bool passwords = config->auth.password_file.path != NULL;
    uint32_t count = 0;
    if (passwords)
        entries[count++] = (struct host_entry){.name = "auth_file", .settings = setting_of_passwords(config)};
    if (check->enabled && check->taboo)
        entries[count++] = (struct host_entry){.name = "topic_taboo"};
    if (check->enabled && check->acl) {
        struct hbmqtt_plugin_setting *topics = setting_of_check(check, TOPIC_ACTIONS);
        struct hbmqtt_plugin_setting *receive = setting_of_check(check, CONFIG_ACTION_RECEIVE);
        if (topics != NULL)
            entries[count++] = (struct host_entry){.name = "topic_acl", .settings = topics};
        if (receive != NULL)
            entries[count++] = (struct host_entry){.name = "receive_acl", .settings = receive};
    }
    if (config->auth.allow_anonymous && (passwords || others_authenticate))
        entries[count++] = (struct host_entry){.name = "auth_anonymous"};
    return count;
}
