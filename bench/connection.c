// SPDX-License-Identifier: MIT
// Connections of the load generator: see connection.h for what is on top of what.
#include "bench/connection.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <unistd.h>

#include "bench/websocket.h"

#define SPARE_DESCRIPTORS 16u
#define NO_BYTES          ((struct span){NULL, 0})

// From the bottom to the top; a layer that the transport does not have is passed at once.
enum layers_stage { LAYERS_TLS, LAYERS_UPGRADE, LAYERS_STAND };

struct layers {
    struct transport *transport;
    enum layers_stage stage;
    struct tls *tls;      // NULL: none
    struct bytes waiting; // sent by the caller before the layers stood
    const char *why;
    char why_text[160];
    // WebSocket:
    char key[WEBSOCKET_KEY_SIZE];
    struct bytes answer;
    struct websocket websocket;
    struct websocket_span received; // frames of this receive that were not taken
    bool closed;                    // by a frame that says so
};

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

// ---- The socket ----

static int connection_watch_room(struct connection *connection, bool watch)
{
    struct epoll_event event = {.events = EPOLLIN | (watch ? EPOLLOUT : 0), .data.ptr = connection->owner};
    if (watch == connection->watches_room)
        return 0;
    connection->watches_room = watch;
    return epoll_ctl(connection->epoll_fd, EPOLL_CTL_MOD, connection->fd, &event) != 0 ? -errno : 0;
}

static ssize_t sent_or_error(ssize_t sent)
{
    if (sent < 0)
        return errno == EAGAIN || errno == EINTR || errno == ENOTCONN ? 0 : -errno;
    return sent;
}

// Returns the bytes that the socket took, 0 if it has no room or does not stand yet, or a negative errno.
static ssize_t connection_try(struct connection *connection, struct span head, struct span body)
{
    if (head.length == 0)
        return sent_or_error(send(connection->fd, body.data, body.length, MSG_NOSIGNAL));
    struct iovec parts[2] = {{(void *)(uintptr_t)head.data, head.length},
                             {(void *)(uintptr_t)body.data, body.length}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    return sent_or_error(sendmsg(connection->fd, &message, MSG_NOSIGNAL));
}

static int connection_keep(struct connection *connection, struct span rest)
{
    int rc = bytes_add(&connection->pending, rest);
    return rc != 0 ? rc : connection_watch_room(connection, true);
}

static struct span span_after(struct span span, size_t taken)
{
    return (struct span){span.data + taken, span.length - taken};
}

// Sends bytes as they are: what any layer sends ends here.
static int connection_write(struct connection *connection, struct span head, struct span body)
{
    ssize_t sent = 0;
    if (!connection_blocked(connection))
        sent = connection_try(connection, head, body);
    if (sent < 0)
        return (int)sent;
    if ((size_t)sent == head.length + body.length)
        return 0;
    if ((size_t)sent >= head.length)
        return connection_keep(connection, span_after(body, (size_t)sent - head.length));
    int rc = connection_keep(connection, span_after(head, (size_t)sent));
    return rc != 0 ? rc : connection_keep(connection, body);
}

int connection_flush(struct connection *connection)
{
    ssize_t sent = connection_try(connection, NO_BYTES, bytes_span(&connection->pending));
    if (sent < 0)
        return (int)sent;
    connection->pending.at += (size_t)sent;
    return connection_watch_room(connection, connection_blocked(connection));
}

static int socket_receive(const struct connection *connection, uint8_t *data, size_t size)
{
    ssize_t received = recv(connection->fd, data, size, 0);
    if (received < 0)
        return -errno;
    return received == 0 ? -ECONNRESET : (int)received;
}

// ---- The layers ----

static int layers_fail(struct layers *layers, int error)
{
    if (tls_why(layers->tls) != NULL) {
        snprintf(layers->why_text, sizeof(layers->why_text), "TLS: %s", tls_why(layers->tls));
        layers->why = layers->why_text;
    }
    return error;
}

static int layers_send_sealed(struct connection *connection)
{
    struct bytes *sealed = tls_context_sealed(connection->layers->transport->tls);
    int rc = bytes_length(sealed) > 0 ? connection_write(connection, NO_BYTES, bytes_span(sealed)) : 0;
    bytes_clear(sealed);
    return rc;
}

// Sends what the layer above has made, sealed if there is TLS.
static int layers_write(struct connection *connection, struct span head, struct span body)
{
    struct layers *layers = connection->layers;
    if (layers->tls == NULL)
        return connection_write(connection, head, body);
    int rc = tls_seal(layers->tls, head, body);
    int sent = layers_send_sealed(connection);
    return rc != 0 ? layers_fail(layers, rc) : sent;
}

static int layers_send_frame(struct connection *connection, enum websocket_opcode opcode, struct span payload)
{
    uint8_t header[WEBSOCKET_HEADER_MAX];
    uint32_t length = websocket_put_header(header, opcode, payload.length);
    return layers_write(connection, (struct span){header, length}, payload);
}

static void layers_answer(struct connection *connection, enum websocket_opcode opcode,
                          struct websocket_span payload)
{
    struct span span = {payload.at, (size_t)(payload.end - payload.at)};
    (void)layers_send_frame(connection, opcode, span); // the next receive tells of a socket that has failed
}

static int layers_send(struct connection *connection, struct span packets)
{
    struct layers *layers = connection->layers;
    if (layers->stage != LAYERS_STAND)
        return bytes_add(&layers->waiting, packets);
    if (layers->transport->ws_path != NULL)
        return layers_send_frame(connection, WEBSOCKET_BINARY, packets);
    return layers_write(connection, NO_BYTES, packets);
}

static int layers_ask_upgrade(struct connection *connection)
{
    struct layers *layers = connection->layers;
    const struct transport *transport = layers->transport;
    struct websocket_request request = {transport->ws_host, transport->ws_path, layers->key};
    uint8_t nonce[WEBSOCKET_NONCE_BYTES];
    char text[WEBSOCKET_REQUEST_MAX];
    if (getrandom(nonce, sizeof(nonce), 0) != sizeof(nonce))
        return -EIO;
    websocket_make_key(nonce, layers->key);
    size_t length = websocket_put_request(text, &request);
    assert(length > 0); // options see to it
    return layers_write(connection, NO_BYTES, (struct span){(const uint8_t *)text, length});
}

static int layers_stand(struct connection *connection)
{
    struct layers *layers = connection->layers;
    layers->stage = LAYERS_STAND;
    int rc = bytes_length(&layers->waiting) > 0 ? layers_send(connection, bytes_span(&layers->waiting)) : 0;
    bytes_finish(&layers->waiting);
    bytes_finish(&layers->answer);
    return rc;
}

// Adds what the broker said instead of "101" to the reason.
static void layers_note_refusal(struct layers *layers)
{
    const char *answer = (const char *)bytes_span(&layers->answer).data;
    size_t length = 0;
    while (length < bytes_length(&layers->answer) && isprint((unsigned char)answer[length]))
        length++;
    snprintf(layers->why_text, sizeof(layers->why_text), "%s: %.*s", layers->why, (int)length, answer);
    layers->why = layers->why_text;
}

static int layers_take_answer(struct connection *connection, struct websocket_span *received)
{
    struct layers *layers = connection->layers;
    size_t before = bytes_length(&layers->answer);
    int rc = bytes_add(&layers->answer, (struct span){received->at, (size_t)(received->end - received->at)});
    if (rc != 0)
        return rc;
    struct span answer = bytes_span(&layers->answer);
    int head = websocket_check_answer((const char *)answer.data, answer.length, layers->key, &layers->why);
    if (head == -EAGAIN) {
        received->at = received->end;
        return 0;
    }
    if (head < 0) {
        layers_note_refusal(layers);
        return head;
    }
    received->at += (size_t)head - before;
    return layers_stand(connection);
}

// Lets the layers that do not stand yet take what is theirs of the received bytes. Returns 0 or a negative
// errno.
static int layers_rise(struct connection *connection, struct websocket_span *received)
{
    struct layers *layers = connection->layers;
    int rc = 0;
    if (layers->stage == LAYERS_TLS && tls_stands(layers->tls)) {
        layers->stage = LAYERS_UPGRADE;
        rc = layers->transport->ws_path != NULL ? layers_ask_upgrade(connection) : layers_stand(connection);
    }
    if (rc == 0 && layers->stage == LAYERS_UPGRADE && received->at < received->end)
        rc = layers_take_answer(connection, received);
    return rc;
}

static int layers_receive_sealed(struct connection *connection, struct receive_buffer *buffer)
{
    struct layers *layers = connection->layers;
    uint8_t *sealed = layers->transport->sealed;
    int length = socket_receive(connection, sealed, RECEIVE_BYTES - TLS_HELD_MAX);
    if (length < 0)
        return length;
    struct tls_room room = {buffer->data, sizeof(buffer->data)};
    length = tls_open(layers->tls, (struct span){sealed, (size_t)length}, room);
    int rc = layers_send_sealed(connection); // an alert, if it has failed
    if (length < 0)
        return layers_fail(layers, length);
    return rc != 0 ? rc : length;
}

static int layers_receive(struct connection *connection, struct receive_buffer *buffer)
{
    struct layers *layers = connection->layers;
    int length = layers->tls != NULL ? layers_receive_sealed(connection, buffer)
                                     : socket_receive(connection, buffer->data, sizeof(buffer->data));
    if (length < 0)
        return length;
    struct websocket_span received = {buffer->data, buffer->data + length};
    int rc = layers->stage != LAYERS_STAND ? layers_rise(connection, &received) : 0;
    if (rc < 0)
        return rc;
    if (received.at == received.end || layers->closed)
        return -EAGAIN;
    if (layers->transport->ws_path != NULL)
        layers->received = received;
    else
        splitter_give(&connection->splitter, received.at, (size_t)(received.end - received.at));
    return length;
}

bool layers_give_more(struct connection *connection)
{
    struct layers *layers = connection->layers;
    struct websocket_span payload;
    while (layers->transport->ws_path != NULL && !connection->splitter.failed && !layers->closed) {
        switch (websocket_next(&layers->websocket, &layers->received, &payload)) {
        case WEBSOCKET_DATA:
            splitter_give(&connection->splitter, payload.at, (size_t)(payload.end - payload.at));
            return true;
        case WEBSOCKET_PINGED:
            layers_answer(connection, WEBSOCKET_PONG, payload);
            break;
        case WEBSOCKET_CLOSED:
            layers_answer(connection, WEBSOCKET_CLOSE, payload);
            layers->closed = true;
            layers->why = "it closed the WebSocket";
            break;
        case WEBSOCKET_FAILED:
            connection->splitter.failed = true;
            layers->why = layers->websocket.why;
            break;
        case WEBSOCKET_MORE:
            return false;
        }
    }
    return false;
}

static int layers_create(struct connection *connection, struct transport *transport)
{
    struct layers *layers = calloc(1, sizeof(*layers));
    connection->layers = layers;
    if (layers == NULL)
        return -ENOMEM;
    layers->transport = transport;
    if (transport->tls == NULL) {
        layers->stage = LAYERS_UPGRADE;
        return layers_ask_upgrade(connection);
    }
    layers->tls = tls_create(transport->tls);
    return layers->tls != NULL ? layers_send_sealed(connection) : -ENOMEM;
}

static void layers_destroy(struct layers *layers)
{
    if (layers == NULL)
        return;
    tls_destroy(layers->tls);
    bytes_finish(&layers->waiting);
    bytes_finish(&layers->answer);
    free(layers);
}

// ---- All of it ----

int connection_open(struct connection *connection, struct transport *transport, int epoll_fd, void *owner)
{
    int yes = 1;
    const struct sockaddr *address = (const struct sockaddr *)&transport->address;
    *connection = (struct connection){.epoll_fd = epoll_fd, .owner = owner};
    splitter_init(&connection->splitter);
    connection->fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (connection->fd < 0)
        return -errno;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = owner};
    int rc = 0;
    if (setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes)) != 0 ||
        (connect(connection->fd, address, transport->address_length) != 0 && errno != EINPROGRESS) ||
        epoll_ctl(epoll_fd, EPOLL_CTL_ADD, connection->fd, &event) != 0)
        rc = -errno;
    else if (transport->tls != NULL || transport->ws_path != NULL)
        rc = layers_create(connection, transport);
    if (rc != 0)
        connection_close(connection);
    return rc;
}

void connection_close(struct connection *connection)
{
    if (connection->fd >= 0) {
        close(connection->fd);
        connection->fd = -1;
    }
    bytes_finish(&connection->pending);
    layers_destroy(connection->layers);
    connection->layers = NULL;
}

int connection_send(struct connection *connection, const uint8_t *data, size_t length)
{
    struct span packets = {data, length};
    return connection->layers != NULL ? layers_send(connection, packets)
                                      : connection_write(connection, NO_BYTES, packets);
}

int connection_receive(struct connection *connection, struct receive_buffer *buffer)
{
    if (connection->layers != NULL)
        return layers_receive(connection, buffer);
    int received = socket_receive(connection, buffer->data, sizeof(buffer->data));
    if (received > 0)
        splitter_give(&connection->splitter, buffer->data, (size_t)received);
    return received;
}

// A broker that ends the connection before the layers stand most likely does not have them.
const char *connection_why(const struct connection *connection, int error)
{
    const struct layers *layers = connection->layers;
    if (layers != NULL && layers->why != NULL)
        return layers->why;
    if (layers != NULL && error == -ECONNRESET && layers->stage == LAYERS_TLS)
        return "it ended the connection during the TLS handshake";
    if (layers != NULL && error == -ECONNRESET && layers->stage == LAYERS_UPGRADE)
        return "it ended the connection without an answer to the WebSocket upgrade";
    return error != 0 ? strerror(-error) : NULL;
}
