// SPDX-License-Identifier: MIT
// A shard: one thread with its own ring, connections, sessions, timers and topic tree. Nothing in it is
// shared but its mailbox and its counters. What all shards have in common is the broker; what of it can
// change while they run is main's, and they have it from their regime.
#ifndef SHARD_H
#define SHARD_H

#include <pthread.h>
#include <semaphore.h>

#include "server/access/access.h"
#include "server/base/base.h"
#include "server/burst.h"
#include "server/config/config.h"
#include "server/mailbox.h"
#include "server/metrics/metrics.h"
#include "server/outbox/outbox.h"
#include "server/regime.h"
#include "server/ring/ring.h"
#include "server/router/router.h"
#include "server/session/session.h"
#include "server/store/store.h"
#include "server/transport/transport.h"

#define SHARD_ERROR_BYTES 512u

_Static_assert(CONFIG_SHARDS_MAX <= ROUTER_SHARDS_MAX, "a shard is a bit in the router's sets");

struct client;
struct host;
struct roster;
struct shard;

struct broker {
    const struct config *config;              // main's: that of the regime
    struct regime *regime;                    // main's: the latest that every shard has
    const struct config *at_start;            // what holds of the keys that take a restart
    struct host *host;                        // of the plugins
    struct listener listeners[LISTENERS_MAX]; // by number
    struct shard *shards;
    uint32_t shard_count;
    uint64_t hash_seed;                 // places client ids on shards, and seeds every hash table
    uint64_t started_ns;                // monotonic
    uint64_t descriptors_max;           // connections that the limit on open files leaves room for
    const char *ring_disable;           // features not to use, or NULL
    _Atomic uint64_t connections;       // open, on all shards
    _Atomic uint64_t sessions;          // on all shards
    _Atomic uint64_t clients;           // connected, on all shards
    _Atomic uint64_t clients_maximum;   // the most that there were at once
    _Atomic uint64_t plugin_bytes;      // messages of plugins on their way to the shards
    _Atomic uint64_t mailbox_bytes_max; // of the limits, for threads that are no shard's
    sem_t reported; // posted by each shard when it has started, has another regime, and has stopped reading
};

// Who embeds an operation of the ring, told by its `owner`.
enum owner { OWNER_ACCEPTOR, OWNER_CLIENT_RECEIVE, OWNER_CLIENT_SEND, OWNER_MAILBOX };

enum timer_kind { TIMER_CLIENT, TIMER_HOLD, TIMER_ACCEPT_AGAIN, TIMER_SYS, TIMER_TICK, TIMER_EXPIRY };

// One listener as this shard accepts from it.
struct acceptor {
    struct ring_operation operation;
    struct listener_terms *terms; // of the regime; NULL: none yet
    bool ending;                  // nobody is to be accepted any more
};

// Mail for one other shard that is being written in this turn.
struct postbag {
    struct mail_block *open; // NULL while empty
    uint64_t bytes_away;     // posted and not given back
};

// Connections by an id that is never used twice: an index into the slots and how often that slot was used.
struct client_slot {
    struct client *client;
    uint32_t generation;
};

enum shard_phase {
    SHARD_SERVING,
    SHARD_QUIET,     // stopping: neither accepts nor reads any more; mail still moves
    SHARD_FINISHING, // sends what is queued and closes
};

struct shard {
    struct broker *broker;
    uint32_t number;
    pthread_t thread;
    struct mailbox mailbox;
    struct counters counters;
    _Atomic uint64_t pulse; // the last of main's questions whether it turns that was answered

    struct ring *ring;
    struct ring_operation wake;
    struct acceptor acceptors[LISTENERS_MAX]; // by the number of the listener
    uint32_t acceptors_end;                   // the highest that was ever used, plus one
    struct timer accept_again;                // armed while accepting pauses for want of descriptors

    const struct regime *regime;
    bool adopting; // main waits until nothing of the regime before it is in use
    struct turn turn;
    struct timer_queue timers;
    struct segment_pool log_segments;
    struct segment_pool chunks;
    struct message_pools messages;
    struct wirelog wirelog;
    struct router *router;
    struct burst burst;
    struct session_registry sessions;
    struct absences absences;
    struct timer expiry; // armed for the first of the absences
    struct store store;

    struct client_slot *slots;
    uint32_t slot_count;
    uint32_t *slots_free; // a stack of indexes
    uint32_t slots_free_count;
    uint32_t client_count;
    struct list serving; // clients in CLIENT_SERVING and CLIENT_MOVING
    struct list closing; // clients past that
    struct list dead;    // clients whose operations have all come back, to be freed at the end of the turn
    struct list sending; // clients whose send is with the kernel, the longest first
    struct list paused;  // clients that are not read from until other shards have caught up
    struct list walks;   // looks of plugins that are under way, by look_walk.place
    struct list held;    // clients that wait for the answer of a plugin, by hold->place
    uint64_t judging_turn_ns; // the turn that the next is about
    uint64_t judging_left_ns; // how long filters may be judged in it
    struct list shaking;      // clients whose TLS handshake waits for a turn to come
    uint32_t handshake_steps; // of this turn
    uint8_t *scratch;         // where layers open what they received
    struct tls_pool tls_pool;

    struct postbag postbags[ROUTER_SHARDS_MAX];
    struct mail_block *blocks; // idle, of MAIL_BLOCK_BYTES
    bool congested;            // some shard has mailbox_bytes_max of our mail
    struct hash_table pending; // subscriptions that wait for the other shards
    uint64_t pending_token;

    struct roster *roster;   // the plugins; NULL while there are none
    uint32_t adopted;        // rosters that it had
    struct segment *feeding; // where the bytes lie that a client is fed, if they were held; else NULL
    struct timer tick;       // of inline plugins; on shard 0

    struct random random; // for client ids of the broker's choice
    uint64_t stamp_ns;    // of the last publication: strictly rising
    struct timer sys;
    struct metrics_history history; // of the rounds of $SYS topics; shard 0's
    enum shard_phase phase;
    enum shard_phase phase_asked; // by main: begins in the same turn
    uint64_t finish_deadline_ns;
    bool done;
    int failed; // why it could not start: -errno
    char error[SHARD_ERROR_BYTES];
};

// Makes a shard ready for mail: all of them must be before one is started. Returns 0 or -errno.
WARN_UNUSED int shard_init(struct shard *shard, struct broker *broker, uint32_t number);

// Waits for so many reports of shards.
void broker_await(struct broker *broker, uint32_t count);

// Starts the thread, which posts broker->reported once it serves, or has failed (see `failed` and `error`).
// Returns 0 or -errno.
WARN_UNUSED int shard_start(struct shard *shard);

// Waits for the thread to end; and, when all of them have ended, frees what it left.
void shard_join(struct shard *shard);
void shard_finish(struct shard *shard);

// The shard on which a client id lives.
uint32_t broker_place(const struct broker *broker, struct bytes client_id);

// A time stamp for a publication: the time of the turn, made strictly rising so that stamps order what one
// shard published.
uint64_t shard_stamp(struct shard *shard);

#endif
