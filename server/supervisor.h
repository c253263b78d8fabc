// SPDX-License-Identifier: MIT
// Who started the broker and watches over it, systemd or what speaks its protocol: it is told when the broker
// is ready, reloads and stops, and every now and then that it lives.
//
// It lives if every shard turns. Each is asked by mail, which wakes one that sleeps, and whatever holds a
// shard up, a loop or a call that does not return, holds up its answer as well. While one is missing the
// watchdog is told nothing; if that lasts, systemd starts the broker again.
#ifndef SUPERVISOR_H
#define SUPERVISOR_H

#include <signal.h>

#include "server/service/service.h"
#include "server/shard.h"

struct supervisor {
    struct broker *broker;
    struct notify notify;
    uint64_t question; // to the shards: its number, and when it was asked
    uint64_t asked_ns;
    uint64_t look_ns; // when to look at the answers
    bool held_up;     // was told
    bool unheard;     // likewise
};

// To be called before other threads run. A manager that cannot be reached is a warning.
void supervisor_init(struct supervisor *supervisor, struct broker *broker);
void supervisor_finish(struct supervisor *supervisor);

void supervisor_ready(struct supervisor *supervisor, const char *status);
void supervisor_reloading(struct supervisor *supervisor); // until supervisor_ready
void supervisor_stopping(struct supervisor *supervisor);

// Waits for one of these signals, which have to be blocked, while shards serve.
int supervisor_await_signal(struct supervisor *supervisor, const sigset_t *signals);

#endif
