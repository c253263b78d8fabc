// SPDX-License-Identifier: MIT
// Any bytes as the hash of a password: up to a zero byte, and behind it the password. Whatever is understood
// keeps within the ceilings; what is cheap is tried, and where the password is right, another one is not.
#include "server/access/access.h"
#include "test/fuzz.h"

#include <stdlib.h>

#define CHEAP_MEMORY_KIB 1024u

// What a hash may cost here, so that thousands can be tried in a second.
static bool is_cheap(const struct password_form *form)
{
    switch (form->scheme) {
    case PASSWORD_SHA256:
    case PASSWORD_SHA512:
        return form->rounds <= 1000;
    case PASSWORD_BCRYPT:
        return form->rounds <= 4;
    case PASSWORD_YESCRYPT:
    case PASSWORD_GOST_YESCRYPT:
        return form->memory_kib <= CHEAP_MEMORY_KIB;
    case PASSWORD_ARGON2ID:
    case PASSWORD_ARGON2I:
        return (uint64_t)form->memory_kib * form->rounds <= CHEAP_MEMORY_KIB;
    default:
        return form->rounds <= 1000;
    }
}

static void check_form(struct bytes text, const struct password_form *form)
{
    const struct password_rules *rules = password_scheme_rules(form->scheme);
    bool yescrypt = form->scheme == PASSWORD_YESCRYPT || form->scheme == PASSWORD_GOST_YESCRYPT;
    expect(text.length < PASSWORD_TEXT_BYTES);
    expect(form->memory_kib <= PASSWORD_MEMORY_KIB_MAX);
    expect(yescrypt || (form->rounds >= rules->rounds_lowest && form->rounds <= rules->rounds_highest));
    expect(form->salt_length <= PASSWORD_SALT_MAX && form->digest_length <= PASSWORD_DIGEST_MAX);
}

static void check_verdict(const char *hash, struct bytes password)
{
    enum password_result result = password_verify(hash, password);
    expect(result == PASSWORD_RIGHT || result == PASSWORD_WRONG || result == PASSWORD_NOT_UNDERSTOOD);
    expect(result != PASSWORD_RIGHT || password.length <= PASSWORD_BYTES_MAX);
    if (result != PASSWORD_RIGHT)
        return;
    uint8_t other[PASSWORD_BYTES_MAX + 1] = {0};
    if (password.length > 0)
        memcpy(other, password.data, password.length);
    other[0] ^= 1; // also of an empty password, which then has one byte
    size_t length = password.length == 0 ? 1 : password.length;
    expect(password_verify(hash, (struct bytes){other, length}) == PASSWORD_WRONG);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = size == 0 ? NULL : memchr(data, '\0', size);
    struct bytes text = {data, end == NULL ? size : (size_t)(end - data)};
    struct bytes password = end == NULL ? (struct bytes){0} : (struct bytes){end + 1, size - text.length - 1};
    struct password_form form;
    const char *phrase = password_form_read(text, &form);
    if (phrase != NULL)
        return 0;
    check_form(text, &form);
    if (!is_cheap(&form))
        return 0;
    char hash[PASSWORD_TEXT_BYTES];
    memcpy(hash, text.data, text.length);
    hash[text.length] = '\0';
    check_verdict(hash, password);
    return 0;
}
