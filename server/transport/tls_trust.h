// SPDX-License-Identifier: MIT
// Whom the broker believes: the CAs of client certificates, and which certificates were revoked.
#ifndef TRANSPORT_TLS_TRUST_H
#define TRANSPORT_TLS_TRUST_H

#include <openssl/ssl.h>

#include "server/transport/tls_context.h"

// Loads cafile, capath, cadata and crlfile. Everything is read now: no handshake waits for a disk. Returns 0,
// or -errno and one line in ret_line (of TLS_LINE_BYTES).
WARN_UNUSED int tls_trust_load(SSL_CTX *settings, const struct tls_options *options, char *ret_line);

#endif
