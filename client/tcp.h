// SPDX-License-Identifier: MIT
// The lowest layer of a transport: the socket itself.
#ifndef CLIENT_TCP_H
#define CLIENT_TCP_H

#include "client/transport.h"

// Puts the layer into *ret_top. `plain`: no TLS layer will come on top, so the answer of a port that speaks
// TLS is told as that. Returns 0 or HBMQTT_ERROR_SYSTEM.
int tcp_push(bool plain, struct transport **ret_top, struct error *ret_error);

#endif
