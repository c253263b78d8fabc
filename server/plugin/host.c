// SPDX-License-Identifier: MIT
#include "server/plugin/host.h"

#include <stdlib.h>
#include <string.h>

#include "server/plugin/settings.h"

#define LEAVE_MS 1000u // for which a reload waits for plugins that end

static _Thread_local bool on_shard;

void host_mark_shard(void)
{
    on_shard = true;
}

bool host_on_shard(void)
{
    return on_shard;
}

struct host *host_create(const struct host_options *options)
{
    struct host *host = memory_require(sizeof *host);
    host->door = options->door;
    host->shard_count = options->shard_count;
    host->directory = options->directory;
    host->ceiling = options->ceiling;
    host->answer_timeout_ns = options->answer_timeout_ns;
    host->topic_levels_max = options->topic_levels_max;
    host->questions = memory_require(options->shard_count * sizeof *host->questions);
    for (uint32_t i = 0; i < options->shard_count; i++)
        questions_init(&host->questions[i], i);
    host->roster = memory_require(sizeof *host->roster);
    (void)pthread_mutex_init(&host->lock, NULL); // these cannot fail without attributes
    (void)pthread_cond_init(&host->left, NULL);
    return host;
}

// The gate between the plugins' threads and the broker.

bool host_enter(struct host *host)
{
    (void)pthread_mutex_lock(&host->lock);
    bool open = host->open;
    host->inside += open;
    (void)pthread_mutex_unlock(&host->lock);
    return open;
}

void host_leave(struct host *host)
{
    (void)pthread_mutex_lock(&host->lock);
    if (--host->inside == 0)
        (void)pthread_cond_broadcast(&host->left);
    (void)pthread_mutex_unlock(&host->lock);
}

bool host_running(struct host *host)
{
    bool running = host_enter(host);
    if (running)
        host_leave(host);
    return running;
}

void host_open(struct host *host)
{
    (void)pthread_mutex_lock(&host->lock);
    host->open = true;
    (void)pthread_mutex_unlock(&host->lock);
}

void host_close(struct host *host)
{
    (void)pthread_mutex_lock(&host->lock);
    host->open = false;
    while (host->inside > 0)
        (void)pthread_cond_wait(&host->left, &host->lock); // cannot fail
    (void)pthread_mutex_unlock(&host->lock);
}

// Loading.

static void entries_drop_settings(struct host_entry *entries, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        setting_destroy(entries[i].settings);
        entries[i].settings = NULL;
    }
}

static void host_let_go(struct host *host, struct plugin *plugin)
{
    plugin_stop(plugin);
    host->leaving = memory_require_again(host->leaving, (host->leaving_count + 1) * sizeof *host->leaving);
    host->leaving[host->leaving_count++] = plugin;
}

// Unloads those that have come to their end.
static void host_see_off(struct host *host, uint64_t deadline_ns)
{
    uint32_t left = 0;
    for (uint32_t i = 0; i < host->leaving_count; i++)
        if (!plugin_destroy(host->leaving[i], deadline_ns))
            host->leaving[left++] = host->leaving[i];
    host->leaving_count = left;
}

// The plugin in the roster that goes on as the plugin of this entry; NULL if a new one has to begin.
static struct plugin *host_find_kept(const struct host *host, const struct host_entry *entry)
{
    for (uint32_t i = 0; i < host->roster->count; i++) {
        struct plugin *plugin = host->roster->plugins[i];
        if (!plugin->kept && strcmp(plugin->name, entry->name) == 0 && plugin->code.descriptor.reload != NULL)
            return plugin;
    }
    return NULL;
}

// Fills in the plugins of the next roster. Returns how many are there: fewer than wanted when one could not
// be loaded.
static uint32_t host_gather(struct host *host, const struct host_entry *entries, uint32_t count,
                            struct plugin **ret_plugins)
{
    for (uint32_t i = 0; i < count; i++) {
        struct plugin *plugin = host_find_kept(host, &entries[i]);
        if (plugin != NULL)
            plugin->kept = true;
        else if ((plugin = plugin_create(host, entries[i].name, entries[i].settings)) == NULL)
            return i;
        ret_plugins[i] = plugin;
    }
    return count;
}

static void host_clear_kept(struct host *host)
{
    for (uint32_t i = 0; i < host->roster->count; i++)
        host->roster->plugins[i]->kept = false;
}

// As host_gather, but all or nothing.
static bool host_gather_all(struct host *host, const struct host_entry *entries, uint32_t count,
                            struct plugin **ret_plugins)
{
    if (count > PLUGINS_MAX) {
        log_error("%u plugins are more than the %u that there may be", count, PLUGINS_MAX);
        return false;
    }
    uint32_t gathered = host_gather(host, entries, count, ret_plugins);
    if (gathered == count)
        return true;
    for (uint32_t i = 0; i < gathered; i++)
        if (!ret_plugins[i]->kept)
            host_let_go(host, ret_plugins[i]);
    host_see_off(host, clock_monotonic_ns() + LEAVE_MS * NS_PER_MS);
    host_clear_kept(host);
    return false;
}

static void host_set_terms(const struct host *host, struct roster *roster, const struct host_entry *entries)
{
    for (uint32_t i = 0; i < roster->count; i++)
        roster->terms[i] = (struct roster_terms){
            .answer_timeout_ns =
                entries[i].answer_timeout_ns == 0 ? host->answer_timeout_ns : entries[i].answer_timeout_ns,
            .verdict_default = entries[i].verdict_default,
        };
}

bool host_load(struct host *host, struct host_entry *entries, uint32_t count)
{
    struct plugin *plugins[PLUGINS_MAX];
    bool loaded = host_gather_all(host, entries, count, plugins);
    if (loaded) {
        roster_init(host->roster, plugins, count);
        host_set_terms(host, host->roster, entries);
    }
    entries_drop_settings(entries, count);
    return loaded;
}

bool host_reload(struct host *host, struct host_entry *entries, uint32_t count)
{
    struct plugin *plugins[PLUGINS_MAX];
    if (!host_gather_all(host, entries, count, plugins)) {
        entries_drop_settings(entries, count);
        return false;
    }
    struct roster *before = host->roster;
    host->roster = memory_require(sizeof *host->roster);
    roster_init(host->roster, plugins, count);
    host_set_terms(host, host->roster, entries);
    host->door.adopt(host->door.broker, host->roster);
    for (uint32_t i = 0; i < count; i++)
        if (plugins[i]->kept) {
            plugin_reload(plugins[i], entries[i].settings);
            entries[i].settings = NULL; // taken
        }
    for (uint32_t i = 0; i < before->count; i++)
        if (!before->plugins[i]->kept)
            host_let_go(host, before->plugins[i]);
    free(before);
    host_clear_kept(host);
    entries_drop_settings(entries, count);
    host_forget_verdicts(host);
    host_see_off(host, clock_monotonic_ns() + LEAVE_MS * NS_PER_MS);
    return true;
}

void host_tell(const struct host *host, enum hbmqtt_plugin_event_kind kind)
{
    struct hbmqtt_plugin_event event = {.kind = kind, .time_ns = clock_monotonic_ns()};
    if (roster_wants(host->roster, kind))
        roster_tell_event(host->roster, &event);
}

void host_destroy(struct host *host, uint64_t deadline_ns)
{
    if (host == NULL)
        return;
    for (uint32_t i = 0; i < host->roster->count; i++)
        host_let_go(host, host->roster->plugins[i]);
    host_see_off(host, deadline_ns);
    for (uint32_t i = 0; i < host->leaving_count; i++)
        plugin_leave_behind(host->leaving[i]);
    free(host->roster);
    if (host->leaving_count > 0)
        return; // their threads may still use the rest
    free(host->leaving);
    for (uint32_t i = 0; i < host->shard_count; i++)
        questions_finish(&host->questions[i]);
    free(host->questions);
    (void)pthread_cond_destroy(&host->left); // nobody is inside
    (void)pthread_mutex_destroy(&host->lock);
    free(host);
}
