// SPDX-License-Identifier: MIT
#include "server/plugin/roster.h"

#define EVENT_KINDS (HBMQTT_EVENT_PACKET_RECEIVED + 1)

// Whether others were chosen for decisions of this kind.
static bool leaves(struct roster_terms terms, enum call_kind kind)
{
    bool topics = kind == CALL_PUBLISH || kind == CALL_SUBSCRIBE || kind == CALL_RECEIVE;
    return (terms.leaves_authenticate && kind == CALL_AUTHENTICATE) || (terms.leaves_topics && topics);
}

void roster_add(struct roster *roster, struct plugin *plugin, struct roster_terms terms)
{
    assert(roster->count < PLUGINS_MAX);
    const struct hbmqtt_plugin *code = &plugin->code.descriptor;
    uint32_t index = roster->count++;
    roster->plugins[index] = plugin;
    roster->terms[index] = terms;
    for (enum call_kind kind = 0; kind < CALL_KINDS; kind++)
        if (call_concerns(code, kind) && !leaves(terms, kind))
            roster->concerned[kind] |= 1ull << index;
    if (code->event != NULL)
        roster->events |= code->events;
    roster->ticks_ns[index] = plugin_is_inline(plugin) ? plugin_first_tick(plugin) : TIMER_NEVER;
}

uint32_t roster_next(const struct roster *roster, enum call_kind kind, uint32_t from)
{
    if (from >= roster->count)
        return roster->count;
    uint64_t left = roster->concerned[kind] >> from;
    return left == 0 ? roster->count : from + (uint32_t)__builtin_ctzll(left);
}

void roster_tell(const struct roster *roster, const struct call *call)
{
    for (uint32_t i = roster_next(roster, call->kind, 0); i < roster->count;
         i = roster_next(roster, call->kind, i + 1))
        plugin_tell(roster->plugins[i], call);
}

void roster_tell_event(const struct roster *roster, struct hbmqtt_plugin_event *event)
{
    event->size = sizeof *event;
    event->name = event_name((enum hbmqtt_plugin_event_kind)event->kind);
    const struct call call = {.kind = CALL_EVENT, .event = event};
    for (uint32_t i = 0; i < roster->count; i++)
        if (plugin_wants_event(roster->plugins[i], event->kind))
            plugin_tell(roster->plugins[i], &call);
}

uint64_t roster_tick(struct roster *roster, uint64_t now_ns)
{
    uint64_t next_ns = TIMER_NEVER;
    for (uint32_t i = 0; i < roster->count; i++) {
        if (roster->ticks_ns[i] <= now_ns)
            roster->ticks_ns[i] = plugin_run_tick(roster->plugins[i]);
        if (roster->ticks_ns[i] < next_ns)
            next_ns = roster->ticks_ns[i];
    }
    return next_ns;
}

const char *event_name(enum hbmqtt_plugin_event_kind kind)
{
    static const char *const names[EVENT_KINDS] = {
        [HBMQTT_EVENT_PRE_START] = "broker_pre_start",
        [HBMQTT_EVENT_POST_START] = "broker_post_start",
        [HBMQTT_EVENT_PRE_SHUTDOWN] = "broker_pre_shutdown",
        [HBMQTT_EVENT_POST_SHUTDOWN] = "broker_post_shutdown",
        [HBMQTT_EVENT_CLIENT_CONNECTED] = "broker_client_connected",
        [HBMQTT_EVENT_CLIENT_DISCONNECTED] = "broker_client_disconnected",
        [HBMQTT_EVENT_CLIENT_SUBSCRIBED] = "broker_client_subscribed",
        [HBMQTT_EVENT_CLIENT_UNSUBSCRIBED] = "broker_client_unsubscribed",
        [HBMQTT_EVENT_MESSAGE_RECEIVED] = "broker_message_received",
        [HBMQTT_EVENT_MESSAGE_BROADCAST] = "broker_message_broadcast",
        [HBMQTT_EVENT_RETAINED_MESSAGE] = "broker_retained_message",
        [HBMQTT_EVENT_PACKET_SENT] = "mqtt_packet_sent",
        [HBMQTT_EVENT_PACKET_RECEIVED] = "mqtt_packet_received",
    };
    return names[kind];
}
