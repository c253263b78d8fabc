// SPDX-License-Identifier: MIT
// On which terms a listener takes connections: what lies between their bytes and MQTT, and how many there may
// be. Terms never change. When the configuration has, the listener gets others, and each connection keeps
// those that it began with.
#ifndef TRANSPORT_LISTENER_TERMS_H
#define TRANSPORT_LISTENER_TERMS_H

#include <stdatomic.h>

#include "proto/proto.h"
#include "server/transport/listener.h"

#define LISTENER_PATHS_MAX   8u
#define LISTENER_ORIGINS_MAX 16u

struct tls_context;

// What connections speak below MQTT.
struct listener_layers {
    bool proxy_protocol;
    bool proxy_common_name; // of a certificate that the proxy found good: the user name
    bool websocket;
    struct bytes paths[LISTENER_PATHS_MAX]; // of WebSocket that are served; none: every path
    uint32_t path_count;
    struct bytes origins[LISTENER_ORIGINS_MAX]; // that may connect; none: every origin
    uint32_t origin_count;
};

struct listener_terms {
    _Atomic uint32_t references;
    struct listener *listener;
    const char *name; // that the listener has in the configuration
    struct listener_layers layers;
    struct tls_context *tls; // NULL: not over TLS
    uint32_t handshakes_max; // steps of TLS handshakes in one turn of a shard
    uint64_t connections_max;
};

// The same terms with one reference. Texts are copied, the context is taken.
struct listener_terms *listener_terms_create(const struct listener_terms *terms);

// From any thread. NULL is accepted by the second.
struct listener_terms *listener_terms_ref(struct listener_terms *terms);
void listener_terms_unref(struct listener_terms *terms);

#endif
