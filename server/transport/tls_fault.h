// SPDX-License-Identifier: MIT
// Why a TLS connection ended, in words for one line of the log.
#ifndef TRANSPORT_TLS_FAULT_H
#define TRANSPORT_TLS_FAULT_H

#include "server/transport/greeting.h"

#define TLS_FAULT_BYTES 128u // room for tls_fault_text

enum tls_fault_kind {
    TLS_FAULT_NONE,
    TLS_FAULT_PLAIN_MQTT,  // what came first is no TLS record, but a CONNECT,
    TLS_FAULT_PLAIN_HTTP,  // a request of HTTP,
    TLS_FAULT_PLAIN_PROXY, // a header of the PROXY protocol,
    TLS_FAULT_PLAIN_OTHER, // something else: `detail` is its first byte
    TLS_FAULT_ALPN,        // the client offers protocols, and none that is served here
    TLS_FAULT_IDENTITY,    // a good certificate without the part that is to become the user name
    TLS_FAULT_KEY_UPDATES, // too many of them for what else came
    TLS_FAULT_RENEGOTIATION,
    TLS_FAULT_OUTPUT, // the peer makes TLS answer and does not read the answers
    TLS_FAULT_MEMORY,
    TLS_FAULT_CERTIFICATE, // `detail` is OpenSSL's X509_V_ERR_...
    TLS_FAULT_ALERT,       // the peer's; `detail` is its number
    TLS_FAULT_OPENSSL      // `detail` is an error code of OpenSSL
};

struct tls_fault {
    unsigned long detail;
    uint8_t kind; // enum tls_fault_kind
};

// The first fault is the cause of those that follow, so it stays.
static inline void tls_fault_set(struct tls_fault *fault, enum tls_fault_kind kind, unsigned long detail)
{
    if (fault->kind == TLS_FAULT_NONE)
        *fault = (struct tls_fault){detail, (uint8_t)kind};
}

// What is wrong with a stream that begins so; TLS_FAULT_NONE with that of TLS.
enum tls_fault_kind tls_fault_of_greeting(enum greeting greeting);

// Takes the cause of a failed call from OpenSSL's queue of errors. `verified` is the verdict on the peer's
// certificate, X509_V_OK if there was none.
void tls_fault_take(struct tls_fault *fault, long verified);

// Such as "client certificate has expired"; "" without a fault.
void tls_fault_text(const struct tls_fault *fault, char ret_text[TLS_FAULT_BYTES]);

#endif
