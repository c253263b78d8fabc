// SPDX-License-Identifier: MIT
// Variables of the environment in the values of a YAML file:
//
//     ${NAME}             the value of NAME, which must be set
//     ${NAME:-standard}   the same, or `standard` where NAME is unset or empty
//     $${                 the two characters ${
//
// They stand for text within one scalar: what they hold is never read as YAML. Keys stay as they are. A value
// with a variable counts as one without quotes, which it needs within [ ] and { }: a number may be
// "${NUMBER}". Messages quote the name and not the value, which may be a secret.
#ifndef CONFIG_SUBSTITUTION_H
#define CONFIG_SUBSTITUTION_H

#include "server/config/document.h"

#define SUBSTITUTION_BYTES_MAX 1048576u // of all values with variables together; what goes beyond is refused

// Replaces the values of a document that was parsed. Returns 0, or -EINVAL with the message written.
WARN_UNUSED int substitution_apply(struct document *document);

#endif
