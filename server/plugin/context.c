// SPDX-License-Identifier: MIT
#include "server/plugin/context.h"

#include <stdarg.h>
#include <stdio.h>

#include "server/plugin/host.h"
#include "server/plugin/instance.h"
#include "server/plugin/settings.h"

#define LOG_TEXT_BYTES 2048u // a longer line of a plugin is cut

// A plugin sees its table as constant; the instance around it is not.
struct plugin *plugin_of(const struct hbmqtt_plugin_broker *broker)
{
    return (struct plugin *)((uintptr_t)broker - offsetof(struct plugin, broker));
}

static int context_publish(const struct hbmqtt_plugin_broker *broker,
                           const struct hbmqtt_plugin_message *given, bool retain_only)
{
    struct host *host = plugin_of(broker)->host;
    struct hbmqtt_plugin_message message;
    if (!message_from_plugin(given, host->topic_levels_max, &message))
        return HBMQTT_PLUGIN_ERROR_ARGUMENT;
    if (retain_only)
        message.retain = 1;
    if (!host_enter(host))
        return HBMQTT_PLUGIN_ERROR_NOT_RUNNING;
    int status = host->door.publish(host->door.broker, &message, retain_only);
    host_leave(host);
    return status;
}

static int broadcast_message(const struct hbmqtt_plugin_broker *broker,
                             const struct hbmqtt_plugin_message *message)
{
    return context_publish(broker, message, false);
}

static int retain_message(const struct hbmqtt_plugin_broker *broker,
                          const struct hbmqtt_plugin_message *message)
{
    return context_publish(broker, message, true);
}

static int context_look(const struct hbmqtt_plugin_broker *broker, struct look *look)
{
    struct host *host = plugin_of(broker)->host;
    if (host_on_shard())
        return HBMQTT_PLUGIN_ERROR_THREAD;
    if (!host_running(host))
        return HBMQTT_PLUGIN_ERROR_NOT_RUNNING;
    look->host = host;
    return host->door.look(host->door.broker, look);
}

static int get_session(const struct hbmqtt_plugin_broker *broker, struct hbmqtt_plugin_bytes client_id,
                       hbmqtt_plugin_visit_session visit, void *argument)
{
    return context_look(broker, &(struct look){.kind = LOOK_SESSION,
                                               .key = bytes_from_plugin(client_id),
                                               .visit_session = visit,
                                               .argument = argument});
}

static int sessions(const struct hbmqtt_plugin_broker *broker, hbmqtt_plugin_visit_session visit,
                    void *argument)
{
    return context_look(broker,
                        &(struct look){.kind = LOOK_SESSIONS, .visit_session = visit, .argument = argument});
}

static int retained_messages(const struct hbmqtt_plugin_broker *broker, struct hbmqtt_plugin_bytes filter,
                             hbmqtt_plugin_visit_message visit, void *argument)
{
    struct bytes key = bytes_from_plugin(filter);
    if (key.length > TOPIC_BYTES_MAX || !utf8_valid(key) ||
        !topic_filter_valid(key, plugin_of(broker)->host->topic_levels_max))
        return HBMQTT_PLUGIN_ERROR_ARGUMENT;
    return context_look(
        broker,
        &(struct look){.kind = LOOK_RETAINED, .key = key, .visit_message = visit, .argument = argument});
}

static int subscriptions(const struct hbmqtt_plugin_broker *broker, struct hbmqtt_plugin_bytes client_id,
                         hbmqtt_plugin_visit_subscription visit, void *argument)
{
    return context_look(broker, &(struct look){.kind = LOOK_SUBSCRIPTIONS,
                                               .key = bytes_from_plugin(client_id),
                                               .visit_subscription = visit,
                                               .argument = argument});
}

static void forget_verdicts(const struct hbmqtt_plugin_broker *broker)
{
    host_forget_verdicts(plugin_of(broker)->host);
}

static void __attribute__((format(printf, 3, 4)))
log_text(const struct hbmqtt_plugin_broker *broker, int level, const char *format, ...)
{
    enum log_level known = level < LOG_ERROR   ? LOG_ERROR
                           : level > LOG_DEBUG ? LOG_DEBUG
                                               : (enum log_level)level;
    if (!log_enabled(known))
        return;
    char text[LOG_TEXT_BYTES];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments); // cut where it is too long
    va_end(arguments);
    log_write(known, "plugin %s: %s", plugin_of(broker)->name, text);
}

void context_offer(struct hbmqtt_plugin_broker *broker)
{
    *broker = (struct hbmqtt_plugin_broker){
        .size = sizeof *broker,
        .abi = HBMQTT_PLUGIN_ABI,
        .version = HBMQTT_VERSION,
        .answer = plugin_answer,
        .broadcast_message = broadcast_message,
        .retain_message = retain_message,
        .get_session = get_session,
        .sessions = sessions,
        .retained_messages = retained_messages,
        .subscriptions = subscriptions,
        .forget_verdicts = forget_verdicts,
        .log = log_text,
    };
    settings_offer(broker);
}
