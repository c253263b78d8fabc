// SPDX-License-Identifier: MIT
#include "server/access/password_crypt.h"

#include <crypt.h>
#include <openssl/crypto.h>
#include <sys/mman.h>

#define BCRYPT_BYTES_MAX 72u // it looks at no more of a password

static_assert(PASSWORD_BYTES_MAX < CRYPT_MAX_PASSPHRASE_SIZE, "crypt(3) takes what we take");
static_assert(PASSWORD_TEXT_BYTES >= CRYPT_OUTPUT_SIZE, "every hash of crypt(3) fits");

// Hashes with the salt and the cost of `setting`.
static bool crypt_run(const char *setting, struct bytes password, char ret_text[CRYPT_OUTPUT_SIZE])
{
    char phrase[PASSWORD_BYTES_MAX + 1];
    struct crypt_data data = {0};
    if (password.length > 0)
        memcpy(phrase, password.data, password.length);
    phrase[password.length] = '\0';
    bool made = crypt_rn(phrase, setting, &data, sizeof data) != NULL;
    if (made)
        memcpy(ret_text, data.output, CRYPT_OUTPUT_SIZE);
    OPENSSL_cleanse(phrase, sizeof phrase);
    OPENSSL_cleanse(&data, sizeof data);
    return made;
}

// libcrypt has one error for a lack of memory and for a salt that it cannot use.
static bool memory_lacks(uint32_t memory_kib)
{
    void *memory = mmap(NULL, ((size_t)memory_kib + 1) * 1024, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return true;
    (void)munmap(memory, ((size_t)memory_kib + 1) * 1024); // it was mapped just now
    return false;
}

enum password_result crypt_verify(const char *hash, const struct password_form *form, struct bytes password)
{
    char text[CRYPT_OUTPUT_SIZE];
    if (!crypt_run(hash, password, text))
        return memory_lacks(form->memory_kib) ? PASSWORD_NO_MEMORY : PASSWORD_NOT_UNDERSTOOD;
    size_t length = strlen(hash);
    bool right = strlen(text) == length && CRYPTO_memcmp(text, hash, length) == 0;
    OPENSSL_cleanse(text, sizeof text);
    return right ? PASSWORD_RIGHT : PASSWORD_WRONG;
}

const char *crypt_hash(enum password_scheme scheme, uint32_t rounds, struct bytes password, char *ret_text)
{
    static const char *const prefixes[] = {
        [PASSWORD_YESCRYPT] = "$y$",
        [PASSWORD_SHA512] = "$6$",
        [PASSWORD_SHA256] = "$5$",
        [PASSWORD_BCRYPT] = "$2b$",
    };
    if (scheme == PASSWORD_BCRYPT && password.length > BCRYPT_BYTES_MAX)
        return "bcrypt looks at the first 72 bytes of a password, and this one has more";
    char setting[CRYPT_GENSALT_OUTPUT_SIZE];
    if (crypt_gensalt_rn(prefixes[scheme], rounds, NULL, 0, setting, sizeof setting) == NULL)
        return "this system's libcrypt makes no such hash";
    return crypt_run(setting, password, ret_text) ? NULL : "there is not enough memory for such a hash";
}
