// SPDX-License-Identifier: MIT
#include "server/config/settings.h"

#include <stddef.h>
#include <string.h>

#include "server/config/scalar.h"
#include "server/config/spelling.h"

const struct settings *settings_find(const struct settings *map, const char *key)
{
    if (map == NULL || map->kind != SETTINGS_MAP)
        return NULL;
    for (const struct settings *child = map->first; child != NULL; child = child->next)
        if (spelling_same(child->key, key))
            return child;
    return NULL;
}

const char *settings_text(const struct settings *scalar)
{
    return scalar->text;
}

bool settings_integer(const struct settings *scalar, int64_t *ret_value)
{
    return scalar->kind == SETTINGS_SCALAR && !scalar->quoted && scalar_integer(scalar->text, ret_value);
}

bool settings_bool(const struct settings *scalar, bool *ret_value)
{
    return scalar->kind == SETTINGS_SCALAR && scalar_bool(scalar->text, ret_value);
}
