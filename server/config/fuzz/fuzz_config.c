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

static bool has_text(const struct config *config, struct config_text text)
{
    expect(text.offset < config->texts_length);
    expect(text.offset == 0 || config->texts[text.offset - 1] == '\0');
    return config_text(config, text)[0] != '\0';
}

static void check_tls(const struct config *config, const struct config_tls *tls)
{
    bool certified = has_text(config, tls->certificate.certfile);
    expect(certified == has_text(config, tls->certificate.keyfile));
    expect(certified || has_text(config, tls->psk_file));
    expect(tls->certificate_count <= (certified ? CONFIG_CERTIFICATES_MAX : 0));
    for (uint32_t i = 0; i < tls->certificate_count; i++)
        expect(has_text(config, tls->certificates[i].certfile) &&
               has_text(config, tls->certificates[i].keyfile));
    bool asked = tls->client_certificate != CONFIG_CLIENT_CERTIFICATE_NONE;
    bool authorities =
        has_text(config, tls->cafile) | has_text(config, tls->capath) | has_text(config, tls->cadata);
    expect(asked == authorities);
    expect(asked || (tls->user_name_from == CONFIG_USER_NAME_CONNECT && !has_text(config, tls->crlfile)));
    (void)has_text(config, tls->ciphers); // may be there or not, but must be in its place
    (void)has_text(config, tls->ciphersuites);
    (void)has_text(config, tls->groups);
    expect(tls->handshakes_max > 0);
}

static void check_transport(const struct config *config, const struct config_listener *listener)
{
    static const struct config_tls no_tls;
    expect(strnlen(listener->unix_path, CONFIG_UNIX_BYTES) < CONFIG_UNIX_BYTES);
    if (listener->unix_path[0] != '\0')
        expect(listener->unix_path[0] == '/' && listener->port == 0 && listener->host[0] == '\0');
    else
        expect(listener->unix_owner.offset + listener->unix_group.offset + listener->unix_mode == 0);
    expect(listener->unix_mode <= 0777);
    expect(listener->path_count <= (listener->type == CONFIG_WS ? CONFIG_PATHS_MAX : 0));
    expect(listener->origin_count <= (listener->type == CONFIG_WS ? CONFIG_ORIGINS_MAX : 0));
    for (uint32_t i = 0; i < listener->path_count; i++)
        expect(has_text(config, listener->paths[i]) && config_text(config, listener->paths[i])[0] == '/');
    for (uint32_t i = 0; i < listener->origin_count; i++)
        expect(has_text(config, listener->origins[i]));
    if (listener->tls.enabled)
        check_tls(config, &listener->tls);
    else
        expect(memcmp(&listener->tls, &no_tls, sizeof(no_tls)) == 0);
}

static void check_taken(const struct config *config)
{
    expect(config->listener_count >= 1 && config->listener_count <= CONFIG_LISTENERS_MAX);
    for (uint32_t i = 0; i < config->listener_count; i++) {
        const struct config_listener *listener = &config->listeners[i];
        expect(strnlen(listener->name, CONFIG_NAME_BYTES) < CONFIG_NAME_BYTES);
        expect(strnlen(listener->host, CONFIG_HOST_BYTES) < CONFIG_HOST_BYTES);
        expect(listener->connections_max > 0);
        check_transport(config, listener);
    }
    expect(config->texts_length >= 1 && config->texts_length <= CONFIG_TEXTS_BYTES);
    expect(config->texts[config->texts_length - 1] == '\0');
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
