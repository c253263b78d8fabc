// SPDX-License-Identifier: MIT
#include "server/listeners.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PLACE_BYTES 512u // of "FILE:LINE: listener 'NAME'"

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
    if (text == NULL || find_number(text, ret_owner))
        return true;
    const struct passwd *account = getpwnam(text);
    if (account != NULL)
        *ret_owner = account->pw_uid;
    return account != NULL;
}

static bool find_group(const char *text, gid_t *ret_group)
{
    *ret_group = (gid_t)-1;
    if (text == NULL || find_number(text, ret_group))
        return true;
    const struct group *group = getgrnam(text);
    if (group != NULL)
        *ret_group = group->gr_gid;
    return group != NULL;
}

static struct tls_certificate_files certificate_files(const struct config_certificate *from)
{
    return (struct tls_certificate_files){from->certfile.path, from->keyfile.path};
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
static int make_tls(const struct config_listener *from, struct tls_context **ret_tls, char *ret_line)
{
    const struct config_tls *tls = &from->tls;
    struct tls_certificate_files more[CONFIG_CERTIFICATES_MAX];
    for (uint32_t i = 0; i < tls->certificate_count; i++)
        more[i] = certificate_files(&tls->certificates[i]);
    struct tls_options options = {
        .certificate = certificate_files(&tls->certificate),
        .more = more,
        .more_count = tls->certificate_count,
        .cafile = tls->cafile.path,
        .capath = tls->capath.path,
        .cadata = tls->cadata,
        .crlfile = tls->crlfile.path,
        .client_certificates = client_certificates_of(tls->client_certificate),
        .identity = identity_of(tls->user_name_from),
        .version_min = tls->version_min == CONFIG_TLS_1_3 ? TLS_VERSION_1_3 : TLS_VERSION_1_2,
        .ciphers = tls->ciphers,
        .ciphersuites = tls->ciphersuites,
        .groups = tls->groups,
        .psk_file = tls->psk_file.path,
        .websocket = from->type == CONFIG_WS,
    };
    return tls_context_create(&options, ret_tls, ret_line);
}

// "FILE:LINE: listener 'NAME'", for what goes before a message.
static void tell_place(const struct config *config, const struct config_listener *listener,
                       char ret_place[PLACE_BYTES])
{
    config_place(config, listener->line, ret_place, PLACE_BYTES);
    size_t used = strlen(ret_place);
    (void)snprintf(ret_place + used, PLACE_BYTES - used, "listener '%s'", listener->name);
}

// Returns NULL after one line.
static struct tls_context *load_tls(const struct config *config, const struct config_listener *from)
{
    char place[PLACE_BYTES];
    char line[TLS_LINE_BYTES];
    struct tls_context *tls;
    tell_place(config, from, place);
    if (make_tls(from, &tls, line) < 0) {
        log_error("%s: %s", place, line);
        return NULL;
    }
    if (line[0] != '\0')
        log_warning("%s: %s", place, line);
    return tls;
}

// Gives the listener its certificates. Returns false after one line.
static bool take_tls(const struct config *config, const struct config_listener *from,
                     struct listener *listener)
{
    struct tls_context *tls = load_tls(config, from);
    if (tls != NULL)
        listener_take_tls(listener, tls);
    return tls != NULL;
}

static void take_layers(const struct config_listener *from, struct listener *listener)
{
    struct listener_layers *layers = &listener->layers;
    layers->proxy_protocol = from->proxy_protocol;
    layers->proxy_common_name = from->proxy_common_name;
    layers->websocket = from->type == CONFIG_WS;
    layers->path_count = from->path_count;
    for (uint32_t i = 0; i < from->path_count; i++)
        layers->paths[i] = bytes_of(from->paths[i]);
    layers->origin_count = from->origin_count;
    for (uint32_t i = 0; i < from->origin_count; i++)
        layers->origins[i] = bytes_of(from->origins[i]);
}

static bool find_file(const struct config *config, const struct config_listener *from,
                      struct listener_file *ret_file)
{
    char place[PLACE_BYTES];
    tell_place(config, from, place);
    ret_file->mode = (mode_t)from->unix_mode;
    if (!find_owner(from->unix_owner, &ret_file->owner)) {
        log_error("%s: there is no user '%s'", place, from->unix_owner);
        return false;
    }
    if (!find_group(from->unix_group, &ret_file->group)) {
        log_error("%s: there is no group '%s'", place, from->unix_group);
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
                                       .unix_path = from->unix_path,
                                       .backlog = (int)from->limits.listen_backlog,
                                       .connections_max = from->connections_max};
    char error[LISTENER_ERROR_BYTES];
    if (!find_file(config, from, &options.file))
        return false;
    if (listener_open(listener, &options, error) < 0) {
        char place[PLACE_BYTES];
        tell_place(config, from, place);
        log_error("%s: %s", place, error);
        return false;
    }
    take_layers(from, listener);
    listener->is_tls = from->tls.enabled;
    listener->handshakes_max = from->tls.handshakes_max;
    if (from->tls.enabled && !take_tls(config, from, listener)) {
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

bool listeners_check(const struct config *config)
{
    for (uint32_t i = 0; i < config->listener_count; i++) {
        const struct config_listener *listener = &config->listeners[i];
        struct listener_file file;
        if (!find_file(config, listener, &file))
            return false;
        struct tls_context *tls = listener->tls.enabled ? load_tls(config, listener) : NULL;
        if (listener->tls.enabled && tls == NULL)
            return false;
        tls_context_unref(tls);
    }
    return true;
}

void listeners_reload(struct broker *broker)
{
    for (uint32_t i = 0; i < broker->listener_count; i++) {
        const struct config_listener *from = &broker->config->listeners[i];
        if (!from->tls.enabled)
            continue;
        if (!take_tls(broker->config, from, &broker->listeners[i]))
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
