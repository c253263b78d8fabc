// SPDX-License-Identifier: MIT
#include "server/access/password_form.h"

#include "server/access/base64.h"

#define SHA_SALT_MAX      16u
#define SHA_ROUNDS_UNSAID 5000u // of a hash that says nothing
#define SHA256_DIGITS     43u
#define SHA512_DIGITS     86u
#define BCRYPT_DIGITS     53u // salt and digest
#define YESCRYPT_DIGITS   43u
#define YESCRYPT_SALT_MAX 86u
#define ARGON2_SALT_MIN   8u
#define ARGON2_DIGEST_MIN 16u
#define SHA512_BYTES      64u

static const char misspelt[] = "the hash is misspelt or cut short; give the user a new password";
static const char costly[] = "the hash takes more time or memory than is allowed here (see hbmqtt_passwd(1))";
static const char unknown[] = "the hash is of no kind that is known here: $y$, $gy$, $6$, $5$, $2a$, $2b$, "
                              "$2y$, $argon2id$, $argon2i$, or mosquitto's $7$";
static const char weak[] = "MD5 ($1$) is too weak; give the user a new password";
static const char plain[] = "the password is in plain text, or its hash of traditional DES; "
                            "'hbmqtt_passwd -U' hashes what is in plain text";

static const struct password_rules rules[] = {
#define SCHEME(constant, name, lowest, highest, standard) {name, lowest, highest, standard},
#include "server/access/password_scheme.def"
#undef SCHEME
};

// Takes the text up to the next `mark` off `rest`, and the mark.
static struct bytes field_take(struct bytes *rest, uint8_t mark)
{
    const uint8_t *found = rest->length == 0 ? NULL : memchr(rest->data, mark, rest->length);
    struct bytes field = {rest->data, found == NULL ? rest->length : (size_t)(found - rest->data)};
    size_t taken = field.length + (found != NULL);
    *rest = (struct bytes){taken == 0 ? rest->data : rest->data + taken, rest->length - taken};
    return field;
}

// A decimal number as programs write it: no sign, no leading zeroes.
static bool number_read(struct bytes digits, uint32_t *ret_number)
{
    uint64_t number = 0;
    if (digits.length == 0 || digits.length > 10 || (digits.length > 1 && digits.data[0] == '0'))
        return false;
    for (size_t i = 0; i < digits.length; i++) {
        if (digits.data[i] < '0' || digits.data[i] > '9')
            return false;
        number = number * 10 + (digits.data[i] - '0');
    }
    *ret_number = (uint32_t)number;
    return number <= UINT32_MAX;
}

// "NAME=NUMBER"
static bool parameter_read(struct bytes text, const char *name, uint32_t *ret_number)
{
    return bytes_equal(field_take(&text, '='), bytes_of(name)) && number_read(text, ret_number);
}

// The alphabet of crypt(5) in its order: a digit's value is its place. Returns -1 for what is not in it.
static int crypt_digit(uint8_t digit)
{
    if (digit >= '.' && digit <= '9')
        return digit - '.';
    if (digit >= 'A' && digit <= 'Z')
        return digit - 'A' + 12;
    return digit >= 'a' && digit <= 'z' ? digit - 'a' + 38 : -1;
}

static bool all_crypt_digits(struct bytes text)
{
    for (size_t i = 0; i < text.length; i++)
        if (crypt_digit(text.data[i]) < 0)
            return false;
    return true;
}

// What crypt(3) takes as the salt of $5$ and $6$ besides its own alphabet.
static bool is_sha_salt(struct bytes text)
{
    for (size_t i = 0; i < text.length; i++)
        if (text.data[i] <= ' ' || text.data[i] >= 0x7f || strchr("!*:;\\", text.data[i]) != NULL)
            return false;
    return text.length <= SHA_SALT_MAX;
}

static const char *rounds_judge(const struct password_form *form)
{
    const struct password_rules *row = &rules[form->scheme];
    if (form->rounds < row->rounds_lowest)
        return misspelt;
    return form->rounds > row->rounds_highest ? costly : NULL;
}

static const char *sha_read(struct bytes rest, struct password_form *form)
{
    size_t digits = form->scheme == PASSWORD_SHA512 ? SHA512_DIGITS : SHA256_DIGITS;
    struct bytes salt = field_take(&rest, '$');
    form->rounds = SHA_ROUNDS_UNSAID;
    if (bytes_begin_with(salt, bytes_of("rounds="))) {
        if (!parameter_read(salt, "rounds", &form->rounds))
            return misspelt;
        salt = field_take(&rest, '$');
    }
    if (!is_sha_salt(salt) || rest.length != digits || !all_crypt_digits(rest))
        return misspelt;
    return rounds_judge(form);
}

static bool salt_and_digest_read(struct bytes rest, enum base64_padding padding, struct password_form *form)
{
    struct bytes salt = field_take(&rest, '$');
    return base64_decode(salt, padding, form->salt, sizeof form->salt, &form->salt_length) &&
           base64_decode(rest, padding, form->digest, sizeof form->digest, &form->digest_length);
}

// $6$: crypt(3) or mosquitto 1.x
static const char *six_read(struct bytes rest, struct password_form *form)
{
    if (rest.length < 2 || memcmp(rest.data + rest.length - 2, "==", 2) != 0)
        return sha_read(rest, form);
    form->scheme = PASSWORD_MOSQUITTO_1;
    form->rounds = 1;
    bool good = salt_and_digest_read(rest, BASE64_PADDED, form) && form->digest_length == SHA512_BYTES;
    return good ? NULL : misspelt;
}

// $7$ of mosquitto; that of crypt(3) is scrypt, and has no field of decimal digits.
static const char *mosquitto_read(struct bytes rest, struct password_form *form)
{
    struct bytes iterations = field_take(&rest, '$');
    if (!number_read(iterations, &form->rounds))
        return all_crypt_digits(iterations) ? unknown : misspelt;
    bool good = salt_and_digest_read(rest, BASE64_PADDED, form) && form->salt_length > 0 &&
                form->digest_length == SHA512_BYTES;
    return good ? rounds_judge(form) : misspelt;
}

static const char *bcrypt_read(struct bytes rest, struct password_form *form)
{
    struct bytes cost = field_take(&rest, '$');
    bool good = cost.length == 2 && rest.length == BCRYPT_DIGITS && all_crypt_digits(rest);
    if (good && cost.data[0] == '0') // two digits always
        cost = (struct bytes){cost.data + 1, 1};
    return good && number_read(cost, &form->rounds) ? rounds_judge(form) : misspelt;
}

// The parameters are flags (`j` is what crypt_gensalt(3) has ever made), the binary logarithm of the number
// of blocks and their size in units of 128 bytes, one digit each and counted from 1. Further parameters could
// ask for more of everything, and no program makes them.
static const char *yescrypt_read(struct bytes rest, struct password_form *form)
{
    struct bytes parameters = field_take(&rest, '$');
    struct bytes salt = field_take(&rest, '$');
    bool good = parameters.length == 3 && parameters.data[0] == 'j' && all_crypt_digits(parameters) &&
                salt.length <= YESCRYPT_SALT_MAX && all_crypt_digits(salt) &&
                rest.length == YESCRYPT_DIGITS && all_crypt_digits(rest);
    if (!good)
        return misspelt;
    form->rounds = (uint32_t)crypt_digit(parameters.data[1]) + 1;
    uint64_t units = (uint64_t)crypt_digit(parameters.data[2]) + 1;
    uint64_t memory_kib = form->rounds < 40 ? (units << form->rounds) / 8 : UINT64_MAX;
    if (memory_kib > PASSWORD_MEMORY_KIB_MAX)
        return costly;
    form->memory_kib = (uint32_t)memory_kib;
    return NULL;
}

static const char *argon2_judge(const struct password_form *form)
{
    bool good = (form->version == 16 || form->version == 19) && form->lanes > 0 &&
                form->salt_length >= ARGON2_SALT_MIN && form->digest_length >= ARGON2_DIGEST_MIN &&
                form->memory_kib / 8 >= form->lanes;
    if (!good)
        return misspelt;
    uint64_t work_kib = (uint64_t)form->memory_kib * form->rounds;
    if (form->memory_kib > PASSWORD_MEMORY_KIB_MAX || work_kib > PASSWORD_WORK_KIB_MAX ||
        form->lanes > PASSWORD_LANES_MAX)
        return costly;
    return rounds_judge(form);
}

static const char *argon2_read(struct bytes rest, struct password_form *form)
{
    struct bytes parameters = field_take(&rest, '$');
    form->version = 16; // of a hash that says nothing, because there was no other yet
    if (bytes_begin_with(parameters, bytes_of("v="))) {
        if (!parameter_read(parameters, "v", &form->version))
            return misspelt;
        parameters = field_take(&rest, '$');
    }
    struct bytes memory = field_take(&parameters, ',');
    struct bytes passes = field_take(&parameters, ',');
    bool good = parameter_read(memory, "m", &form->memory_kib) &&
                parameter_read(passes, "t", &form->rounds) && parameter_read(parameters, "p", &form->lanes) &&
                salt_and_digest_read(rest, BASE64_BARE, form);
    return good ? argon2_judge(form) : misspelt;
}

struct kind {
    const char *prefix;
    enum password_scheme scheme;
    const char *(*read)(struct bytes rest, struct password_form *form);
};

static const struct kind kinds[] = {
    {"$y$", PASSWORD_YESCRYPT, yescrypt_read},    {"$gy$", PASSWORD_GOST_YESCRYPT, yescrypt_read},
    {"$6$", PASSWORD_SHA512, six_read},           {"$5$", PASSWORD_SHA256, sha_read},
    {"$2a$", PASSWORD_BCRYPT, bcrypt_read},       {"$2b$", PASSWORD_BCRYPT, bcrypt_read},
    {"$2y$", PASSWORD_BCRYPT, bcrypt_read},       {"$argon2id$", PASSWORD_ARGON2ID, argon2_read},
    {"$argon2i$", PASSWORD_ARGON2I, argon2_read}, {"$7$", PASSWORD_MOSQUITTO, mosquitto_read},
};

const char *password_form_read(struct bytes text, struct password_form *ret_form)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct bytes prefix = bytes_of(kinds[i].prefix);
        if (!bytes_begin_with(text, prefix))
            continue;
        struct password_form form = {.scheme = kinds[i].scheme};
        struct bytes rest = {text.data + prefix.length, text.length - prefix.length};
        const char *fault = kinds[i].read(rest, &form);
        if (fault == NULL)
            *ret_form = form;
        return fault;
    }
    if (text.length == 0)
        return "the hash is missing";
    if (bytes_begin_with(text, bytes_of("$1$")))
        return weak;
    return bytes_begin_with(text, bytes_of("$")) ? unknown : plain;
}

const struct password_rules *password_scheme_rules(enum password_scheme scheme)
{
    return &rules[scheme];
}

bool password_scheme_find(const char *name, enum password_scheme *ret_scheme)
{
    for (unsigned i = 0; i < PASSWORD_SCHEMES; i++) {
        if (rules[i].name == NULL || strcmp(rules[i].name, name) != 0)
            continue;
        *ret_scheme = (enum password_scheme)i;
        return true;
    }
    return false;
}
