// SPDX-License-Identifier: MIT
// The ceilings of limits.def as a structure: one member for each, all of them uint64_t, units in their names.
#ifndef CONFIG_LIMITS_H
#define CONFIG_LIMITS_H

#include <stdint.h>

struct limits {
#define LIMIT(name, standard, lowest, highest, unit, scope, applied, text) uint64_t name;
#include "server/config/limits.def"
#undef LIMIT
};

// The value that each has when the configuration file does not name it.
static inline struct limits limits_default(void)
{
    return (struct limits){
#define LIMIT(name, standard, lowest, highest, unit, scope, applied, text) .name = standard,
#include "server/config/limits.def"
#undef LIMIT
    };
}

#endif
