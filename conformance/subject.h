// SPDX-License-Identifier: MIT
// A broker or client that is judged, the runs of cases against it, and what they say of each statement.
#ifndef CONFORMANCE_SUBJECT_H
#define CONFORMANCE_SUBJECT_H

#include "conformance/catalogue.h"
#include "conformance/options.h"

struct subject {
    const char *name;            // "hbmqtt"; "127.0.0.1:1883"; "clients of mosquitto"
    const struct recipe *recipe; // of a broker
    struct broker at;            // a broker at an address
    const struct recipe *client;
    unsigned transports; // a bit for each that is looked at
    struct run *runs;
    size_t count;
};

// Makes the subject that the text names (see options.brokers) and the runs that the options pick. False, with
// one line printed, when that does not work.
bool subject_make(struct subject *subject, const struct options *options, const char *text, bool is_client);

// Verdicts from the least to the most telling: the last that any run of a statement (NULL: of any) on the
// transport (or -1: on any) has is the statement's.
enum verdict subject_verdict(const struct subject *subject, const char *statement_id, int transport);

// Why there is no verdict for a statement here.
const char *subject_unseen(const struct subject *subject, const struct statement *statement);

#endif
