// SPDX-License-Identifier: MIT
#include "server/mailbox.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

int mailbox_init(struct mailbox *mailbox)
{
    atomic_init(&mailbox->incoming, NULL);
    atomic_init(&mailbox->returned, NULL);
    atomic_init(&mailbox->sleeping, false);
    mailbox->wake_fd = eventfd(0, EFD_CLOEXEC);
    return mailbox->wake_fd < 0 ? -errno : 0;
}

static void blocks_free(struct mail_block *block)
{
    while (block != NULL) {
        struct mail_block *next = block->next;
        free(block);
        block = next;
    }
}

void mailbox_finish(struct mailbox *mailbox)
{
    blocks_free(mailbox_take(mailbox));
    blocks_free(mailbox_take_returned(mailbox));
    (void)close(mailbox->wake_fd); // an eventfd has nothing to lose
}

struct mail_block *mail_block_create(uint32_t capacity)
{
    struct mail_block *block = memory_require_again(NULL, sizeof *block + capacity);
    *block = (struct mail_block){.capacity = capacity};
    return block;
}

static void stack_push(_Atomic(struct mail_block *) *stack, struct mail_block *block)
{
    struct mail_block *head = atomic_load_explicit(stack, memory_order_relaxed);
    do
        block->next = head;
    while (!atomic_compare_exchange_weak_explicit(stack, &head, block, memory_order_seq_cst,
                                                  memory_order_relaxed));
}

void mailbox_post(struct mailbox *mailbox, struct mail_block *block)
{
    stack_push(&mailbox->incoming, block);
    // Sequentially consistent with mailbox_sleep: either the owner sees the block, or we see that it sleeps.
    if (!atomic_load(&mailbox->sleeping) || !atomic_exchange(&mailbox->sleeping, false))
        return;
    uint64_t one = 1;
    (void)!write(mailbox->wake_fd, &one, sizeof one); // fails only at 2^64 - 2 unread wakes
}

void mailbox_return(struct mailbox *mailbox, struct mail_block *block)
{
    stack_push(&mailbox->returned, block);
}

struct mail_block *mailbox_take(struct mailbox *mailbox)
{
    if (atomic_load_explicit(&mailbox->incoming, memory_order_relaxed) == NULL)
        return NULL;
    struct mail_block *newest = atomic_exchange_explicit(&mailbox->incoming, NULL, memory_order_acquire);
    struct mail_block *oldest = NULL;
    while (newest != NULL) {
        struct mail_block *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    return oldest;
}

struct mail_block *mailbox_take_returned(struct mailbox *mailbox)
{
    if (atomic_load_explicit(&mailbox->returned, memory_order_relaxed) == NULL)
        return NULL;
    return atomic_exchange_explicit(&mailbox->returned, NULL, memory_order_acquire);
}

bool mailbox_sleep(struct mailbox *mailbox)
{
    atomic_store(&mailbox->sleeping, true);
    if (atomic_load(&mailbox->incoming) == NULL)
        return true;
    mailbox_awake(mailbox);
    return false;
}

void mailbox_awake(struct mailbox *mailbox)
{
    atomic_store_explicit(&mailbox->sleeping, false, memory_order_relaxed);
}
