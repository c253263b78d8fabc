// SPDX-License-Identifier: MIT
// What went wrong in TLS, as one line that says what to do.
#ifndef CLIENT_TLS_FAULT_H
#define CLIENT_TLS_FAULT_H

#include "client/error.h"

#include <openssl/ssl.h>

// The first certificate of a chain that was not accepted, and why.
struct tls_verdict {
    int fault;          // X509_V_OK: none
    int depth;          // 0: the broker's own
    char subject[96];   // of that certificate
    char not_after[40]; // when its validity ends
};

// Notes what X509_verify_cert found.
void tls_verdict_note(struct tls_verdict *verdict, X509_STORE_CTX *store);

// Each returns the code that it has set.
int tls_fault_untrusted(const struct tls_verdict *verdict, const char *host, struct error *ret_error);
// From OpenSSL's queue of errors, which is emptied.
int tls_fault_library(bool handshake, struct error *ret_error);

#endif
