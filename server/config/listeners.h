// SPDX-License-Identifier: MIT
// The map `listeners` of the configuration file: names, chosen by the user, and for each the keys of
// listeners.def, which are read into a draft (draft.h).
#ifndef CONFIG_LISTENERS_H
#define CONFIG_LISTENERS_H

#include "server/config/config.h"
#include "server/config/document.h"

// `target` is the configuration, whose listeners are replaced.
document_read listeners_read;

#endif
