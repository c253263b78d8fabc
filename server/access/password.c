// SPDX-License-Identifier: MIT
#include "server/access/password.h"

#include "server/access/password_argon2.h"
#include "server/access/password_crypt.h"
#include "server/access/password_mosquitto.h"

// Who does the work for a scheme.
struct hasher {
    bool sees_zero; // whether a zero byte is more than the end of a password, or a byte of padding (HMAC)
    enum password_result (*verify)(const char *hash, const struct password_form *form, struct bytes password);
    const char *(*hash)(enum password_scheme scheme, uint32_t rounds, struct bytes password, char *ret_text);
};

static const struct hasher hashers[] = {
    [PASSWORD_YESCRYPT] = {false, crypt_verify, crypt_hash},
    [PASSWORD_SHA512] = {false, crypt_verify, crypt_hash},
    [PASSWORD_SHA256] = {false, crypt_verify, crypt_hash},
    [PASSWORD_BCRYPT] = {false, crypt_verify, crypt_hash},
    [PASSWORD_ARGON2ID] = {true, argon2_verify_form, argon2_hash_password},
    [PASSWORD_MOSQUITTO] = {false, mosquitto_verify, mosquitto_hash},
    [PASSWORD_GOST_YESCRYPT] = {false, crypt_verify, NULL},
    [PASSWORD_ARGON2I] = {true, argon2_verify_form, NULL},
    [PASSWORD_MOSQUITTO_1] = {false, mosquitto_verify, NULL},
};

static bool has_zero(struct bytes password)
{
    return password.length > 0 && memchr(password.data, '\0', password.length) != NULL;
}

enum password_result password_verify(const char *hash, struct bytes password)
{
    struct password_form form;
    if (password_form_read(bytes_of(hash), &form) != NULL)
        return PASSWORD_NOT_UNDERSTOOD;
    const struct hasher *hasher = &hashers[form.scheme];
    if (password.length > PASSWORD_BYTES_MAX || (!hasher->sees_zero && has_zero(password)))
        return PASSWORD_WRONG;
    return hasher->verify(hash, &form, password);
}

void password_release(void)
{
    argon2_release();
}

const char *password_hash(enum password_scheme scheme, uint32_t rounds, struct bytes password,
                          char ret_text[PASSWORD_TEXT_BYTES])
{
    const struct password_rules *rules = password_scheme_rules(scheme);
    assert(rules->name != NULL && rounds >= rules->rounds_lowest && rounds <= rules->rounds_highest);
    if (password.length > PASSWORD_BYTES_MAX)
        return "the password has more than 511 bytes";
    if (!hashers[scheme].sees_zero && has_zero(password))
        return "the password has a zero byte";
    return hashers[scheme].hash(scheme, rounds, password, ret_text);
}
