// SPDX-License-Identifier: MIT
// A listener while its keys are read, and the judgement when all of them are known.
//
// The entry `default` is where the drafts of the others begin: what one does not have itself it inherits. A
// key that means nothing for a listener is a fault, or a warning, where the listener has it itself;
// inherited, it is dropped. The exceptions are what decides whom a listener lets in (client-certificate,
// user-name-from): inherited, they too must hold, unless the listener itself switches off what they need.
#ifndef CONFIG_DRAFT_H
#define CONFIG_DRAFT_H

#include "server/config/config.h"
#include "server/config/document.h"

enum listener_key {
#define LISTENER_KEY(identifier, name, scope, read, text) KEY_##identifier,
#include "server/config/listeners.def"
#undef LISTENER_KEY
    KEY_COUNT
};
_Static_assert(KEY_COUNT <= 32, "each key has a bit in draft.own");

struct draft {
    struct config *config; // which the listener will belong to, and which has its texts already
    struct config_listener listener;
    bool port_given;
    uint32_t own;              // a bit for each key that the entry has itself
    uint32_t lines[KEY_COUNT]; // where each key stands, also in the entry `default`; 0 = nowhere
};

// Notes that the entry being read has the key, in the line where the reader is.
void draft_note(struct draft *draft, enum listener_key key, uint32_t line);

// Judges the draft, completes it, and adds the listener to the configuration. Returns 0, or -EINVAL with the
// document's message written.
WARN_UNUSED int draft_take(struct document *document, const struct draft *draft);

#endif
