// SPDX-License-Identifier: MIT
// The text of a password hash, taken apart:
//
//     $y$PARAMETERS$SALT$DIGEST, $gy$...                 yescrypt           crypt(5)
//     $5$[rounds=N$]SALT$DIGEST, $6$...                  SHA-256, SHA-512   crypt(5)
//     $2a$COST$SALT,DIGEST, $2b$..., $2y$...             bcrypt             crypt(5)
//     $argon2id$[v=N$]m=N,t=N,p=N$SALT$DIGEST, $argon2i$...                 as PHC strings, base64 bare
//     $7$ITERATIONS$SALT$DIGEST                          PBKDF2 of SHA-512  mosquitto, base64 padded
//     $6$SALT$DIGEST                                     SHA-512            mosquitto 1.x, the same
//
// The two kinds of $6$ are told apart by their digest: of 86 digits, or of 86 and two of padding.
#ifndef ACCESS_PASSWORD_FORM_H
#define ACCESS_PASSWORD_FORM_H

#include "proto/proto.h"
#include "server/base/base.h"

#define PASSWORD_MEMORY_KIB_MAX 262144u  // that one hash may take
#define PASSWORD_WORK_KIB_MAX   1048576u // of argon2: memory times passes
#define PASSWORD_LANES_MAX      255u     // of argon2
#define PASSWORD_SALT_MAX       64u      // bytes
#define PASSWORD_DIGEST_MAX     64u

enum password_scheme {
#define SCHEME(constant, name, lowest, highest, standard) PASSWORD_##constant,
#include "server/access/password_scheme.def"
#undef SCHEME
    PASSWORD_SCHEMES,
};

struct password_form {
    enum password_scheme scheme;
    uint32_t rounds;     // as the scheme counts; of yescrypt: the binary logarithm of its blocks
    uint32_t memory_kib; // of argon2 and yescrypt; 0: next to none
    uint32_t lanes;      // of argon2, as the version
    uint32_t version;
    uint8_t salt[PASSWORD_SALT_MAX]; // of argon2 and mosquitto; crypt(3) reads the text itself
    size_t salt_length;
    uint8_t digest[PASSWORD_DIGEST_MAX];
    size_t digest_length;
};

// Returns NULL, or a phrase that says what is wrong and what to do, without a part of the text. A hash that
// costs more than is allowed is refused here, before anybody has tried it.
WARN_UNUSED const char *password_form_read(struct bytes text, struct password_form *ret_form);

// A row of password_scheme.def.
struct password_rules {
    const char *name;
    uint32_t rounds_lowest;
    uint32_t rounds_highest;
    uint32_t rounds_standard;
};

const struct password_rules *password_scheme_rules(enum password_scheme scheme);

// Finds the scheme that hbmqtt_passwd calls by this name.
WARN_UNUSED bool password_scheme_find(const char *name, enum password_scheme *ret_scheme);

#endif
