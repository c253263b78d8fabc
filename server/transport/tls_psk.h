// SPDX-License-Identifier: MIT
// Pre-shared keys from a file of lines `identity:hexkey`. Empty lines and those that begin with # are passed
// over; the last colon of a line is the one that counts.
#ifndef TRANSPORT_TLS_PSK_H
#define TRANSPORT_TLS_PSK_H

#include "proto/proto.h"
#include "server/base/base.h"

#define TLS_PSK_IDENTITY_MAX 128u // bytes, as for OpenSSL
#define TLS_PSK_KEY_MIN      16u  // bytes: shorter ones can be guessed
#define TLS_PSK_KEY_MAX      64u

struct tls_psk {
    uint8_t key[TLS_PSK_KEY_MAX];
    uint8_t key_length;
    char identity[TLS_PSK_IDENTITY_MAX + 1];
};

// Sorted by identity; immutable once it is read.
struct tls_psks {
    struct tls_psk *all;
    size_t count;
};

// Returns 0, or -errno and one line in ret_line (of TLS_LINE_BYTES).
WARN_UNUSED int tls_psks_read(struct tls_psks *psks, const char *path, char *ret_line);
void tls_psks_finish(struct tls_psks *psks);

// NULL if nobody has that identity.
const struct tls_psk *tls_psks_find(const struct tls_psks *psks, struct bytes identity);

#endif
