// SPDX-License-Identifier: MIT
// What the load generator was asked to do: its command line.
#ifndef BENCH_OPTIONS_H
#define BENCH_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define PEERS_MAX   1000000u
#define WINDOW_MAX  32768u // half of the packet identifiers, so that none is used again while it is in flight
#define PAYLOAD_MAX 16777216u // bytes
#define TOPICS_MAX  1000000u  // six digits

enum shape {
    SHAPE_FAN_OUT,  // every publisher to every subscriber, one topic; by default 1 to 100
    SHAPE_FAN_IN,   // the same, by default 100 to 1
    SHAPE_PAIRWISE, // publisher k to subscriber k, a topic for each pair
    SHAPE_SHARED,   // publishers and subscribers share a set of topics, each is with one of them
    SHAPE_WILDCARD, // pairwise, but each subscriber holds many filters and each publisher walks their topics
    SHAPE_IDLE,     // connections that say nothing
    SHAPE_CONNECT,  // clients that connect and leave, again and again
    SHAPE_RETAINED, // subscribers that come for all retained messages and leave, again and again
    SHAPES,
};

struct options {
    const char *host;
    const char *port;
    bool tls;
    bool resume;        // sessions of TLS
    const char *cafile; // NULL: whatever certificate the broker has
    bool ws;            // over WebSocket, within TLS if that is on too
    const char *ws_path;
    pid_t pid; // of the broker; 0: no figures of its CPU time and memory
    enum shape shape;
    uint32_t publishers;
    uint32_t subscribers;
    uint32_t connections; // of the shapes without publishers
    uint32_t topics;      // of the shared shape
    uint32_t filters;     // of the wildcard shape, all subscribers together
    uint32_t retained;    // messages of the retained shape
    uint32_t payload;     // bytes
    uint8_t qos;
    double rate; // open loop: messages a second of all publishers; 0: closed loop
    double warmup_s;
    double seconds;    // how long to measure
    uint64_t messages; // deliveries to measure instead; 0: go by time
    uint32_t window;   // undelivered messages of each publisher
    uint32_t batch;    // a publisher waits until its window has room for so many
    bool syscalls;     // count the broker's system calls
    bool ring;         // read what our own broker tells of its ring
    bool json;
};

// Returns 0 with the options set and checked; 1 if help or the version was printed and nothing is left to do;
// -EINVAL after one line on stderr said what is wrong.
int options_parse(int argc, char **argv, struct options *ret_options);

// "fan-out" for SHAPE_FAN_OUT.
const char *shape_name(enum shape shape);

// "tcp", "tls", "ws", or "wss" for both.
const char *transport_name(const struct options *options);

// Whether the shape has publishers and subscribers that stay.
static inline bool shape_publishes(enum shape shape)
{
    return shape < SHAPE_IDLE;
}

// Whether its clients come and go.
static inline bool shape_visits(enum shape shape)
{
    return shape == SHAPE_CONNECT || shape == SHAPE_RETAINED;
}

#endif
