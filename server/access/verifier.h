// SPDX-License-Identifier: MIT
// Verifies passwords on threads of their own, since a hash takes milliseconds and a shard has none to spare.
//
//     shards --verifier_ask--> queue, oldest first --workers, of low priority--> answers
//
// What is asked is copied into one of `queue_max` places and worked off strictly in the order in which it
// came. When all places are taken, or a peer has `peer_max` of them, it is refused there and then: nothing
// waits for a place. A place is taken until its answer is given.
//
// A shard never waits for a worker. Workers have little of a processor that is busy, so a lock that one
// held might stay taken for long: places and queue are stacks with atomic heads, and the workers' lock is
// theirs alone. For the same reason an answer should do no more than to put something into a mailbox. One
// thing is shared all the same: the kernel's lock on the address space, which yescrypt takes when libcrypt
// maps and unmaps the memory for a hash. Argon2 keeps its memory, that of the largest hash for each worker.
#ifndef ACCESS_VERIFIER_H
#define ACCESS_VERIFIER_H

#include "server/access/password.h"

#define VERIFIER_WORKERS_MAX 64u
#define VERIFIER_QUEUE_MAX   1000000u
#define VERIFIER_NICE        15 // of the workers: a twenty-eighth of the weight of a shard

// Called on a worker's thread, for each request that was taken, once, while the verifier lives.
typedef void verifier_answer(void *owner, uint64_t id, enum password_result result);

struct verifier_settings {
    uint32_t worker_count; // 1 to VERIFIER_WORKERS_MAX: how many hashes are made at once
    uint32_t queue_max;    // 1 to VERIFIER_QUEUE_MAX; a place takes less than a KiB, from its first use on
    uint32_t peer_max;     // 1 or more
    verifier_answer *answer;
};

// All of it is copied, `owner` and `id` as they are.
struct verifier_request {
    const char *hash;      // of password_file_find
    bool known;            // the same; if not, the answer is PASSWORD_WRONG, as late as any other
    struct bytes password; // one longer than PASSWORD_BYTES_MAX is wrong
    uint64_t peer;         // of peer_key_of
    void *owner;
    uint64_t id;
};

struct verifier;

// Starts the workers; they block all signals. Returns 0, or -errno if there cannot be so many threads.
WARN_UNUSED int verifier_create(const struct verifier_settings *settings, struct verifier **ret_verifier);

// Waits for the hashes that are being made; requests that still wait are dropped without an answer. No thread
// may be asking. NULL is accepted.
void verifier_destroy(struct verifier *verifier);

// From any thread; waits for nobody and allocates nothing. False if there is no place: the client is to be
// told that the server is unavailable.
WARN_UNUSED bool verifier_ask(struct verifier *verifier, const struct verifier_request *request);

#endif
