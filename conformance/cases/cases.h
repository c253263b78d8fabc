// SPDX-License-Identifier: MIT
// What files of cases begin with and end with.
#ifndef CONFORMANCE_CASES_H
#define CONFORMANCE_CASES_H

#include "harness/harness.h"

// Makes the section of the array `cases` of the file: SECTION_OF_CASES(section_3_1_connect, "3.1",
// "CONNECT");
#define SECTION_OF_CASES(name, id, title)                                                                    \
    extern const struct section name;                                                                        \
    const struct section name = {id, title, cases, sizeof cases / sizeof *cases}

// A fresh connection that sends one packet as its first and has to be closed without an answer.
static inline void case_first_is_closed_on(struct trial *trial, const char *name, struct bytes packet)
{
    struct peer *peer = peer_open(trial, name);
    peer_send_anyway(peer, packet);
    peer_expect_close(peer);
}

// A connected client that sends one packet and has to be closed without an answer.
static inline void case_is_closed_on(struct trial *trial, const char *name, struct bytes packet)
{
    struct peer *peer = peer_connect(trial, name);
    peer_send_anyway(peer, packet);
    peer_expect_close(peer);
}

#endif
