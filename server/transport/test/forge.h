// SPDX-License-Identifier: MIT
// Records as an established client could seal them, and no library would: half a message, or thousands of one
// kind. AES-128-GCM with keys from what OpenSSL logs.
#ifndef TRANSPORT_TEST_FORGE_H
#define TRANSPORT_TEST_FORGE_H

#include <openssl/ssl.h>

#include "server/base/base.h"

#define FORGE_HANDSHAKE 22u
#define FORGE_DATA      23u

struct forge {
    uint8_t key[16];
    uint8_t iv[12];
    uint64_t sequence; // of the next record
    bool newer;        // TLS 1.3
};

// Makes the connections of these settings log their secrets, and use the cipher.
void forge_prepare(SSL_CTX *settings);

// Takes the keys of the client's direction, of the last connection that was made; `sequence` is how many
// records it has sealed with them.
void forge_init(struct forge *forge, SSL *client, uint64_t sequence);

// One record; returns its length. `ret_record` has 64 bytes more than the content.
size_t forge_seal(struct forge *forge, uint8_t type, const void *content, size_t length, uint8_t *ret_record);

#endif
