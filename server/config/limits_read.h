// SPDX-License-Identifier: MIT
// The maps `limits` of the file and of its listeners.
#ifndef CONFIG_LIMITS_READ_H
#define CONFIG_LIMITS_READ_H

#include "server/config/key.h"

extern const struct document_keys limits_keys; // members of struct limits

document_read limits_read;             // those of the file
document_read limits_read_of_listener; // the base of the target is a struct config_listener

// While a listener is read, CONFIG_NEVER is a limit that it does not have itself. In the end these are those
// of the broker.
void limits_clear(struct limits *limits);
void limits_complete(struct limits *limits, const struct limits *of_broker);

#endif
