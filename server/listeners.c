// SPDX-License-Identifier: MIT
#include "server/listeners.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PLACE_BYTES 512u  // of "FILE:LINE: listener 'NAME'"
#define WHERE_BYTES 1024u // of a warning: some addresses say enough

_Static_assert(LISTENER_PATHS_MAX == CONFIG_PATHS_MAX && LISTENER_ORIGINS_MAX == CONFIG_ORIGINS_MAX,
               "a listener has room for all that the configuration may hold");

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
    *ret_file = (struct listener_file){(mode_t)from->unix_mode, (uid_t)-1, (gid_t)-1};
    if (from->unix_owner != NULL && !privileges_find_user(from->unix_owner, &ret_file->owner)) {
        log_error("%s: there is no user '%s'", place, from->unix_owner);
        return false;
    }
    if (from->unix_group != NULL && !privileges_find_group(from->unix_group, &ret_file->group)) {
        log_error("%s: there is no group '%s'", place, from->unix_group);
        return false;
    }
    return true;
}

static struct listener_options options_of(const struct config_listener *from)
{
    return (struct listener_options){.host = from->host,
                                     .port = from->port,
                                     .unix_path = from->unix_path,
                                     .backlog = (int)from->limits.listen_backlog,
                                     .connections_max = from->connections_max};
}

// Returns false after one line.
static bool open_socket(const struct config *config, const struct config_listener *from,
                        const struct activation_socket *passed, struct listener *listener)
{
    struct listener_options options = options_of(from);
    char error[LISTENER_ERROR_BYTES];
    char place[PLACE_BYTES];
    if (passed == NULL && !find_file(config, from, &options.file))
        return false;
    int failed = passed == NULL ? listener_open(listener, &options, error)
                                : listener_adopt(listener, passed->fd, from->connections_max, error);
    tell_place(config, from, place);
    if (failed)
        log_error("%s: %s", place, error);
    return !failed;
}

// Returns false after one line.
static bool open_one(const struct config *config, const struct config_listener *from,
                     const struct activation_socket *passed, struct listener *listener)
{
    if (!open_socket(config, from, passed, listener))
        return false;
    take_layers(from, listener);
    listener->is_tls = from->tls.enabled;
    listener->handshakes_max = from->tls.handshakes_max;
    if (from->tls.enabled && !take_tls(config, from, listener)) {
        listener_close(listener);
        return false;
    }
    return true;
}

static struct activation_socket *find_fitting(struct activation *activation,
                                              const struct listener_options *options)
{
    for (uint32_t i = 0; i < activation->count; i++)
        if (!activation->sockets[i].taken && listener_fits(options, activation->sockets[i].fd))
            return &activation->sockets[i];
    return NULL;
}

// Finds for each listener the socket that was passed for it, if any: first by names, then by addresses.
static void match_passed(const struct config *config, struct activation *activation,
                         struct activation_socket *ret_passed[])
{
    for (uint32_t i = 0; i < config->listener_count; i++) {
        ret_passed[i] = activation_find(activation, config->listeners[i].name);
        if (ret_passed[i] != NULL)
            ret_passed[i]->taken = true;
    }
    for (uint32_t i = 0; i < config->listener_count; i++) {
        struct listener_options options = options_of(&config->listeners[i]);
        if (ret_passed[i] == NULL)
            ret_passed[i] = find_fitting(activation, &options);
        if (ret_passed[i] != NULL)
            ret_passed[i]->taken = true;
    }
}

// Whoever passed a socket expects it to be served. Returns false after one line.
static bool check_all_taken(const struct activation *activation)
{
    for (uint32_t i = 0; i < activation->count; i++) {
        const struct activation_socket *socket = &activation->sockets[i];
        char address[ADDRESS_TEXT_BYTES];
        if (socket->taken)
            continue;
        listener_describe_socket(socket->fd, address);
        log_error(
            "the socket that was passed as descriptor %d (%s, named '%s') fits no listener that has none "
            "yet: give a listener its name (FileDescriptorName=) or its address",
            socket->fd, address, socket->name);
        return false;
    }
    return true;
}

void listeners_open(struct broker *broker, struct activation *activation, int status)
{
    const struct config *config = broker->config;
    struct activation_socket *passed[CONFIG_LISTENERS_MAX];
    match_passed(config, activation, passed);
    if (!check_all_taken(activation))
        exit(status);
    for (uint32_t i = 0; i < config->listener_count; i++) {
        if (!open_one(config, &config->listeners[i], passed[i], &broker->listeners[i])) {
            listeners_close(broker); // a unix socket must not stay behind
            exit(status);
        }
        broker->listener_count++;
    }
}

// Whether a client has to prove who it is before it can send a CONNECT.
static bool proves_itself(const struct config_tls *tls)
{
    return tls->client_certificate == CONFIG_CLIENT_CERTIFICATE_REQUIRED ||
           (tls->enabled && tls->certificate.certfile.path == NULL && tls->certificate_count == 0);
}

void listeners_warn_of_anybody(const struct broker *broker)
{
    char where[WHERE_BYTES] = "";
    size_t used = 0;
    for (uint32_t i = 0; i < broker->listener_count && broker->access.allow_anonymous; i++) {
        const struct listener *listener = &broker->listeners[i];
        if (!listener_is_local(listener) && !proves_itself(&broker->config->listeners[i].tls) &&
            used < sizeof where)
            used += (size_t)snprintf(where + used, sizeof where - used, "%s%s", used > 0 ? ", " : "",
                                     listener->address);
    }
    if (used > 0)
        log_warning("no authentication is configured: anybody who reaches %s can publish and subscribe; bind "
                    "to a loopback address or set auth.allow-anonymous to false",
                    where);
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
    return listener->is_unix ? "unix" : "tcp";
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
