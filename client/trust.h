// SPDX-License-Identifier: MIT
// Whom a client trusts and what it proves itself with: an SSL_CTX made from the options.
#ifndef CLIENT_TRUST_H
#define CLIENT_TRUST_H

#include "client/error.h"

#include <openssl/ssl.h>

// Returns 0 and the context for SSL_CTX_free, or HBMQTT_ERROR_ARGUMENT or HBMQTT_ERROR_SYSTEM: the text names
// the file and what is wrong with it.
int trust_create(const struct hbmqtt_options *options, SSL_CTX **ret_context, struct error *ret_error);

#endif
