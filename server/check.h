// SPDX-License-Identifier: MIT
// What can be found out about a configuration without serving it.
#ifndef CHECK_H
#define CHECK_H

#include "server/config/config.h"

// Whether the files that it names can be read. Returns false after one line.
WARN_UNUSED bool check_files(const struct config *config);

// Whether there is the user that it names. Returns false after one line.
WARN_UNUSED bool check_user(const struct config *config);

// Whether its password file and its ACL file hold what they should. Returns false after one line. `aloud`:
// also says what is doubtful about them, as the plugins do that read them later.
WARN_UNUSED bool check_access(const struct config *config, bool aloud);

// All of this, and whether the files hold what they should: all that opening and loading would find, with
// nothing kept of it. Returns false after one line.
WARN_UNUSED bool check_config(const struct config *config);

// Whether there is a way for anybody to be let in.
bool check_anybody(const struct config *config);

#endif
