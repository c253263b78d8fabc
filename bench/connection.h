// SPDX-License-Identifier: MIT
// A non-blocking connection to the broker, and the one place that knows over what it goes:
//
//     MQTT                                 MQTT
//      | the caller's bytes                 ^ the splitter, piece by piece
//     [WebSocket: a header in front]       [WebSocket: payload of frames, where it lies]
//     [TLS: sealed]                        [TLS: opened]
//      | send                               | recv
//     socket -------------------------------'
//
// Bytes are sent at once and straight from the caller's buffer (those of TLS from where they were sealed);
// only what the socket did not take is copied, and while such a rest is pending the socket is watched for
// room. Received bytes lie in a buffer that all connections share.
#ifndef BENCH_CONNECTION_H
#define BENCH_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/bytes.h"
#include "bench/transport.h"
#include "bench/wire.h"

struct layers; // what is between the socket and MQTT

struct connection {
    int fd; // -1: closed
    int epoll_fd;
    void *owner; // what epoll reports
    bool watches_room;
    struct bytes pending;  // waits for room
    struct layers *layers; // NULL: nothing
    struct splitter splitter;
};

// Raises the limit of open files as far as needed for so many connections. Returns 0 or -EINVAL after one
// line on stderr.
int connection_limit_raise(uint32_t count);

// Begins to connect, and asks `epoll_fd` to report `owner` when there is something to read or the connection
// has failed. What is sent before the connection stands, waits. `transport` must outlive the connection.
// Returns 0 or a negative errno.
int connection_open(struct connection *connection, struct transport *transport, int epoll_fd, void *owner);
void connection_close(struct connection *connection);

// Sends MQTT packets, in one piece as far as the transport has such: one frame, one send. Returns 0 or a
// negative errno.
int connection_send(struct connection *connection, const uint8_t *data, size_t length);

// Sends what is pending, as far as there is room. Returns 0 or a negative errno.
int connection_flush(struct connection *connection);

static inline bool connection_blocked(const struct connection *connection)
{
    return bytes_length(&connection->pending) > 0;
}

// Receives once. The packets are then taken from the splitter, piece by piece:
//
//     do {
//         while (splitter_next(&connection->splitter, ...))
//             ...
//     } while (connection_give_more(connection));
//
// Returns the number of bytes, those of frames included; -EAGAIN if there are none for MQTT; -ECONNRESET also
// when the peer closed, or another negative errno.
int connection_receive(struct connection *connection, struct receive_buffer *buffer);

bool layers_give_more(struct connection *connection);

// Gives the splitter, which has taken all that it had, the next piece of what was received. Returns false if
// there is none. The broker's frames may be wrong: splitter.failed tells of that, too.
static inline bool connection_give_more(struct connection *connection)
{
    return connection->layers != NULL && layers_give_more(connection);
}

// Why a call that returned `error` has failed; what a layer knows says more than the number. NULL if there is
// no error.
const char *connection_why(const struct connection *connection, int error);

#endif
