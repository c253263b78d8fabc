// SPDX-License-Identifier: MIT
// The listeners of the broker as its configuration asks for them.
#ifndef LISTENERS_H
#define LISTENERS_H

#include "server/service/service.h"
#include "server/shard.h"

// Opens all of them, or takes the sockets that were passed for them. A fault, and a passed socket that nobody
// asks for is one, is told in one line and ends the process with `status`.
void listeners_open(struct broker *broker, struct activation *activation, int status);

// Says in one line, if it is so, where anybody gets in without a proof of who it is.
void listeners_warn_of_anybody(const struct broker *broker);

// Looks for what the listeners of a configuration need, without opening them: their certificates, the owners
// of their files. Returns false after one line.
WARN_UNUSED bool listeners_check(const struct config *config);

// Reads the certificates again. Where that fails, which is told, the listener goes on with those that it has.
// Connections keep what they began with.
void listeners_reload(struct broker *broker);

void listeners_close(struct broker *broker);

// A line such as "0.0.0.0:1883 (tcp), 0.0.0.0:8883 (tls)", cut to `size` bytes.
void listeners_describe(const struct broker *broker, char *ret_text, size_t size);

#endif
