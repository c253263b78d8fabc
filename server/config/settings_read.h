// SPDX-License-Identifier: MIT
// Makes the settings of a plugin from the nodes of the file.
#ifndef CONFIG_SETTINGS_READ_H
#define CONFIG_SETTINGS_READ_H

#include "server/config/key.h"

// A map with anything in it, or nothing, which gives NULL. Returns 0, or -EINVAL with the message written:
// for any other node, a tree that is too deep, and one that is too large.
WARN_UNUSED int settings_read(struct document *document, yaml_node_t *node, struct arena *arena,
                              const struct settings **ret_settings);

#endif
