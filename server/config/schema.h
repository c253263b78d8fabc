// SPDX-License-Identifier: MIT
// The maps of the configuration file but those of listeners: which keys each has, how those are read that are
// not like others, and what is decided when all of the file has been read.
#ifndef CONFIG_SCHEMA_H
#define CONFIG_SCHEMA_H

#include "server/config/key.h"

// The tables, whose base is struct config.
extern const struct document_keys schema_root_keys;
extern const struct document_keys schema_auth_keys;
extern const struct document_keys schema_topic_check_keys;
extern const struct document_keys schema_log_keys;

// Of plugins that are part of the broker: their settings are keys of the maps above.
extern const struct document_keys schema_anonymous_keys;
extern const struct document_keys schema_password_keys;
extern const struct document_keys schema_acl_keys;
extern const struct document_keys schema_sys_keys;
extern const struct document_keys schema_no_keys;

// Gives a configuration of zeros what holds without a file.
void schema_set_standards(struct config *config, struct arena *arena);

// Fills in a configuration that holds the defaults. Returns 0, or -EINVAL with the document's message
// written.
WARN_UNUSED int schema_read(struct document *document, struct reading *reading);

#endif
