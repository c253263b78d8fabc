// SPDX-License-Identifier: MIT
// Order of the keys in the file does not matter: what depends on two of them is decided when both have been
// read.
#include "server/config/schema.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "server/config/bind.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define KEYS(array)                                                                                          \
    {                                                                                                        \
        .keys = (array), .count = COUNT(array)                                                               \
    } // initializes struct document_keys
#define NOT_SUPPORTED    "is not supported by this version"
#define CONNECTIONS_HIGH 10000000

static void warn(const struct document *document, struct config *config, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void warn(const struct document *document, struct config *config, const char *format, ...)
{
    if (config->warning_count >= CONFIG_WARNINGS_MAX - 1) {
        config->warning_count = CONFIG_WARNINGS_MAX;
        (void)snprintf(config->warnings[CONFIG_WARNINGS_MAX - 1], CONFIG_WARNING_BYTES,
                       "%s: there are further warnings", document->name);
        return;
    }
    char *text = config->warnings[config->warning_count++];
    int written = snprintf(text, CONFIG_WARNING_BYTES, "%s:%u: ", document->name, document->line);
    size_t used = (size_t)written < CONFIG_WARNING_BYTES ? (size_t)written : CONFIG_WARNING_BYTES;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text + used, CONFIG_WARNING_BYTES - used, format, arguments);
    document_clean_line(text);
    va_end(arguments);
}

// A key of the original that does nothing here, and whose absence lets nobody in. `target` is the
// configuration.
static int read_ignored(struct document *document, yaml_node_t *value, const void *facts, void *target)
{
    warn(document, target, "%s " NOT_SUPPORTED " and has no effect", document->path);
    return 0;
}

// A key of the original whose absence would let somebody in.
static int read_refused(struct document *document, yaml_node_t *value, const void *facts, void *target)
{
    return document_fail(document, "%s " NOT_SUPPORTED, document->path);
}

// ---- listeners

// A listener while its keys are read; the entry `default` is where the others begin.
struct draft {
    struct config *config; // for warnings
    struct config_listener listener;
    bool bound;
    bool secure;
    uint32_t secure_line;
    char type[16];
    uint32_t type_line;
};

static int read_type(struct document *document, yaml_node_t *value, const void *facts, void *target)
{
    struct draft *draft = target;
    const char *type;
    int status = document_read_text(document, value, "tcp", &type);
    if (status != 0)
        return status;
    draft->type_line = document->line;
    (void)snprintf(draft->type, sizeof(draft->type), "%s", type);
    return 0;
}

static int read_bind(struct document *document, yaml_node_t *value, const void *facts, void *target)
{
    struct draft *draft = target;
    struct bind bind;
    const char *text;
    int status = document_read_text(document, value, "host:port", &text);
    if (status != 0)
        return status;
    const char *fault = bind_parse(text, &bind);
    if (fault != NULL)
        return document_fail_expected(document, value, fault);
    memcpy(draft->listener.host, bind.host, sizeof(bind.host));
    draft->listener.port = bind.port;
    draft->listener.line = document->line;
    draft->bound = true;
    return 0;
}

static int read_max_connections(struct document *document, yaml_node_t *value, const void *facts,
                                void *target)
{
    struct draft *draft = target;
    int64_t count;
    int status =
        document_read_integer(document, value, (struct document_range){-1, CONNECTIONS_HIGH}, &count);
    if (status == 0) // the original takes 0 and -1 for no limit
        draft->listener.connections_max = count > 0 ? (uint64_t)count : UINT64_MAX;
    return status;
}

static int read_ssl(struct document *document, yaml_node_t *value, const void *facts, void *target)
{
    struct draft *draft = target;
    draft->secure_line = document->line;
    return document_read_bool(document, value, &draft->secure);
}

// Certificates alone change nothing; it is `ssl: on` that is refused.
static int read_certificate(struct document *document, yaml_node_t *value, const void *facts, void *target)
{
    struct draft *draft = target;
    return read_ignored(document, value, facts, draft->config);
}

static const struct document_key listener_keys[] = {
    {.name = "type", .read = read_type},
    {.name = "bind", .read = read_bind},
    {.name = "max-connections", .read = read_max_connections},
    {.name = "ssl", .read = read_ssl},
    {.name = "cafile", .read = read_certificate},
    {.name = "capath", .read = read_certificate},
    {.name = "cadata", .read = read_certificate},
    {.name = "certfile", .read = read_certificate},
    {.name = "keyfile", .read = read_certificate},
};
static const struct document_keys listener_table = KEYS(listener_keys);

static bool is_default(const char *name)
{
    return strcmp(name, "default") == 0;
}

static int listener_fail_twice(struct document *document, const struct draft *draft,
                               const struct config_listener *other)
{
    document->line = draft->listener.line;
    return document_fail(
        document,
        "listener '%s' would listen on the same address as '%s' (line %u); give it a bind of its own",
        draft->listener.name, other->name, other->line);
}

// Adds a listener to the configuration if it can be served.
static int listener_take(struct document *document, const struct draft *draft)
{
    struct config *config = draft->config;
    const struct config_listener *listener = &draft->listener;

    if (!draft->bound)
        return document_fail(document, "listener '%s' has no bind", listener->name);
    if (strcmp(draft->type, "tcp") != 0) {
        document->line = draft->type_line;
        return document_fail(document, "listener '%s': type '%s' " NOT_SUPPORTED, listener->name,
                             draft->type);
    }
    if (draft->secure) {
        document->line = draft->secure_line;
        return document_fail(document, "listener '%s': ssl " NOT_SUPPORTED, listener->name);
    }
    for (uint32_t i = 0; i < config->listener_count; i++)
        if (listener->port != 0 && listener->port == config->listeners[i].port &&
            strcmp(listener->host, config->listeners[i].host) == 0)
            return listener_fail_twice(document, draft, &config->listeners[i]);
    if (config->listener_count == CONFIG_LISTENERS_MAX)
        return document_fail(document, "more than %u listeners", CONFIG_LISTENERS_MAX);
    config->listeners[config->listener_count++] = *listener;
    return 0;
}

// `target` is the draft of the entry `default`, which the first pass over the listeners reads.
static int read_default_listener(struct document *document, yaml_node_t *value, const void *facts,
                                 void *target)
{
    struct draft *standard = target;
    if (!is_default(facts))
        return 0;
    int status = document_read_map(document, value, &listener_table, standard);
    if (status == 0 && standard->bound)
        status = listener_take(document, standard);
    return status;
}

static int read_other_listener(struct document *document, yaml_node_t *value, const void *facts, void *target)
{
    struct draft draft = *(const struct draft *)target;
    if (is_default(facts))
        return 0;
    if (snprintf(draft.listener.name, sizeof(draft.listener.name), "%s", (const char *)facts) >=
        (int)CONFIG_NAME_BYTES)
        return document_fail(document, "expected a name of a listener shorter than %u bytes",
                             CONFIG_NAME_BYTES);
    draft.listener.line = document->line;
    int status = document_read_map(document, value, &listener_table, &draft);
    return status == 0 ? listener_take(document, &draft) : status;
}

static int read_listeners(struct document *document, yaml_node_t *value, const void *facts, void *target)
{
    struct config *config = target;
    struct draft standard = {
        .config = config,
        .listener = {.name = "default", .connections_max = UINT64_MAX},
        .type = "tcp",
    };
    config->listener_count = 0;
    int status = document_read_names(document, value, read_default_listener, &standard);
    if (status == 0)
        status = document_read_names(document, value, read_other_listener, &standard);
    if (status == 0 && config->listener_count == 0)
        status = document_fail(document, "listeners: expected at least one listener with a bind");
    return status;
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
        warn(document, config, "plugin '%s' " NOT_SUPPORTED " and has no effect", name);
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
        warn(document, target, "topic-check " NOT_SUPPORTED " and, not being enabled, has no effect");
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
    {.name = "listeners", .read = read_listeners},
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
