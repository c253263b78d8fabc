// SPDX-License-Identifier: MIT
// The plugins that are built in and that parts of the configuration stand for: passwords, rules of access,
// topics that are taboo, and clients that nobody knows. They get their settings as any other plugin does.
#ifndef BUILTINS_H
#define BUILTINS_H

#include "server/config/config.h"
#include "server/plugin/plugin.h"

#define BUILTINS_MAX 5u

// Adds those that the configuration asks for to `entries`, and returns how many. `others_authenticate`: so
// does a plugin that is not built in.
uint32_t builtins_add(const struct config *config, bool others_authenticate, struct host_entry *entries);

#endif
