// SPDX-License-Identifier: MIT
#include "server/access/password_mosquitto.h"

#include "server/access/base64.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdio.h>

#define SALT_BYTES   12u // what mosquitto 2.0 makes
#define DIGEST_BYTES 64u

static_assert(PASSWORD_DIGEST_MAX >= DIGEST_BYTES, "a digest fits");

static bool pbkdf2(struct bytes password, struct bytes salt, uint32_t iterations,
                   uint8_t ret_digest[DIGEST_BYTES])
{
    return PKCS5_PBKDF2_HMAC((const char *)password.data, (int)password.length, salt.data, (int)salt.length,
                             (int)iterations, EVP_sha512(), DIGEST_BYTES, ret_digest) == 1;
}

// mosquitto 1.x: the password and behind it the salt.
static bool sha512(struct bytes password, struct bytes salt, uint8_t ret_digest[DIGEST_BYTES])
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool good = context != NULL && EVP_DigestInit_ex(context, EVP_sha512(), NULL) == 1 &&
                EVP_DigestUpdate(context, password.data, password.length) == 1 &&
                EVP_DigestUpdate(context, salt.data, salt.length) == 1 &&
                EVP_DigestFinal_ex(context, ret_digest, NULL) == 1;
    EVP_MD_CTX_free(context);
    return good;
}

enum password_result mosquitto_verify(const char *hash, const struct password_form *form,
                                      struct bytes password)
{
    (void)hash; // `form` has all of it
    uint8_t digest[DIGEST_BYTES];
    struct bytes salt = {form->salt, form->salt_length};
    bool made = form->scheme == PASSWORD_MOSQUITTO ? pbkdf2(password, salt, form->rounds, digest)
                                                   : sha512(password, salt, digest);
    if (!made)
        return PASSWORD_NO_MEMORY;
    bool right = CRYPTO_memcmp(digest, form->digest, sizeof digest) == 0;
    OPENSSL_cleanse(digest, sizeof digest);
    return right ? PASSWORD_RIGHT : PASSWORD_WRONG;
}

const char *mosquitto_hash(enum password_scheme scheme, uint32_t rounds, struct bytes password,
                           char *ret_text)
{
    assert(scheme == PASSWORD_MOSQUITTO);
    uint8_t salt[SALT_BYTES];
    uint8_t digest[DIGEST_BYTES];
    if (RAND_bytes(salt, sizeof salt) != 1)
        return "the system has no random numbers for a salt";
    if (!pbkdf2(password, (struct bytes){salt, sizeof salt}, rounds, digest))
        return "there is not enough memory for such a hash";
    char salt_text[BASE64_TEXT_BYTES(SALT_BYTES)];
    char digest_text[BASE64_TEXT_BYTES(DIGEST_BYTES)];
    base64_encode((struct bytes){salt, sizeof salt}, salt_text);
    base64_encode((struct bytes){digest, sizeof digest}, digest_text);
    (void)snprintf(ret_text, PASSWORD_TEXT_BYTES, "$7$%u$%s$%s", rounds, salt_text, digest_text); // fits
    OPENSSL_cleanse(digest, sizeof digest);
    return NULL;
}
