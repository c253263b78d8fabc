// SPDX-License-Identifier: MIT
#include "server/check.h"

#include "server/access/access.h"
#include "server/listeners.h"
#include "server/service/service.h"

#define PLACE_BYTES 300u // of "FILE:LINE: "; a longer name of a file is cut

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

static bool check_fail(const char *line)
{
    log_error("%s", line);
    return false;
}

bool check_access(const struct config *config, bool aloud)
{
    char line[ACL_FILE_ERROR_BYTES];
    _Static_assert(ACL_FILE_ERROR_BYTES >= PASSWORD_FILE_LINE_BYTES, "one room for both");
    struct password_file *file = NULL;
    if (config->auth.password_file.path != NULL) {
        int failed = password_file_load(config->auth.password_file.path, &file, line);
        password_file_unref(file);
        if (failed)
            return check_fail(line);
        if (aloud && line[0] != '\0')
            log_warning("%s", line);
    }
    const char *acl_file = config->topic_check.acl_file.path;
    if (!config->topic_check.enabled || acl_file == NULL)
        return true;
    struct acl_builder *builder = acl_builder_create(random_entropy());
    bool good = acl_file_load(builder, acl_file, line, sizeof line) == 0 || check_fail(line);
    acl_builder_destroy(builder);
    return good;
}

bool check_config(const struct config *config)
{
    return check_files(config) && check_user(config) && check_access(config, true) && listeners_check(config);
}

bool check_anybody(const struct config *config)
{
    bool somebody = config->auth.allow_anonymous || config->auth.password_file.path != NULL;
    for (uint32_t i = 0; i < config->plugin_count && !somebody; i++)
        somebody = config->plugins[i].kind == CONFIG_PLUGIN_SHARED_OBJECT; // it may know how
    for (uint32_t i = 0; i < config->listener_count && !somebody; i++)
        somebody = config->listeners[i].proxy_common_name ||
                   config->listeners[i].tls.user_name_from != CONFIG_USER_NAME_CONNECT;
    return somebody;
}
