// SPDX-License-Identifier: MIT
#include "server/check.h"

#include "server/listeners.h"

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

bool check_config(const struct config *config)
{
    return check_files(config) && listeners_check(config);
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
<<<<<<< HEAD
        return refuse(config, topics->line, "topic-check that is enabled");
    if (log->to != CONFIG_LOG_STDERR || log->format != CONFIG_LOG_TEXT)
        return refuse(config, log->line, "log other than text on stderr");
=======
        return refuse(config, topics->line, "topic-check; remove it or write enabled: false: it");
    for (uint32_t i = 0; i < config->plugin_count; i++)
        if (config->plugins[i].kind == CONFIG_PLUGIN_SHARED_OBJECT)
            return refuse(config, config->plugins[i].line, "a plugin of one's own");
>>>>>>> 5e58fa2 (server: the log is set up as the file says)
    if (config->user != NULL || config->group != NULL)
        return refuse(config, config->user_line, "user or group");
    for (uint32_t i = 0; i < config->plugin_count; i++)
        if (!plugin_is_served(config, &config->plugins[i]))
            return false;
    if (config->session_expiry_s != CONFIG_NEVER)
        log_warning("session_expiry_interval " NOT_SUPPORTED " and has no effect");
    return true;
}
