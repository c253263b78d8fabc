// SPDX-License-Identifier: MIT
// The keys of the configuration file: which there are, what each may hold, and what becomes of those that the
// original hbmqtt has and this version does not.
#ifndef CONFIG_SCHEMA_H
#define CONFIG_SCHEMA_H

#include "server/config/config.h"
#include "server/config/document.h"

// Fills in a configuration that holds the defaults. Returns 0, or -EINVAL with the document's message
// written.
WARN_UNUSED int schema_read(struct document *document, struct config *config);

#endif
