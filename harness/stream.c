// SPDX-License-Identifier: MIT
// Plain sockets, and what is the same on all transports.
#include "harness/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness/arena.h"
#include "harness/websocket.h"

struct plain {
    struct stream stream;
    int descriptor;
};

static const char *const transport_names[TRANSPORT_COUNT] = {"tcp", "tls", "ws", "wss"};

const char *transport_name(enum transport transport)
{
    return transport_names[transport];
}

bool transport_of(const char *name, enum transport *ret_transport)
{
    for (int i = 0; i < TRANSPORT_COUNT; i++)
        if (strcmp(name, transport_names[i]) == 0) {
            *ret_transport = (enum transport)i;
            return true;
        }
    return false;
}

static int plain_send(struct stream *stream, struct bytes bytes, unsigned frame, struct deadline deadline)
{
    int descriptor = ((struct plain *)stream)->descriptor;
    while (bytes.length > 0) {
        ssize_t sent = send(descriptor, bytes.data, bytes.length, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent > 0)
            bytes = bytes_slice(bytes, (size_t)sent, bytes.length);
        else if (errno != EAGAIN && errno != EINTR)
            return -errno;
        else if (!deadline_wait(deadline, descriptor, POLLOUT))
            return -ETIMEDOUT;
    }
    return 0;
}

static ssize_t plain_receive(struct stream *stream, struct buffer *buffer, struct deadline deadline)
{
    enum { PORTION = 65536 };
    int descriptor = ((struct plain *)stream)->descriptor;
    for (;;) {
        ssize_t count = recv(descriptor, buffer_reserve(buffer, PORTION), PORTION, MSG_DONTWAIT);
        if (count > 0)
            buffer->length += (size_t)count;
        if (count >= 0)
            return count;
        if (errno != EAGAIN && errno != EINTR)
            return -errno;
        if (!deadline_wait(deadline, descriptor, POLLIN))
            return -ETIMEDOUT;
    }
}

static int plain_descriptor(const struct stream *stream)
{
    return ((const struct plain *)stream)->descriptor;
}

static void plain_close(struct stream *stream)
{
    close(((struct plain *)stream)->descriptor);
}

struct stream *stream_of_socket(int descriptor)
{
    static const struct stream_operations operations = {plain_send, plain_receive, plain_descriptor,
                                                        plain_close};
    struct plain *plain = arena_take(sizeof *plain);
    *plain = (struct plain){{&operations}, descriptor};
    return &plain->stream;
}

static int connect_one(const struct addrinfo *found, struct deadline deadline)
{
    int descriptor = socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (descriptor < 0)
        return -errno;
    int error = 0;
    socklen_t size = sizeof error;
    if (connect(descriptor, found->ai_addr, found->ai_addrlen) != 0)
        error = errno;
    if (error == EINPROGRESS) {
        if (!deadline_wait(deadline, descriptor, POLLOUT))
            error = ETIMEDOUT;
        else if (getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &size) != 0)
            error = errno;
    }
    if (error != 0) {
        close(descriptor);
        return -error;
    }
    // Without it pieces could be joined on their way. A socket that cannot do it still works.
    (void)setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    return descriptor;
}

int socket_connect(const char *host, uint16_t port, struct deadline deadline)
{
    char service[8];
    (void)snprintf(service, sizeof service, "%u", port); // five digits at most
    struct addrinfo *found = NULL;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    if (getaddrinfo(host, service, &hints, &found) != 0)
        return -EHOSTUNREACH;
    int result = -EHOSTUNREACH;
    for (struct addrinfo *one = found; one != NULL && result < 0; one = one->ai_next)
        result = connect_one(one, deadline);
    freeaddrinfo(found);
    return result;
}

int socket_listen(uint16_t *ret_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (descriptor < 0)
        return -errno;
    if (bind(descriptor, (struct sockaddr *)&address, size) != 0 || listen(descriptor, 64) != 0 ||
        getsockname(descriptor, (struct sockaddr *)&address, &size) != 0) {
        int error = errno;
        close(descriptor);
        return -error;
    }
    *ret_port = ntohs(address.sin_port);
    return descriptor;
}

int socket_accept(int listener, struct deadline deadline)
{
    for (;;) {
        int descriptor = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (descriptor >= 0)
            (void)setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)); // as above
        if (descriptor >= 0)
            return descriptor;
        if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
            return -errno;
        if (!deadline_wait(deadline, listener, POLLIN))
            return -ETIMEDOUT;
    }
}

struct stream *stream_open(const struct address *address, enum transport transport, struct deadline deadline,
                           const char **ret_why)
{
    if (transport_is_websocket(transport))
        return stream_websocket_open(address, transport_is_encrypted(transport), "mqtt", deadline, ret_why);
    int descriptor = socket_connect(address->host, address->port, deadline);
    if (descriptor < 0) {
        *ret_why = arena_print("%s:%u: %s", address->host, address->port, strerror(-descriptor));
        return NULL;
    }
    if (transport_is_encrypted(transport))
        return stream_tls_open(descriptor, address->host, deadline, ret_why);
    return stream_of_socket(descriptor);
}

// The upgrade of a client, which has to offer mqtt. [MQTT-6.0.0-3]
static struct stream *upgrade_accept(struct stream *inner, struct deadline deadline, const char **ret_why)
{
    struct buffer rest = {0};
    const char *head = websocket_accept(inner, "mqtt", deadline, &rest, ret_why);
    const char *offer = head == NULL ? NULL : websocket_header(head, "Sec-WebSocket-Protocol");
    if (head != NULL && (offer == NULL || strstr(offer, "mqtt") == NULL))
        *ret_why = arena_print("an upgrade that does not offer the subprotocol mqtt: %s", head);
    else if (head != NULL)
        return websocket_serve(inner, &rest);
    stream_close(inner);
    return NULL;
}

struct stream *stream_accept(int listener, enum transport transport, const char *certificates,
                             struct deadline deadline, const char **ret_why)
{
    int descriptor = socket_accept(listener, deadline);
    if (descriptor < 0) {
        *ret_why = strerror(-descriptor);
        return NULL;
    }
    struct stream *stream = transport_is_encrypted(transport)
                                ? stream_tls_serve(descriptor, certificates, deadline, ret_why)
                                : stream_of_socket(descriptor);
    if (stream == NULL || !transport_is_websocket(transport))
        return stream;
    return upgrade_accept(stream, deadline, ret_why);
}

int stream_send(struct stream *stream, struct bytes bytes, struct deadline deadline)
{
    return stream->operations->send(stream, bytes, FRAME_BINARY, deadline);
}

int stream_send_frame(struct stream *stream, struct bytes bytes, unsigned frame, struct deadline deadline)
{
    return stream->operations->send(stream, bytes, frame, deadline);
}

ssize_t stream_receive(struct stream *stream, struct buffer *buffer, struct deadline deadline)
{
    return stream->operations->receive(stream, buffer, deadline);
}

void stream_half_close(struct stream *stream)
{
    (void)shutdown(stream->operations->descriptor(stream),
                   SHUT_WR); // a peer that has gone already needs none
}

void stream_reset(struct stream *stream)
{
    struct linger linger = {.l_onoff = 1};
    (void)setsockopt(stream->operations->descriptor(stream), SOL_SOCKET, SO_LINGER, &linger,
                     sizeof linger); // as above
    stream_close(stream);
}

void stream_close(struct stream *stream)
{
    if (stream != NULL)
        stream->operations->close(stream);
}
