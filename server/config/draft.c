// SPDX-License-Identifier: MIT
#include "server/config/draft.h"

#include <string.h>

#include "server/config/listeners.h"
#include "server/config/warning.h"

#define UNIX_MODE 0660u // where the file names none

static bool is_own(const struct draft *draft, enum key_id key)
{
    return draft->own[key] != 0;
}

// What `key` inherits means nothing here, because the entry itself has the key that it depends on.
static bool is_taken_back(const struct draft *draft, enum key_id key, enum key_id by)
{
    return !is_own(draft, key) && is_own(draft, by);
}

static bool is_on_unix(const struct config_listener *listener)
{
    return listener->unix_path != NULL;
}

static const struct key *key_of(enum key_id id)
{
    for (size_t i = 0; i < listeners_keys.count; i++) {
        const struct key *key = listeners_keys.keys[i].facts;
        if (key->id == id)
            return key;
    }
    assert(false); // it is a key of listeners
    return NULL;
}

// "FILE:LINE: listener 'NAME': KEY WHAT", with the line of the key.
static int fail_key(struct document *document, const struct draft *draft, enum key_id id, const char *what)
{
    document->line = draft->lines[id];
    return document_fail(document, "listener '%s': %s %s", draft->listener.name, key_of(id)->name, what);
}

static bool scope_holds(const struct config_listener *listener, enum key_scope scope)
{
    switch (scope) {
    case KEY_SCOPE_ANY:
        return true;
    case KEY_SCOPE_TLS:
        return listener->tls.enabled;
    case KEY_SCOPE_WEBSOCKET:
        return listener->type == CONFIG_WS;
    case KEY_SCOPE_UNIX:
        return is_on_unix(listener);
    }
    return false;
}

// The original knew certificates without ssl, so that they are one warning for each listener.
static int scopes_check(struct document *document, const struct draft *draft)
{
    bool warned = false;
    for (size_t i = 0; i < listeners_keys.count; i++) {
        const struct key *key = listeners_keys.keys[i].facts;
        if (!is_own(draft, key->id) || scope_holds(&draft->listener, key->scope))
            continue;
        if (key->scope != KEY_SCOPE_TLS)
            return fail_key(document, draft, key->id,
                            key->scope == KEY_SCOPE_UNIX ? "is for unix sockets only"
                                                         : "is for type ws only");
        if (!warned)
            warning_add(document, draft->reading, draft->lines[key->id],
                        "listener '%s': %s has no effect while ssl is off", draft->listener.name, key->name);
        warned = true;
    }
    return 0;
}

static int certificates_check(struct document *document, struct draft *draft)
{
    struct config_tls *tls = &draft->listener.tls;
    bool certified = tls->certificate.certfile.path != NULL;

    if (tls->certificate_count > 0 && !certified)
        return fail_key(document, draft, KEY_CERTIFICATES,
                        "needs a certfile beside it, for clients that name no host");
    if (!certified && tls->psk_file.path == NULL)
        return fail_key(document, draft, KEY_SSL, "needs a certfile or a psk-file");
    if (!certified && is_own(draft, KEY_KEYFILE))
        return fail_key(document, draft, KEY_KEYFILE, "needs a certfile");
    if (!certified || tls->certificate.keyfile.path == NULL)
        tls->certificate.keyfile = tls->certificate.certfile;
    return 0;
}

static int clients_check(struct document *document, struct draft *draft)
{
    static const char need[] = "needs client-certificate: optional or required";
    struct config_tls *tls = &draft->listener.tls;
    bool authorities = tls->cafile.path != NULL || tls->capath.path != NULL || tls->cadata != NULL;

    if (draft->lines[KEY_CLIENT_CERTIFICATE] == 0 && authorities) // as the original did
        tls->client_certificate = CONFIG_CLIENT_CERTIFICATE_OPTIONAL;
    if (tls->client_certificate != CONFIG_CLIENT_CERTIFICATE_NONE)
        return authorities ? 0
                           : fail_key(document, draft, KEY_CLIENT_CERTIFICATE,
                                      "needs a cafile, a capath or cadata to judge by");
    if (tls->user_name_from != CONFIG_USER_NAME_CONNECT &&
        !is_taken_back(draft, KEY_USER_NAME_FROM, KEY_CLIENT_CERTIFICATE))
        return fail_key(document, draft, KEY_USER_NAME_FROM, need);
    if (is_own(draft, KEY_CRLFILE))
        return fail_key(document, draft, KEY_CRLFILE, need);
    tls->user_name_from = CONFIG_USER_NAME_CONNECT;
    tls->cafile = tls->capath = tls->crlfile = (struct config_file){.path = NULL};
    tls->cadata = NULL;
    return 0;
}

// A proxy in front that speaks TLS has seen the certificate, and says so in its header.
static bool name_comes_from_proxy(const struct config_listener *listener)
{
    return !listener->tls.enabled && listener->proxy_protocol &&
           listener->tls.user_name_from == CONFIG_USER_NAME_COMMON_NAME;
}

// To serve without TLS must not let in whom TLS would have kept out.
static int plain_check(struct document *document, const struct draft *draft)
{
    static const char need[] = "needs ssl: on";
    const struct config_tls *tls = &draft->listener.tls;
    if (tls->client_certificate != CONFIG_CLIENT_CERTIFICATE_NONE &&
        !is_taken_back(draft, KEY_CLIENT_CERTIFICATE, KEY_SSL))
        return fail_key(document, draft, KEY_CLIENT_CERTIFICATE, need);
    if (tls->user_name_from != CONFIG_USER_NAME_CONNECT && !name_comes_from_proxy(&draft->listener) &&
        !is_taken_back(draft, KEY_USER_NAME_FROM, KEY_SSL))
        return fail_key(document, draft, KEY_USER_NAME_FROM,
                        "needs ssl: on, or to be common-name with proxy-protocol: on");
    return 0;
}

static uint16_t standard_port(const struct config_listener *listener)
{
    if (listener->type == CONFIG_WS)
        return listener->tls.enabled ? CONFIG_PORT_WSS : CONFIG_PORT_WS;
    return listener->tls.enabled ? CONFIG_PORT_TLS : CONFIG_PORT_TCP;
}

// Gives a listener that has been judged what the file leaves open, and drops what it inherits in vain.
static void complete(struct draft *draft)
{
    struct config_listener *listener = &draft->listener;
    if (is_on_unix(listener)) {
        if (draft->lines[KEY_MODE] == 0)
            listener->unix_mode = UNIX_MODE;
    } else {
        if (!draft->port_given)
            listener->port = standard_port(listener);
        listener->unix_mode = 0;
        listener->unix_owner = listener->unix_group = NULL;
    }
    if (listener->type != CONFIG_WS) {
        memset(listener->paths, 0, sizeof(listener->paths));
        memset(listener->origins, 0, sizeof(listener->origins));
        listener->path_count = listener->origin_count = 0;
    }
    listener->proxy_common_name = name_comes_from_proxy(listener);
    if (!listener->tls.enabled)
        memset(&listener->tls, 0, sizeof(listener->tls));
}

static bool same_address(const struct config_listener *a, const struct config_listener *b)
{
    if (is_on_unix(a) || is_on_unix(b))
        return is_on_unix(a) && is_on_unix(b) && strcmp(a->unix_path, b->unix_path) == 0;
    return a->port != 0 && a->port == b->port && strcmp(a->host, b->host) == 0;
}

static int add(struct document *document, const struct draft *draft)
{
    const struct config_listener *listener = &draft->listener;
    struct config *config = draft->reading->config;
    for (uint32_t i = 0; i < config->listener_count; i++) {
        const struct config_listener *other = &config->listeners[i];
        if (!same_address(listener, other))
            continue;
        document->line = listener->line;
        return document_fail(
            document,
            "listener '%s' would listen on the same address as '%s' (line %u); give it a bind of its own",
            listener->name, other->name, other->line);
    }
    if (config->listener_count == CONFIG_LISTENERS_MAX)
        return document_fail(document, "more than %u listeners", CONFIG_LISTENERS_MAX);
    struct config_listener *added =
        arena_append(draft->reading->arena, &config->listeners, &config->listener_count, sizeof(*added));
    *added = *listener;
    return 0;
}

int draft_take(struct document *document, const struct draft *given)
{
    struct draft draft = *given;
    if (draft.lines[KEY_BIND] == 0)
        return document_fail(document, "listener '%s' has no bind", draft.listener.name);
    int status = 0;
    if (!draft.listener.tls.enabled)
        status = plain_check(document, &draft);
    if (status == 0)
        status = scopes_check(document, &draft);
    if (status == 0 && draft.listener.tls.enabled)
        status = certificates_check(document, &draft);
    if (status == 0 && draft.listener.tls.enabled)
        status = clients_check(document, &draft);
    if (status != 0)
        return status;
    complete(&draft);
    return add(document, &draft);
}
