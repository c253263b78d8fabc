// SPDX-License-Identifier: MIT
// The door of server/plugin/: plugins, as the broker uses them.
//
//     hbmqtt_plugin.h   what a plugin is written against: its functions, and the table of ours
//     host              loads and unloads them, and stands between their threads and the broker
//     roster            who of them takes part in what
//     instance, worker  one of them, and the thread on which it runs unless it is inline
//     question, answer  what was asked and not answered yet, and what came back
//     tally             what the verdicts of several come to
//     verdicts          what one session need not be asked about again
//
// A decision goes over the roster, plugin by plugin, in the hands of the shard that asks:
//
//     plugin_ask -> a verdict at once
//                -> HBMQTT_PENDING: the shard holds the client until host_door.answered, or the deadline
#ifndef PLUGIN_PLUGIN_H
#define PLUGIN_PLUGIN_H

#include "server/plugin/host.h"
#include "server/plugin/settings.h"
#include "server/plugin/tally.h"
#include "server/plugin/verdicts.h"

#endif
