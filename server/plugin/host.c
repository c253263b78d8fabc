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
    host->directory = memory_require(strlen(options->directory) + 1);
    memcpy(host->directory, options->directory, strlen(options->directory) + 1);
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

// Returns false and has told what is wrong.
static bool terms_read(const struct plugin *plugin, const struct host_entry *entry,
                       struct roster_terms *terms)
{
    static const char *const words[] = {"no-opinion", "allow", "deny"};
    const struct hbmqtt_plugin_broker *broker = &plugin->broker;
    int64_t timeout_ms = 0;
    if (broker->setting_integer_of(broker, entry->settings, HOST_SETTING_TIMEOUT, 1, 3600000, &timeout_ms) <
        0)
        return false;
    if (timeout_ms > 0)
        terms->answer_timeout_ns = (uint64_t)timeout_ms * NS_PER_MS;
    const char *word = "deny";
    if (broker->setting_text_of(broker, entry->settings, HOST_SETTING_DEFAULT, &word) < 0)
        return false;
    for (int verdict = HBMQTT_NO_OPINION; verdict <= HBMQTT_DENY; verdict++)
        if (strcmp(words[verdict], word) == 0) {
            terms->verdict_default = verdict;
            return true;
        }
    log_error("plugin %s: setting '" HOST_SETTING_DEFAULT
              "': expected deny, allow or no-opinion, seen '%.64s'",
              plugin->name, word);
    return false;
}

// A roster of plugins that are loaded, on the terms of their entries; NULL and has told why not.
static struct roster *host_draw_up(const struct host *host, struct plugin *const *plugins,
                                   const struct host_entry *entries, uint32_t count)
{
    struct roster *roster = memory_require(sizeof *roster);
    for (uint32_t i = 0; i < count; i++) {
        struct roster_terms terms = {
            .answer_timeout_ns = host->answer_timeout_ns,
            .leaves_authenticate = entries[i].leaves_authenticate,
            .leaves_topics = entries[i].leaves_topics,
        };
        if (!terms_read(plugins[i], &entries[i], &terms)) {
            free(roster);
            return NULL;
        }
        roster_add(roster, plugins[i], terms);
    }
    return roster;
}

// Loads what is new, and draws up the roster with what stays; NULL, and everything is as it was, if something
// could not be.
static struct roster *host_prepare(struct host *host, const struct host_entry *entries, uint32_t count)
{
    if (count > PLUGINS_MAX) {
        log_error("%u plugins are more than the %u that there may be", count, PLUGINS_MAX);
        return NULL;
    }
    struct plugin *plugins[PLUGINS_MAX];
    uint32_t gathered = host_gather(host, entries, count, plugins);
    struct roster *roster = gathered < count ? NULL : host_draw_up(host, plugins, entries, count);
    if (roster != NULL)
        return roster;
    for (uint32_t i = 0; i < gathered; i++)
        if (!plugins[i]->kept)
            host_let_go(host, plugins[i]);
    host_see_off(host, clock_monotonic_ns() + LEAVE_MS * NS_PER_MS);
    host_clear_kept(host);
    return NULL;
}

bool host_load(struct host *host, struct host_entry *entries, uint32_t count)
{
    struct roster *roster = host_prepare(host, entries, count);
    entries_drop_settings(entries, count);
    if (roster == NULL)
        return false;
    free(host->roster);
    host->roster = roster;
    return true;
}

bool host_reload(struct host *host, struct host_entry *entries, uint32_t count)
{
    struct roster *before = host->roster;
    struct roster *roster = host_prepare(host, entries, count);
    if (roster == NULL) {
        entries_drop_settings(entries, count);
        return false;
    }
    host->door.adopt(host->door.broker, roster);
    host->roster = roster;
    for (uint32_t i = 0; i < count; i++)
        if (roster->plugins[i]->kept) {
            plugin_reload(roster->plugins[i], entries[i].settings);
            entries[i].settings = NULL; // taken
        }
    for (uint32_t i = 0; i < before->count; i++)
        if (!before->plugins[i]->kept)
            host_let_go(host, before->plugins[i]);
    host_clear_kept(host);
    free(before);
    entries_drop_settings(entries, count);
    host_forget_verdicts(host);
    host_see_off(host, clock_monotonic_ns() + LEAVE_MS * NS_PER_MS);
    return true;
}

void host_set_limits(struct host *host, struct worker_ceiling ceiling, uint64_t answer_timeout_ns)
{
    host->ceiling = ceiling;
    host->answer_timeout_ns = answer_timeout_ns;
    for (uint32_t i = 0; i < host->roster->count; i++)
        if (host->roster->plugins[i]->worker != NULL)
            worker_set_ceiling(host->roster->plugins[i]->worker, ceiling);
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
    free(host->directory);
    for (uint32_t i = 0; i < host->shard_count; i++)
        questions_finish(&host->questions[i]);
    free(host->questions);
    (void)pthread_cond_destroy(&host->left); // nobody is inside
    (void)pthread_mutex_destroy(&host->lock);
    free(host);
}
