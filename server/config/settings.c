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

static bool text_same(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

// No deeper than SETTINGS_DEPTH_MAX.
bool settings_same(const struct settings *a, const struct settings *b)
{
    if (a == NULL || b == NULL)
        return a == b;
    if (a->kind != b->kind || a->quoted != b->quoted || !text_same(a->key, b->key) ||
        !text_same(a->text, b->text))
        return false;
    const struct settings *of_a = a->first;
    const struct settings *of_b = b->first;
    while (of_a != NULL && of_b != NULL && settings_same(of_a, of_b)) {
        of_a = of_a->next;
        of_b = of_b->next;
    }
    return of_a == NULL && of_b == NULL;
}
