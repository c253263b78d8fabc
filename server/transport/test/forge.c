// SPDX-License-Identifier: MIT
#include "server/transport/test/forge.h"

#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

static uint8_t traffic_secret[32]; // TLS 1.3, SHA-256

static void secret_log(const SSL *ssl, const char *line)
{
    const char *label = "CLIENT_TRAFFIC_SECRET_0 ";
    if (strncmp(line, label, strlen(label)) != 0)
        return;
    long length;
    unsigned char *secret = OPENSSL_hexstr2buf(strrchr(line, ' ') + 1, &length);
    if (secret == NULL || length != sizeof traffic_secret)
        abort();
    memcpy(traffic_secret, secret, sizeof traffic_secret);
    OPENSSL_free(secret);
}

void forge_prepare(SSL_CTX *settings)
{
    SSL_CTX_set_keylog_callback(settings, secret_log);
    if (!SSL_CTX_set_ciphersuites(settings, "TLS_AES_128_GCM_SHA256") ||
        !SSL_CTX_set_cipher_list(settings, "ECDHE-ECDSA-AES128-GCM-SHA256"))
        abort();
}

static void derive(const char *kind, OSSL_PARAM *params, uint8_t *ret_bytes, size_t length)
{
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, kind, NULL);
    EVP_KDF_CTX *context = EVP_KDF_CTX_new(kdf);
    if (context == NULL || EVP_KDF_derive(context, ret_bytes, length, params) != 1)
        abort();
    EVP_KDF_CTX_free(context);
    EVP_KDF_free(kdf);
}

// HKDF-Expand-Label without a context.
static void expand(const char *label, uint8_t *ret_bytes, size_t length)
{
    uint8_t info[64] = {0, (uint8_t)length, (uint8_t)(6 + strlen(label)), 't', 'l', 's', '1', '3', ' '};
    memcpy(info + 9, label, strlen(label));
    int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
    char digest[] = "SHA256";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, traffic_secret, sizeof traffic_secret),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info, 10 + strlen(label)),
        OSSL_PARAM_construct_end(),
    };
    derive("HKDF", params, ret_bytes, length);
}

// The key block of TLS 1.2: both keys, then both implicit parts of the nonces; the client's are first.
static void expand_older(struct forge *forge, SSL *client)
{
    uint8_t master[48];
    uint8_t seed[13 + 64] = "key expansion";
    uint8_t block[2 * 16 + 2 * 4];
    char digest[] = "SHA256";
    SSL_SESSION_get_master_key(SSL_get_session(client), master, sizeof master);
    SSL_get_server_random(client, seed + 13, 32);
    SSL_get_client_random(client, seed + 45, 32);
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SECRET, master, sizeof master),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SEED, seed, sizeof seed),
        OSSL_PARAM_construct_end(),
    };
    derive("TLS1-PRF", params, block, sizeof block);
    memcpy(forge->key, block, 16);
    memcpy(forge->iv, block + 32, 4);
}

void forge_init(struct forge *forge, SSL *client, uint64_t sequence)
{
    *forge = (struct forge){.sequence = sequence, .newer = SSL_version(client) == TLS1_3_VERSION};
    if (forge->newer) {
        expand("key", forge->key, sizeof forge->key);
        expand("iv", forge->iv, sizeof forge->iv);
    } else {
        expand_older(forge, client);
    }
}

static void number_put(uint8_t *at, uint64_t number)
{
    for (int i = 7; i >= 0; i--, number >>= 8)
        at[i] = (uint8_t)number;
}

static void encrypt(const struct forge *forge, const uint8_t *nonce, struct iovec authenticated,
                    struct iovec content, uint8_t *ret_sealed)
{
    int length;
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    if (EVP_EncryptInit_ex(context, EVP_aes_128_gcm(), NULL, forge->key, nonce) != 1 ||
        EVP_EncryptUpdate(context, NULL, &length, authenticated.iov_base, (int)authenticated.iov_len) != 1 ||
        EVP_EncryptUpdate(context, ret_sealed, &length, content.iov_base, (int)content.iov_len) != 1 ||
        EVP_EncryptFinal_ex(context, ret_sealed + length, &length) != 1 ||
        EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, 16, ret_sealed + content.iov_len) != 1)
        abort();
    EVP_CIPHER_CTX_free(context);
}

// Content, its type behind it, and the tag; the nonce is the number of the record over the iv.
static size_t seal_newer(struct forge *forge, uint8_t type, const void *content, size_t length,
                         uint8_t *record)
{
    uint8_t inner[16385];
    uint8_t nonce[12] = {0};
    size_t sealed = length + 1 + 16;
    memcpy(inner, content, length);
    inner[length] = type;
    number_put(nonce + 4, forge->sequence++);
    for (size_t i = 0; i < sizeof nonce; i++)
        nonce[i] ^= forge->iv[i];
    memcpy(record, "\x17\x03\x03", 3);
    record[3] = (uint8_t)(sealed >> 8);
    record[4] = (uint8_t)sealed;
    encrypt(forge, nonce, (struct iovec){record, 5}, (struct iovec){inner, length + 1}, record + 5);
    return 5 + sealed;
}

// The explicit part of the nonce, content, tag.
static size_t seal_older(struct forge *forge, uint8_t type, const void *content, size_t length,
                         uint8_t *record)
{
    uint8_t nonce[12];
    uint8_t authenticated[13];
    size_t sealed = 8 + length + 16;
    number_put(authenticated, forge->sequence);
    authenticated[8] = record[0] = type;
    authenticated[9] = authenticated[10] = record[1] = record[2] = 3;
    authenticated[11] = (uint8_t)(length >> 8);
    authenticated[12] = (uint8_t)length;
    record[3] = (uint8_t)(sealed >> 8);
    record[4] = (uint8_t)sealed;
    number_put(record + 5, forge->sequence + (1ull << 40)); // never one that OpenSSL has used
    forge->sequence++;
    memcpy(nonce, forge->iv, 4);
    memcpy(nonce + 4, record + 5, 8);
    encrypt(forge, nonce, (struct iovec){authenticated, 13},
            (struct iovec){(void *)(uintptr_t)content, length}, record + 13);
    return 5 + sealed;
}

size_t forge_seal(struct forge *forge, uint8_t type, const void *content, size_t length, uint8_t *ret_record)
{
    return forge->newer ? seal_newer(forge, type, content, length, ret_record)
                        : seal_older(forge, type, content, length, ret_record);
}
