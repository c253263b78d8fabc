// SPDX-License-Identifier: MIT
// From the name or the path of a plugin to its code.
#ifndef PLUGIN_LOADER_H
#define PLUGIN_LOADER_H

#include "server/base/base.h"
#include "server/plugin/hbmqtt_plugin.h"

struct plugin_code {
    struct hbmqtt_plugin descriptor; // a copy; what an older plugin does not know is 0
    void *library;                   // of dlopen(3); NULL: built in
};

// Finds the code of a plugin: a name that ends in .so is the path of a shared object; any other is built in,
// or `directory`/`name`.so. Returns false and has told why not.
WARN_UNUSED bool loader_open(const char *name, const char *directory, struct plugin_code *ret_code);

// Unloads it. Nothing of it may be in use.
void loader_close(struct plugin_code *code);

// A descriptor that is built in, by its name; NULL if there is none.
const struct hbmqtt_plugin *builtin_find(const char *name);

#endif
