// SPDX-License-Identifier: MIT
#include "server/config/plugins.h"

#include <errno.h>
#include <string.h>

#include "server/config/schema.h"
#include "server/config/settings_read.h"

#define COUNT(array)      (sizeof(array) / sizeof((array)[0]))
#define PLUGIN_NAME_BYTES 64u
#define NAME_LETTERS      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"

// What is built in: the name of hbmqtt first, then others for the same.
static const struct built_in {
    const char *name;
    enum config_plugin_kind kind;
    const struct document_keys *settings; // NULL: they are kept for the plugin
} built_ins[] = {
    {"event_logger_plugin", CONFIG_PLUGIN_EVENT_LOGGER, NULL},
    {"packet_logger_plugin", CONFIG_PLUGIN_PACKET_LOGGER, NULL},
    {"auth_anonymous", CONFIG_PLUGIN_AUTH_ANONYMOUS, &schema_anonymous_keys},
    {"auth_file", CONFIG_PLUGIN_AUTH_FILE, &schema_password_keys},
    {"topic_taboo", CONFIG_PLUGIN_TOPIC_TABOO, &schema_no_keys},
    {"topic_acl", CONFIG_PLUGIN_TOPIC_ACL, &schema_acl_keys},
    {"broker_sys", CONFIG_PLUGIN_BROKER_SYS, &schema_sys_keys},
    {"persistence", CONFIG_PLUGIN_PERSISTENCE, NULL},
};

// Below the package of either project, where it has such a class.
static const struct {
    const char *name;
    enum config_plugin_kind kind;
} classes[] = {
    {"plugins.logging.EventLoggerPlugin", CONFIG_PLUGIN_EVENT_LOGGER},
    {"plugins.logging_amqtt.EventLoggerPlugin", CONFIG_PLUGIN_EVENT_LOGGER},
    {"plugins.logging.PacketLoggerPlugin", CONFIG_PLUGIN_PACKET_LOGGER},
    {"plugins.logging_amqtt.PacketLoggerPlugin", CONFIG_PLUGIN_PACKET_LOGGER},
    {"plugins.authentication.AnonymousAuthPlugin", CONFIG_PLUGIN_AUTH_ANONYMOUS},
    {"plugins.authentication.FileAuthPlugin", CONFIG_PLUGIN_AUTH_FILE},
    {"plugins.topic_checking.TopicTabooPlugin", CONFIG_PLUGIN_TOPIC_TABOO},
    {"plugins.topic_checking.TopicAccessControlListPlugin", CONFIG_PLUGIN_TOPIC_ACL},
    {"plugins.sys.broker.BrokerSysPlugin", CONFIG_PLUGIN_BROKER_SYS},
    {"plugins.persistence.SQLitePlugin", CONFIG_PLUGIN_PERSISTENCE},
    {"contrib.persistence.SessionDBPlugin", CONFIG_PLUGIN_PERSISTENCE},
};

static const struct built_in *built_in_of(enum config_plugin_kind kind)
{
    for (size_t i = 0; i < COUNT(built_ins); i++)
        if (built_ins[i].kind == kind)
            return &built_ins[i];
    return NULL;
}

static const struct built_in *class_find(const char *name)
{
    static const char *const packages[] = {"hbmqtt.", "amqtt."};
    for (size_t i = 0; i < COUNT(packages); i++) {
        size_t length = strlen(packages[i]);
        for (size_t j = 0; j < COUNT(classes) && strncmp(name, packages[i], length) == 0; j++)
            if (strcmp(classes[j].name, name + length) == 0)
                return built_in_of(classes[j].kind);
    }
    return NULL;
}

// The manual of the original writes auth.anonymous for auth_anonymous in one place.
static bool name_same(const char *name, const char *built_in)
{
    for (; *name != '\0' && (*name == *built_in || (*name == '.' && *built_in == '_')); name++, built_in++)
        ;
    return *name == *built_in;
}

static const struct built_in *built_in_find(const char *name)
{
    for (size_t i = 0; i < COUNT(built_ins); i++)
        if (name_same(name, built_ins[i].name))
            return &built_ins[i];
    return class_find(name);
}

static bool is_path(const char *name)
{
    size_t length = strlen(name);
    return length > 3 && strcmp(name + length - 3, ".so") == 0 && length < CONFIG_PATH_BYTES;
}

// Some name that is not built in: that of a shared object, or a fault.
static int shared_object_check(struct document *document, const char *name)
{
    if (is_path(name))
        return 0;
    if (strchr(name, '.') != NULL)
        return document_fail(document,
                             "plugin '%.128s' is not supported: it is no plugin of hbmqtt's or amqtt's own, "
                             "and no path that ends in .so",
                             name);
    if (name[0] == '\0' || strspn(name, NAME_LETTERS) != strlen(name) || strlen(name) >= PLUGIN_NAME_BYTES)
        return document_fail(document, "%s: expected the name of a plugin or a path that ends in .so",
                             document->path);
    return 0;
}

static struct config_plugin *plugin_find(struct config *config, const char *name)
{
    for (uint32_t i = 0; i < config->plugin_count; i++)
        if (strcmp(config->plugins[i].name, name) == 0)
            return &config->plugins[i];
    return NULL;
}

// The plugin of this name in the configuration, which is added if it is not there yet; NULL with the message
// written.
static struct config_plugin *plugin_take(struct document *document, struct reading *reading, const char *name)
{
    struct config *config = reading->config;
    const struct built_in *built_in = built_in_find(name);
    if (built_in == NULL && shared_object_check(document, name) != 0)
        return NULL;
    struct config_plugin *plugin = plugin_find(config, built_in == NULL ? name : built_in->name);
    if (plugin != NULL)
        return plugin;
    if (config->plugin_count == CONFIG_PLUGINS_MAX) {
        (void)document_fail(document, "more than %u plugins", CONFIG_PLUGINS_MAX); // is what NULL says
        return NULL;
    }
    plugin = arena_append(reading->arena, &config->plugins, &config->plugin_count, sizeof(*plugin));
    plugin->kind = built_in == NULL ? CONFIG_PLUGIN_SHARED_OBJECT : built_in->kind;
    plugin->name = built_in == NULL ? arena_copy(reading->arena, name) : built_in->name;
    plugin->path = built_in == NULL && is_path(name) ? plugin->name : NULL;
    plugin->line = document->line;
    return plugin;
}

static int settings_take(struct document *document, yaml_node_t *value, struct reading *reading,
                         struct config_plugin *plugin)
{
    const struct built_in *built_in = built_in_of(plugin->kind);
    if (built_in != NULL && built_in->settings != NULL)
        return document_read_map(
            document, value, built_in->settings,
            &(struct key_target){.reading = reading, .base = reading->config, .lines = reading->lines});
    if (plugin->settings != NULL && !document_is_empty(value))
        return document_fail(document, "%s: the plugin has its settings in line %u already", document->path,
                             plugin->settings->line);
    return plugin->settings != NULL ? 0 : settings_read(document, value, reading->arena, &plugin->settings);
}

// Which list is being read.
struct plugin_list {
    struct reading *reading;
    uint32_t *kinds; // bits of the kinds that are in it
    bool auth;
    bool topics;
};

static int plugin_read(struct document *document, const char *name, yaml_node_t *settings,
                       struct plugin_list *list)
{
    struct config_plugin *plugin = plugin_take(document, list->reading, name);
    if (plugin == NULL)
        return -EINVAL;
    *list->kinds |= 1u << plugin->kind;
    plugin->authenticates |= list->auth;
    plugin->filters |= list->topics;
    return settings == NULL ? 0 : settings_take(document, settings, list->reading, plugin);
}

static int read_of_map(struct document *document, yaml_node_t *value, const void *facts, void *target)
{
    return plugin_read(document, facts, value, target);
}

static int read_of_list(struct document *document, yaml_node_t *value, const void *facts, void *target)
{
    const char *name;
    if (value->type == YAML_MAPPING_NODE)
        return document_read_names(document, value, read_of_map, target);
    int status = document_read_text(document, value, "the name of a plugin", &name);
    return status == 0 ? plugin_read(document, name, NULL, target) : status;
}

static int read_list(struct document *document, yaml_node_t *value, struct plugin_list list)
{
    if (value->type == YAML_MAPPING_NODE)
        return document_read_names(document, value, read_of_map, &list);
    return document_read_list(document, value, read_of_list, &list);
}

int plugins_read(struct document *document, yaml_node_t *value, const void *facts, void *target)
{
    struct reading *reading = ((const struct key_target *)target)->reading;
    return read_list(document, value, (struct plugin_list){.reading = reading, .kinds = &reading->plugins});
}

int plugins_read_of_auth(struct document *document, yaml_node_t *value, const void *facts, void *target)
{
    struct reading *reading = ((const struct key_target *)target)->reading;
    reading->config->auth.plugins_chosen = !document_is_empty(value); // `plugins:` alone is as without it
    return read_list(
        document, value,
        (struct plugin_list){.reading = reading, .kinds = &reading->plugins_of_auth, .auth = true});
}

int plugins_read_of_topic_check(struct document *document, yaml_node_t *value, const void *facts,
                                void *target)
{
    struct reading *reading = ((const struct key_target *)target)->reading;
    reading->config->topic_check.plugins_chosen =
        !document_is_empty(value); // `plugins:` alone is as without it
    return read_list(
        document, value,
        (struct plugin_list){.reading = reading, .kinds = &reading->plugins_of_topics, .topics = true});
}
