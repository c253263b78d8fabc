// SPDX-License-Identifier: MIT
#include "server/access/password_argon2.h"

#include <argon2.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stdlib.h>

// What we hash with ourselves: 19 MiB and one lane, whose two passes take a few tens of milliseconds.
#define ARGON2_MEMORY_KIB   19456u
#define ARGON2_SALT_BYTES   16u
#define ARGON2_DIGEST_BYTES 32u

// The memory of the last hash, for the next one of this thread. Mapping and unmapping so much for each would
// hold, at the low priority of a worker, what all threads of the process wait for that map memory too. The
// library wipes it after use.
static _Thread_local struct {
    uint8_t *memory;
    size_t size;
} kept;

void argon2_release(void)
{
    free(kept.memory);
    kept.memory = NULL;
    kept.size = 0;
}

static int memory_take(uint8_t **ret_memory, size_t size)
{
    if (kept.size < size) {
        argon2_release();
        kept.memory = malloc(size);
        kept.size = kept.memory == NULL ? 0 : size;
    }
    *ret_memory = kept.memory;
    return kept.memory == NULL ? ARGON2_MEMORY_ALLOCATION_ERROR : ARGON2_OK;
}

static void memory_give(uint8_t *memory, size_t size)
{
    (void)memory; // it is what is kept
    (void)size;
}

enum password_result argon2_verify_form(const char *hash, const struct password_form *form,
                                        struct bytes password)
{
    (void)hash; // `form` has all of it
    uint8_t digest[PASSWORD_DIGEST_MAX];
    argon2_context context = {
        .out = digest,
        .outlen = (uint32_t)form->digest_length,
        .pwd = (uint8_t *)(uintptr_t)password.data, // only read without ARGON2_FLAG_CLEAR_PASSWORD
        .pwdlen = (uint32_t)password.length,
        .salt = (uint8_t *)(uintptr_t)form->salt, // the same
        .saltlen = (uint32_t)form->salt_length,
        .t_cost = form->rounds,
        .m_cost = form->memory_kib,
        .lanes = form->lanes,
        .threads = 1, // argon2_verify would start one for each lane
        .version = form->version,
        .allocate_cbk = memory_take,
        .free_cbk = memory_give,
    };
    int status = argon2_ctx(&context, form->scheme == PASSWORD_ARGON2ID ? Argon2_id : Argon2_i);
    if (status != ARGON2_OK)
        return status == ARGON2_MEMORY_ALLOCATION_ERROR ? PASSWORD_NO_MEMORY : PASSWORD_NOT_UNDERSTOOD;
    bool right = CRYPTO_memcmp(digest, form->digest, form->digest_length) == 0;
    OPENSSL_cleanse(digest, sizeof digest);
    return right ? PASSWORD_RIGHT : PASSWORD_WRONG;
}

const char *argon2_hash_password(enum password_scheme scheme, uint32_t rounds, struct bytes password,
                                 char *ret_text)
{
    assert(scheme == PASSWORD_ARGON2ID);
    uint8_t salt[ARGON2_SALT_BYTES];
    if (RAND_bytes(salt, sizeof salt) != 1)
        return "the system has no random numbers for a salt";
    int status = argon2id_hash_encoded(rounds, ARGON2_MEMORY_KIB, 1, password.data, password.length, salt,
                                       sizeof salt, ARGON2_DIGEST_BYTES, ret_text, PASSWORD_TEXT_BYTES);
    return status == ARGON2_OK ? NULL : argon2_error_message(status);
}
