// SPDX-License-Identifier: MIT
// The host of all plugins: loads them, gives the shards their roster, loads others when the configuration has
// changed, and lets them go.
//
//     host_create -> host_load -> (the shards take host_roster) -> host_open -> host_reload ... -> host_close
//         -> (the shards end) -> host_destroy
//
// All of it belongs to the main thread, except where another is named.
#ifndef PLUGIN_HOST_H
#define PLUGIN_HOST_H

#include <pthread.h>

#include "server/plugin/roster.h"

// A look into the broker that a plugin waits for. `visit_*`: the one of its kind.
enum look_kind { LOOK_SESSION, LOOK_SESSIONS, LOOK_RETAINED, LOOK_SUBSCRIPTIONS };
struct look {
    enum look_kind kind;
    struct host *host;
    struct bytes key; // a client id or a filter; empty: all
    hbmqtt_plugin_visit_session visit_session;
    hbmqtt_plugin_visit_message visit_message;
    hbmqtt_plugin_visit_subscription visit_subscription;
    void *argument;
};

// What the host needs of the broker. All but `adopt` are called from any thread.
struct host_door {
    void *broker;
    // An answer has come for the shard, which takes it.
    void (*answered)(void *broker, uint32_t shard, struct answer *answer);
    // Publishes, or only retains, a message that is valid. Returns 0 or an enum hbmqtt_plugin_error.
    int (*publish)(void *broker, const struct hbmqtt_plugin_message *message, bool retain_only);
    // Carries out a look, each of whose steps is between host_enter and host_leave.
    int (*look)(void *broker, const struct look *look);
    // Has every shard take this roster, and returns when none uses the one before any more.
    void (*adopt)(void *broker, struct roster *roster);
};

struct host_options {
    struct host_door door;
    uint32_t shard_count;
    const char *directory; // of plugins that are given by name; copied
    struct worker_ceiling ceiling;
    uint64_t answer_timeout_ns;
    uint32_t topic_levels_max;
};

struct host {
    struct host_door door;
    uint32_t shard_count;
    char *directory;
    struct worker_ceiling ceiling;
    uint64_t answer_timeout_ns;
    uint32_t topic_levels_max;
    struct questions *questions; // one for each shard
    struct roster *roster;       // that the shards use
    struct plugin **leaving;     // were asked to finish, and were still at work when last looked at
    uint32_t leaving_count;
    _Atomic uint64_t verdicts; // a number that changes when remembered verdicts are to be forgotten
    pthread_mutex_t lock;      // of the following two
    pthread_cond_t left;
    bool open;
    uint32_t inside; // threads between host_enter and host_leave
};

// One plugin of the configuration. Two of its settings are the host's, whatever plugin it is:
// `answer-timeout-ms`, and `answer-default`, the verdict that holds past it: deny (if there is none), allow,
// or no-opinion.
struct host_entry {
    const char *name;                       // or a path: what has a '/' in it
    struct hbmqtt_plugin_setting *settings; // a map, taken; NULL: none
    bool leaves_authenticate;               // others were chosen to decide who may connect
    bool leaves_topics;                     // others were chosen to decide about topics
};

struct host *host_create(const struct host_options *options);

// Loads the plugins, whose settings are taken. Returns false if one of them could not be, which has been
// told; then none is.
WARN_UNUSED bool host_load(struct host *host, struct host_entry *entries, uint32_t count);

// The roster to start with.
static inline struct roster *host_roster(const struct host *host)
{
    return host->roster;
}

// The broker serves; it stops to. Between the two, plugins can use it. host_close returns when none is inside
// any more.
void host_open(struct host *host);
void host_close(struct host *host);

// The configuration has other plugins or other settings now. Plugins that are in both take their new settings
// (or are begun anew, if they cannot do that); others end and begin. Returns false if one could not be
// loaded, which has been told: then everything stays as it was.
WARN_UNUSED bool host_reload(struct host *host, struct host_entry *entries, uint32_t count);

// Other ceilings and another time to answer, from now on, and from the next host_reload on.
void host_set_limits(struct host *host, struct worker_ceiling ceiling, uint64_t answer_timeout_ns);

// Tells all plugins whom it concerns of an event of the broker.
void host_tell(const struct host *host, enum hbmqtt_plugin_event_kind kind);

// Ends all plugins, waits for them until `deadline_ns`, and frees everything. Those that are still at work
// then are named in the log and left behind, with all that they may use. NULL accepted.
void host_destroy(struct host *host, uint64_t deadline_ns);

// Remembered verdicts are of no more use. From any thread.
static inline void host_forget_verdicts(struct host *host)
{
    atomic_fetch_add_explicit(&host->verdicts, 1, memory_order_relaxed);
}
static inline uint64_t host_verdicts(const struct host *host)
{
    return atomic_load_explicit(&host->verdicts, memory_order_relaxed);
}

// A thread is about to use the broker. Returns false if it does not serve; else host_leave follows soon.
WARN_UNUSED bool host_enter(struct host *host);
void host_leave(struct host *host);
bool host_running(struct host *host);

// This thread is one that serves clients; whether it is.
void host_mark_shard(void);
bool host_on_shard(void);

#endif
