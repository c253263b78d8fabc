// SPDX-License-Identifier: MIT
// The file on disk. A change takes the place of the old file all at once or not at all: a new one is written
// beside it, brought to disk, given its mode and owner, and renamed. Two programs that change the same file
// wait for each other.
#ifndef PASSWD_TARGET_H
#define PASSWD_TARGET_H

#include "server/passwd/passwd.h"

#include <sys/stat.h>

struct target {
    const char *path; // not owned
    int fd;           // holds the lock
    struct stat state;
    char *text;
    size_t length;
};

static inline struct bytes target_bytes(const struct target *target)
{
    return (struct bytes){(const uint8_t *)target->text, target->length};
}

// All return PASSWD_DONE, or PASSWD_FILE after having said why; the file is then as it was.

// Whether target_open would succeed, or target_create if `create`: before a password is asked for in vain.
WARN_UNUSED enum passwd_exit target_try(const char *path, bool create);

// Locks a regular file that may be written to, and reads it.
WARN_UNUSED enum passwd_exit target_open(const char *path, struct target *ret_target);
void target_close(struct target *target); // wipes what was read

WARN_UNUSED enum passwd_exit target_replace(const struct target *target, struct bytes text);

// Writes a file that is not there yet, for its owner alone.
WARN_UNUSED enum passwd_exit target_create(const char *path, struct bytes text);

#endif
