// SPDX-License-Identifier: MIT
// The plugins in their order, and who takes part in what. A roster never changes: when the plugins do,
// another takes its place on every shard.
#ifndef PLUGIN_ROSTER_H
#define PLUGIN_ROSTER_H

#include "server/plugin/instance.h"

#define PLUGINS_MAX 64u // a bit for each in the masks below

// What holds where an answer is late.
struct roster_terms {
    uint64_t answer_timeout_ns;
    int verdict_default; // HBMQTT_DENY, HBMQTT_ALLOW or HBMQTT_NO_OPINION
    bool leaves_authenticate;
    bool leaves_topics;
};

struct roster {
    struct plugin *plugins[PLUGINS_MAX];
    struct roster_terms terms[PLUGINS_MAX];
    uint32_t count;
    uint64_t concerned[CALL_KINDS]; // bit n: plugin n takes part
    uint64_t events;                // HBMQTT_EVENT_BIT of each kind that somebody wants
    uint64_t ticks_ns[PLUGINS_MAX]; // when inline plugins are due; of the one shard that ticks
};

// Appends a plugin that is loaded. The roster begins as zeros.
void roster_add(struct roster *roster, struct plugin *plugin, struct roster_terms terms);

// Whether anybody takes part in calls of this kind, or wants events of this kind; false without a roster.
static inline bool roster_concerned(const struct roster *roster, enum call_kind kind)
{
    return roster != NULL && roster->concerned[kind] != 0;
}

static inline bool roster_wants(const struct roster *roster, enum hbmqtt_plugin_event_kind kind)
{
    return roster != NULL && (roster->events & HBMQTT_EVENT_BIT(kind)) != 0;
}

// The next plugin that takes part, from number `from` on; `count` if there is none.
uint32_t roster_next(const struct roster *roster, enum call_kind kind, uint32_t from);

// Tells everybody whom it concerns; `event` without size and name, which are filled in.
void roster_tell(const struct roster *roster, const struct call *call);
void roster_tell_event(const struct roster *roster, struct hbmqtt_plugin_event *event);

// Ticks those inline plugins that are due. Returns when the next one is, TIMER_NEVER if none ever is. For one
// shard only.
uint64_t roster_tick(struct roster *roster, uint64_t now_ns);

// "broker_client_connected" for HBMQTT_EVENT_CLIENT_CONNECTED.
const char *event_name(enum hbmqtt_plugin_event_kind kind);

#endif
