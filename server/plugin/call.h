// SPDX-License-Identifier: MIT
// One call of a plugin's function: what it is given, as the caller has it, or as a copy that waits for the
// plugin's thread.
#ifndef PLUGIN_CALL_H
#define PLUGIN_CALL_H

#include "server/base/base.h"
#include "server/plugin/hbmqtt_plugin.h"

enum call_kind {
    CALL_AUTHENTICATE,
    CALL_CONNECT,
    CALL_PUBLISH, // topic_filtering, with its three actions
    CALL_SUBSCRIBE,
    CALL_RECEIVE,
    CALL_MESSAGE,
    CALL_SENT,
    CALL_EVENT,
    CALL_EXPIRED,
    CALL_TICK,
    CALL_KINDS,
};

// What is given to the function of the kind; the rest is NULL.
struct call {
    enum call_kind kind;
    const struct hbmqtt_plugin_credentials *credentials;
    const struct hbmqtt_plugin_access *access;
    const struct hbmqtt_plugin_session *session; // of CONNECT, MESSAGE, SENT and EXPIRED
    const struct hbmqtt_plugin_message *message;
    const struct hbmqtt_plugin_event *event;
    uint64_t now_ns; // of TICK
};

// Whether a plugin takes part in calls of this kind.
bool call_concerns(const struct hbmqtt_plugin *code, enum call_kind kind);

// Calls the function, which must be there. Returns its verdict; HBMQTT_NO_OPINION where it has none to give.
int call_run(const struct hbmqtt_plugin *code, void *state, uint64_t question, const struct call *call);

// A copy of a call in one piece of memory, with everything that it refers to. NULL without memory, for its
// size is a peer's.
struct call_copy {
    struct call call;
    size_t size; // in bytes, of all of it
    struct hbmqtt_plugin_session session;
    struct hbmqtt_plugin_credentials credentials;
    struct hbmqtt_plugin_access access;
    struct hbmqtt_plugin_message message;
    struct hbmqtt_plugin_packet packet;
    struct hbmqtt_plugin_event event;
    char texts[];
};
WARN_UNUSED struct call_copy *call_copy(const struct call *call);

// Overwrites the password, if there is one, and frees. NULL accepted.
void call_copy_destroy(struct call_copy *copy);

#endif
