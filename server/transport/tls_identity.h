// SPDX-License-Identifier: MIT
// Which part of a client certificate becomes the user name.
#ifndef TRANSPORT_TLS_IDENTITY_H
#define TRANSPORT_TLS_IDENTITY_H

#include <openssl/x509.h>

#include "server/transport/tls_context.h"

#define TLS_USER_NAME_MAX 1024u // bytes; a longer one counts as none

// Returns 0 and the name in ret_name, for free(3); -ENOENT if the certificate has none that could be a user
// name in MQTT; -ENOMEM.
WARN_UNUSED int tls_identity_of(X509 *certificate, enum tls_identity identity, char **ret_name);

#endif
