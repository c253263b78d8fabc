// SPDX-License-Identifier: MIT
// Order of the keys in the file does not matter: what depends on two of them is decided when both have been
// read.
#include "server/config/schema.h"

#include <stdio.h>
#include <string.h>

#include "server/config/listeners.h"
#include "server/config/warning.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define KEYS(array)                                                                                          \
    {                                                                                                        \
        .keys = (array), .count = COUNT(array)                                                               \
    } // initializes struct document_keys
#define NOT_SUPPORTED "is not supported by this version"

// A key of the original that does nothing here, and whose absence lets nobody in. `target` is the
// configuration.
static int read_ignored(struct document *document, yaml_node_t *value, const void *facts, void *target)
{
    warning_add(document, target, "%s " NOT_SUPPORTED " and has no effect", document->path);
    return 0;
}

// A key of the original whose absence would let somebody in.
static int read_refused(struct document *document, yaml_node_t *value, const void *facts, void *target)
{
    return document_fail(document, "%s " NOT_SUPPORTED, document->path);
}

// ---- plugins

static int read_allow_anonymous(struct document *document, yaml_node_t *value, const void *facts,
                                void *target)
{
    struct config *config = target;
    bool allow;
    int status = document_read_bool(document, value, &allow);
    if (status == 0) // said in two places, the stricter one holds
        config->allow_anonymous = config->allow_anonymous && allow;
    return status;
}

static int read_sys_interval(struct document *document, yaml_node_t *value, const void *facts, void *target)
{
    struct config *config = target;
    int64_t seconds;
    int status = document_read_integer(document, value, (struct document_range){0, 86400}, &seconds);
    if (status == 0)
        config->sys_interval_s = (uint32_t)seconds;
    return status;
}

static const struct document_key anonymous_keys[] = {
    {.name = "allow-anonymous", .read = read_allow_anonymous}};
static const struct document_key sys_keys[] = {{.name = "sys_interval", .read = read_sys_interval}};
static const struct document_keys anonymous_table = KEYS(anonymous_keys);
static const struct document_keys sys_table = KEYS(sys_keys);

// The plugins of the original that are part of the broker here, and those that decide nothing. Any other may
// be one that keeps somebody out, so it is refused.
static const struct plugin {
    const char *name;
    const struct document_keys *settings; // NULL: the plugin has no effect
} plugins[] = {
    {.name = "auth_anonymous", .settings = &anonymous_table},
    {.name = "amqtt.plugins.authentication.AnonymousAuthPlugin", .settings = &anonymous_table},
    {.name = "broker_sys", .settings = &sys_table},
    {.name = "amqtt.plugins.sys.broker.BrokerSysPlugin", .settings = &sys_table},
    {.name = "event_logger_plugin"},
    {.name = "amqtt.plugins.logging_amqtt.EventLoggerPlugin"},
    {.name = "packet_logger_plugin"},
    {.name = "amqtt.plugins.logging_amqtt.PacketLoggerPlugin"},
    {.name = "persistence"},
    {.name = "amqtt.plugins.persistence.SQLitePlugin"},
    {.name = "amqtt.contrib.persistence.SessionDBPlugin"},
};

static int plugin_take(struct document *document, const char *name, yaml_node_t *settings,
                       struct config *config)
{
    for (size_t i = 0; i < COUNT(plugins); i++) {
        if (strcmp(plugins[i].name, name) != 0)
            continue;
        if (plugins[i].settings != NULL)
            return document_read_map(document, settings, plugins[i].settings, config);
        warning_add(document, config, "plugin '%s' " NOT_SUPPORTED " and has no effect", name);
        return 0;
    }
    return document_fail(document, "plugin '%.64s' " NOT_SUPPORTED, name);
}

static int read_plugin_of_map(struct document *document, yaml_node_t *value, const void *facts, void *target)
{
    return plugin_take(document, facts, value, target);
}

static int read_plugin_of_list(struct document *document, yaml_node_t *value, const void *facts, void *target)
{
    const char *name;
    if (value->type == YAML_MAPPING_NODE)
        return document_read_names(document, value, read_plugin_of_map, target);
    int status = document_read_text(document, value, "the name of a plugin", &name);
    return status == 0 ? plugin_take(document, name, NULL, target) : status;
}

static int read_plugins(struct document *document, yaml_node_t *value, const void *facts, void *target)
{
    if (value->type == YAML_MAPPING_NODE)
        return document_read_names(document, value, read_plugin_of_map, target);
    return document_read_list(document, value, read_plugin_of_list, target);
}

// ---- auth

static const struct document_key auth_keys[] = {
    {.name = "allow-anonymous", .read = read_allow_anonymous},
    {.name = "plugins", .read = read_plugins},
    {.name = "password-file", .read = read_refused},
};
static const struct document_keys auth_table = KEYS(auth_keys);

static int read_auth(struct document *document, yaml_node_t *value, const void *facts, void *target)
{
    return document_read_map(document, value, &auth_table, target);
}

// ---- topic-check

// Lists of what is allowed restrict nobody only if the file itself switches them off.
struct topic_check {
    bool given;
    bool enabled;
};

static int read_enabled(struct document *document, yaml_node_t *value, const void *facts, void *target)
{
    struct topic_check *check = target;
    return document_read_bool(document, value, &check->enabled);
}

static int read_rules(struct document *document, yaml_node_t *value, const void *facts, void *target)
{
    struct topic_check *check = target;
    check->given = true;
    return 0;
}

static const struct document_key topic_check_keys[] = {
    {.name = "enabled", .read = read_enabled},     {.name = "plugins", .read = read_rules},
    {.name = "acl", .read = read_rules},           {.name = "publish-acl", .read = read_rules},
    {.name = "subscribe-acl", .read = read_rules}, {.name = "receive-acl", .read = read_rules},
};
static const struct document_keys topic_check_table = KEYS(topic_check_keys);

static int read_topic_check(struct document *document, yaml_node_t *value, const void *facts, void *target)
{
    struct topic_check check = {.given = false, .enabled = true};
    int status = document_read_map(document, value, &topic_check_table, &check);
    if (status == 0 && check.enabled)
        status = document_fail(document, "topic-check " NOT_SUPPORTED "; remove it or write enabled: false");
    if (status == 0 && check.given)
        warning_add(document, target, "topic-check " NOT_SUPPORTED " and, not being enabled, has no effect");
    return status;
}

// ---- limits

struct limit {
    size_t offset; // in struct limits
    struct document_range range;
};

static int read_limit(struct document *document, yaml_node_t *value, const void *facts, void *target)
{
    struct config *config = target;
    const struct limit *limit = facts;
    int64_t count;
    int status = document_read_integer(document, value, limit->range, &count);
    if (status == 0)
        *(uint64_t *)(void *)((char *)&config->limits + limit->offset) = (uint64_t)count;
    return status;
}

static const struct document_key limit_keys[] = {
#define LIMIT(name_, standard, lowest_, highest_, unit, text)                                                \
    {.name = #name_,                                                                                         \
     .read = read_limit,                                                                                     \
     .facts = &(const struct limit){.offset = offsetof(struct limits, name_),                                \
                                    .range = {.lowest = (int64_t)lowest_, .highest = (int64_t)highest_}}},
#include "server/config/limits.def"
#undef LIMIT
};
static const struct document_keys limit_table = KEYS(limit_keys);

static int read_limits(struct document *document, yaml_node_t *value, const void *facts, void *target)
{
    struct config *config = target;
    int status = document_read_map(document, value, &limit_table, config);
    uint64_t buffers = config->limits.receive_buffers;
    if (status == 0 && (buffers & (buffers - 1)) != 0)
        status = document_fail(document, "limits.receive_buffers: expected a power of two, seen '%llu'",
                               (unsigned long long)buffers);
    return status;
}

// ---- the file

static int read_shards(struct document *document, yaml_node_t *value, const void *facts, void *target)
{
    struct config *config = target;
    int64_t count;
    int status =
        document_read_integer(document, value, (struct document_range){0, CONFIG_SHARDS_MAX}, &count);
    if (status == 0)
        config->shard_count = (uint32_t)count;
    return status;
}

static const struct document_key file_keys[] = {
    {.name = "listeners", .read = listeners_read},
    {.name = "sys_interval", .read = read_sys_interval},
    {.name = "shards", .read = read_shards},
    {.name = "auth", .read = read_auth},
    {.name = "limits", .read = read_limits},
    {.name = "plugins", .read = read_plugins},
    {.name = "topic-check", .read = read_topic_check},
    {.name = "persistence", .read = read_ignored},
    {.name = "timeout-disconnect-delay", .read = read_ignored},
    {.name = "session_expiry_interval", .read = read_ignored},
    {.name = "max-qos", .read = read_ignored},
};
static const struct document_keys file_table = KEYS(file_keys);

int schema_read(struct document *document, struct config *config)
{
    return document_read_map(document, document_root(document), &file_table, config);
}
