// SPDX-License-Identifier: MIT
#include "server/transport/connection.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

void connection_init(struct connection *connection, int fd, struct layers *layers, uint32_t receive_owner,
                     uint32_t send_owner)
{
    *connection = (struct connection){.fd = fd, .layers = layers};
    connection->receive.owner = receive_owner;
    connection->send.owner = send_owner;
    // Packets are gathered before they are sent, so waiting for more only costs time. Not every kind of
    // socket has it.
    int on = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

void connection_receive(struct connection *connection, struct ring *ring)
{
    ring_receive(ring, &connection->receive, connection->fd);
}

void connection_send(struct connection *connection, struct ring *ring, const struct iovec *spans,
                     uint32_t count)
{
    ring_send(ring, &connection->send, connection->fd, spans, count);
}

void connection_pause(struct connection *connection, struct ring *ring)
{
    ring_cancel(ring, &connection->receive);
}

void connection_end_sending(struct connection *connection)
{
    (void)shutdown(connection->fd, SHUT_WR); // fails only where the peer has gone already
}

void connection_abandon(struct connection *connection, struct ring *ring)
{
    (void)shutdown(connection->fd, SHUT_RDWR); // fails only where the peer has gone already
    ring_cancel(ring, &connection->receive);
    ring_cancel(ring, &connection->send);
}

void connection_close(struct connection *connection)
{
    assert(connection_idle(connection));
    (void)close(connection->fd); // what it could tell is known: the peer has gone
    connection->fd = -1;
    layers_destroy(connection->layers);
    connection->layers = NULL;
}

void connection_peer(const struct connection *connection, char ret_text[ADDRESS_TEXT_BYTES])
{
    if (connection->layers != NULL && layers_peer(connection->layers)[0] != '\0') {
        (void)snprintf(ret_text, ADDRESS_TEXT_BYTES, "%s", layers_peer(connection->layers)); // fits
        return;
    }
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    if (getpeername(connection->fd, (struct sockaddr *)&address, &length) < 0)
        (void)snprintf(ret_text, ADDRESS_TEXT_BYTES, "a peer that has gone"); // fits
    else
        address_text(&address, ret_text);
}
