// SPDX-License-Identifier: MIT
// Sockets of the load generator.
#include "bench/connection.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#define SPARE_DESCRIPTORS 16u

int address_resolve(const char *host, const char *port, struct address *ret_address)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found;
    int rc = getaddrinfo(host, port, &hints, &found);
    if (rc != 0) {
        fprintf(stderr, "hbmqtt_load: %s: %s\n", host, gai_strerror(rc));
        return -EINVAL;
    }
    memcpy(&ret_address->storage, found->ai_addr, found->ai_addrlen);
    ret_address->length = found->ai_addrlen;
    freeaddrinfo(found);
    return 0;
}

int connection_limit_raise(uint32_t count)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit); // the check below tells
    }
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur < count + SPARE_DESCRIPTORS) {
        fprintf(stderr, "hbmqtt_load: too many connections: raise the limit of open files (ulimit -n)\n");
        return -EINVAL;
    }
    return 0;
}

int connection_open(struct connection *connection, const struct address *address, int epoll_fd, void *owner)
{
    int yes = 1;
    *connection = (struct connection){.epoll_fd = epoll_fd, .owner = owner};
    splitter_init(&connection->splitter);
    connection->fd = socket(address->storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (connection->fd < 0)
        return -errno;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = owner};
    if (setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes)) != 0 ||
        (connect(connection->fd, (const struct sockaddr *)&address->storage, address->length) != 0 &&
         errno != EINPROGRESS) ||
        epoll_ctl(epoll_fd, EPOLL_CTL_ADD, connection->fd, &event) != 0) {
        int error = errno;
        connection_close(connection);
        return -error;
    }
    return 0;
}

void connection_close(struct connection *connection)
{
    if (connection->fd >= 0) {
        close(connection->fd);
        connection->fd = -1;
    }
    free(connection->pending);
    connection->pending = NULL;
    connection->pending_at = connection->pending_end = connection->pending_capacity = 0;
}

static int connection_watch_room(struct connection *connection, bool watch)
{
    struct epoll_event event = {.events = EPOLLIN | (watch ? EPOLLOUT : 0), .data.ptr = connection->owner};
    if (watch == connection->watches_room)
        return 0;
    connection->watches_room = watch;
    return epoll_ctl(connection->epoll_fd, EPOLL_CTL_MOD, connection->fd, &event) != 0 ? -errno : 0;
}

static int connection_keep(struct connection *connection, const uint8_t *data, size_t length)
{
    size_t kept = connection->pending_end - connection->pending_at;
    if (kept + length > connection->pending_capacity) {
        size_t capacity = 2 * (kept + length);
        uint8_t *grown = realloc(connection->pending, capacity);
        if (grown == NULL)
            return -ENOMEM;
        connection->pending = grown;
        connection->pending_capacity = capacity;
    }
    if (connection->pending_end + length > connection->pending_capacity) {
        memmove(connection->pending, connection->pending + connection->pending_at, kept);
        connection->pending_at = 0;
        connection->pending_end = kept;
    }
    memcpy(connection->pending + connection->pending_end, data, length);
    connection->pending_end += length;
    return connection_watch_room(connection, true);
}

// Returns the bytes that the socket took, 0 if it has no room or does not stand yet, or a negative errno.
static ssize_t connection_try(struct connection *connection, const uint8_t *data, size_t length)
{
    ssize_t sent = send(connection->fd, data, length, MSG_NOSIGNAL);
    if (sent < 0)
        return errno == EAGAIN || errno == EINTR || errno == ENOTCONN ? 0 : -errno;
    return sent;
}

int connection_send(struct connection *connection, const uint8_t *data, size_t length)
{
    ssize_t sent = 0;
    if (!connection_blocked(connection))
        sent = connection_try(connection, data, length);
    if (sent < 0)
        return (int)sent;
    return (size_t)sent < length ? connection_keep(connection, data + sent, length - (size_t)sent) : 0;
}

int connection_flush(struct connection *connection)
{
    ssize_t sent = connection_try(connection, connection->pending + connection->pending_at,
                                  connection->pending_end - connection->pending_at);
    if (sent < 0)
        return (int)sent;
    connection->pending_at += (size_t)sent;
    return connection_watch_room(connection, connection_blocked(connection));
}

int connection_receive(struct connection *connection, struct receive_buffer *buffer)
{
    ssize_t received = recv(connection->fd, buffer->data, sizeof(buffer->data), 0);
    if (received < 0)
        return -errno;
    if (received == 0)
        return -ECONNRESET;
    splitter_give(&connection->splitter, buffer->data, (size_t)received);
    return (int)received;
}
