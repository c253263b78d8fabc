// SPDX-License-Identifier: MIT
#include "client/tcp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct tcp {
    struct transport transport;
    bool plain; // and nothing has been received yet
};

static int tcp_open(struct transport *transport, struct error *ret_error)
{
    return 0; // whoever attached the socket had connected it
}

static ssize_t tcp_fault(struct error *ret_error)
{
    if (errno == EAGAIN || errno == EINTR)
        return 0;
    return error_set(ret_error, HBMQTT_ERROR_LOST, "%s", strerror(errno));
}

static ssize_t tcp_send(struct transport *transport, struct bytes bytes, struct error *ret_error)
{
    ssize_t count;
    do
        count = send(transport->fd, bytes.data, bytes.length, MSG_NOSIGNAL);
    while (count < 0 && errno == EINTR);
    return count >= 0 ? count : tcp_fault(ret_error);
}

// A TLS server that does not understand the first bytes says so in an alert: type 21, version 3.x.
static bool sounds_like_tls(const uint8_t *bytes, ssize_t count)
{
    return count >= 2 && bytes[0] == 21 && bytes[1] == 3;
}

static ssize_t tcp_receive(struct transport *transport, uint8_t *room, size_t size, struct error *ret_error)
{
    struct tcp *tcp = (struct tcp *)transport;
    ssize_t count = recv(transport->fd, room, size, 0);
    if (count < 0)
        return tcp_fault(ret_error);
    if (count == 0)
        return error_set(ret_error, HBMQTT_ERROR_LOST, "the broker closed it");
    if (tcp->plain && sounds_like_tls(room, count))
        return error_set(ret_error, HBMQTT_ERROR_UNREACHABLE,
                         "this port speaks TLS: the URL must begin with mqtts:// or wss://");
    tcp->plain = false;
    return count;
}

// The socket says its own good-bye when it is closed.
static void tcp_farewell(struct transport *transport)
{
}

static void tcp_destroy(struct transport *transport)
{
    free(transport);
}

static const struct transport_layer tcp_layer = {
    .open = tcp_open,
    .send = tcp_send,
    .receive = tcp_receive,
    .farewell = tcp_farewell,
    .destroy = tcp_destroy,
};

int tcp_push(bool plain, struct transport **ret_top, struct error *ret_error)
{
    struct tcp *tcp = calloc(1, sizeof *tcp);
    if (tcp == NULL)
        return error_set(ret_error, HBMQTT_ERROR_SYSTEM, "out of memory");
    tcp->transport = (struct transport){.layer = &tcp_layer, .fd = -1};
    tcp->plain = plain;
    *ret_top = &tcp->transport;
    return 0;
}
