// SPDX-License-Identifier: MIT
// Hashes of crypt(3): yescrypt, SHA-512, SHA-256, bcrypt. As password_verify and password_hash.
#ifndef ACCESS_PASSWORD_CRYPT_H
#define ACCESS_PASSWORD_CRYPT_H

#include "server/access/password.h"

WARN_UNUSED enum password_result crypt_verify(const char *hash, const struct password_form *form,
                                              struct bytes password);
WARN_UNUSED const char *crypt_hash(enum password_scheme scheme, uint32_t rounds, struct bytes password,
                                   char *ret_text);

#endif
