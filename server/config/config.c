// SPDX-License-Identifier: MIT
#include "server/config/config.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/config/arena.h"
#include "server/config/document.h"
#include "server/config/schema.h"

// A configuration with all that it points to.
struct holding {
    struct config config;
    struct arena arena;
    _Atomic uint32_t references;
};

static struct holding *holding_of(const struct config *config)
{
    // What is constant for others is ours.
    return (struct holding *)((uintptr_t)config - offsetof(struct holding, config));
}

static struct holding *holding_create(void)
{
    struct holding *holding = memory_require(sizeof(*holding));
    atomic_init(&holding->references, 1);
    schema_set_standards(&holding->config, &holding->arena);
    return holding;
}

const struct config *config_ref(const struct config *config)
{
    atomic_fetch_add_explicit(&holding_of(config)->references, 1, memory_order_relaxed);
    return config;
}

void config_unref(const struct config *config)
{
    if (config == NULL)
        return;
    struct holding *holding = holding_of(config);
    if (atomic_fetch_sub_explicit(&holding->references, 1, memory_order_acq_rel) > 1)
        return;
    arena_finish(&holding->arena);
    free(holding);
}

int config_parse(const char *bytes, size_t length, const char *name, const struct config **ret_config,
                 char *ret_error, size_t error_size)
{
    struct document document = {.name = name, .error = ret_error, .error_size = error_size};
    int status = document_open(&document, bytes, length);
    if (status != 0)
        return status;
    struct holding *holding = holding_create();
    struct reading reading = {.config = &holding->config, .arena = &holding->arena};
    holding->config.name = name == NULL ? NULL : arena_copy(&holding->arena, name);
    status = schema_read(&document, &reading);
    document_close(&document);
    if (status == 0)
        *ret_config = &holding->config;
    else
        config_unref(&holding->config);
    return status;
}

int config_load(const char *path, const struct config **ret_config, char *ret_error, size_t error_size)
{
    if (path == NULL) // as an empty file is
        return config_parse("", 0, NULL, ret_config, ret_error, error_size);
    void *bytes;
    size_t length;
    int status = file_load(path, CONFIG_FILE_BYTES_MAX, &bytes, &length, ret_error, error_size);
    if (status < 0)
        return status;
    status = config_parse(bytes, length, path, ret_config, ret_error, error_size);
    free(bytes);
    return status;
}

void config_place(const struct config *config, uint32_t line, char *ret_text, size_t size)
{
    if (config->name == NULL)
        (void)snprintf(ret_text, size, "%s", "");
    else
        (void)snprintf(ret_text, size, "%s:%u: ", config->name, line);
}
