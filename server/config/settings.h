// SPDX-License-Identifier: MIT
// The settings of a plugin as the file has them: a tree of scalars, lists and maps, which only the plugin
// understands. It belongs to its configuration and lives as long. The line of each node is there for
// messages:
//
//     const struct settings *interval = settings_find(plugin->settings, "interval");
//     if (interval != NULL && !settings_integer(interval, &seconds))
//         the fault is in line interval->line
#ifndef CONFIG_SETTINGS_H
#define CONFIG_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "server/base/base.h"

#define SETTINGS_DEPTH_MAX 16u // a deeper tree is refused, so that whoever reads it may recurse

enum settings_kind { SETTINGS_SCALAR, SETTINGS_LIST, SETTINGS_MAP };

struct settings {
    enum settings_kind kind;
    uint32_t line;
    const char *key;              // in a map; otherwise NULL
    const char *text;             // of a scalar, "" where nothing is written; otherwise NULL
    bool quoted;                  // a scalar in quotes is a text and never a number
    const struct settings *first; // of a list or a map, in the order of the file; NULL = it is empty
    const struct settings *next;  // beside it
};

// The value of a key, for which '-' and '_' are the same. NULL where the map is no map, NULL, or without it.
const struct settings *settings_find(const struct settings *map, const char *key);

// NULL for what is no scalar.
const char *settings_text(const struct settings *scalar);

// False, and nothing written, for what is no whole number, or no word for true and false.
WARN_UNUSED bool settings_integer(const struct settings *scalar, int64_t *ret_value);
WARN_UNUSED bool settings_bool(const struct settings *scalar, bool *ret_value);

#endif
