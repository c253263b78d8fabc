// SPDX-License-Identifier: MIT
// What the tests of the ring share: a ring with the features that the command line leaves, operations that
// record their events, and turns with a deadline.
#ifndef RING_TEST_RIG_H
#define RING_TEST_RIG_H

#include "server/ring/ring.h"
#include "test/run.h"

struct record {
    struct ring_operation operation;
    uint32_t events; // all of them
    uint32_t finals; // must never pass one for each start
    int32_t result;  // of the last event
    int32_t accepted[128];
    uint64_t bytes; // received
    bool mangled;   // what was received is not the pattern
    void (*then)(struct record *record, const struct ring_event *event); // may be NULL; sees `rig_ring`
    struct record *partner;                                              // for `then`
};

// The ring of the running test.
extern struct ring *rig_ring;

// A ring with the features left by the command line, and more masked by the test (or NULL); and its end.
void rig_begin(struct ring_options options, const char *disable);
void rig_end(void);
bool rig_has(const char *feature);

// One wait and the events of that turn.
void rig_turn(uint64_t timeout_ns);

// Turns until it is so, or the test ends in failure.
void rig_until_events(const struct record *record, uint32_t events);
void rig_until_bytes(const struct record *record, uint64_t bytes);
void rig_until_final(const struct record *record);

// Turns in which nothing may come that should not: finals stay what they are.
void rig_settle(const struct record *record);

// Cancels and takes the final event, if the operation goes on.
void rig_finish(struct record *record);

// Bytes that tell their offset in the stream.
void rig_pattern_fill(uint8_t *data, size_t length, uint64_t offset);

// Blocking sockets: a listener on loopback and its port, two connected ends, all that a blocking peer sends
// and gets.
int rig_listener(uint16_t *ret_port);
int rig_connect(uint16_t port);
void rig_tcp_pair(int ret_pair[2]);
void rig_unix_pair(int ret_pair[2]);
void rig_write(int fd, const uint8_t *data, size_t length);
void rig_read_pattern(int fd, size_t length);
void rig_close(int fd);

// Takes the features that the command line masks; false if there is none of such a name.
bool rig_mask(int argc, char **argv);

// The end of main.
#define RIG_RUN(name, tests) (rig_mask(argc, argv) ? RUN_TESTS(name, tests) : EXIT_FAILURE)

#define RIG_SMALL ((struct ring_options){.entries = 64, .buffer_count = 16, .buffer_bytes = 4096})

#endif
