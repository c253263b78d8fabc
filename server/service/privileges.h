// SPDX-License-Identifier: MIT
// Giving up rights, once and for good: when listeners are bound and keys are read, before the first thread
// and the first byte of a client.
#ifndef SERVICE_PRIVILEGES_H
#define SERVICE_PRIVILEGES_H

#include <sys/types.h>

#include "server/base/base.h"

// Names or numbers.
struct privileges_options {
    const char *user;  // NULL = stay who we are
    const char *group; // beside the other groups of the user; NULL = the one that the user belongs to
};

// Finds accounts by name or number. Returns false if there is no such name.
WARN_UNUSED bool privileges_find_user(const char *text, uid_t *ret_user);
WARN_UNUSED bool privileges_find_group(const char *text, gid_t *ret_group);

// Whether there are such accounts. Returns 0, or -EINVAL and one line in ret_error (of SERVICE_ERROR_BYTES).
WARN_UNUSED int privileges_check(const struct privileges_options *options, char *ret_error);

// Becomes the user, gives up every capability, and sees to it that no program started later has more rights.
// Root that was given no user keeps its capabilities. Returns 0, or -errno and one line in ret_error; the
// process must not go on then.
WARN_UNUSED int privileges_drop(const struct privileges_options *options, char *ret_error);

#endif
