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

static struct listener_layers layers_of(const struct config_listener *from)
{
    struct listener_layers layers = {
        .proxy_protocol = from->proxy_protocol,
        .proxy_common_name = from->proxy_common_name,
        .websocket = from->type == CONFIG_WS,
        .path_count = from->path_count,
        .origin_count = from->origin_count,
    };
    for (uint32_t i = 0; i < from->path_count; i++)
        layers.paths[i] = bytes_of(from->paths[i]);
    for (uint32_t i = 0; i < from->origin_count; i++)
        layers.origins[i] = bytes_of(from->origins[i]);
    return layers;
}

// Gives the listener the terms that are asked for at this place of the configuration. Returns false after one
// line.
static bool add_terms(struct regime *regime, uint32_t place, struct listener *listener)
{
    const struct config_listener *from = &regime->config->listeners[place];
    struct tls_context *tls = from->tls.enabled ? load_tls(regime->config, from) : NULL;
    if (from->tls.enabled && tls == NULL)
        return false;
    const struct listener_terms terms = {
        .listener = listener,
        .name = from->name,
        .layers = layers_of(from),
        .tls = tls,
        .handshakes_max = from->tls.handshakes_max,
        .connections_max = from->connections_max,
    };
    regime_add(regime, place, listener_terms_create(&terms));
    return true;
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
                                     .backlog = (int)from->limits.listen_backlog};
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
                                : listener_adopt(listener, passed->fd, error);
    tell_place(config, from, place);
    if (failed)
        log_error("%s: %s", place, error);
    return !failed;
}

// ---- Sockets that were passed ----

static struct activation_socket *find_fitting(struct activation *activation,
                                              const struct listener_options *options)
{
    for (uint32_t i = 0; i < activation->count; i++)
        if (!activation->sockets[i].taken && listener_fits(options, activation->sockets[i].fd))
            return &activation->sockets[i];
    return NULL;
}

// Those that the listeners have which go on.
static void mark_taken(struct activation *activation, const struct regime *regime)
{
    for (uint32_t i = 0; i < activation->count; i++)
        activation->sockets[i].taken = false;
    for (uint32_t place = 0; regime != NULL && place < regime->config->listener_count; place++)
        for (uint32_t i = 0; i < activation->count && regime->listeners[place] != NULL; i++)
            if (activation->sockets[i].fd == regime->listeners[place]->fd)
                activation->sockets[i].taken = true;
}

// Finds for each listener that is to be opened the socket that was passed for it, if any: first by names,
// then by addresses.
static void match_passed(const struct regime *regime, struct activation *activation,
                         struct activation_socket *ret_passed[])
{
    const struct config *config = regime->config;
    mark_taken(activation, regime);
    for (uint32_t i = 0; i < config->listener_count; i++) {
        ret_passed[i] =
            regime->listeners[i] != NULL ? NULL : activation_find(activation, config->listeners[i].name);
        if (ret_passed[i] != NULL)
            ret_passed[i]->taken = true;
    }
    for (uint32_t i = 0; i < config->listener_count; i++) {
        struct listener_options options = options_of(&config->listeners[i]);
        if (ret_passed[i] == NULL && regime->listeners[i] == NULL)
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

// ---- Opening and closing ----

void listeners_init(struct broker *broker)
{
    for (uint32_t number = 0; number < LISTENERS_MAX; number++) {
        broker->listeners[number].number = number;
        broker->listeners[number].fd = -1;
    }
}

// One that is closed, and that neither connections nor sessions refer to.
static struct listener *find_free(struct broker *broker)
{
    for (uint32_t number = 0; number < LISTENERS_MAX; number++) {
        struct listener *listener = &broker->listeners[number];
        if (listener->fd < 0 && atomic_load(&listener->connections) == 0 &&
            atomic_load(&listener->sessions) == 0)
            return listener;
    }
    return NULL;
}

// Returns false after one line.
static bool open_one(struct broker *broker, struct regime *regime, uint32_t place,
                     const struct activation_socket *passed)
{
    struct listener *listener = find_free(broker);
    if (listener == NULL) {
        log_error(
            "listener '%s' cannot be opened: sessions remain from %u listeners, most of which are gone; "
            "restart the broker",
            regime->config->listeners[place].name, LISTENERS_MAX);
        return false;
    }
    if (!open_socket(regime->config, &regime->config->listeners[place], passed, listener))
        return false;
    regime->listeners[place] = listener;
    return true;
}

static bool open_all(struct broker *broker, struct activation *activation, struct regime *regime)
{
    struct activation_socket *passed[CONFIG_LISTENERS_MAX];
    match_passed(regime, activation, passed);
    if (broker->regime == NULL && !check_all_taken(activation))
        return false;
    for (uint32_t place = 0; place < regime->config->listener_count; place++)
        if ((regime->listeners[place] == NULL && !open_one(broker, regime, place, passed[place])) ||
            !add_terms(regime, place, regime->listeners[place]))
            return false;
    return true;
}

bool listeners_prepare(struct broker *broker, struct activation *activation,
                       const struct config_comparison *comparison, struct regime *regime)
{
    for (uint32_t i = 0; comparison != NULL && i < regime->config->listener_count; i++)
        if (comparison->listeners[i].before != COMPARE_NONE)
            regime->listeners[i] = broker->regime->listeners[comparison->listeners[i].before];
    if (open_all(broker, activation, regime))
        return true;
    listeners_give_up(broker, regime);
    return false;
}

void listeners_give_up(struct broker *broker, const struct regime *regime)
{
    for (uint32_t i = 0; i < regime->config->listener_count; i++)
        if (regime->listeners[i] != NULL && !regime_serves(broker->regime, regime->listeners[i]))
            listener_close(regime->listeners[i]);
}

// The socket is there, and serves: what cannot be given to it is told, and no reason to go back.
static void adjust_one(const struct config *config, const struct config_listener *from,
                       const struct listener *listener)
{
    struct listener_options options = options_of(from);
    char error[LISTENER_ERROR_BYTES];
    char place[PLACE_BYTES];
    if (!find_file(config, from, &options.file) || listener_adjust(listener, &options, error) == 0)
        return;
    tell_place(config, from, place);
    log_warning("%s: %s", place, error);
}

void listeners_settle(struct broker *broker, const struct config_comparison *comparison,
                      const struct regime *before)
{
    const struct regime *regime = broker->regime;
    for (uint32_t i = 0; i < before->config->listener_count; i++)
        if (!regime_serves(regime, before->listeners[i]))
            listener_close(before->listeners[i]);
    for (uint32_t i = 0; i < regime->config->listener_count; i++)
        if (comparison->listeners[i].changed)
            adjust_one(regime->config, &regime->config->listeners[i], regime->listeners[i]);
}

void listeners_close(struct broker *broker)
{
    for (uint32_t i = 0; i < broker->regime->config->listener_count; i++)
        listener_close(broker->regime->listeners[i]);
}

// ---- What is said of them ----

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
    const struct regime *regime = broker->regime;
    for (uint32_t i = 0; i < regime->config->listener_count && regime->access.allow_anonymous; i++) {
        const struct listener *listener = regime->listeners[i];
        if (!listener_is_local(listener) && !proves_itself(&regime->config->listeners[i].tls) &&
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

static const char *kind_of(const struct listener_terms *terms)
{
    if (terms->layers.websocket)
        return terms->tls != NULL ? "wss" : "ws";
    if (terms->tls != NULL)
        return "tls";
    return terms->listener->is_unix ? "unix" : "tcp";
}

void listeners_describe(const struct broker *broker, char *ret_text, size_t size)
{
    const struct regime *regime = broker->regime;
    size_t used = 0;
    ret_text[0] = '\0';
    for (uint32_t i = 0; i < regime->config->listener_count && used < size; i++) {
        const struct listener *listener = regime->listeners[i];
        used += (size_t)snprintf(ret_text + used, size - used, "%s%s (%s)", i > 0 ? ", " : "",
                                 listener->address, kind_of(regime->terms[listener->number]));
    }
}
