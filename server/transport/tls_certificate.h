// SPDX-License-Identifier: MIT
// A certificate of the broker with its chain and its key, from PEM files.
#ifndef TRANSPORT_TLS_CERTIFICATE_H
#define TRANSPORT_TLS_CERTIFICATE_H

#include <openssl/x509.h>

#include "server/transport/tls_context.h"

struct tls_certificate {
    X509 *leaf;
    STACK_OF(X509) * chain;
    EVP_PKEY *key;
};

// Returns 0, with a line in ret_line (of TLS_LINE_BYTES) if it is a warning: the certificate has expired, or
// is not valid yet. Otherwise -errno and the line; nothing is held then.
WARN_UNUSED int tls_certificate_read(struct tls_certificate *certificate,
                                     const struct tls_certificate_files *files, char *ret_line);
void tls_certificate_finish(struct tls_certificate *certificate);

// Whether the certificate is for that name of a host.
bool tls_certificate_is_for(const struct tls_certificate *certificate, const char *host);

#endif
