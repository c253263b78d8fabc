// SPDX-License-Identifier: MIT
// One connection on the ring: a receive that goes on until it is cancelled, and one send at a time; and what
// lies between its socket and MQTT.
//
// It may be closed only when both operations have come back; connection_abandon asks for that.
#ifndef TRANSPORT_CONNECTION_H
#define TRANSPORT_CONNECTION_H

#include "server/ring/ring.h"
#include "server/transport/layers.h"
#include "server/transport/listener.h"

struct connection {
    struct ring_operation receive;
    struct ring_operation send;
    int fd;
    struct layers *layers; // NULL: MQTT goes over the socket as it is
};

// Takes `fd` and `layers`. The owners are what the operations carry for whoever handles their events.
void connection_init(struct connection *connection, int fd, struct layers *layers, uint32_t receive_owner,
                     uint32_t send_owner);

void connection_receive(struct connection *connection, struct ring *ring);
void connection_send(struct connection *connection, struct ring *ring, const struct iovec *spans,
                     uint32_t count);

// Stops receiving, with a final event of the receive operation if it was going on.
void connection_pause(struct connection *connection, struct ring *ring);

// Says to the peer that nothing more comes; receiving goes on.
void connection_end_sending(struct connection *connection);

// Ends both directions now and asks for both operations to come back.
void connection_abandon(struct connection *connection, struct ring *ring);

static inline bool connection_sending(const struct connection *connection)
{
    return connection->send.kind != RING_IDLE;
}

static inline bool connection_idle(const struct connection *connection)
{
    return connection->receive.kind == RING_IDLE && connection->send.kind == RING_IDLE;
}

// Closes the descriptor and destroys the layers; both operations must be idle.
void connection_close(struct connection *connection);

// The peer's address, for a line of the log.
void connection_peer(const struct connection *connection, char ret_text[ADDRESS_TEXT_BYTES]);

#endif
