// SPDX-License-Identifier: MIT
// Any bytes as a configuration file: they are taken, and what comes of them can be served, or they are
// refused with one line.
#include "server/config/config.h"
#include "test/fuzz.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);

// A text that is there is not empty, and has no more than `bytes_max` bytes with its end.
static bool has_text(const char *text, size_t bytes_max)
{
    if (text == NULL)
        return false;
    size_t length = strnlen(text, bytes_max);
    expect(length > 0 && length < bytes_max);
    return true;
}

static bool has_file(const struct config_file *file)
{
    expect(file->path == NULL || file->line > 0);
    return has_text(file->path, CONFIG_PATH_BYTES);
}

static void check_tls(const struct config_tls *tls)
{
    bool certified = has_file(&tls->certificate.certfile);
    expect(certified == has_file(&tls->certificate.keyfile));
    expect(certified || has_file(&tls->psk_file));
    expect(tls->certificate_count <= (certified ? CONFIG_CERTIFICATES_MAX : 0));
    for (uint32_t i = 0; i < tls->certificate_count; i++)
        expect(has_file(&tls->certificates[i].certfile) && has_file(&tls->certificates[i].keyfile));
    bool asked = tls->client_certificate != CONFIG_CLIENT_CERTIFICATE_NONE;
    bool authorities = has_file(&tls->cafile);
    authorities |= has_file(&tls->capath);
    authorities |= has_text(tls->cadata, CONFIG_PEM_BYTES);
    expect(asked == authorities);
    expect(asked || (tls->user_name_from == CONFIG_USER_NAME_CONNECT && !has_file(&tls->crlfile)));
    (void)has_text(tls->ciphers, CONFIG_CIPHERS_BYTES); // may be there or not
    (void)has_text(tls->ciphersuites, CONFIG_CIPHERS_BYTES);
    (void)has_text(tls->groups, CONFIG_CIPHERS_BYTES);
    expect(tls->handshakes_max > 0);
}

static void check_transport(const struct config_listener *listener)
{
    static const struct config_tls no_tls;
    if (has_text(listener->unix_path, CONFIG_UNIX_BYTES))
        expect(listener->unix_path[0] == '/' && listener->port == 0 && listener->host[0] == '\0');
    else
        expect(listener->unix_owner == NULL && listener->unix_group == NULL && listener->unix_mode == 0);
    expect(listener->unix_mode <= 0777);
    expect(listener->path_count <= (listener->type == CONFIG_WS ? CONFIG_PATHS_MAX : 0));
    expect(listener->origin_count <= (listener->type == CONFIG_WS ? CONFIG_ORIGINS_MAX : 0));
    for (uint32_t i = 0; i < listener->path_count; i++)
        expect(has_text(listener->paths[i], CONFIG_PATH_BYTES) && listener->paths[i][0] == '/');
    for (uint32_t i = 0; i < listener->origin_count; i++)
        expect(has_text(listener->origins[i], CONFIG_ORIGIN_BYTES));
    if (listener->tls.enabled)
        check_tls(&listener->tls);
    else
        expect(memcmp(&listener->tls, &no_tls, sizeof(no_tls)) == 0);
}

static void check_limits(const struct limits *limits)
{
#define LIMIT(name, standard, lowest, highest, unit, scope, applied, text)                                   \
    expect(limits->name + 1 > (lowest) && limits->name <= (highest));
#include "server/config/limits.def"
#undef LIMIT
}

static void check_topics(const struct config_topic_check *topics)
{
    expect(topics->enabled || (!topics->acl && !topics->taboo));
    for (uint32_t i = 0; i < topics->rule_count; i++) {
        const struct config_rule *rule = &topics->rules[i];
        bool grouped = rule->kind != CONFIG_SUBJECT_GROUP;
        for (uint32_t j = 0; j < topics->group_count && !grouped; j++)
            grouped = strcmp(topics->groups[j].name, rule->subject) == 0;
        expect(grouped && rule->actions != 0 && (rule->actions & ~topics->listed) == 0 && rule->line > 0);
        expect(has_text(rule->filter, 65536));
    }
    for (uint32_t i = 0; i < topics->group_count; i++)
        for (uint32_t j = 0; j < topics->groups[i].user_count; j++)
            expect(topics->groups[i].users[j] != NULL);
    (void)has_file(&topics->acl_file); // may be there or not
}

// Returns the number of nodes: the walk goes over all of them.
static size_t check_settings(const struct settings *settings, bool in_map, uint32_t depth)
{
    size_t count = 0;
    expect(depth < SETTINGS_DEPTH_MAX);
    for (; settings != NULL; settings = settings->next) {
        expect((settings->key != NULL) == in_map && settings->line > 0);
        expect((settings->text != NULL) == (settings->kind == SETTINGS_SCALAR));
        expect(settings->kind != SETTINGS_SCALAR || settings->first == NULL);
        if (settings->first != NULL)
            count += check_settings(settings->first, settings->kind == SETTINGS_MAP, depth + 1);
        count++;
    }
    return count;
}

static void check_plugins(const struct config *config)
{
    expect(config->plugin_count <= CONFIG_PLUGINS_MAX);
    for (uint32_t i = 0; i < config->plugin_count; i++) {
        const struct config_plugin *plugin = &config->plugins[i];
        expect(has_text(plugin->name, CONFIG_PATH_BYTES) && plugin->line > 0);
        expect(plugin->path == NULL || plugin->kind == CONFIG_PLUGIN_SHARED_OBJECT);
        expect(check_settings(plugin->settings, false, 0) * sizeof(struct settings) <=
               CONFIG_BYTES_MAX * 2ull);
    }
}

static void check_taken(const struct config *config)
{
    expect(config->listener_count >= 1 && config->listener_count <= CONFIG_LISTENERS_MAX);
    for (uint32_t i = 0; i < config->listener_count; i++) {
        const struct config_listener *listener = &config->listeners[i];
        expect(strnlen(listener->name, CONFIG_NAME_BYTES) < CONFIG_NAME_BYTES);
        expect(strnlen(listener->host, CONFIG_HOST_BYTES) < CONFIG_HOST_BYTES);
        expect(listener->connections_max > 0);
        check_limits(&listener->limits);
        check_transport(listener);
    }
    expect(config->sys_interval_s <= 86400 && config->shard_count <= CONFIG_SHARDS_MAX &&
           config->qos_max <= 2);
    expect(config->log.level <= LOG_DEBUG && config->log.to <= CONFIG_LOG_FILE);
    bool has_log_file = has_file(&config->log.file);
    expect(has_log_file || config->log.to != CONFIG_LOG_FILE);
    check_limits(&config->limits);
    check_topics(&config->topic_check);
    check_plugins(config);
    expect(config->warning_count <= CONFIG_WARNINGS_MAX);
    for (uint32_t i = 0; i < config->warning_count; i++)
        expect(has_text(config->warnings[i], 512) && strchr(config->warnings[i], '\n') == NULL);
}

// Against itself nothing has changed; against the defaults the comparison does no harm.
static void check_compared(const struct config *config)
{
    char error[CONFIG_ERROR_BYTES];
    struct config_comparison comparison;
    const struct config *standard;
    config_compare(config, config, &comparison);
    expect(comparison.restart_key_count == 0);
    for (uint32_t i = 0; i < config->listener_count; i++)
        expect(comparison.listeners[i].before <= i && !comparison.removed[i]);
    expect(config_load(NULL, &standard, error, sizeof(error)) == 0);
    config_compare(config, standard, &comparison);
    config_compare(standard, config, &comparison);
    config_unref(standard);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    expect(setenv("A", "value", 1) == 0 && setenv("N", "7", 1) == 0 && unsetenv("U") == 0);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct config *config = NULL;
    char error[CONFIG_ERROR_BYTES] = "";
    char *copy = malloc(size); // of the exact size, for the sanitizer to see a read past the end
    expect(copy != NULL || size == 0);
    if (size > 0)
        memcpy(copy, data, size);
    int status = config_parse(copy, size, "f", &config, error, sizeof(error));
    free(copy);
    if (status == 0) {
        check_taken(config);
        check_compared(config);
        config_unref(config);
    } else {
        expect(error[0] != '\0' && strchr(error, '\n') == NULL);
    }
    return 0;
}
