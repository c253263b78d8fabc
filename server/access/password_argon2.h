// SPDX-License-Identifier: MIT
// Hashes of argon2. As password_verify and password_hash.
#ifndef ACCESS_PASSWORD_ARGON2_H
#define ACCESS_PASSWORD_ARGON2_H

#include "server/access/password.h"

WARN_UNUSED enum password_result argon2_verify_form(const char *hash, const struct password_form *form,
                                                    struct bytes password);
WARN_UNUSED const char *argon2_hash_password(enum password_scheme scheme, uint32_t rounds,
                                             struct bytes password, char *ret_text);

// Frees what the calling thread keeps for the next hash.
void argon2_release(void);

#endif
