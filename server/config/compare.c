// SPDX-License-Identifier: MIT
#include "server/config/compare.h"

#include <string.h>

#include "server/config/limits_read.h"
#include "server/config/listeners.h"
#include "server/config/schema.h"

_Static_assert(COMPARE_LISTENERS_MAX == CONFIG_LISTENERS_MAX, "there is room for every listener");

static bool text_same(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool texts_same(const char *const *a, const char *const *b, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (!text_same(a[i], b[i]))
            return false;
    return true;
}

// Where a file stands in the configuration makes no difference, and what it holds is not known here.
static bool file_same(const struct config_file *a, const struct config_file *b)
{
    return text_same(a->path, b->path);
}

// The value of a row that is not of type OTHER.
static bool member_same(const struct key *key, const void *a, const void *b)
{
    const void *of_a = (const char *)a + key->offset;
    const void *of_b = (const char *)b + key->offset;
    if (key->type == KEY_TYPE_TEXT)
        return text_same(*(const char *const *)of_a, *(const char *const *)of_b);
    if (key->type == KEY_TYPE_FILE)
        return file_same(of_a, of_b);
    return memcmp(of_a, of_b, key->size) == 0;
}

// ---- listeners

// A free port that the kernel chose is that of its listener.
static bool address_same(const struct config_listener *a, const struct config_listener *b)
{
    if (a->unix_path != NULL || b->unix_path != NULL)
        return text_same(a->unix_path, b->unix_path);
    return a->port == b->port && strcmp(a->host, b->host) == 0 &&
           (a->port != 0 || strcmp(a->name, b->name) == 0);
}

static bool certificates_same(const struct config_tls *a, const struct config_tls *b)
{
    if (a->certificate_count != b->certificate_count)
        return false;
    for (uint32_t i = 0; i < a->certificate_count; i++)
        if (!file_same(&a->certificates[i].certfile, &b->certificates[i].certfile) ||
            !file_same(&a->certificates[i].keyfile, &b->certificates[i].keyfile))
            return false;
    return true;
}

static bool listener_row_same(const struct key *key, const struct config_listener *a,
                              const struct config_listener *b)
{
    if (key->type != KEY_TYPE_OTHER)
        return member_same(key, a, b);
    switch (key->id) {
    case KEY_BIND: // they have the same address
        return true;
    case KEY_MAX_CONNECTIONS:
        return a->connections_max == b->connections_max;
    case KEY_LISTENER_LIMITS:
        return memcmp(&a->limits, &b->limits, sizeof(a->limits)) == 0;
    case KEY_MODE:
        return a->unix_mode == b->unix_mode;
    case KEY_CERTIFICATES:
        return certificates_same(&a->tls, &b->tls);
    case KEY_CADATA:
        return text_same(a->tls.cadata, b->tls.cadata);
    case KEY_PATH:
        return a->path_count == b->path_count && texts_same(a->paths, b->paths, a->path_count);
    case KEY_ORIGINS:
        return a->origin_count == b->origin_count && texts_same(a->origins, b->origins, a->origin_count);
    default:
        assert(false); // a new row belongs here
        return false;
    }
}

static bool listener_same(const struct config_listener *a, const struct config_listener *b)
{
    for (size_t i = 0; i < listeners_keys.count; i++)
        if (!listener_row_same(listeners_keys.keys[i].facts, a, b))
            return false;
    return strcmp(a->name, b->name) == 0 && a->proxy_common_name == b->proxy_common_name;
}

static uint32_t listener_find(const struct config *config, const struct config_listener *listener)
{
    for (uint32_t i = 0; i < config->listener_count; i++)
        if (address_same(&config->listeners[i], listener))
            return i;
    return COMPARE_NONE;
}

static void compare_listeners(const struct config *before, const struct config *after,
                              struct config_comparison *comparison)
{
    for (uint32_t i = 0; i < before->listener_count; i++)
        comparison->removed[i] = listener_find(after, &before->listeners[i]) == COMPARE_NONE;
    for (uint32_t i = 0; i < after->listener_count; i++) {
        uint32_t old = listener_find(before, &after->listeners[i]);
        comparison->listeners[i].before = old;
        comparison->listeners[i].changed =
            old != COMPARE_NONE && !listener_same(&before->listeners[old], &after->listeners[i]);
    }
}

// ---- what holds after a restart only

// In the order of limits_keys.
static const char *const limit_paths[] = {
#define LIMIT(name, standard, lowest, highest, unit, scope, applied, text) "limits." #name,
#include "server/config/limits.def"
#undef LIMIT
};

static void note(struct config_comparison *comparison, const char *name)
{
    assert(comparison->restart_key_count < COMPARE_KEYS_MAX); // there are not so many in the tables
    comparison->restart_keys[comparison->restart_key_count++] = name;
}

void config_compare(const struct config *before, const struct config *after,
                    struct config_comparison *ret_comparison)
{
    *ret_comparison = (struct config_comparison){.restart_key_count = 0};
    compare_listeners(before, after, ret_comparison);
    for (size_t i = 0; i < schema_root_keys.count; i++) {
        const struct key *key = schema_root_keys.keys[i].facts;
        bool same = key->type == KEY_TYPE_OTHER || member_same(key, before, after);
        if (key->restart && !same)
            note(ret_comparison, key->name);
    }
    for (size_t i = 0; i < limits_keys.count; i++) {
        const struct key *key = limits_keys.keys[i].facts;
        if (key->restart && !member_same(key, &before->limits, &after->limits))
            note(ret_comparison, limit_paths[i]);
    }
}
