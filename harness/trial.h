// SPDX-License-Identifier: MIT
// One case while it runs. A case is a function in a process of its own; it fails by saying so and ending
// there, and its crash is told from its end. What it finds lies in memory that it shares with whoever started
// it.
//
//     static void answers_pings(struct trial *trial)
//     {
//         struct peer *peer = peer_connect(trial, "peer");
//         peer_send(peer, packet_empty(PACKET_PINGREQ));
//         peer_expect(peer, packet_empty(PACKET_PINGRESP));
//     }
//
//     {"ping", "MQTT-3.12.4-1", "sends PINGREQ", "PINGRESP", .run = answers_pings}
#ifndef HARNESS_TRIAL_H
#define HARNESS_TRIAL_H

#include "harness/broker.h"
#include "harness/random.h"
#include "harness/timeline.h"

enum verdict {
    VERDICT_NONE, // it has not ended
    VERDICT_PASS,
    VERDICT_TOLERATED,      // allowed, but unusual; the note says what was seen
    VERDICT_NOT_APPLICABLE, // the note says why
    VERDICT_INCONCLUSIVE,   // nothing was learnt: counts as no pass
    VERDICT_FAIL,
    VERDICT_COUNT,
};

// "pass", "tolerated", "not applicable", "inconclusive", "fail".
const char *verdict_name(enum verdict verdict);

enum { RECORD_TEXT_MAX = 1500 };

// What is left of a case.
struct record {
    enum verdict verdict;
    char note[RECORD_TEXT_MAX];
    char expected[RECORD_TEXT_MAX]; // of a failure
    char actual[RECORD_TEXT_MAX];
    uint64_t duration_ns;
    struct timeline timeline;
};

struct trial;

enum case_flags {
    CASE_BROKER = 0,    // needs a broker
    CASE_CLIENT = 1,    // plays the server for a client
    CASE_WEBSOCKET = 4, // means something on WebSocket only
    CASE_DISTURBS = 8,  // leaves the broker unfit for others: it gets a new one afterwards
    CASE_PLAIN = 16,    // is the same on all transports: runs on the first
};

struct test_case {
    const char *name;       // of its own in the section
    const char *statements; // ids between spaces; "" for a flow
    const char *does;       // one line
    const char *expects;    // one line
    void (*run)(struct trial *trial);
    unsigned flags;     // enum case_flags
    unsigned budget_ms; // 0: CASE_BUDGET_MS
};

enum { CASE_BUDGET_MS = 15000 };

struct section {
    const char *id;    // "3.1"
    const char *title; // "CONNECT"
    const struct test_case *cases;
    size_t count;
};

struct trial {
    const struct test_case *test_case;
    struct broker *broker;       // NULL: none
    const struct recipe *client; // NULL: none
    const char *directory;       // for files of the case
    const char *certificates;
    enum transport transport;
    uint64_t seed;
    struct random random;
    char tag[12]; // letters and digits that no other case has
    struct record *record;
    unsigned made; // things that were given numbers
    int listener;  // of a case that plays the server; -1: not made yet
};

// Runs the case in this process, and ends the process.
void trial_run(struct trial *trial) __attribute__((noreturn));

// A topic of this case alone. '+', '#' and '/' in it stay what they are.
const char *trial_topic(struct trial *trial, const char *topic);

// A client id of this case alone: letters and digits, no more than 23 of them when `name` has no more than 8.
const char *trial_id(struct trial *trial, const char *name);

// These end the case.
void trial_fail(struct trial *trial, const char *expected, const char *actual_format, ...)
    __attribute__((noreturn, format(printf, 3, 4)));
void trial_not_applicable(struct trial *trial, const char *format, ...)
    __attribute__((noreturn, format(printf, 2, 3)));
void trial_inconclusive(struct trial *trial, const char *format, ...)
    __attribute__((noreturn, format(printf, 2, 3)));

// Passed, without asking a broker whether it lives: for one that lets nobody in.
void trial_end_without_proof(struct trial *trial) __attribute__((noreturn));

// The case goes on; unless it fails it has been tolerated.
void trial_tolerate(struct trial *trial, const char *format, ...) __attribute__((format(printf, 2, 3)));

// Something that has to be so.
void trial_require(struct trial *trial, bool is_so, const char *expected, const char *actual_format, ...)
    __attribute__((format(printf, 4, 5)));

// A line in the timeline.
void trial_note(struct trial *trial, const char *format, ...) __attribute__((format(printf, 2, 3)));

// A file of the case's own, in a directory that is there and goes when the run ends.
const char *trial_file(struct trial *trial, const char *name);

// Puts a broker of the case's own in place of the shared one, in a configuration of the recipe ("" is the
// usual one). Not applicable when the recipe has none of that name.
void trial_own_broker(struct trial *trial, const char *config);

// Kills or stops the case's own broker, and starts it again.
void trial_restart_broker(struct trial *trial, bool kill);

// Connects afresh and pings: the broker is still there. Every case of a broker ends with it.
void trial_prove_alive(struct trial *trial);

// Where the broker is, on the transport of the case.
const struct address *trial_address(struct trial *trial);

#endif
