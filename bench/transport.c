// SPDX-License-Identifier: MIT
// How the broker is reached.
#include "bench/transport.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int transport_resolve(struct transport *transport, const struct options *options)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found;
    int rc = getaddrinfo(options->host, options->port, &hints, &found);
    if (rc != 0) {
        fprintf(stderr, "hbmqtt_load: %s: %s\n", options->host, gai_strerror(rc));
        return -EINVAL;
    }
    memcpy(&transport->address, found->ai_addr, found->ai_addrlen);
    transport->address_length = found->ai_addrlen;
    freeaddrinfo(found);
    return 0;
}

int transport_init(struct transport *transport, const struct options *options)
{
    bool bare_ipv6 = strchr(options->host, ':') != NULL;
    *transport = (struct transport){.ws_path = options->ws ? options->ws_path : NULL};
    snprintf(transport->ws_host, sizeof(transport->ws_host), bare_ipv6 ? "[%s]:%s" : "%s:%s", options->host,
             options->port);
    int rc = transport_resolve(transport, options);
    if (rc != 0 || !options->tls)
        return rc;
    transport->sealed = malloc(RECEIVE_BYTES - TLS_HELD_MAX);
    if (transport->sealed == NULL) {
        fprintf(stderr, "hbmqtt_load: no memory\n");
        return -ENOMEM;
    }
    transport->tls = tls_context_create(options->host, options->cafile, options->resume);
    return transport->tls != NULL ? 0 : -EINVAL;
}

void transport_finish(struct transport *transport)
{
    tls_context_destroy(transport->tls);
    free(transport->sealed);
    *transport = (struct transport){.tls = NULL};
}
