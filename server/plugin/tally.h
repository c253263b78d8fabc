// SPDX-License-Identifier: MIT
// What the verdicts of several plugins come to: the first HBMQTT_DENY decides; else one HBMQTT_ALLOW is
// enough; else one HBMQTT_NO_OPINION is a rule that is missing, and denies.
#ifndef PLUGIN_TALLY_H
#define PLUGIN_TALLY_H

#include <stdbool.h>

#include "server/plugin/hbmqtt_plugin.h"

#define VERDICT_FLAGS (HBMQTT_STABLE | HBMQTT_UNVOUCHED | HBMQTT_UNAVAILABLE)

// A verdict without its flags.
static inline int verdict_bare(int verdict)
{
    return verdict & ~VERDICT_FLAGS;
}

// Begins as zeros.
struct tally {
    bool allowed;     // by somebody
    bool vouched;     // who allowed says who it is
    bool missed;      // somebody had no opinion
    bool unavailable; // who denied could not find out
    bool fleeting;    // what comes out may be something else the next time
};

// Takes one more verdict, which is not HBMQTT_PENDING. Returns true if it denies, and nobody else is asked.
bool tally_add(struct tally *tally, int verdict);

// What it comes to where nobody has denied: HBMQTT_ALLOW, HBMQTT_DENY, or HBMQTT_NOT_CONCERNED if nobody had
// anything to say.
int tally_conclude(const struct tally *tally);

#endif
