// SPDX-License-Identifier: MIT
// The map `listeners` of the configuration file: names, chosen by the user, and for each the keys of
// KEY_OF_LISTENER, which are read into a draft (draft.h).
#ifndef CONFIG_LISTENERS_H
#define CONFIG_LISTENERS_H

#include "server/config/key.h"

extern const struct document_keys listeners_keys; // members of struct config_listener

// Reader of a row, whose base is struct config: its listeners are replaced.
document_read listeners_read;

// The one listener that there is without a file.
void listeners_set_standard(struct config *config, struct arena *arena);

// Gives the listeners the limits of the file where they have none of their own.
void listeners_complete(struct config *config);

#endif
