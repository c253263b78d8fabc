// SPDX-License-Identifier: MIT
#include "server/plugins.h"

#include <stdlib.h>

#include "server/builtins.h"
#include "server/look.h"
#include "server/mail.h"

#define QUEUE_BYTES_MAX (64u << 20) // of the events that wait for one plugin, beside their number

// The door. These come from any thread, between host_enter and host_leave, so the shards are there.

static void door_answered(void *context, uint32_t shard, struct answer *answer)
{
    struct broker *broker = context;
    mail_answer_from_outside(&broker->shards[shard], answer);
}

// Messages for one topic go over one shard, so that their order is kept.
static int door_publish(void *context, const struct hbmqtt_plugin_message *message, bool retain_only)
{
    struct broker *broker = context;
    uint64_t bytes = message->topic.length + message->payload.length;
    uint64_t before = atomic_fetch_add_explicit(&broker->plugin_bytes, bytes, memory_order_relaxed);
    if (before > 0 && before + bytes > atomic_load(&broker->mailbox_bytes_max)) {
        atomic_fetch_sub_explicit(&broker->plugin_bytes, bytes, memory_order_relaxed);
        return HBMQTT_PLUGIN_ERROR_BUSY;
    }
    struct publication publication;
    publication_init(&publication);
    publication.topic = bytes_from_plugin(message->topic);
    publication.payload = bytes_from_plugin(message->payload);
    publication.qos = (uint8_t)message->qos;
    publication.retain = message->retain != 0;
    publication.retain_only = retain_only;
    mail_publish_from_outside(&broker->shards[broker_place(broker, publication.topic)], &publication);
    return 0;
}

static int door_look(void *context, const struct look *look)
{
    return look_carry_out(context, look);
}

static void door_adopt(void *context, struct roster *roster)
{
    struct broker *broker = context;
    for (uint32_t i = 0; i < broker->shard_count; i++)
        mail_roster_from_main(&broker->shards[i], roster);
    broker_await(broker, broker->shard_count);
}

struct roster *plugins_roster(const struct broker *broker)
{
    struct roster *roster = host_roster(broker->host);
    return roster->count == 0 ? NULL : roster;
}

void plugins_tick(struct shard *shard)
{
    if (shard->number != 0 || shard->roster == NULL || shard->phase != SHARD_SERVING)
        return;
    uint64_t next_ns = roster_tick(shard->roster, shard->turn.now_ns);
    if (next_ns != TIMER_NEVER)
        timer_arm(&shard->timers, &shard->tick, next_ns);
}

// From the configuration.

static struct hbmqtt_plugin_setting *setting_of(const struct settings *settings)
{
    if (settings->kind == SETTINGS_SCALAR)
        return setting_create_text(settings->text);
    struct hbmqtt_plugin_setting *setting =
        settings->kind == SETTINGS_MAP ? setting_create_map() : setting_create_list();
    for (const struct settings *entry = settings->first; entry != NULL; entry = entry->next)
        setting_add(setting, entry->key, setting_of(entry)); // no deeper than SETTINGS_DEPTH_MAX
    return setting;
}

// Those that are parts of the broker under another name have their effect without being plugins.
static bool is_plugin(enum config_plugin_kind kind)
{
    return kind == CONFIG_PLUGIN_SHARED_OBJECT || kind == CONFIG_PLUGIN_EVENT_LOGGER ||
           kind == CONFIG_PLUGIN_PACKET_LOGGER;
}

// The plugins in the order of the file, then those built in. Returns how many; *ret_entries is the caller's
// to free.
static uint32_t entries_of(const struct config *config, struct host_entry **ret_entries)
{
    struct host_entry *entries = memory_require((config->plugin_count + BUILTINS_MAX) * sizeof *entries);
    uint32_t count = 0;
    bool somebody_authenticates = false;
    for (uint32_t i = 0; i < config->plugin_count; i++) {
        const struct config_plugin *plugin = &config->plugins[i];
        if (!is_plugin(plugin->kind))
            continue;
        struct host_entry *entry = &entries[count++];
        entry->name = plugin->path != NULL ? plugin->path : plugin->name;
        entry->settings = plugin->settings == NULL ? NULL : setting_of(plugin->settings);
        entry->leaves_authenticate = config->auth.plugins_chosen && !plugin->authenticates;
        entry->leaves_topics =
            !config->topic_check.enabled || (config->topic_check.plugins_chosen && !plugin->filters);
        somebody_authenticates |= !entry->leaves_authenticate;
    }
    *ret_entries = entries;
    return count + builtins_add(config, somebody_authenticates, entries + count);
}

static struct worker_ceiling ceiling_of(const struct limits *limits)
{
    return (struct worker_ceiling){(uint32_t)limits->plugin_queue_max, QUEUE_BYTES_MAX};
}

bool plugins_reload(struct broker *broker, const struct config *config)
{
    host_set_limits(broker->host, ceiling_of(&config->limits), config->limits.plugin_timeout_ms * NS_PER_MS);
    struct host_entry *entries;
    uint32_t count = entries_of(config, &entries);
    bool loaded = host_reload(broker->host, entries, count);
    free(entries);
    return loaded;
}

bool plugins_open(struct broker *broker)
{
    const struct limits *limits = &broker->config->limits;
    const struct host_options options = {
        .door = {.broker = broker,
                 .answered = door_answered,
                 .publish = door_publish,
                 .look = door_look,
                 .adopt = door_adopt},
        .shard_count = broker->shard_count,
        .directory = broker->config->plugin_directory.path == NULL ? HBMQTT_PLUGIN_DIRECTORY
                                                                   : broker->config->plugin_directory.path,
        .ceiling = ceiling_of(limits),
        .answer_timeout_ns = limits->plugin_timeout_ms * NS_PER_MS,
        .topic_levels_max = (uint32_t)limits->topic_levels_max,
    };
    broker->host = host_create(&options);
    struct host_entry *entries;
    uint32_t count = entries_of(broker->config, &entries);
    bool loaded = host_load(broker->host, entries, count);
    free(entries);
    if (loaded)
        host_tell(broker->host, HBMQTT_EVENT_PRE_START);
    return loaded;
}

void plugins_begin(struct broker *broker)
{
    host_open(broker->host);
    host_tell(broker->host, HBMQTT_EVENT_POST_START);
}

void plugins_end(struct broker *broker)
{
    host_close(broker->host);
}

void plugins_close(struct broker *broker)
{
    host_tell(broker->host, HBMQTT_EVENT_POST_SHUTDOWN);
    uint64_t deadline_ns = clock_monotonic_ns() + broker->config->limits.shutdown_timeout_ms * NS_PER_MS;
    host_destroy(broker->host, deadline_ns);
    broker->host = NULL;
}
