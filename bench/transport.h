// SPDX-License-Identifier: MIT
// How the broker is reached: its address, and what lies between its sockets and MQTT: nothing, TLS,
// WebSocket, or WebSocket over TLS. All connections of a run share it.
#ifndef BENCH_TRANSPORT_H
#define BENCH_TRANSPORT_H

#include <stdint.h>
#include <sys/socket.h>

#include "bench/options.h"
#include "bench/tls.h"
#include "bench/wire.h"

#define RECEIVE_BYTES 262144u

// What one receive has brought. All connections of a loop share it.
struct receive_buffer {
    uint8_t stash_room[WIRE_HEAD_MAX]; // for the splitter, in front of the data
    uint8_t data[RECEIVE_BYTES];
};

struct transport {
    struct sockaddr_storage address;
    socklen_t address_length;
    struct tls_context *tls; // NULL: not over TLS
    const char *ws_path;     // NULL: not over WebSocket
    char ws_host[280];       // as a request names it, with the port
    uint8_t *sealed;         // room for what one receive brings, before it is opened; NULL: not over TLS
};

// Resolves the broker's name and prepares what TLS needs; `options` must outlive the transport. Returns 0, or
// a negative errno after one line on stderr.
int transport_init(struct transport *transport, const struct options *options);
void transport_finish(struct transport *transport); // also of one that is all zero

#endif
