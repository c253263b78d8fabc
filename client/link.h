// SPDX-License-Identifier: MIT
// A core with its transport: what moves bytes between them, and the waiting of the blocking calls.
//
// Statuses are 0, an enum hbmqtt_error with `error` set, or as said.
#ifndef CLIENT_LINK_H
#define CLIENT_LINK_H

#include "client/core.h"
#include "client/transport.h"
#include "client/url.h"

#define LINK_NAME_BYTES 280u

struct link {
    struct core core;
    struct transport *transport; // NULL while the core is IDLE
    int interrupt_fd;            // an eventfd: readable after an interruption that nobody has noticed yet
    uint32_t answer_timeout_ms;
    struct error error;         // of the last call that failed
    char name[LINK_NAME_BYTES]; // the broker, as error texts call it
};

// Returns 0 or a negative errno with nothing held.
int link_init(struct link *link, const struct core_limits *limits);
void link_finish(struct link *link);

// Connects to `url` as the options say, and waits for CONNACK. The options stay as they are while it is open.
int link_open(struct link *link, const struct url *url, const struct packet_connect *connect,
              uint32_t ping_after_ms, const struct hbmqtt_options *options);

// Sends what waits and DISCONNECT, and closes. The link is closed in every case.
int link_close(struct link *link);

// One round: sends, waits until something can move or `deadline_ms` has come, receives, keeps alive.
// `watched_fd` (-1: none) ends the wait when it can be read, and *ret_readable says so (NULL is allowed with
// -1). Returns HBMQTT_ERROR_TIMEOUT without touching `error` when the deadline has come and nothing moved.
int link_turn(struct link *link, uint64_t deadline_ms, int watched_fd, bool *ret_readable);

// Serves the connection until `done` says so, `answer_timeout_ms` at most, counted from the last byte that
// left.
typedef bool (*link_condition)(const struct link *link);
int link_wait(struct link *link, link_condition done);

// Sends as much as the transport takes now. A failure ends the core and shows in the next turn.
void link_send(struct link *link);

// Turns a status of the core that is not 0 into one of the link, with `error` set.
int link_report(struct link *link, int status);

// When a wait of `timeout_ms` that begins at `now_ms` is over. Negative: never.
static inline uint64_t link_deadline_ms(uint64_t now_ms, int64_t timeout_ms)
{
    return timeout_ms < 0 ? CORE_NEVER : now_ms + (uint64_t)timeout_ms;
}

#endif
