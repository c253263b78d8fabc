// SPDX-License-Identifier: MIT
// Reading the configuration again while the broker serves. All of it holds then, but for keys that take a
// restart, or nothing of it does.
#ifndef RELOAD_H
#define RELOAD_H

#include "server/service/service.h"
#include "server/shard.h"

struct reload_options {
    const char *config_path; // NULL: there is no file, and nothing to read
    bool debug;              // of the command line, which goes before log.level
};

// On the main thread, while every shard serves. First everything is made ready that can fail: the file, the
// certificates, new sockets, the log, the plugins; a fault is told, and the broker goes on as before. Then
// every shard goes over to the new regime between two events. Returns when all have, with a line that says
// what has changed. Connections go on, also those of listeners that are gone, on the terms that they began
// with; limits hold for all.
void reload(struct broker *broker, struct activation *activation, const struct reload_options *options);

#endif
