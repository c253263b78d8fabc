// SPDX-License-Identifier: MIT
// One connection that carries the bytes of MQTT: TCP, TLS, WebSocket, WebSocket in TLS. Every call waits for
// no longer than its deadline.
#ifndef HARNESS_STREAM_H
#define HARNESS_STREAM_H

#include <stdint.h>
#include <sys/types.h>

#include "harness/bytes.h"
#include "harness/deadline.h"

enum transport { TRANSPORT_TCP, TRANSPORT_TLS, TRANSPORT_WS, TRANSPORT_WSS, TRANSPORT_COUNT };

// "tcp", "tls", "ws", "wss".
const char *transport_name(enum transport transport);

// False when there is none of this name.
bool transport_of(const char *name, enum transport *ret_transport);

static inline bool transport_is_websocket(enum transport transport)
{
    return transport >= TRANSPORT_WS;
}

static inline bool transport_is_encrypted(enum transport transport)
{
    return transport == TRANSPORT_TLS || transport == TRANSPORT_WSS;
}

struct address {
    const char *host; // a name or an address
    uint16_t port;
    const char *path; // of a WebSocket; NULL: "/mqtt"
};

struct stream;

// How bytes are sent on a WebSocket. All zero: one binary frame for each call.
enum stream_frame {
    FRAME_BINARY = 0,
    FRAME_TEXT = 1,
    FRAME_FIRST_OF_SEVERAL = 2,
    FRAME_CONTINUATION = 4,
    FRAME_LAST = 8
};

// What each transport does. A result below zero is a negative errno.
struct stream_operations {
    int (*send)(struct stream *stream, struct bytes bytes, unsigned frame, struct deadline deadline);
    // Appends what comes to the buffer: the count, 0 at the end of the stream, -ETIMEDOUT, or another error
    // that ended it.
    ssize_t (*receive)(struct stream *stream, struct buffer *buffer, struct deadline deadline);
    // The socket, for what is done to it below the transport. -1: gone.
    int (*descriptor)(const struct stream *stream);
    // Closes the connection as it stands and frees the stream.
    void (*close)(struct stream *stream);
};

struct stream {
    const struct stream_operations *operations;
};

// Connects. NULL when that does not work by the deadline, with a line in *ret_why.
struct stream *stream_open(const struct address *address, enum transport transport, struct deadline deadline,
                           const char **ret_why);

// Takes a socket that is connected already, at either end, as a plain stream.
struct stream *stream_of_socket(int descriptor);

int stream_send(struct stream *stream, struct bytes bytes, struct deadline deadline);
int stream_send_frame(struct stream *stream, struct bytes bytes, unsigned frame, struct deadline deadline);
ssize_t stream_receive(struct stream *stream, struct buffer *buffer, struct deadline deadline);

// Ends the sending side alone (FIN), below TLS and WebSocket.
void stream_half_close(struct stream *stream);

// Closes with RST, and frees the stream.
void stream_reset(struct stream *stream);

// Closes with FIN and nothing else, and frees the stream. NULL is allowed.
void stream_close(struct stream *stream);

// A connected TCP socket without delay that does not block, or a negative errno.
int socket_connect(const char *host, uint16_t port, struct deadline deadline);

// A listening socket on a free port of the loopback address.
int socket_listen(uint16_t *ret_port);

// The next connection, or -ETIMEDOUT.
int socket_accept(int listener, struct deadline deadline);

// The server's end of the next connection, TLS handshake and upgrade done, with the certificate that
// certificates_write has put into a directory. NULL, with a line in *ret_why, when none comes by the deadline
// or it is not what a client has to do on this transport.
struct stream *stream_accept(int listener, enum transport transport, const char *certificates,
                             struct deadline deadline, const char **ret_why);

// The parts of it: TLS over a connected socket, and a WebSocket by libwebsockets.
struct stream *stream_tls_open(int descriptor, const char *host, struct deadline deadline,
                               const char **ret_why);
struct stream *stream_tls_serve(int descriptor, const char *certificates, struct deadline deadline,
                                const char **ret_why);
struct stream *stream_websocket_open(const struct address *address, bool encrypted, const char *protocols,
                                     struct deadline deadline, const char **ret_why);

#endif
