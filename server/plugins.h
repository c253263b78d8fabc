// SPDX-License-Identifier: MIT
// The broker's side of its plugins: the host's door, and what the shards do for it.
//
// What plugins ask of the broker comes to the shards by mail: answers, messages, looks, other plugins.
#ifndef PLUGINS_H
#define PLUGINS_H

#include "server/plugin/plugin.h"
#include "server/shard.h"

// Makes the host and loads the plugins of the configuration, before the shards start. Returns false if one
// cannot be, which has been told.
WARN_UNUSED bool plugins_open(struct broker *broker);

// The configuration has been read again (`config` is borrowed for the call). Returns false, and everything is
// as it was, if a plugin cannot be loaded, which has been told. While the shards serve, on the main thread.
WARN_UNUSED bool plugins_reload(struct broker *broker, const struct config *config);

// The shards serve; they have stopped reading, and stop next; they have ended.
void plugins_begin(struct broker *broker);
void plugins_end(struct broker *broker);
void plugins_close(struct broker *broker);

// The roster that a shard starts with; NULL if there are no plugins.
struct roster *plugins_roster(const struct broker *broker);

// Ticks the inline plugins that are due, and arms the timer for the next; on shard 0.
void plugins_tick(struct shard *shard);

#endif
