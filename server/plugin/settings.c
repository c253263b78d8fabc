// SPDX-License-Identifier: MIT
#include "server/plugin/settings.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static char *text_copy(const char *text)
{
    size_t size = strlen(text) + 1;
    return memcpy(memory_require(size), text, size);
}

struct hbmqtt_plugin_setting *setting_create_text(const char *text)
{
    struct hbmqtt_plugin_setting *setting = memory_require(sizeof *setting);
    setting->text = text_copy(text);
    return setting;
}

struct hbmqtt_plugin_setting *setting_create_list(void)
{
    return memory_require(sizeof(struct hbmqtt_plugin_setting));
}

struct hbmqtt_plugin_setting *setting_create_map(void)
{
    struct hbmqtt_plugin_setting *setting = setting_create_list();
    setting->is_map = true;
    return setting;
}

void setting_add(struct hbmqtt_plugin_setting *parent, const char *key, struct hbmqtt_plugin_setting *value)
{
    assert(parent->text == NULL && parent->is_map == (key != NULL));
    parent->entries = memory_require_again(parent->entries, (parent->count + 1) * sizeof *parent->entries);
    parent->entries[parent->count++] =
        (struct setting_entry){.key = key == NULL ? NULL : text_copy(key), .value = value};
}

// Its depth is that of the configuration file, which is the owner's own.
void setting_destroy(struct hbmqtt_plugin_setting *setting)
{
    if (setting == NULL)
        return;
    for (uint32_t i = 0; i < setting->count; i++) {
        free(setting->entries[i].key);
        setting_destroy(setting->entries[i].value);
    }
    free(setting->entries);
    free(setting->text);
    free(setting);
}

// What a plugin sees.

static char key_character(char character)
{
    return character == '-' ? '_' : character;
}

static bool keys_equal(const char *a, const char *b)
{
    while (*a != '\0' && key_character(*a) == key_character(*b))
        a++, b++;
    return *a == *b;
}

static const struct hbmqtt_plugin_setting *get(const struct hbmqtt_plugin_broker *broker,
                                               const struct hbmqtt_plugin_setting *map, const char *key)
{
    for (uint32_t i = 0; map != NULL && map->is_map && i < map->count; i++)
        if (keys_equal(map->entries[i].key, key))
            return map->entries[i].value;
    return NULL;
}

static size_t count(const struct hbmqtt_plugin_broker *broker, const struct hbmqtt_plugin_setting *node)
{
    return node == NULL ? 0 : node->count;
}

static const struct hbmqtt_plugin_setting *at(const struct hbmqtt_plugin_broker *broker,
                                              const struct hbmqtt_plugin_setting *node, size_t index)
{
    return index < count(broker, node) ? node->entries[index].value : NULL;
}

static const char *key_at(const struct hbmqtt_plugin_broker *broker, const struct hbmqtt_plugin_setting *node,
                          size_t index)
{
    return index < count(broker, node) ? node->entries[index].key : NULL;
}

static const char *text(const struct hbmqtt_plugin_broker *broker, const struct hbmqtt_plugin_setting *node)
{
    return node == NULL ? NULL : node->text;
}

static int tell_expected(const struct hbmqtt_plugin_broker *broker, const char *key, const char *expected,
                         const struct hbmqtt_plugin_setting *seen)
{
    const char *kind = seen->is_map ? "a map" : "a list";
    broker->log(broker, HBMQTT_PLUGIN_LOG_ERROR, "setting '%s': expected %s, seen %s%.64s%s", key, expected,
                seen->text != NULL ? "'" : "", seen->text != NULL ? seen->text : kind,
                seen->text != NULL ? "'" : "");
    return -1;
}

static int text_of(const struct hbmqtt_plugin_broker *broker, const struct hbmqtt_plugin_setting *map,
                   const char *key, const char **ret_value)
{
    const struct hbmqtt_plugin_setting *value = get(broker, map, key);
    if (value == NULL)
        return 0;
    if (value->text == NULL)
        return tell_expected(broker, key, "a text", value);
    *ret_value = value->text;
    return 1;
}

static int integer_of(const struct hbmqtt_plugin_broker *broker, const struct hbmqtt_plugin_setting *map,
                      const char *key, int64_t lowest, int64_t highest, int64_t *ret_value)
{
    const struct hbmqtt_plugin_setting *value = get(broker, map, key);
    if (value == NULL)
        return 0;
    char expected[96];
    (void)snprintf(expected, sizeof expected, "a number from %" PRId64 " to %" PRId64, lowest,
                   highest); // fits
    if (value->text == NULL)
        return tell_expected(broker, key, expected, value);
    char *end;
    errno = 0;
    long long number = strtoll(value->text, &end, 10);
    if (errno != 0 || end == value->text || *end != '\0' || number < lowest || number > highest)
        return tell_expected(broker, key, expected, value);
    *ret_value = number;
    return 1;
}

static int flag_of(const struct hbmqtt_plugin_broker *broker, const struct hbmqtt_plugin_setting *map,
                   const char *key, int *ret_value)
{
    static const char *const words[] = {"false", "true", "no", "yes", "off", "on"};
    const struct hbmqtt_plugin_setting *value = get(broker, map, key);
    if (value == NULL)
        return 0;
    for (int i = 0; value->text != NULL && i < 6; i++)
        if (strcasecmp(value->text, words[i]) == 0) {
            *ret_value = i & 1;
            return 1;
        }
    return tell_expected(broker, key, "true or false", value);
}

static bool key_is_known(const char *key, const char *const *keys)
{
    for (; *keys != NULL; keys++)
        if (keys_equal(*keys, key))
            return true;
    return keys_equal(key, HOST_SETTING_TIMEOUT) || keys_equal(key, HOST_SETTING_DEFAULT);
}

static int check_keys(const struct hbmqtt_plugin_broker *broker, const struct hbmqtt_plugin_setting *map,
                      const char *const *keys)
{
    if (map != NULL && !map->is_map) {
        broker->log(broker, HBMQTT_PLUGIN_LOG_ERROR, "its settings have to be a map");
        return -1;
    }
    for (size_t i = 0; i < count(broker, map); i++)
        if (!key_is_known(map->entries[i].key, keys)) {
            broker->log(broker, HBMQTT_PLUGIN_LOG_ERROR, "there is no setting '%.64s'", map->entries[i].key);
            return -1;
        }
    return 0;
}

void settings_offer(struct hbmqtt_plugin_broker *broker)
{
    broker->setting_get = get;
    broker->setting_count = count;
    broker->setting_at = at;
    broker->setting_key = key_at;
    broker->setting_text = text;
    broker->setting_text_of = text_of;
    broker->setting_integer_of = integer_of;
    broker->setting_flag_of = flag_of;
    broker->setting_keys = check_keys;
}
