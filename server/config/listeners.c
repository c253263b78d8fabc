// SPDX-License-Identifier: MIT
#include "server/config/listeners.h"

#include <stdio.h>
#include <string.h>

#include "server/config/bind.h"
#include "server/config/warning.h"

#define COUNT(array)     (sizeof(array) / sizeof((array)[0]))
#define NOT_SUPPORTED    "is not supported by this version"
#define CONNECTIONS_HIGH 10000000

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
    warning_add(document, draft->config, "%s " NOT_SUPPORTED " and has no effect", document->path);
    return 0;
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
static const struct document_keys listener_table = {.keys = listener_keys, .count = COUNT(listener_keys)};

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

int listeners_read(struct document *document, yaml_node_t *value, const void *facts, void *target)
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
