// SPDX-License-Identifier: MIT
// Whether the files and directories that a configuration names can be read; what they hold is for those who
// use them.
#ifndef CONFIG_CHECK_H
#define CONFIG_CHECK_H

#include <stddef.h>

#include "server/base/base.h"

struct config;

// Returns 0, or -errno and one line in ret_error (no newline), cut to error_size bytes.
WARN_UNUSED int config_check(const struct config *config, char *ret_error, size_t error_size);

#endif
