// SPDX-License-Identifier: MIT
// The thread of one plugin, and what waits for it: a queue of parcels, first in, first out.
//
//     init -> (parcels, one after the other; a tick when it is time) -> finish
//
// Questions are never refused: a client has one at most, and it is withdrawn when the client waits no longer.
// Everything else has a ceiling, past which it is dropped and counted.
#ifndef PLUGIN_WORKER_H
#define PLUGIN_WORKER_H

#include "server/plugin/call.h"

struct plugin;
struct worker;

enum parcel_kind { PARCEL_CALL, PARCEL_RELOAD, PARCEL_FINISH };

struct parcel {
    struct list place;
    enum parcel_kind kind;
    bool queued;
    struct call_copy *copy;                 // of PARCEL_CALL
    uint64_t question;                      // of a decision, else 0
    struct hbmqtt_plugin_setting *settings; // of PARCEL_RELOAD
};

// Frees a parcel that is in no queue, with what is in it.
void parcel_destroy(struct parcel *parcel);

struct worker_ceiling {
    uint32_t parcels_max;
    uint64_t bytes_max;
};

// Starts the thread and waits until the plugin has begun with these settings (borrowed). NULL if the thread
// could not be started, or the plugin refused; the reason has been told.
WARN_UNUSED struct worker *worker_create(struct plugin *plugin, struct worker_ceiling ceiling,
                                         const struct hbmqtt_plugin_setting *settings);

void worker_set_ceiling(struct worker *worker, struct worker_ceiling ceiling);

// Takes a copy of a call that wants no answer; NULL if there was no memory for one. Returns false, and has
// dropped and counted it, at the ceiling.
bool worker_push(struct worker *worker, struct call_copy *copy);

// Takes a parcel in which a decision is asked.
void worker_ask(struct worker *worker, struct parcel *parcel);

// Takes a parcel back out of the queue. Returns false if the thread has taken it. The parcel has to be there:
// see question.h.
bool worker_withdraw(struct worker *worker, struct parcel *parcel);

// Has the plugin reload its settings, which are taken, when it comes to it.
void worker_reload(struct worker *worker, struct hbmqtt_plugin_setting *settings);

// Asks the plugin to finish, behind what waits.
void worker_finish(struct worker *worker);

// Waits until it has, and frees everything. Returns false if it has not by `deadline_ns`: then the plugin is
// still at work in its thread, which is left alone with all that it may use.
WARN_UNUSED bool worker_join(struct worker *worker, uint64_t deadline_ns);
void worker_leave_behind(struct worker *worker); // nobody waits for its thread any more

#endif
