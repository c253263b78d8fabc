// SPDX-License-Identifier: MIT
// What deserves a word but not a refusal: lines for the caller of config_parse to print.
#ifndef CONFIG_WARNING_H
#define CONFIG_WARNING_H

#include "server/config/key.h"

// Adds "FILE:LINE: " and the message to the warnings of the configuration. Past CONFIG_WARNINGS_MAX the last
// one says that there are more.
void warning_add(const struct document *document, struct reading *reading, uint32_t line, const char *format,
                 ...) __attribute__((format(printf, 4, 5)));

#endif
