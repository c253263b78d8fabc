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

bool check_served(const struct config *config)
{
    const struct config_topic_check *topics = &config->topic_check;
    if (config->auth.password_file.path != NULL)
        return refuse(config, config->auth.password_file.line, "auth.password-file");
    if (topics->acl)
        return refuse(config, topics->line, "topic-check that is enabled");
    if (config->session_expiry_s != CONFIG_NEVER)
        log_warning("session_expiry_interval " NOT_SUPPORTED " and has no effect");
    return true;
}
