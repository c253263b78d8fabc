// SPDX-License-Identifier: MIT
// Any bytes as a configuration file: they are taken, and what comes of them can be served, or they are
// refused with one line.
#include "server/config/config.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool holds)
{
    if (!holds)
        abort();
}

static void check_taken(const struct config *config)
{
    expect(config->listener_count >= 1 && config->listener_count <= CONFIG_LISTENERS_MAX);
    for (uint32_t i = 0; i < config->listener_count; i++) {
        const struct config_listener *listener = &config->listeners[i];
        expect(strnlen(listener->name, CONFIG_NAME_BYTES) < CONFIG_NAME_BYTES);
        expect(strnlen(listener->host, CONFIG_HOST_BYTES) < CONFIG_HOST_BYTES);
        expect(listener->connections_max > 0);
    }
    expect(config->sys_interval_s <= 86400 && config->shard_count <= CONFIG_SHARDS_MAX);
#define LIMIT(name, standard, lowest, highest, unit, text)                                                   \
    expect(config->limits.name + 1 > (lowest) && config->limits.name <= (highest));
#include "server/config/limits.def"
#undef LIMIT
    expect(config->warning_count <= CONFIG_WARNINGS_MAX);
    for (uint32_t i = 0; i < config->warning_count; i++)
        expect(strnlen(config->warnings[i], CONFIG_WARNING_BYTES) < CONFIG_WARNING_BYTES);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct config config;
    char error[CONFIG_ERROR_BYTES] = "";
    char *copy = malloc(size); // of the exact size, for the sanitizer to see a read past the end
    expect(copy != NULL || size == 0);
    if (size > 0)
        memcpy(copy, data, size);
    int status = config_parse(copy, size, "f", &config, error, sizeof(error));
    free(copy);
    if (status == 0)
        check_taken(&config);
    else
        expect(error[0] != '\0' && strchr(error, '\n') == NULL);
    return 0;
}
