// SPDX-License-Identifier: MIT
// A listener while its keys are read, and the judgement when all of them are known.
//
// The entry `default` is where the drafts of the others begin: what one does not have itself it inherits. A
// key that means nothing for a listener is a fault, or a warning, where the listener has it itself;
// inherited, it is dropped. The exceptions are what decides whom a listener lets in (client-certificate,
// user-name-from): inherited, they too must hold, unless the listener itself switches off what they need.
#ifndef CONFIG_DRAFT_H
#define CONFIG_DRAFT_H

#include "server/config/key.h"

struct draft {
    struct reading *reading;
    struct config_listener listener;
    bool port_given;
    uint32_t own[KEY_COUNT];   // where each key stands that the entry has itself; 0 = it has it not
    uint32_t lines[KEY_COUNT]; // the same, also in the entry `default`
};

// Judges the draft, completes it, and adds the listener to the configuration. Returns 0, or -EINVAL with the
// document's message written.
WARN_UNUSED int draft_take(struct document *document, const struct draft *draft);

#endif
