// SPDX-License-Identifier: MIT
// The listeners of the broker as its configuration asks for them.
#ifndef LISTENERS_H
#define LISTENERS_H

#include "server/service/service.h"
#include "server/shard.h"

// Before anything else.
void listeners_init(struct broker *broker);

// Makes ready what `regime`, which has a configuration and nothing else, is to serve: opens its sockets, or
// takes those that were passed; and reads its certificates. `comparison` says what of it serves already; NULL
// at the start, when a passed socket that nobody asks for is a fault. Returns false after one line, and
// nothing is open that was not before.
WARN_UNUSED bool listeners_prepare(struct broker *broker, struct activation *activation,
                                   const struct config_comparison *comparison, struct regime *regime);

// It will not be served: closes what was opened for it.
void listeners_give_up(struct broker *broker, const struct regime *regime);

// Every shard has gone over from the regime `before` to that of the broker: closes what only that one has,
// and adjusts what is open to what was changed.
void listeners_settle(struct broker *broker, const struct config_comparison *comparison,
                      const struct regime *before);

// All of them, when no shard runs.
void listeners_close(struct broker *broker);

// Says in one line, if it is so, where anybody gets in without a proof of who it is.
void listeners_warn_of_anybody(const struct broker *broker);

// Looks for what the listeners of a configuration need, without opening them: their certificates, the owners
// of their files. Returns false after one line.
WARN_UNUSED bool listeners_check(const struct config *config);

#define LISTENERS_TEXT_BYTES 7680u // room that all of them fit into

// A line such as "0.0.0.0:1883 (tcp), 0.0.0.0:8883 (tls)", cut to `size` bytes.
void listeners_describe(const struct broker *broker, char *ret_text, size_t size);

#endif
