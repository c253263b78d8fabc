// SPDX-License-Identifier: MIT
// The two ends that OpenSSL has instead of a socket: it reads what the call was given, and writes to the
// queue. It never has to wait for room, and only ever wants more input.
#ifndef TRANSPORT_TLS_WIRE_H
#define TRANSPORT_TLS_WIRE_H

#include <openssl/ssl.h>

#include "server/transport/tls_fault.h"
#include "server/transport/tls_queue.h"

// SSL_get_app_data of a connection is its wire.
struct tls_wire {
    struct bytes input; // of this call, as far as it was not read
    struct tls_queue queue;
    uint32_t queued_limit; // bytes; more are only wanted by a peer that does not read
    struct tls_fault fault;
};

// NULL if there is no memory. It must live as long as connections that use it.
BIO_METHOD *tls_wire_method_create(void);

// Gives the connection its wire. Returns false if there is no memory.
WARN_UNUSED bool tls_wire_attach(struct tls_wire *wire, SSL *ssl, const BIO_METHOD *method);

#endif
