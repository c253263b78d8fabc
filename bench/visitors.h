// SPDX-License-Identifier: MIT
// Clients that come and go: each place has one at a time, and when it has left, the next one comes.
//
//     connect:   CONNECT -> CONNACK -> DISCONNECT -> the broker closes                        -> again
//     retained:  CONNECT -> CONNACK -> SUBSCRIBE -> all R messages -> DISCONNECT -> it closes -> again
//
// A visit ends when the broker has closed: its work for the visit is done then, and since it was the one who
// closed, no port of ours waits for a minute to be used again.
#ifndef BENCH_VISITORS_H
#define BENCH_VISITORS_H

#include <stdbool.h>
#include <stdint.h>

#include "bench/connection.h"
#include "bench/latency.h"
#include "bench/options.h"
#include "bench/wire.h"

enum visitor_stage { VISITOR_AWAY, VISITOR_CONNECTING, VISITOR_SUBSCRIBED, VISITOR_LEAVING };

struct visitor {
    struct connection connection;
    uint32_t index;
    uint32_t received;   // different retained messages
    uint8_t stage;       // enum visitor_stage
    uint64_t *seen;      // bit n: retained message n came
    uint64_t started_ns; // when it began to connect; when it subscribed
};

struct visitors {
    const struct options *options;
    struct visitor *list;
    uint64_t *seen;
    uint32_t count;
    uint32_t away;
    bool stopped; // nobody comes any more
    struct transport transport;
    int epoll_fd;
    struct publish_form form;
    struct latency latency; // from connecting to CONNACK; from SUBSCRIBE to the last retained message
    uint64_t visits;        // that are over
    uint64_t delivered;     // retained messages
    uint64_t receives;
    uint64_t lost;
    uint64_t repeated;
    uint8_t replies[RECEIVE_BYTES + WIRE_HEAD_MAX]; // no reply is longer than the packet that it answers
    size_t replies_length;
    struct receive_buffer receive;
};

// `options` must outlive the visitors. Returns NULL after one line on stderr.
struct visitors *visitors_create(const struct options *options);
void visitors_destroy(struct visitors *visitors);

// Lets visitors come, waits for events and handles them. Returns 0, or a negative errno after one line on
// stderr.
int visitors_turn(struct visitors *visitors, int timeout_ms);

// Nothing has come for long: what visitors wait for is lost, and they leave.
void visitors_write_off(struct visitors *visitors);

#endif
