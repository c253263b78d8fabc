// SPDX-License-Identifier: MIT
// What a TLS context agrees to: versions, ciphers, groups.
#ifndef TRANSPORT_TLS_AGREE_H
#define TRANSPORT_TLS_AGREE_H

#include <openssl/ssl.h>

#include "server/transport/tls_context.h"

// Each name is tried alone, so that the line in ret_line (of TLS_LINE_BYTES) names the one that is wrong.
// Returns 0 or -errno.
WARN_UNUSED int tls_agree_load(SSL_CTX *settings, const struct tls_options *options, char *ret_line);

#endif
