// SPDX-License-Identifier: MIT
// What carries the bytes of MQTT: layers, each on the one below, the lowest on the socket.
//
//     mqtt://   tcp                    ws://    tcp - websocket
//     mqtts://  tcp - tls              wss://   tcp - tls - websocket
//     unix://   tcp, on a local socket
//
// With a proxy, that is a layer on tcp.
//
// Nothing here waits. Whoever owns the stack waits with poll(2) for its descriptor: for POLLIN while it wants
// bytes, and for POLLOUT while transport_send has not taken all or transport_wants_write; not at all while
// transport_has_input and bytes are wanted.
//
//     created --attach--> opening --open: 0--> open --farewell--> said good-bye
//
// Statuses are 0, TRANSPORT_AGAIN, or an enum hbmqtt_error with *ret_error set. HBMQTT_ERROR_LOST has the
// bare reason as its text ("the broker closed it"); another code has the whole story, without the broker's
// name.
#ifndef CLIENT_TRANSPORT_H
#define CLIENT_TRANSPORT_H

#include "client/error.h"
#include "client/url.h"
#include "proto/proto.h"

#include <sys/types.h>

#define TRANSPORT_AGAIN 1 // not yet: wait for the descriptor and ask again

struct transport;

// What a layer does. `open` is only called when the layer below is open, the others when this one is.
struct transport_layer {
    const char *opening; // what `open` is busy with, for a person; NULL: nothing
    int (*open)(struct transport *transport, struct error *ret_error);
    ssize_t (*send)(struct transport *transport, struct bytes bytes, struct error *ret_error);
    ssize_t (*receive)(struct transport *transport, uint8_t *room, size_t size, struct error *ret_error);
    void (*farewell)(struct transport *transport);
    void (*destroy)(struct transport *transport); // not the layers below
};

// The head of each layer's own structure.
struct transport {
    const struct transport_layer *layer;
    struct transport *below; // owned; NULL: this is the lowest
    int fd;                  // of the socket, the same in all layers, owned by the lowest; -1: none yet
    bool opened;
    bool wants_write; // bytes of the layer's own wait for room in the socket
    bool has_input;   // transport_receive has something to say before the socket can be read again
};

struct tls_memory;

// The stack for the scheme of `url`, through `proxy` unless that is NULL. What the options say of TLS is
// judged here, before there is a connection. The URLs are borrowed until the stack is open, the options and
// the memory as long as it exists. Returns 0, HBMQTT_ERROR_ARGUMENT or HBMQTT_ERROR_SYSTEM.
int transport_create(const struct url *url, const struct url *proxy, const struct hbmqtt_options *options,
                     struct tls_memory *memory, struct transport **ret_transport, struct error *ret_error);

// Closes the socket without a word, and frees all layers. NULL is allowed.
void transport_destroy(struct transport *transport);

// Gives the stack its connected, non-blocking socket, to keep.
void transport_attach(struct transport *transport, int fd);

// Goes on with opening: 0 when every layer is open.
int transport_open(struct transport *transport, struct error *ret_error);

// What transport_open is busy with: "TLS handshake".
const char *transport_opening(const struct transport *transport);

// How many bytes the kernel has taken, 0 when none now. After 0 the next call must begin with the same bytes:
// a layer may hold them already.
ssize_t transport_send(struct transport *transport, struct bytes bytes, struct error *ret_error);

// How many bytes came, 0 when none now. The end of the connection is HBMQTT_ERROR_LOST.
ssize_t transport_receive(struct transport *transport, uint8_t *room, size_t size, struct error *ret_error);

bool transport_wants_write(const struct transport *transport);
bool transport_has_input(const struct transport *transport);

// Tells the other side, layer by layer and as far as the socket takes it now, that nothing more will be sent.
void transport_farewell(struct transport *transport);

#endif
