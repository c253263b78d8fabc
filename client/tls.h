// SPDX-License-Identifier: MIT
// TLS 1.2 and later, with OpenSSL, on the layer below.
//
// The certificate must lead to a CA that is trusted and be for the host of the URL, unless the options say
// otherwise. The host goes to the server as SNI, unless it is an address [RFC 6066, section 3].
#ifndef CLIENT_TLS_H
#define CLIENT_TLS_H

#include "client/transport.h"

#include <openssl/ssl.h>

#define TLS_MEMORY_HOST_BYTES 256u

// What is remembered from one connection to the next, so that a handshake can be cut short.
struct tls_memory {
    SSL_SESSION *session; // NULL: none yet
    char host[TLS_MEMORY_HOST_BYTES];
    uint16_t port;
};

void tls_memory_finish(struct tls_memory *memory);

// Puts the layer on *ret_top. `memory` is used and brought up to date. Returns 0, HBMQTT_ERROR_ARGUMENT (a
// file of the options) or HBMQTT_ERROR_SYSTEM.
int tls_push(const struct url *url, const struct hbmqtt_options *options, struct tls_memory *memory,
             struct transport **ret_top, struct error *ret_error);

#endif
