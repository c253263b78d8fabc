// SPDX-License-Identifier: MIT
// The users of a password file and the hashes of their passwords, found by name.
//
// A file, once read, never changes, and any number of threads may use it at once: each holds a reference. A
// file that was changed is read anew, and takes the place of the old one when all of it is good.
#ifndef ACCESS_PASSWORD_FILE_H
#define ACCESS_PASSWORD_FILE_H

#include "server/access/password_line.h"

#define PASSWORD_FILE_BYTES_MAX  (256u << 20)
#define PASSWORD_FILE_USERS_MAX  1000000u
#define PASSWORD_FILE_LINE_BYTES 512u

struct password_file;

// What to verify a password against. `known` is false for a user who is not in the file: the hash is then one
// that takes the time that a user's takes, and whatever comes of it, the answer is that the password is
// wrong (verifier.h does so).
struct password_entry {
    const char *hash; // lives as long as the file
    bool known;
};

// Reads all of `text`; `name` is what lines call it. Returns 0 and the file, with one reference; or, with one
// line that says what is wrong ("NAME:LINE: ...") and holds nothing of a hash, -EINVAL for a fault in it,
// -EFBIG for a file beyond the ceilings, -ENOMEM.
WARN_UNUSED int password_file_parse(const char *name, struct bytes text, struct password_file **ret_file,
                                    char ret_line[PASSWORD_FILE_LINE_BYTES]);

// Reads a regular file. As password_file_parse, or -errno of what could not be done. `ret_line` is empty
// after a success, unless everybody may read or write the file: then it says so.
WARN_UNUSED int password_file_load(const char *path, struct password_file **ret_file,
                                   char ret_line[PASSWORD_FILE_LINE_BYTES]);

// From any thread. The last reference takes the file with it, wiped. NULL is accepted.
struct password_file *password_file_ref(struct password_file *file);
void password_file_unref(struct password_file *file);

// How many users there are.
uint32_t password_file_count(const struct password_file *file);

// Always has an answer, in a time that does not depend on the number of users.
struct password_entry password_file_find(const struct password_file *file, struct bytes user);

#endif
