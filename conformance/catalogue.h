// SPDX-License-Identifier: MIT
// The statements of MQTT 3.1.1, and the sections with the cases that look at them.
#ifndef CONFORMANCE_CATALOGUE_H
#define CONFORMANCE_CATALOGUE_H

#include "harness/harness.h"

enum binds { BINDS_SERVER, BINDS_CLIENT, BINDS_BOTH };

struct statement {
    const char *id; // "MQTT-3.1.0-1"
    enum binds binds;
    const char *text;
    const char *unseen; // why no case can see it; "" where one can
};

extern const struct statement statements[];
extern const size_t statement_count;

extern const struct section *const sections[];
extern const size_t section_count;

// NULL when there is none of this id.
const struct statement *statement_find(const char *id);

// Whether a case names this statement.
bool case_covers(const struct test_case *test_case, const char *statement_id);

// "3.1/second-connect".
char *case_id(const struct section *section, const struct test_case *test_case);

#endif
