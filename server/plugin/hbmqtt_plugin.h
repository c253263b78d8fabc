// SPDX-License-Identifier: MIT
// Plugins of the broker hbmqtt, in C or C++: shared objects that hear of what happens, decide who may do
// what, and change messages. This is the only header that they need; hbmqtt_plugin(3) tells how they are
// built and loaded.
//
//     static int filter(void *state, uint64_t question, const struct hbmqtt_plugin_access *access)
//     {
//         return access->topic.length > 100 ? HBMQTT_DENY : HBMQTT_NOT_CONCERNED;
//     }
//
//     const struct hbmqtt_plugin hbmqtt_plugin_descriptor = {
//         .abi = HBMQTT_PLUGIN_ABI,
//         .size = sizeof(struct hbmqtt_plugin),
//         .name = "short_topics",
//         .version = "1.0",
//         .flags = HBMQTT_PLUGIN_INLINE,
//         .filters = HBMQTT_FILTER_PUBLISH,
//         .topic_filtering = filter,
//     };
//
// Threads. The functions of a plugin are called on one thread of its own, one after the other, init and
// finish among them: it needs no locks, and while it takes its time only those clients wait that need its
// answer. A plugin with HBMQTT_PLUGIN_INLINE is called straight where the clients are served: init, reload
// and finish on the main thread, everything else on the broker's threads, on several of them at the same
// time. It locks what it shares and never waits: all clients of that thread would wait with it.
//
// Memory. What a function is given is the broker's and good until the function returns; what is kept longer
// must be copied. What a plugin gives to the broker is copied before the call returns. Nothing changes hands.
//
// Growth. Structures grow at their end, and begin with (or have) the size in bytes that whoever filled them
// knew. A plugin built for an older header works with a newer broker of the same HBMQTT_PLUGIN_ABI. One built
// for a newer header works with an older broker unless it uses what that does not know; it compares `size`
// before it reads a field that was added later.
//
// Faults. A plugin runs in the broker's process. One that crashes ends the broker; whoever watches over the
// broker starts it again. One that blocks costs those who wait for its answer the time up to the deadline,
// and then they get the default verdict; events for it are dropped when its queue is full. A second answer to
// a question changes nothing. The broker counts all of that and says so in its log.
#ifndef HBMQTT_PLUGIN_H
#define HBMQTT_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifdef __GNUC__
#define HBMQTT_PLUGIN_EXPORT                  __attribute__((visibility("default")))
#define HBMQTT_PLUGIN_FORMAT(text, arguments) __attribute__((format(printf, text, arguments)))
#else
#define HBMQTT_PLUGIN_EXPORT
#define HBMQTT_PLUGIN_FORMAT(text, arguments)
#endif

// Changes only when an old plugin could not work any more. The broker loads plugins of its own number only.
#define HBMQTT_PLUGIN_ABI 1

// What a plugin says to a decision. All who take part are asked, in the order in which they are configured:
//
// - the first HBMQTT_DENY decides, and the others are not asked;
// - else one HBMQTT_ALLOW is enough;
// - else, for authenticate and topic_filtering, one HBMQTT_NO_OPINION denies: a rule that is missing lets
//   nobody through;
// - where all are HBMQTT_NOT_CONCERNED, or nobody takes part, the broker's own rule holds:
// auth.allow-anonymous
//   for authenticate, and everything else is allowed.
//
// For connect and message_received HBMQTT_NO_OPINION is the same as HBMQTT_NOT_CONCERNED.
enum hbmqtt_plugin_verdict {
    HBMQTT_NO_OPINION =
        0, // it has rules for this, and none that says anything: somebody else has to allow it
    HBMQTT_ALLOW = 1,
    HBMQTT_DENY = 2,
    HBMQTT_PENDING = 3,       // the answer comes through broker->answer, or has come through it already
    HBMQTT_NOT_CONCERNED = 4, // none of its business: as if it were not there

    // Added to any verdict of topic_filtering but HBMQTT_PENDING: it holds for this session and this
    // topic until the plugins are loaded anew, the client connects again, or forget_verdicts is called. Where
    // all who were asked say so, the broker remembers what came out, and asks no more.
    HBMQTT_STABLE = 0x100,

    // Added to HBMQTT_ALLOW of authenticate: the client may come in, but nobody vouches for who it is.
    HBMQTT_UNVOUCHED = 0x200,

    // Added to HBMQTT_DENY of authenticate: it could not be found out. The client is told that the server is
    // unavailable, and may try again later.
    HBMQTT_UNAVAILABLE = 0x400,
};

// Results of the broker's functions: 0, or one of these.
enum hbmqtt_plugin_error {
    HBMQTT_PLUGIN_ERROR_ARGUMENT = -1, // an argument is wrong: an invalid topic, QoS 3
    HBMQTT_PLUGIN_ERROR_NOT_OPEN = -2, // the question was answered before, or its client did not wait
    HBMQTT_PLUGIN_ERROR_THREAD =
        -3, // not from a thread on which clients are served: it would wait for itself
    HBMQTT_PLUGIN_ERROR_NOT_RUNNING = -4, // the broker does not serve yet, or no longer
    HBMQTT_PLUGIN_ERROR_BUSY = -5,        // too much is under way already; nothing was done
    HBMQTT_PLUGIN_ERROR_NOT_FOUND = -6,   // there is no such session
    HBMQTT_PLUGIN_ERROR_MEMORY = -7,
};

enum hbmqtt_plugin_log_level {
    HBMQTT_PLUGIN_LOG_ERROR = 0,
    HBMQTT_PLUGIN_LOG_WARNING = 1,
    HBMQTT_PLUGIN_LOG_INFO = 2,
    HBMQTT_PLUGIN_LOG_DEBUG = 3,
};

// Text or bytes without an end mark. `data` may be NULL where `length` is 0.
struct hbmqtt_plugin_bytes {
    const char *data;
    size_t length;
};

enum hbmqtt_plugin_session_flag {
    HBMQTT_SESSION_CONNECTED = 1,     // its client is there
    HBMQTT_SESSION_CLEAN = 2,         // it ends with its connection
    HBMQTT_SESSION_HAS_USER_NAME = 4, // else user_name is empty, and the client is anonymous
    HBMQTT_SESSION_VOUCHED = 8,       // who it is was checked: by a plugin, or by its certificate
};

// A client and its session.
struct hbmqtt_plugin_session {
    uint32_t size;
    uint32_t flags;                       // enum hbmqtt_plugin_session_flag
    struct hbmqtt_plugin_bytes client_id; // empty before the broker has chosen it for the client
    struct hbmqtt_plugin_bytes user_name; // by which rules of access go
    const char *peer;                     // its address, "192.0.2.1:50000"; the last one while it is away
    const char *listener;                 // the name of the listener in the configuration
    uint32_t keepalive_s;                 // 0 = none
    uint32_t protocol;                    // 3 (MQTT 3.1), 4 (3.1.1) or 5
};

// What a CONNECT brings to be judged. Never write the password to a log.
struct hbmqtt_plugin_credentials {
    uint32_t size;
    uint32_t flags;                              // enum hbmqtt_plugin_credential_flag
    const struct hbmqtt_plugin_session *session; // user_name: what the CONNECT says
    struct hbmqtt_plugin_bytes password;
};

enum hbmqtt_plugin_credential_flag {
    HBMQTT_CREDENTIALS_HAVE_PASSWORD = 1, // else `password` is empty
};

struct hbmqtt_plugin_message {
    uint32_t size;
    uint32_t qos;    // 0 to 2
    uint32_t retain; // 0 or 1
    uint32_t reserved;
    struct hbmqtt_plugin_bytes topic; // a topic name: without wildcards
    struct hbmqtt_plugin_bytes payload;
};

// What may be asked of topic_filtering, and of which a plugin takes part.
enum hbmqtt_plugin_filter {
    HBMQTT_FILTER_PUBLISH = 1,   // the client sends a message to a topic, now or as its will
    HBMQTT_FILTER_SUBSCRIBE = 2, // the client subscribes to a topic filter
    HBMQTT_FILTER_RECEIVE =
        4, // a message is about to go to the client; for plugins with HBMQTT_PLUGIN_INLINE
};

struct hbmqtt_plugin_access {
    uint32_t size;
    uint32_t action; // one of enum hbmqtt_plugin_filter
    const struct hbmqtt_plugin_session *session;
    struct hbmqtt_plugin_bytes topic; // a topic name; a topic filter where the action is SUBSCRIBE
    uint32_t qos;                     // of the message, or asked for
    uint32_t retain;                  // of the message
};

// A control packet that came, or is on its way.
struct hbmqtt_plugin_packet {
    uint32_t size;
    uint32_t type;                    // 1 (CONNECT) to 15 (AUTH)
    const char *name;                 // "PUBLISH"
    uint64_t length;                  // of the whole packet
    struct hbmqtt_plugin_bytes bytes; // how it begins. It may hold a password: see hbmqtt_plugin_credentials
};

enum hbmqtt_plugin_event_kind {
    HBMQTT_EVENT_PRE_START = 0,     // the plugins are there, nobody is served yet
    HBMQTT_EVENT_POST_START = 1,    // clients are served
    HBMQTT_EVENT_PRE_SHUTDOWN = 2,  // clients are still served
    HBMQTT_EVENT_POST_SHUTDOWN = 3, // all connections are closed
    HBMQTT_EVENT_CLIENT_CONNECTED = 4,
    HBMQTT_EVENT_CLIENT_DISCONNECTED = 5, // reason
    HBMQTT_EVENT_CLIENT_SUBSCRIBED = 6,   // filter, qos; one for each filter that was granted
    HBMQTT_EVENT_CLIENT_UNSUBSCRIBED = 7, // filter; one for each filter that was there
    HBMQTT_EVENT_MESSAGE_RECEIVED = 8,    // message: a client has sent it, and the decisions let it pass
    HBMQTT_EVENT_MESSAGE_BROADCAST = 9,   // message: it goes to all who subscribe, whoever it is from
    HBMQTT_EVENT_RETAINED_MESSAGE = 10,   // message: kept for its topic; with an empty payload: erased
    HBMQTT_EVENT_PACKET_SENT = 11,        // packet
    HBMQTT_EVENT_PACKET_RECEIVED = 12,    // packet
};
#define HBMQTT_EVENT_BIT(kind) ((uint64_t)1 << (kind))

// What has happened. What is not named beside its kind above is NULL, empty or 0.
struct hbmqtt_plugin_event {
    uint32_t size;
    uint32_t kind;                               // enum hbmqtt_plugin_event_kind; later brokers may know more
    const char *name;                            // "broker_client_connected"
    uint64_t time_ns;                            // CLOCK_MONOTONIC
    const struct hbmqtt_plugin_session *session; // NULL where it is about no client
    const struct hbmqtt_plugin_message *message;
    const struct hbmqtt_plugin_packet *packet;
    struct hbmqtt_plugin_bytes filter;
    uint32_t qos; // granted
    uint32_t reserved;
    const char *reason; // why the connection has ended, as a phrase
};

// An answer to a question.
struct hbmqtt_plugin_answer {
    uint32_t size;
    int32_t verdict;                      // enum hbmqtt_plugin_verdict, other than HBMQTT_PENDING
    struct hbmqtt_plugin_bytes user_name; // authenticate: who it is, in place of what CONNECT says; or empty
    const struct hbmqtt_plugin_message *message; // message_received: what goes on in its place; or NULL
};

// A node of the settings that the configuration gives to a plugin: a text, a list, or a map.
struct hbmqtt_plugin_setting;

typedef int (*hbmqtt_plugin_visit_session)(void *argument, const struct hbmqtt_plugin_session *session);
typedef int (*hbmqtt_plugin_visit_message)(void *argument, const struct hbmqtt_plugin_message *message);
typedef int (*hbmqtt_plugin_visit_subscription)(void *argument, const struct hbmqtt_plugin_session *session,
                                                struct hbmqtt_plugin_bytes filter, uint32_t qos);

// What the broker does for a plugin. Each plugin gets one of these, as the first argument of init: it is good
// until finish returns, and every function takes it as its own first argument. All may be called from any
// thread, also one that the plugin has started itself, unless their description says otherwise.
struct hbmqtt_plugin_broker {
    uint32_t size;
    uint32_t abi;
    const char *version; // of the broker

    // Answers a question that was left HBMQTT_PENDING, once; also before the function that was asked has
    // returned (it returns HBMQTT_PENDING all the same), which is the way to say more than a verdict. Returns
    // 0; HBMQTT_PLUGIN_ERROR_NOT_OPEN if it was answered before, its deadline is past, the client has gone or
    // the plugins were loaded anew: nothing happens then. HBMQTT_PLUGIN_ERROR_ARGUMENT: the answer cannot be,
    // and the question stays open.
    int (*answer)(const struct hbmqtt_plugin_broker *broker, uint64_t question,
                  const struct hbmqtt_plugin_answer *answer);

    // Publishes a message as a client would: to all who subscribe, and kept if `retain` says so. It goes
    // through no decision. Messages that one thread sends to one topic keep their order. Returns 0 when it is
    // on its way, HBMQTT_PLUGIN_ERROR_ARGUMENT, _NOT_RUNNING, _MEMORY, or _BUSY: so much of it waits that the
    // plugin has to slow down.
    int (*broadcast_message)(const struct hbmqtt_plugin_broker *broker,
                             const struct hbmqtt_plugin_message *message);

    // Keeps a message for its topic (an empty payload: erases the one that is kept), without sending it to
    // those who subscribe now. Else as broadcast_message.
    int (*retain_message)(const struct hbmqtt_plugin_broker *broker,
                          const struct hbmqtt_plugin_message *message);

    // These four look into the broker and wait for its answer: some milliseconds, or as long as its threads
    // are busy. `visit` is called on the calling thread, for each entry; what it is given is good until it
    // returns. Other than 0 from it ends the walk. Entries that come or go meanwhile are seen or not, and
    // some may be seen twice. They return 0, HBMQTT_PLUGIN_ERROR_THREAD, _NOT_RUNNING or _MEMORY.

    // The session of one client id. HBMQTT_PLUGIN_ERROR_NOT_FOUND if there is none.
    int (*get_session)(const struct hbmqtt_plugin_broker *broker, struct hbmqtt_plugin_bytes client_id,
                       hbmqtt_plugin_visit_session visit, void *argument);

    // All sessions.
    int (*sessions)(const struct hbmqtt_plugin_broker *broker, hbmqtt_plugin_visit_session visit,
                    void *argument);

    // The retained messages whose topics match a filter. HBMQTT_PLUGIN_ERROR_ARGUMENT if it is not valid.
    int (*retained_messages)(const struct hbmqtt_plugin_broker *broker, struct hbmqtt_plugin_bytes filter,
                             hbmqtt_plugin_visit_message visit, void *argument);

    // The subscriptions of one client id (HBMQTT_PLUGIN_ERROR_NOT_FOUND if it has no session), or of all: an
    // empty one.
    int (*subscriptions)(const struct hbmqtt_plugin_broker *broker, struct hbmqtt_plugin_bytes client_id,
                         hbmqtt_plugin_visit_subscription visit, void *argument);

    // Takes back what was HBMQTT_STABLE, from all plugins, for all sessions: what is asked from now on is
    // asked again.
    void (*forget_verdicts)(const struct hbmqtt_plugin_broker *broker);

    // Writes a line to the log of the broker, behind the name of the plugin. `level` is one of enum
    // hbmqtt_plugin_log_level.
    void (*log)(const struct hbmqtt_plugin_broker *broker, int level, const char *format, ...)
        HBMQTT_PLUGIN_FORMAT(3, 4);

    // Reading of settings. A node and its texts are good until the function that was given the settings (init
    // or reload) returns. Every function accepts NULL, for a setting that is not there. In keys '-' and '_'
    // are the same.

    // The value of a key in a map; NULL if it is not there.
    const struct hbmqtt_plugin_setting *(*setting_get)(const struct hbmqtt_plugin_broker *broker,
                                                       const struct hbmqtt_plugin_setting *map,
                                                       const char *key);

    // How many entries a list or a map has; 0 for a text.
    size_t (*setting_count)(const struct hbmqtt_plugin_broker *broker,
                            const struct hbmqtt_plugin_setting *node);

    // An entry of a list or a map, and what it is called in a map; NULL past the end, or where it has no
    // name.
    const struct hbmqtt_plugin_setting *(*setting_at)(const struct hbmqtt_plugin_broker *broker,
                                                      const struct hbmqtt_plugin_setting *node, size_t index);
    const char *(*setting_key)(const struct hbmqtt_plugin_broker *broker,
                               const struct hbmqtt_plugin_setting *node, size_t index);

    // A text as the configuration has it, with an end mark; NULL for a list, a map, or none.
    const char *(*setting_text)(const struct hbmqtt_plugin_broker *broker,
                                const struct hbmqtt_plugin_setting *node);

    // The text of a key in a map as what it has to be. They return 1 and set *ret_value; 0 if the key is not
    // there; -1 if it is something else, which they have told in the log: init then returns other than 0.
    // Numbers are decimal; what is true is written true, yes or on, what is not: false, no or off.
    int (*setting_text_of)(const struct hbmqtt_plugin_broker *broker, const struct hbmqtt_plugin_setting *map,
                           const char *key, const char **ret_value);
    int (*setting_integer_of)(const struct hbmqtt_plugin_broker *broker,
                              const struct hbmqtt_plugin_setting *map, const char *key, int64_t lowest,
                              int64_t highest, int64_t *ret_value);
    int (*setting_flag_of)(const struct hbmqtt_plugin_broker *broker, const struct hbmqtt_plugin_setting *map,
                           const char *key, int *ret_value);

    // Checks that a map has no keys but these (the last of them NULL), so that a misspelt one is found.
    // Returns 0, or -1 and has told which one.
    int (*setting_keys)(const struct hbmqtt_plugin_broker *broker, const struct hbmqtt_plugin_setting *map,
                        const char *const *keys);
};

enum hbmqtt_plugin_flag {
    HBMQTT_PLUGIN_INLINE = 1, // called on the threads that serve clients: see above
};

// What a shared object exports under the name `hbmqtt_plugin_descriptor`. Functions that a plugin has no use
// for are NULL; `state` is what init has left in *ret_state.
struct hbmqtt_plugin {
    uint32_t abi;        // HBMQTT_PLUGIN_ABI
    uint32_t size;       // sizeof(struct hbmqtt_plugin)
    const char *name;    // for the log
    const char *version; // for the log
    uint32_t flags;      // enum hbmqtt_plugin_flag
    uint32_t filters;    // the actions (enum hbmqtt_plugin_filter) of which topic_filtering is asked
    uint64_t events;     // HBMQTT_EVENT_BIT of each kind that `event` is to be called for
    uint32_t tick_ms;    // between two ticks; 0 = 1000
    uint32_t reserved;

    // Begins. `settings` is a map, or NULL where the configuration has none. Returns 0, or anything else if
    // the plugin cannot work, having told why with broker->log: the broker does not start. finish is not
    // called then.
    int (*init)(const struct hbmqtt_plugin_broker *broker, const struct hbmqtt_plugin_setting *settings,
                void **ret_state);

    // Ends. Questions that are open have been given up: answers to them come too late. Threads that the
    // plugin has started must have ended when it returns: its code is unloaded next.
    void (*finish)(void *state);

    // The configuration was read again. Returns 0, or anything else, having told why, to go on with the
    // settings that it had. NULL: another instance begins with the new settings, and when it has taken its
    // place this one ends; so both are there for a while, and share the variables of the object.
    int (*reload)(void *state, const struct hbmqtt_plugin_setting *settings);

    // Decisions. They return an enum hbmqtt_plugin_verdict. Meanwhile the client that asked is held: nothing
    // that it sends is looked at, so that order is kept, and its keep-alive does not run out. Past the
    // deadline that the configuration gives (limits.plugin_timeout_ms) the plugin's default verdict holds,
    // which is HBMQTT_DENY unless the configuration says otherwise; a client that is denied by it is told
    // that the server is unavailable.

    // Whether this is who it says it is. The session is not touched before all have agreed. Not asked where
    // the client's certificate has said who it is.
    int (*authenticate)(void *state, uint64_t question, const struct hbmqtt_plugin_credentials *credentials);

    // Whether a client that was authenticated may connect.
    int (*connect)(void *state, uint64_t question, const struct hbmqtt_plugin_session *session);

    // Whether a client may publish, subscribe or receive; asked only for the actions in `filters`. A message
    // that may not be published is acknowledged and dropped; a subscription is refused in the SUBACK; a
    // message that may not be received is left out. RECEIVE is asked for each of those a message goes to: it
    // must be answered at once, HBMQTT_PENDING counts as HBMQTT_DENY, and `question` is 0.
    int (*topic_filtering)(void *state, uint64_t question, const struct hbmqtt_plugin_access *access);

    // A client has sent a message that it may publish, or brings it as its will. Other than by a verdict the
    // plugin can answer with another message, which goes on in its place; the next plugin is asked about that
    // one. Whether its topic may be published is not asked again. What is denied is acknowledged and dropped.
    int (*message_received)(void *state, uint64_t question, const struct hbmqtt_plugin_session *session,
                            const struct hbmqtt_plugin_message *message);

    // A message goes to a client, or waits for it. For plugins with HBMQTT_PLUGIN_INLINE.
    void (*message_sent)(void *state, const struct hbmqtt_plugin_session *session,
                         const struct hbmqtt_plugin_message *message);

    void (*event)(void *state, const struct hbmqtt_plugin_event *event);

    // A session is over, with everything that it kept: its time has run out, its clean connection has ended,
    // or its client has asked for a clean one.
    void (*session_expired)(void *state, const struct hbmqtt_plugin_session *session);

    // Comes every tick_ms, at about this distance. `now_ns` is CLOCK_MONOTONIC.
    void (*tick)(void *state, uint64_t now_ns);
};

extern HBMQTT_PLUGIN_EXPORT const struct hbmqtt_plugin hbmqtt_plugin_descriptor;

#ifdef __cplusplus
}
#endif

#endif
