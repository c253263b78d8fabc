// SPDX-License-Identifier: MIT
// A non-blocking TCP connection to the broker.
//
// Bytes are sent at once and straight from the caller's buffer; only what the socket did not take is copied,
// and while such a rest is pending the socket is watched for room. Received bytes lie in a buffer that all
// connections share.
#ifndef BENCH_CONNECTION_H
#define BENCH_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "bench/wire.h"

#define RECEIVE_BYTES 262144u

struct receive_buffer {
    uint8_t stash_room[WIRE_HEAD_MAX]; // for the splitter, in front of the data
    uint8_t data[RECEIVE_BYTES];
};

struct connection {
    int fd; // -1: closed
    int epoll_fd;
    void *owner; // what epoll reports
    bool watches_room;
    uint8_t *pending; // bytes [pending_at, pending_end) wait for room
    size_t pending_at;
    size_t pending_end;
    size_t pending_capacity;
    struct splitter splitter;
};

struct address {
    struct sockaddr_storage storage;
    socklen_t length;
};

// Resolves a name. Returns 0 or -EINVAL after one line on stderr.
int address_resolve(const char *host, const char *port, struct address *ret_address);

// Raises the limit of open files as far as needed for so many connections. Returns 0 or -EINVAL after one
// line on stderr.
int connection_limit_raise(uint32_t count);

// Begins to connect, and asks `epoll_fd` to report `owner` when there is something to read or the connection
// has failed. What is sent before the connection stands, waits. Returns 0 or a negative errno.
int connection_open(struct connection *connection, const struct address *address, int epoll_fd, void *owner);
void connection_close(struct connection *connection);

// Returns 0 or a negative errno.
int connection_send(struct connection *connection, const uint8_t *data, size_t length);

// Sends what is pending, as far as there is room. Returns 0 or a negative errno.
int connection_flush(struct connection *connection);

static inline bool connection_blocked(const struct connection *connection)
{
    return connection->pending_at < connection->pending_end;
}

// Receives once and gives the bytes to the splitter. Returns their number; -EAGAIN if there are none,
// -ECONNRESET also when the peer closed, or another negative errno.
int connection_receive(struct connection *connection, struct receive_buffer *buffer);

#endif
