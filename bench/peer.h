// SPDX-License-Identifier: MIT
// One client of the load: a publisher, a subscriber, or a connection that says nothing.
//
//     closed -> CONNECT sent -> CONNACK -> [subscriber: SUBSCRIBE sent -> SUBACK ->] ready
//
// A subscriber notes each PUBLISH in the ledger and acknowledges it; a publisher sends while its window has
// room, in an open loop no more than its timetable says: the messages that not all of its subscribers have,
// and at QoS 1 and 2 also those that the broker has not acknowledged. Acknowledgements for all that one
// receive brought leave in one send.
#ifndef BENCH_PEER_H
#define BENCH_PEER_H

#include <stdbool.h>
#include <stdint.h>

#include "bench/connection.h"
#include "bench/latency.h"
#include "bench/ledger.h"
#include "bench/options.h"
#include "bench/schedule.h"
#include "bench/wire.h"

enum peer_role { PEER_SUBSCRIBER, PEER_PUBLISHER, PEER_IDLE };

enum peer_stage { PEER_CLOSED, PEER_CONNECTING, PEER_SUBSCRIBING, PEER_READY };

struct peer {
    struct connection connection;
    uint8_t role;     // enum peer_role
    uint8_t stage;    // enum peer_stage
    bool due;         // a publisher: is in team->due
    uint32_t index;   // among the peers of its role
    uint32_t awaited; // a subscriber's: SUBACKs that have not come
    // A publisher's:
    uint8_t topic[WIRE_TOPIC_BYTES];
    uint16_t next_id;        // of the next message
    uint16_t acknowledge_id; // the one that PUBACK or PUBREC should name next
    uint32_t unacknowledged; // messages without PUBACK or PUBCOMP
};

struct traffic {
    uint64_t published;
    uint64_t sends;        // by publishers
    uint64_t receives;     // by subscribers
    uint64_t acknowledged; // messages whose PUBACK or PUBCOMP came
    uint64_t disordered;   // PUBACK or PUBREC in another order than the messages [MQTT-4.6.0-2, MQTT-4.6.0-3]
};

// What the peers of a run share.
struct team {
    const struct options *options;
    struct transport transport;
    struct publish_form form;
    struct ledger ledger;
    struct latency latency;
    struct schedule schedule; // of an open loop
    uint64_t now_ns;          // when this turn began to publish
    struct traffic traffic;
    struct peer *publishers;
    struct peer **due; // publishers whose window may have room, each once
    uint32_t due_count;
    uint32_t ready_count; // peers in PEER_READY
    bool publishing;
    uint8_t *send_buffer;
    size_t send_capacity;
    uint8_t replies[RECEIVE_BYTES + WIRE_HEAD_MAX]; // no reply is longer than the packet that it answers
    size_t replies_length;
    struct receive_buffer receive;
};

// Puts a publisher on the list of those whose window may have room.
static inline void team_add_due(struct team *team, struct peer *publisher)
{
    if (!publisher->due) {
        publisher->due = true;
        team->due[team->due_count++] = publisher;
    }
}

// Each of these returns 0, or a negative errno after one line on stderr.
int peer_open(struct peer *peer, struct team *team, int epoll_fd);
int peer_on_event(struct peer *peer, struct team *team, uint32_t epoll_events);
int peer_publish(struct peer *peer, struct team *team); // as much as its window allows

#endif
