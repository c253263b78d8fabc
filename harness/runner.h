// SPDX-License-Identifier: MIT
// Runs cases: each in a process of its own with a budget of time, several beside each other. Each of the
// processes that do so keeps a broker for its cases, one after the other, and looks after each whether it is
// still there.
#ifndef HARNESS_RUNNER_H
#define HARNESS_RUNNER_H

#include "harness/trial.h"

// One case to be run, and what came of it.
struct run {
    const struct section *section;
    const struct test_case *test_case;
    enum transport transport;
    unsigned repetition;
    uint64_t seed;
    struct record *record; // shared with the processes
};

struct runner {
    const struct recipe *recipe; // of the broker; NULL: it is at addresses
    const struct broker *at;     // the broker that is there
    const struct recipe *client; // NULL: none
    const char *directory;       // for files; has to exist
    const char *certificates;    // a directory with them
    unsigned jobs;
    // Called in the order in which cases end.
    void (*ended)(void *context, const struct run *run, size_t ended, size_t count);
    void *context;
};

// Memory for `count` records.
struct record *records_make(size_t count);

// Runs all. False when that did not work; each run that was not done is inconclusive.
bool runner_run(const struct runner *runner, struct run *runs, size_t count);

#endif
