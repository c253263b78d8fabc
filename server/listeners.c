// SPDX-License-Identifier: MIT
#include "server/listeners.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(LISTENER_PATHS_MAX == CONFIG_PATHS_MAX && LISTENER_ORIGINS_MAX == CONFIG_ORIGINS_MAX,
               "a listener has room for all that the configuration may hold");

// A name of an account, or its number.
static bool find_number(const char *text, uint32_t *ret_number)
{
    char *end;
    errno = 0;
    unsigned long number = strtoul(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || number >= UINT32_MAX)
        return false;
    *ret_number = (uint32_t)number;
    return true;
}

static bool find_owner(const char *text, uid_t *ret_owner)
{
    *ret_owner = (uid_t)-1;
    if (text[0] == '\0' || find_number(text, ret_owner))
        return true;
    const struct passwd *account = getpwnam(text);
    if (account != NULL)
        *ret_owner = account->pw_uid;
    return account != NULL;
}

static bool find_group(const char *text, gid_t *ret_group)
{
    *ret_group = (gid_t)-1;
    if (text[0] == '\0' || find_number(text, ret_group))
        return true;
    const struct group *group = getgrnam(text);
    if (group != NULL)
        *ret_group = group->gr_gid;
    return group != NULL;
}

static const char *text_or_null(const struct config *config, struct config_text text)
{
    const char *found = config_text(config, text);
    return found[0] == '\0' ? NULL : found;
}

static struct bytes text_bytes(const struct config *config, struct config_text text)
{
    return bytes_of(config_text(config, text));
}

static struct tls_certificate_files certificate_files(const struct config *config,
                                                      const struct config_certificate *from)
{
    return (struct tls_certificate_files){text_or_null(config, from->certfile),
                                          text_or_null(config, from->keyfile)};
}

static enum tls_identity identity_of(enum config_user_name from)
{
    switch (from) {
    case CONFIG_USER_NAME_COMMON_NAME:
        return TLS_IDENTITY_COMMON_NAME;
    case CONFIG_USER_NAME_SUBJECT_ALT_NAME:
        return TLS_IDENTITY_DNS;
    case CONFIG_USER_NAME_CONNECT:
        break;
    }
    return TLS_IDENTITY_NONE;
}

static enum tls_client_certificates client_certificates_of(enum config_client_certificate from)
{
    switch (from) {
    case CONFIG_CLIENT_CERTIFICATE_OPTIONAL:
        return TLS_CLIENT_CERTIFICATES_OPTIONAL;
    case CONFIG_CLIENT_CERTIFICATE_REQUIRED:
        return TLS_CLIENT_CERTIFICATES_REQUIRED;
    case CONFIG_CLIENT_CERTIFICATE_NONE:
        break;
    }
    return TLS_CLIENT_CERTIFICATES_NONE;
}

// Returns 0 or -errno with one line in ret_line (of TLS_LINE_BYTES), which is a warning with the result 0.
static int make_tls(const struct config *config, const struct config_listener *from,
                    struct tls_context **ret_tls, char *ret_line)
{
    const struct config_tls *tls = &from->tls;
    struct tls_certificate_files more[CONFIG_CERTIFICATES_MAX];
    for (uint32_t i = 0; i < tls->certificate_count; i++)
        more[i] = certificate_files(config, &tls->certificates[i]);
    struct tls_options options = {
        .certificate = certificate_files(config, &tls->certificate),
        .more = more,
        .more_count = tls->certificate_count,
        .cafile = text_or_null(config, tls->cafile),
        .capath = text_or_null(config, tls->capath),
        .cadata = text_or_null(config, tls->cadata),
        .crlfile = text_or_null(config, tls->crlfile),
        .client_certificates = client_certificates_of(tls->client_certificate),
        .identity = identity_of(tls->user_name_from),
        .version_min = tls->version_min == CONFIG_TLS_1_3 ? TLS_VERSION_1_3 : TLS_VERSION_1_2,
        .ciphers = text_or_null(config, tls->ciphers),
        .ciphersuites = text_or_null(config, tls->ciphersuites),
        .groups = text_or_null(config, tls->groups),
        .psk_file = text_or_null(config, tls->psk_file),
        .websocket = from->type == CONFIG_WS,
    };
    return tls_context_create(&options, ret_tls, ret_line);
}

// Gives the listener its certificates. Returns 0, or -errno after one line.
static int take_tls(const struct config *config, const struct config_listener *from,
                    struct listener *listener)
{
    char line[TLS_LINE_BYTES];
    struct tls_context *tls;
    int failed = make_tls(config, from, &tls, line);
    if (failed) {
        log_error("listener '%s': %s", from->name, line);
        return failed;
    }
    if (line[0] != '\0')
        log_warning("listener '%s': %s", from->name, line);
    listener_take_tls(listener, tls);
    return 0;
}

static void take_layers(const struct config *config, const struct config_listener *from,
                        struct listener *listener)
{
    struct listener_layers *layers = &listener->layers;
    layers->proxy_protocol = from->proxy_protocol;
    layers->websocket = from->type == CONFIG_WS;
    layers->path_count = from->path_count;
    for (uint32_t i = 0; i < from->path_count; i++)
        layers->paths[i] = text_bytes(config, from->paths[i]);
    layers->origin_count = from->origin_count;
    for (uint32_t i = 0; i < from->origin_count; i++)
        layers->origins[i] = text_bytes(config, from->origins[i]);
}

static bool find_file(const struct config *config, const struct config_listener *from,
                      struct listener_file *ret_file)
{
    const char *owner = config_text(config, from->unix_owner);
    const char *group = config_text(config, from->unix_group);
    ret_file->mode = (mode_t)from->unix_mode;
    if (!find_owner(owner, &ret_file->owner)) {
        log_error("listener '%s': there is no user '%s'", from->name, owner);
        return false;
    }
    if (!find_group(group, &ret_file->group)) {
        log_error("listener '%s': there is no group '%s'", from->name, group);
        return false;
    }
    return true;
}

// Returns false after one line.
static bool open_one(const struct config *config, const struct config_listener *from,
                     struct listener *listener)
{
    struct listener_options options = {.host = from->host,
                                       .port = from->port,
                                       .unix_path = from->unix_path[0] == '\0' ? NULL : from->unix_path,
                                       .backlog = (int)config->limits.listen_backlog,
                                       .connections_max = from->connections_max};
    char error[LISTENER_ERROR_BYTES];
    if (!find_file(config, from, &options.file))
        return false;
    if (listener_open(listener, &options, error) < 0) {
        log_error("listener '%s': %s", from->name, error);
        return false;
    }
    take_layers(config, from, listener);
    listener->is_tls = from->tls.enabled;
    listener->handshakes_max = from->tls.handshakes_max;
    if (from->tls.enabled && take_tls(config, from, listener) < 0) {
        listener_close(listener);
        return false;
    }
    return true;
}

void listeners_open(struct broker *broker, int status)
{
    const struct config *config = broker->config;
    for (uint32_t i = 0; i < config->listener_count; i++) {
        if (!open_one(config, &config->listeners[i], &broker->listeners[i])) {
            listeners_close(broker); // a unix socket must not stay behind
            exit(status);
        }
        broker->listener_count++;
    }
}

void listeners_reload(struct broker *broker)
{
    for (uint32_t i = 0; i < broker->listener_count; i++) {
        const struct config_listener *from = &broker->config->listeners[i];
        if (!from->tls.enabled)
            continue;
        if (take_tls(broker->config, from, &broker->listeners[i]) < 0)
            log_error("listener '%s' goes on with the certificates that it has", from->name);
        else
            log_info("listener '%s': certificates were read again", from->name);
    }
}

void listeners_close(struct broker *broker)
{
    for (uint32_t i = 0; i < broker->listener_count; i++)
        listener_close(&broker->listeners[i]);
}

static const char *listener_kind(const struct listener *listener)
{
    if (listener->layers.websocket)
        return listener->is_tls ? "wss" : "ws";
    if (listener->is_tls)
        return "tls";
    return listener->unix_path != NULL ? "unix" : "tcp";
}

void listeners_describe(const struct broker *broker, char *ret_text, size_t size)
{
    size_t used = 0;
    ret_text[0] = '\0';
    for (uint32_t i = 0; i < broker->listener_count && used < size; i++) {
        const struct listener *listener = &broker->listeners[i];
        used += (size_t)snprintf(ret_text + used, size - used, "%s%s (%s)", i > 0 ? ", " : "",
                                 listener->address, listener_kind(listener));
    }
}
