// SPDX-License-Identifier: MIT
// What came of the runs, in the forms that people and programs read.
#ifndef CONFORMANCE_REPORT_H
#define CONFORMANCE_REPORT_H

#include <stdio.h>

#include "conformance/subject.h"

// Everything that a report is made of.
struct outcome {
    const struct options *options;
    const struct subject *subjects;
    size_t count;
};

struct tally {
    size_t verdicts[VERDICT_COUNT];
};

// How many runs of a subject have each verdict.
struct tally tally_of(const struct subject *subject);

// "412 passed, 3 failed, ...": what there is none of is left out, but for passed and failed.
char *tally_text(const struct tally *tally);

// A case as it ends, when it failed or is inconclusive, or always if verbose: with its packets. `progress`
// lines take the place of each other if `is_terminal`.
void report_ended(const struct run *run, bool verbose);
void report_progress(const char *name, size_t ended, size_t count, size_t failed, bool is_terminal);

// The table at the end: a line for each section, a column for each subject and transport, and what is not a
// pass by statement.
void report_table(FILE *file, const struct outcome *outcome);

void report_tap(FILE *file, const struct outcome *outcome);
void report_junit(FILE *file, const struct outcome *outcome);
void report_json(FILE *file, const struct outcome *outcome);
void report_html(FILE *file, const struct outcome *outcome);
void report_badge(FILE *file, const struct outcome *outcome);

// Texts as they may stand in XML (also HTML), and in JSON with their quotes. What is no UTF-8 and what may
// not stand there is replaced.
char *text_xml(const char *text);
char *text_json(const char *text);

// "3.1/second-connect tls #2": the repetition only from the second on.
char *run_name(const struct run *run);

// One line for one event of a timeline: what its packets say.
char *event_text(const struct timeline_event *event);

#endif
