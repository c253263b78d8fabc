// SPDX-License-Identifier: MIT
// A broker under test: started from a recipe, or at an address where it runs already.
#ifndef HARNESS_BROKER_H
#define HARNESS_BROKER_H

#include "harness/process.h"
#include "harness/recipe.h"
#include "harness/stream.h"

struct broker {
    const struct recipe *recipe; // NULL: it was not started from one
    const char *directory;       // its files
    const char *config;          // the name of its configuration
    struct entries values;       // what is put into the recipe
    struct process process;
    struct address addresses[TRANSPORT_COUNT]; // port 0: it does not speak this
};

// Starts a broker in a directory that exists and is its own, with certificates in `certificates` (see
// certificates_write), on free ports. False, with a line in *ret_why, when it did not get ready in time.
bool broker_start(struct broker *broker, const struct recipe *recipe, const char *config,
                  const char *directory, const char *certificates, const char **ret_why);

// A broker at an address, for one transport.
void broker_at(struct broker *broker, enum transport transport, const struct address *address);

// Starts it again after broker_kill or broker_stop, on the same ports and with the same files.
bool broker_restart(struct broker *broker, const char **ret_why);

// SIGTERM, and its end.
void broker_stop(struct broker *broker);

// SIGKILL.
void broker_kill(struct broker *broker);

// SIGSTOP and SIGCONT.
void broker_freeze(struct broker *broker);
void broker_thaw(struct broker *broker);

#endif
