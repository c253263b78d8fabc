// SPDX-License-Identifier: MIT
#include "client/transport.h"

#include "client/proxy.h"
#include "client/tcp.h"
#include "client/tls.h"
#include "client/websocket.h"

#include <assert.h>
#include <unistd.h>

static bool scheme_is_secure(enum url_scheme scheme)
{
    return scheme == URL_SCHEME_MQTTS || scheme == URL_SCHEME_WSS;
}

static bool scheme_is_websocket(enum url_scheme scheme)
{
    return scheme == URL_SCHEME_WS || scheme == URL_SCHEME_WSS;
}

int transport_create(const struct url *url, const struct url *proxy, const struct hbmqtt_options *options,
                     struct tls_memory *memory, struct transport **ret_transport, struct error *ret_error)
{
    struct transport *top = NULL;
    bool secure = scheme_is_secure(url->scheme);
    int status = tcp_push(!secure && proxy == NULL, &top, ret_error);
    if (status == 0 && proxy != NULL)
        status = proxy_push(proxy, url, &top, ret_error);
    if (status == 0 && secure)
        status = tls_push(url, options, memory, &top, ret_error);
    if (status == 0 && scheme_is_websocket(url->scheme))
        status = websocket_push(url, options, &top, ret_error);
    if (status == 0)
        *ret_transport = top;
    else
        transport_destroy(top);
    return status;
}

void transport_destroy(struct transport *transport)
{
    int fd = transport == NULL ? -1 : transport->fd;
    while (transport != NULL) {
        struct transport *below = transport->below;
        transport->layer->destroy(transport);
        transport = below;
    }
    if (fd >= 0)
        close(fd);
}

void transport_attach(struct transport *transport, int fd)
{
    for (; transport != NULL; transport = transport->below)
        transport->fd = fd;
}

// The lowest layer that is not open, or NULL.
static struct transport *transport_next(const struct transport *transport)
{
    struct transport *next = NULL;
    for (; transport != NULL && !transport->opened; transport = transport->below)
        next = (struct transport *)(uintptr_t)transport;
    return next;
}

int transport_open(struct transport *transport, struct error *ret_error)
{
    struct transport *next;
    while ((next = transport_next(transport)) != NULL) {
        int status = next->layer->open(next, ret_error);
        if (status != 0)
            return status;
        next->opened = true;
    }
    return 0;
}

const char *transport_opening(const struct transport *transport)
{
    const struct transport *next = transport_next(transport);
    assert(next != NULL);
    return next->layer->opening;
}

ssize_t transport_send(struct transport *transport, struct bytes bytes, struct error *ret_error)
{
    return transport->layer->send(transport, bytes, ret_error);
}

ssize_t transport_receive(struct transport *transport, uint8_t *room, size_t size, struct error *ret_error)
{
    return transport->layer->receive(transport, room, size, ret_error);
}

bool transport_wants_write(const struct transport *transport)
{
    for (; transport != NULL; transport = transport->below)
        if (transport->wants_write)
            return true;
    return false;
}

bool transport_has_input(const struct transport *transport)
{
    for (; transport != NULL; transport = transport->below)
        if (transport->has_input)
            return true;
    return false;
}

void transport_farewell(struct transport *transport)
{
    for (; transport != NULL && transport->opened; transport = transport->below)
        transport->layer->farewell(transport);
}
