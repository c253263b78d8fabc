// SPDX-License-Identifier: MIT
// MQTT in WebSocket messages (section 6 of MQTT 3.1.1), with libwebsockets, on the layer below.
//
// libwebsockets wants to own its socket and its waiting, and Debian's has no external poll. So it gets one
// end of a local connection, and this layer moves the bytes between the other end and the layer below:
//
//     core -- frame --> libwebsockets == local == leaving  --> tls or tcp
//     core <- payload - libwebsockets == local == arriving <-- tls or tcp
//
// Whatever libwebsockets waits for is thus moved by ourselves: one websocket_pump brings everything as far as
// it gets now, and link_turn keeps its one wait, its interruption and its deadlines. It also leaves TLS, and
// what is told about certificates, to the one layer that mqtts:// has. The price is a copy through the kernel
// each way.
//
// libwebsockets logs for the whole process: its log is turned off when a layer is made.
#ifndef CLIENT_WEBSOCKET_H
#define CLIENT_WEBSOCKET_H

#include "client/transport.h"

// Puts the layer on *ret_top. Returns 0 or HBMQTT_ERROR_SYSTEM.
int websocket_push(const struct url *url, const struct hbmqtt_options *options, struct transport **ret_top,
                   struct error *ret_error);

#endif
