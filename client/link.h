// SPDX-License-Identifier: MIT
// A core with its connections: from a wish to connect to a socket, what moves bytes between the two, what
// happens when that breaks, and the waiting of the blocking calls.
//
//     IDLE --start--> DIALING --> OPENING --> UP --close--> LINGERING --> IDLE
//               ^         '----------+--------'--failure--> the next broker, WAITING, or IDLE for good
//               '------------------- WAITING <----'
//
// Nothing but link_turn and link_wait waits: link_step does what can be done now, and what it waits for shows
// at `epoll_fd` or is a time, link_deadline_ms.
//
// Statuses are 0, an enum hbmqtt_error with `error` set, or as said.
#ifndef CLIENT_LINK_H
#define CLIENT_LINK_H

#include "client/core.h"
#include "client/dial.h"
#include "client/reconnect.h"
#include "client/settings.h"
#include "client/tls.h"
#include "client/transport.h"
#include "client/url.h"

#define LINK_NAME_BYTES  280u
#define LINK_BROKERS_MAX 16u // in one wish to connect

enum link_state {
    LINK_IDLE,
    LINK_DIALING,   // the socket is being connected
    LINK_OPENING,   // and the layers above it
    LINK_UP,        // the core has them
    LINK_LINGERING, // everything was sent; the broker has to close
    LINK_WAITING,   // for the next attempt
};

typedef void (*link_told)(void *owner, const struct hbmqtt_state_change *change);

struct link {
    struct core core;
    const struct settings *settings;
    enum link_state state;
    struct url brokers[LINK_BROKERS_MAX];
    size_t broker_count;
    size_t broker; // the one that is meant
    size_t failed; // brokers in a row, since the last delay
    bool accepted; // the broker has accepted this connection
    struct reconnect reconnect;
    struct url proxy; // host NULL: none
    struct tls_memory tls_memory;
    struct dial *dial;
    struct transport *transport; // NULL while there is no socket
    int epoll_fd;
    int interrupt_fd;             // an eventfd: readable after an interruption that nobody has noticed yet
    uint32_t events;              // of epoll that the socket is registered with; 0: it is not
    uint64_t deadline_ms;         // of the state
    struct error error;           // of the last call that failed
    char name[LINK_NAME_BYTES];   // the broker, as error texts call it
    link_told told;               // of changes
    void (*stepped)(void *owner); // after each step
    void *owner;
};

// The settings stay as long as the link. Returns 0 or a negative errno with nothing held.
int link_init(struct link *link, const struct core_limits *limits, const struct settings *settings);
void link_finish(struct link *link);

// Takes over the wish to connect to one of `uris`, separated by blanks. The link is IDLE. Returns 0,
// HBMQTT_ERROR_ARGUMENT or HBMQTT_ERROR_SYSTEM.
int link_aim(struct link *link, const char *uris);
// Begins to connect to where it was aimed at.
void link_start(struct link *link);

// Begins to send what waits, DISCONNECT after it, and to close. What is not open is closed at once.
void link_close(struct link *link);

// Closes at once.
void link_drop(struct link *link, const struct error *why);

// Silence of ours after which a sign of life goes out.
uint32_t link_ping_after_ms(const struct link *link);

// Does what can be done now.
void link_step(struct link *link, uint64_t now_ms);
// Waits at `epoll_fd` for what is wanted now. Part of each step; needed after something was begun without
// one.
void link_watch(struct link *link);
// When link_step is to be called without anything having happened.
uint64_t link_deadline_ms(const struct link *link);

// True when nothing is under way and nothing will be.
static inline bool link_is_idle(const struct link *link)
{
    return link->state == LINK_IDLE;
}

// 0 when a broker has accepted.
static inline int link_status(const struct link *link)
{
    return link->state == LINK_UP ? core_status(&link->core) : HBMQTT_ERROR_NOT_CONNECTED;
}

// One round: waits until something can move or `deadline_ms` has come, and moves it. `watched_fd` (-1: none)
// ends the wait when it can be read, and *ret_readable says so (NULL is allowed with -1). Returns
// HBMQTT_ERROR_TIMEOUT without touching `error` when the deadline has come and nothing moved.
int link_turn(struct link *link, uint64_t deadline_ms, int watched_fd, bool *ret_readable);

// Serves the connection until `done` says so, `answer_timeout_ms` at most, counted from the last byte that
// left.
typedef bool (*link_condition)(const struct link *link, const void *context);
int link_wait(struct link *link, link_condition done, const void *context);

// Sends as much as the transport takes now. A failure shows in the next turn.
void link_send(struct link *link);

// Sets `error` to why the link is IDLE, and returns its code.
int link_report(struct link *link);

// When a wait of `timeout_ms` that begins at `now_ms` is over. Negative: never.
static inline uint64_t link_after_ms(uint64_t now_ms, int64_t timeout_ms)
{
    return timeout_ms < 0 ? CORE_NEVER : now_ms + (uint64_t)timeout_ms;
}

#endif
