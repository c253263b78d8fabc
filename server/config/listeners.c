// SPDX-License-Identifier: MIT
#include "server/config/listeners.h"

#include <stdlib.h>
#include <string.h>

#include "server/config/bind.h"
#include "server/config/draft.h"
#include "server/config/identity.h"
#include "server/config/limits_read.h"

#define CONNECTIONS_HIGH 10000000

static document_read read_bind, read_max_connections, read_mode, read_certificates, read_cadata, read_paths,
    read_origins;

// ---- the tables

#define KEYS(array)                                                                                          \
    {                                                                                                        \
        .keys = (array), .count = sizeof(array) / sizeof((array)[0])                                         \
    } // initializes struct document_keys

static const struct document_key listener_rows[] = {
#define KEY_OF_LISTENER(identifier, name, member, scope, type, text)                                         \
    KEY_ROW(identifier, name, config_listener, member, scope, type)
#include "server/config/keys.def"
};
const struct document_keys listeners_keys = KEYS(listener_rows);

static const struct document_key certificate_rows[] = {
#define KEY_OF_CERTIFICATE(identifier, name, member, applied, type, text)                                    \
    KEY_ROW(identifier, name, config_certificate, member, applied, type)
#include "server/config/keys.def"
};
static const struct document_keys certificate_keys = KEYS(certificate_rows);

// The draft whose listener is the base of the target.
static struct draft *draft_of(void *target)
{
    return container_of((struct config_listener *)((struct key_target *)target)->base, struct draft,
                        listener);
}

// ---- numbers

static int read_max_connections(struct document *document, yaml_node_t *value, const void *facts,
                                void *target)
{
    int64_t count;
    int status =
        document_read_integer(document, value, (struct document_range){-1, CONNECTIONS_HIGH}, &count);
    if (status == 0) // the original takes 0 and -1 for no limit
        draft_of(target)->listener.connections_max = count > 0 ? (uint64_t)count : CONFIG_NEVER;
    return status;
}

// ---- address

static int read_bind(struct document *document, yaml_node_t *value, const void *facts, void *target)
{
    struct draft *draft = draft_of(target);
    struct bind bind;
    const char *text;
    int status = document_read_text(document, value, "host:port", &text);
    if (status != 0)
        return status;
    const char *fault = bind_parse(text, &bind);
    if (fault != NULL)
        return document_fail_expected(document, value, fault);
    struct arena *arena = draft->reading->arena;
    draft->listener.host = arena_copy(arena, bind.host);
    draft->listener.unix_path = bind.unix_path[0] == '\0' ? NULL : arena_copy(arena, bind.unix_path);
    draft->listener.port = bind.port;
    draft->listener.line = document->line;
    draft->port_given = bind.port_given;
    return 0;
}

// Octal, as in chmod(1), whether YAML would read a number or a text.
static int read_mode(struct document *document, yaml_node_t *value, const void *facts, void *target)
{
    static const char expected[] = "permissions in octal digits, such as 0660";
    const char *text;
    int status = document_read_text(document, value, expected, &text);
    if (status != 0)
        return status;
    size_t length = strlen(text);
    if (strspn(text, "01234567") != length || !(length == 3 || (length == 4 && text[0] == '0')))
        return document_fail_expected(document, value, expected);
    draft_of(target)->listener.unix_mode = (uint32_t)strtoul(text, NULL, 8);
    return 0;
}

// ---- certificates

static int read_cadata(struct document *document, yaml_node_t *value, const void *facts, void *target)
{
    struct draft *draft = draft_of(target);
    const char *text;
    int status = document_read_lines(document, value, "certificates as PEM text", &text);
    if (status != 0)
        return status;
    if (strstr(text, "-----BEGIN ") == NULL || strchr(text, '\n') == NULL) // plain text has lost its lines
        return document_fail_expected(document, value, "PEM text with its lines, after 'cadata: |'");
    if (strlen(text) >= CONFIG_PEM_BYTES)
        return document_fail_expected(document, value, "certificates as PEM text, of at most 16383 bytes");
    draft->listener.tls.cadata = arena_copy(draft->reading->arena, text);
    return 0;
}
_Static_assert(CONFIG_PEM_BYTES == 16384, "the message above says so");

static int read_certificate(struct document *document, yaml_node_t *value, const void *facts, void *target)
{
    struct draft *draft = target;
    struct config_tls *tls = &draft->listener.tls;
    struct config_certificate entry = {0};
    if (tls->certificate_count == CONFIG_CERTIFICATES_MAX)
        return document_fail(document, "%s: more than %u certificates", document->path,
                             CONFIG_CERTIFICATES_MAX);
    int status = document_read_map(document, value, &certificate_keys,
                                   &(struct key_target){.reading = draft->reading, .base = &entry});
    if (status != 0)
        return status;
    if (entry.certfile.path == NULL)
        return document_fail(document, "%s: expected a map with a certfile", document->path);
    if (entry.keyfile.path == NULL)
        entry.keyfile = entry.certfile;
    tls->certificates[tls->certificate_count++] = entry;
    return 0;
}

static int read_certificates(struct document *document, yaml_node_t *value, const void *facts, void *target)
{
    struct draft *draft = draft_of(target);
    draft->listener.tls.certificate_count = 0;
    return document_read_list(document, value, read_certificate, draft);
}

// ---- WebSocket

static bool is_graphic(const char *text)
{
    for (; *text != '\0'; text++)
        if (*text <= ' ' || *text > '~') // where char has a sign, what is not ASCII is below ' '
            return false;
    return true;
}

// As it stands in a request, where anything else is percent-encoded.
static bool path_valid(const char *text)
{
    return text[0] == '/' && is_graphic(text) && strpbrk(text, "?#") == NULL;
}

// What a browser sends: scheme://host or scheme://host:port, or "null" for pages without an origin.
static bool origin_valid(const char *text)
{
    const char *host = strstr(text, "://");
    if (strcmp(text, "null") == 0)
        return true;
    return host != NULL && host > text && host[3] != '\0' && is_graphic(text) &&
           strpbrk(host + 3, "/?#@") == NULL;
}

static const struct key path_facts = {TEXT(CONFIG_PATH_BYTES, "a path of a URL, such as /mqtt", path_valid)};
static const struct key origin_facts = {
    TEXT(CONFIG_ORIGIN_BYTES, "an origin, such as https://example.com", origin_valid)};

static int read_path(struct document *document, yaml_node_t *value, const void *facts, void *target)
{
    struct draft *draft = target;
    struct config_listener *listener = &draft->listener;
    if (listener->path_count == CONFIG_PATHS_MAX)
        return document_fail(document, "%s: more than %u paths", document->path, CONFIG_PATHS_MAX);
    return key_read_text(document, value, draft->reading->arena, &path_facts,
                         &listener->paths[listener->path_count++]);
}

static int read_origin(struct document *document, yaml_node_t *value, const void *facts, void *target)
{
    struct draft *draft = target;
    struct config_listener *listener = &draft->listener;
    if (listener->origin_count == CONFIG_ORIGINS_MAX)
        return document_fail(document, "%s: more than %u origins", document->path, CONFIG_ORIGINS_MAX);
    return key_read_text(document, value, draft->reading->arena, &origin_facts,
                         &listener->origins[listener->origin_count++]);
}

// No path would be served, or none refused; neither is meant by an empty list.
static int read_paths(struct document *document, yaml_node_t *value, const void *facts, void *target)
{
    struct draft *draft = draft_of(target);
    draft->listener.path_count = 0;
    int status = document_read_one_or_list(document, value, read_path, draft);
    if (status == 0 && draft->listener.path_count == 0)
        status = document_fail(document, "%s: expected at least one path", document->path);
    return status;
}

static int read_origins(struct document *document, yaml_node_t *value, const void *facts, void *target)
{
    struct draft *draft = draft_of(target);
    draft->listener.origin_count = 0;
    int status = document_read_one_or_list(document, value, read_origin, draft);
    if (status == 0 && draft->listener.origin_count == 0)
        status = document_fail(document, "%s: expected at least one origin", document->path);
    return status;
}

// ---- the map

static int draft_read(struct document *document, yaml_node_t *value, struct draft *draft)
{
    struct key_target target = {.reading = draft->reading, .base = &draft->listener, .lines = draft->own};
    int status = document_read_map(document, value, &listeners_keys, &target);
    for (size_t key = 0; key < KEY_COUNT; key++)
        if (draft->own[key] != 0)
            draft->lines[key] = draft->own[key];
    return status;
}

static bool is_default(const char *name)
{
    return strcmp(name, "default") == 0;
}

// `target` is the draft of the entry `default`, which the first pass over the listeners reads.
static int read_default_listener(struct document *document, yaml_node_t *value, const void *facts,
                                 void *target)
{
    struct draft *standard = target;
    if (!is_default(facts))
        return 0;
    int status = draft_read(document, value, standard);
    if (status == 0 && standard->lines[KEY_BIND] != 0)
        status = draft_take(document, standard);
    return status;
}

static int read_other_listener(struct document *document, yaml_node_t *value, const void *facts, void *target)
{
    struct draft draft = *(const struct draft *)target;
    if (is_default(facts))
        return 0;
    if (strlen(facts) >= CONFIG_NAME_BYTES)
        return document_fail(document, "expected a name of a listener shorter than %u bytes",
                             CONFIG_NAME_BYTES);
    draft.listener.name = arena_copy(draft.reading->arena, facts);
    memset(draft.own, 0, sizeof(draft.own));
    draft.listener.line = document->line;
    int status = draft_read(document, value, &draft);
    return status == 0 ? draft_take(document, &draft) : status;
}

static void set_standards(struct config_listener *listener)
{
    key_set_standards(&listeners_keys, listener);
    limits_clear(&listener->limits);
    listener->name = "default";
    listener->host = "";
    listener->connections_max = CONFIG_NEVER;
}

int listeners_read(struct document *document, yaml_node_t *value, const void *facts, void *target)
{
    struct reading *reading = ((const struct key_target *)target)->reading;
    struct config *config = reading->config;
    struct draft standard = {.reading = reading};
    set_standards(&standard.listener);
    config->listeners = NULL;
    config->listener_count = 0;
    int status = document_read_names(document, value, read_default_listener, &standard);
    if (status == 0)
        status = document_read_names(document, value, read_other_listener, &standard);
    if (status == 0 && config->listener_count == 0)
        status = document_fail(document, "listeners: expected at least one listener with a bind");
    return status;
}

void listeners_set_standard(struct config *config, struct arena *arena)
{
    struct config_listener *listener =
        arena_append(arena, &config->listeners, &config->listener_count, sizeof(*listener));
    set_standards(listener);
    listener->host = "0.0.0.0";
    listener->port = CONFIG_PORT_TCP;
    memset(&listener->tls, 0, sizeof(listener->tls));
}

void listeners_complete(struct config *config)
{
    for (uint32_t i = 0; i < config->listener_count; i++) {
        struct config_listener *listener = &config->listeners[i];
        if (listener->limits.connections_max < listener->connections_max) // the stricter of two words for it
            listener->connections_max = listener->limits.connections_max;
        limits_complete(&listener->limits, &config->limits);
    }
}
