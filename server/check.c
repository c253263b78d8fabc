// SPDX-License-Identifier: MIT
#include "server/check.h"

#include "server/listeners.h"
#include "server/service/service.h"

#define PLACE_BYTES 300u // of "FILE:LINE: "; a longer name of a file is cut

#define NOT_SUPPORTED "is not supported by this version"

bool check_files(const struct config *config)
{
    char error[CONFIG_ERROR_BYTES];
    if (config_check(config, error, sizeof error) == 0)
        return true;
    log_error("%s", error);
    return false;
}

bool check_user(const struct config *config)
{
    struct privileges_options options = {config->user, config->group};
    char place[PLACE_BYTES];
    char error[SERVICE_ERROR_BYTES];
    if (privileges_check(&options, error) == 0)
        return true;
    config_place(config, config->user != NULL ? config->user_line : config->group_line, place, sizeof place);
    log_error("%s%s", place, error);
    return false;
}

bool check_config(const struct config *config)
{
    return check_files(config) && check_user(config) && listeners_check(config);
}

static bool refuse(const struct config *config, uint32_t line, const char *what)
{
    char place[PLACE_BYTES];
    config_place(config, line, place, sizeof place);
    log_error("%s%s " NOT_SUPPORTED, place, what);
    return false;
}

static bool plugin_is_served(const struct config *config, const struct config_plugin *plugin)
{
    char place[PLACE_BYTES];
    if (plugin->kind == CONFIG_PLUGIN_SHARED_OBJECT)
        return refuse(config, plugin->line, plugin->name);
    config_place(config, plugin->line, place, sizeof place);
    if (plugin->kind == CONFIG_PLUGIN_EVENT_LOGGER || plugin->kind == CONFIG_PLUGIN_PACKET_LOGGER)
        log_warning("%splugin '%s' " NOT_SUPPORTED " and has no effect", place, plugin->name);
    return true;
}

bool check_served(const struct config *config)
{
    const struct config_topic_check *topics = &config->topic_check;
    if (config->auth.password_file.path != NULL)
        return refuse(config, config->auth.password_file.line, "auth.password-file");
    if (topics->acl || topics->taboo)
        return refuse(config, topics->line, "topic-check that is enabled");
    for (uint32_t i = 0; i < config->plugin_count; i++)
        if (!plugin_is_served(config, &config->plugins[i]))
            return false;
    if (config->session_expiry_s != CONFIG_NEVER)
        log_warning("session_expiry_interval " NOT_SUPPORTED " and has no effect");
    return true;
}
