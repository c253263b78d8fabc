// SPDX-License-Identifier: MIT
// The command line of hbmqtt_conformance.
#ifndef CONFORMANCE_OPTIONS_H
#define CONFORMANCE_OPTIONS_H

#include "harness/harness.h"

enum { SUBJECTS_MAX = 8, PICKS_MAX = 64 };

struct texts {
    const char *list[PICKS_MAX];
    size_t count;
};

struct options {
    struct texts brokers;  // recipes, or "@host:port"
    struct texts clients;  // recipes
    struct texts cases;    // ids; none: all
    struct texts sections; // ids; none: all
    struct entries values; // --set
    unsigned transports;   // a bit for each
    uint64_t seed;
    unsigned repeat, jobs;
    bool list, verbose;
    const char *tap, *junit, *json, *html, *badge; // files; NULL: none
};

// Reads the command line. A status to exit with, or -1 to go on. Prints one line when something is wrong.
int options_read(struct options *options, int count, char **arguments);

#endif
