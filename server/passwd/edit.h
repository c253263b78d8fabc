// SPDX-License-Identifier: MIT
// Changes to the text of a password file: one user's line, or the lines whose passwords are in plain text.
// Every other byte stays what it is, also comments, and lines that are faulty.
#ifndef PASSWD_EDIT_H
#define PASSWD_EDIT_H

#include "server/passwd/passwd.h"

// A new text, freed with edit_finish.
struct edit {
    char *text;
    size_t length;
    uint32_t changed; // how many lines were changed, added or left out
};

void edit_finish(struct edit *edit); // wipes it

static inline struct bytes edit_bytes(const struct edit *edit)
{
    return (struct bytes){(const uint8_t *)edit->text, edit->length};
}

// Gives `user` this hash: in the user's line, or else in a new one at the end. Where the user has several
// lines, which no broker takes, one is left.
void edit_set(struct bytes text, struct bytes user, const char *hash, struct edit *ret_edit);

// Leaves the lines of `user` out.
void edit_delete(struct bytes text, struct bytes user, struct edit *ret_edit);

// Hashes what is in plain text. Returns NULL, or a phrase and the line that is neither a hash nor to be taken
// for a password; there is no new text then.
WARN_UNUSED const char *edit_upgrade(struct bytes text, enum password_scheme scheme, uint32_t rounds,
                                     struct edit *ret_edit, uint32_t *ret_line);

#endif
