// SPDX-License-Identifier: MIT
#include "server/reload.h"

#include <stdio.h>

#include "server/check.h"
#include "server/listeners.h"
#include "server/logs.h"
#include "server/mail.h"
#include "server/plugins.h"

// Returns NULL after one line.
static const struct config *load(const char *path)
{
    char error[CONFIG_ERROR_BYTES];
    const struct config *config;
    if (config_load(path, &config, error, sizeof error) < 0) {
        log_error("%s", error);
        return NULL;
    }
    if (check_files(config) && check_access(config, false))
        return config;
    config_unref(config);
    return NULL;
}

// Makes everything ready. Returns the regime to go over to, and what remains to be done for the log; NULL,
// having told why, with everything as it was.
static struct regime *prepare(struct broker *broker, struct activation *activation,
                              const struct config_comparison *comparison, const struct config *config,
                              bool debug)
{
    struct regime *regime = regime_create(config);
    struct log_prepared *log = NULL;
    bool open = listeners_prepare(broker, activation, comparison, regime);
    if (open && (log = logs_prepare(config, debug)) != NULL && plugins_reload(broker, config)) {
        log_adopt(log);
        return regime;
    }
    log_discard(log);
    if (open)
        listeners_give_up(broker, regime);
    regime_destroy(regime);
    return NULL;
}

// Has every shard go over to the regime. Returns the one before, which none uses any more.
static struct regime *change(struct broker *broker, struct regime *regime)
{
    struct regime *before = broker->regime;
    for (uint32_t i = 0; i < broker->shard_count; i++)
        mail_regime_from_main(&broker->shards[i], regime);
    broker_await(broker, broker->shard_count);
    broker->regime = regime;
    broker->config = regime->config;
    atomic_store(&broker->mailbox_bytes_max, regime->config->limits.mailbox_bytes_max);
    return before;
}

static uint32_t count_listeners(const struct config_comparison *comparison, const struct regime *regime,
                                bool added)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < regime->config->listener_count; i++)
        count += added ? comparison->listeners[i].before == COMPARE_NONE : comparison->listeners[i].changed;
    return count;
}

static uint32_t count_removed(const struct config_comparison *comparison, const struct regime *before)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < before->config->listener_count; i++)
        count += comparison->removed[i];
    return count;
}

static void tell(struct broker *broker, const struct config_comparison *comparison,
                 const struct regime *before)
{
    char where[LISTENERS_TEXT_BYTES];
    uint32_t added = count_listeners(comparison, broker->regime, true);
    uint32_t changed = count_listeners(comparison, broker->regime, false);
    uint32_t removed = count_removed(comparison, before);
    struct config_comparison with_start;
    config_compare(broker->at_start, broker->config, &with_start);
    for (uint32_t i = 0; i < with_start.restart_key_count; i++)
        log_warning("%s: what the configuration says now holds when the broker is started again",
                    with_start.restart_keys[i]);
    if (added + changed > 0 || (broker->regime->access.allow_anonymous && !before->access.allow_anonymous))
        listeners_warn_of_anybody(broker);
    for (uint32_t i = 0; i < broker->config->listener_count; i++)
        if (broker->config->listeners[i].tls.enabled)
            log_info("listener '%s': certificates were read again", broker->config->listeners[i].name);
    listeners_describe(broker, where, sizeof where);
    log_info("configuration read again: listeners: %u added, %u removed, %u changed; now %s", added, removed,
             changed, where);
}

void reload(struct broker *broker, struct activation *activation, const struct reload_options *options)
{
    if (options->config_path == NULL) {
        log_info("there is no configuration file to read again: nothing has changed");
        return;
    }
    const struct config *config = load(options->config_path);
    struct regime *regime = NULL;
    struct config_comparison comparison;
    if (config != NULL) {
        config_compare(broker->config, config, &comparison);
        regime = prepare(broker, activation, &comparison, config, options->debug);
    }
    config_unref(config); // the regime has its own
    if (regime == NULL) {
        log_error("nothing has changed: the broker goes on with the configuration that it has");
        return;
    }
    struct regime *before = change(broker, regime);
    listeners_settle(broker, &comparison, before);
    logs_warn(broker->config);
    tell(broker, &comparison, before);
    regime_destroy(before);
}
