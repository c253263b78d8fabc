// SPDX-License-Identifier: MIT
// What the text of a scalar stands for, as YAML 1.1 and the original have it.
#ifndef CONFIG_SCALAR_H
#define CONFIG_SCALAR_H

#include <stdbool.h>
#include <stdint.h>

#include "server/base/base.h"

// Nothing, or one of YAML's words for it. Only for a scalar without quotes.
bool scalar_empty(const char *text);

// Decimal, with an optional '-', and '_' between digits. False also past int64_t. Only for a scalar without
// quotes.
WARN_UNUSED bool scalar_integer(const char *text, int64_t *ret_value);

// true, false, yes, no, on or off in any letters; quotes make no difference.
WARN_UNUSED bool scalar_bool(const char *text, bool *ret_value);

#endif
