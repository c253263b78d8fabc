// SPDX-License-Identifier: MIT
// The map `listeners` of the configuration file.
//
// An entry is read into a draft, which begins as a copy of the entry `default`; when all of its keys are
// known, the draft is judged and becomes a listener of the configuration.
#ifndef CONFIG_LISTENERS_H
#define CONFIG_LISTENERS_H

#include "server/config/config.h"
#include "server/config/document.h"

// A document_read: `target` is the configuration, whose listeners are replaced.
document_read listeners_read;

#endif
