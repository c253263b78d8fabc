// SPDX-License-Identifier: MIT
// A proxy between us and the broker: HTTP CONNECT (RFC 9110, section 9.3.6) or SOCKS5 (RFC 1928, with the
// user name and password of RFC 1929). The proxy looks up the name of the broker. Once it has connected, the
// layer passes bytes on.
#ifndef CLIENT_PROXY_H
#define CLIENT_PROXY_H

#include "client/transport.h"

// Puts the layer on *ret_top: through `proxy` to the host of `broker`. Both are borrowed until it is open.
// Returns 0, HBMQTT_ERROR_ARGUMENT or HBMQTT_ERROR_SYSTEM.
int proxy_push(const struct url *proxy, const struct url *broker, struct transport **ret_top,
               struct error *ret_error);

#endif
