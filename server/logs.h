// SPDX-License-Identifier: MIT
// The log as the configuration asks for it.
#ifndef LOGS_H
#define LOGS_H

#include "server/base/base.h"
#include "server/config/config.h"

// Opens what is to be written to, for log_adopt. `debug`: the command line asks for every line, whatever the
// configuration says. Returns NULL after one line.
WARN_UNUSED struct log_prepared *logs_prepare(const struct config *config, bool debug);

// Writes what reading the configuration has found worth a word.
void logs_warn(const struct config *config);

#endif
