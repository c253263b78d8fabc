// SPDX-License-Identifier: MIT
// Mail between shards: blocks of records, filled by one shard during its turn, handed over whole, and given
// back empty.
//
// A mailbox is a stack that many push to with one atomic exchange of its head and one takes from at once, in
// the order of arrival; mail from one sender therefore stays in order. The owner is woken through an eventfd,
// and only if it sleeps:
//
//     sender:  push; if (sleeping was set, and I cleared it) write the eventfd
//     owner:   set sleeping; if the stack is not empty, do not sleep; ...; clear sleeping
//
// Blocks belong to the shard that made them and travel back through `returned`, so that mail allocates
// nothing once it flows.
#ifndef MAILBOX_H
#define MAILBOX_H

#include <stdatomic.h>

#include "server/base/base.h"

#define MAIL_BLOCK_BYTES  65536u
#define MAIL_FROM_OUTSIDE UINT32_MAX // the sender of blocks that are freed instead of given back

struct mail_block {
    struct mail_block *next;
    uint32_t sender;
    uint32_t addressee;
    uint32_t used;
    uint32_t capacity;
    _Alignas(8) uint8_t bytes[];
};

struct mailbox {
    _Alignas(64) _Atomic(struct mail_block *) incoming;
    _Atomic(struct mail_block *) returned;
    _Atomic bool sleeping;
    int wake_fd;
};

// Returns 0 or -errno.
WARN_UNUSED int mailbox_init(struct mailbox *mailbox);
void mailbox_finish(struct mailbox *mailbox); // frees what lies in it

struct mail_block *mail_block_create(uint32_t capacity);

// Hands a block over and wakes the owner if it sleeps.
void mailbox_post(struct mailbox *mailbox, struct mail_block *block);

// Gives an emptied block back to its sender, whose mailbox this is. Does not wake.
void mailbox_return(struct mailbox *mailbox, struct mail_block *block);

// All mail that has come, oldest first, linked by `next`; NULL when there is none.
struct mail_block *mailbox_take(struct mailbox *mailbox);
// All blocks that came back, in no order.
struct mail_block *mailbox_take_returned(struct mailbox *mailbox);

// The owner announces that it is about to sleep. Returns false if there is mail: then it must not.
bool mailbox_sleep(struct mailbox *mailbox);
void mailbox_awake(struct mailbox *mailbox);

#endif
