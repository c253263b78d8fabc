// SPDX-License-Identifier: MIT
// Passwords against their hashes: crypt(3), argon2 and mosquitto's own.
//
// Each call takes the milliseconds, and the memory, that whoever made the hash chose, up to the ceilings of
// password_form.h: no shard calls these, see verifier.h. Threads do not meet in them. Copies of a password
// are wiped before they return.
#ifndef ACCESS_PASSWORD_H
#define ACCESS_PASSWORD_H

#include "server/access/password_form.h"

#define PASSWORD_BYTES_MAX  511u // as crypt(3) has it; a longer one is nobody's
#define PASSWORD_TEXT_BYTES 384u // that hold the text of every hash, with its NUL

enum password_result {
    PASSWORD_RIGHT,
    PASSWORD_WRONG,
    PASSWORD_NOT_UNDERSTOOD, // the hash: password_form_read says why, or libcrypt refuses it
    PASSWORD_NO_MEMORY,      // nothing is known about the password
};

// Compares in constant time. A password with a zero byte is never right but for a hash of argon2: crypt(3)
// sees only what is before it, and to PBKDF2 one at the end is none.
WARN_UNUSED enum password_result password_verify(const char *hash, struct bytes password);

// Gives back the memory of argon2 that the calling thread keeps from one call of password_verify to the next:
// before the thread ends.
void password_release(void);

// Hashes a password with a new salt; `scheme` is one that has a name, `rounds` between its lowest and
// highest. Returns NULL and the hash, or a phrase that says why not.
WARN_UNUSED const char *password_hash(enum password_scheme scheme, uint32_t rounds, struct bytes password,
                                      char ret_text[PASSWORD_TEXT_BYTES]);

#endif
