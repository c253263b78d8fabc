// SPDX-License-Identifier: MIT
#include "server/logs.h"

#include "server/check.h"

struct log_prepared *logs_prepare(const struct config *config, bool debug)
{
    const struct config_log *log = &config->log;
    static const enum log_destination destinations[] = {
        [CONFIG_LOG_STDERR] = LOG_TO_STDERR,
        [CONFIG_LOG_SYSLOG] = LOG_TO_SYSLOG,
        [CONFIG_LOG_JOURNAL] = LOG_TO_JOURNAL,
        [CONFIG_LOG_FILE] = LOG_TO_FILE,
    };
    const struct log_settings settings = {
        .level = debug ? LOG_DEBUG : log->level,
        .format = log->format == CONFIG_LOG_JSON ? LOG_JSON : LOG_TEXT,
        .to = destinations[log->to],
        .path = log->to == CONFIG_LOG_FILE ? log->file.path : NULL,
        .peer_burst = log->peer_burst,
        .peer_per_second = log->peer_per_second,
    };
    char error[CONFIG_ERROR_BYTES];
    char place[CONFIG_ERROR_BYTES];
    struct log_prepared *prepared;
    if (log_prepare(&settings, &prepared, error, sizeof error) == 0)
        return prepared;
    config_place(config, log->line, place, sizeof place);
    log_error("%s%s", place, error);
    return NULL;
}

void logs_warn(const struct config *config)
{
    for (uint32_t i = 0; i < config->warning_count; i++)
        log_warning("%s", config->warnings[i]);
    if (!check_anybody(config))
        log_warning(
            "auth.allow-anonymous is false and there is no other way to authenticate: nobody can connect");
}
