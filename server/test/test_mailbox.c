// SPDX-License-Identifier: MIT
// Mailboxes with threads that post as fast as they can, and owners that sleep whenever they may: nothing is
// lost, each sender's mail comes in order, blocks come back, and no wake is missed. The owner of a mailbox
// sleeps in poll(2) on its eventfd; a wake that was lost shows as a deadline that passes.
#include "server/mailbox.h"

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include "test/suite.h"

#define DEADLINE_MS 60000 // patience, not a measure
#define SHARDS      4u
#define POSTS       5000u                      // from each shard to each other
#define AHEAD       8u                         // so many more may be posted to a shard than came from it
#define BLOCKS_MAX  (2 * AHEAD * (SHARDS - 1)) // which a shard needs for that
#define ROUNDS      20000u

struct letter {
    uint32_t number; // rising for each pair of shards
};

static struct mail_block *letter_create(uint32_t sender, uint32_t number)
{
    struct mail_block *block = mail_block_create(sizeof(struct letter));
    block->sender = sender;
    block->used = sizeof(struct letter);
    ((struct letter *)block->bytes)->number = number;
    return block;
}

static uint32_t letter_number(const struct mail_block *block)
{
    return ((const struct letter *)block->bytes)->number;
}

static void open_mailbox(struct mailbox *mailbox)
{
    CU_ASSERT_EQUAL_FATAL(mailbox_init(mailbox), 0);
}

static bool is_woken(const struct mailbox *mailbox)
{
    struct pollfd wake = {.fd = mailbox->wake_fd, .events = POLLIN};
    return poll(&wake, 1, 0) == 1;
}

// Sleeps until a wake came. Returns false if none did.
static bool sleep_until_woken(struct mailbox *mailbox)
{
    struct pollfd wake = {.fd = mailbox->wake_fd, .events = POLLIN};
    uint64_t count;
    return poll(&wake, 1, DEADLINE_MS) == 1 && read(mailbox->wake_fd, &count, sizeof count) == sizeof count;
}

// One thread.

static void mail_is_taken_in_the_order_of_its_arrival(void)
{
    struct mailbox mailbox;
    open_mailbox(&mailbox);
    CU_ASSERT_PTR_NULL(mailbox_take(&mailbox));
    for (uint32_t i = 0; i < 5; i++)
        mailbox_post(&mailbox, letter_create(0, i));
    struct mail_block *block = mailbox_take(&mailbox);
    for (uint32_t i = 0; i < 5; i++) {
        CU_ASSERT_PTR_NOT_NULL_FATAL(block);
        struct mail_block *next = block->next;
        CU_ASSERT_EQUAL(letter_number(block), i);
        free(block);
        block = next;
    }
    CU_ASSERT_PTR_NULL(block);
    CU_ASSERT_PTR_NULL(mailbox_take(&mailbox));
    mailbox_finish(&mailbox);
}

static void returned_blocks_are_apart_from_mail(void)
{
    struct mailbox mailbox;
    open_mailbox(&mailbox);
    CU_ASSERT_PTR_NULL(mailbox_take_returned(&mailbox));
    struct mail_block *mine = letter_create(0, 1);
    struct mail_block *theirs = letter_create(1, 2);
    mailbox_return(&mailbox, mine);
    mailbox_post(&mailbox, theirs);
    CU_ASSERT_PTR_EQUAL(mailbox_take(&mailbox), theirs);
    CU_ASSERT_PTR_EQUAL(mailbox_take_returned(&mailbox), mine);
    CU_ASSERT_PTR_NULL(mine->next);
    CU_ASSERT_PTR_NULL(mailbox_take_returned(&mailbox));
    free(mine);
    free(theirs);
    mailbox_finish(&mailbox);
}

static void an_owner_with_mail_must_not_sleep(void)
{
    struct mailbox mailbox;
    open_mailbox(&mailbox);
    mailbox_post(&mailbox, letter_create(0, 1));
    CU_ASSERT_FALSE(mailbox_sleep(&mailbox));
    CU_ASSERT_FALSE(is_woken(&mailbox)); // nobody had to
    mailbox_post(&mailbox, letter_create(0, 2));
    CU_ASSERT_FALSE(is_woken(&mailbox)); // it was told not to sleep
    mailbox_finish(&mailbox);
}

static void a_sleeper_is_woken_once(void)
{
    struct mailbox mailbox;
    open_mailbox(&mailbox);
    CU_ASSERT_TRUE(mailbox_sleep(&mailbox));
    CU_ASSERT_FALSE(is_woken(&mailbox));
    for (uint32_t i = 0; i < 3; i++)
        mailbox_post(&mailbox, letter_create(0, i));
    uint64_t count = 0;
    CU_ASSERT_TRUE_FATAL(is_woken(&mailbox));
    CU_ASSERT_EQUAL(read(mailbox.wake_fd, &count, sizeof count), sizeof count);
    CU_ASSERT_EQUAL(count, 1);
    mailbox_awake(&mailbox);
    mailbox_finish(&mailbox); // with the mail in it
}

static void one_that_is_awake_is_not_woken(void)
{
    struct mailbox mailbox;
    open_mailbox(&mailbox);
    mailbox_post(&mailbox, letter_create(0, 0));
    CU_ASSERT_FALSE(is_woken(&mailbox));
    free(mailbox_take(&mailbox));
    CU_ASSERT_TRUE(mailbox_sleep(&mailbox));
    mailbox_awake(&mailbox); // for another reason
    mailbox_post(&mailbox, letter_create(0, 1));
    CU_ASSERT_FALSE(is_woken(&mailbox));
    mailbox_finish(&mailbox);
}

static void blocks_that_come_back_wake_nobody(void)
{
    struct mailbox mailbox;
    open_mailbox(&mailbox);
    CU_ASSERT_TRUE(mailbox_sleep(&mailbox));
    mailbox_return(&mailbox, letter_create(0, 0));
    CU_ASSERT_FALSE(is_woken(&mailbox));
    mailbox_awake(&mailbox);
    mailbox_finish(&mailbox);
}

static void a_block_has_the_room_asked_for(void)
{
    struct mail_block *block = mail_block_create(MAIL_BLOCK_BYTES);
    CU_ASSERT_EQUAL(block->capacity, MAIL_BLOCK_BYTES);
    CU_ASSERT_EQUAL(block->used, 0);
    CU_ASSERT_EQUAL((uintptr_t)block->bytes % 8, 0);
    memset(block->bytes, 0xff, MAIL_BLOCK_BYTES);
    free(block);
}

// Two threads: every letter finds the owner asleep or about to be.

struct couple {
    struct mailbox owner;
    struct mailbox sender;
};

static void *post_one_at_a_time(void *argument)
{
    struct couple *couple = argument;
    struct mail_block *block = letter_create(0, 0);
    for (uint32_t i = 0; i < ROUNDS; i++) {
        ((struct letter *)block->bytes)->number = i;
        mailbox_post(&couple->owner, block);
        while ((block = mailbox_take_returned(&couple->sender)) == NULL)
            (void)sched_yield(); // cannot fail on Linux
    }
    free(block);
    return NULL;
}

// Waits for one letter, and sleeps while there is none. NULL if a wake was missed.
static struct mail_block *wait_for_letter(struct mailbox *mailbox)
{
    for (;;) {
        struct mail_block *block = mailbox_take(mailbox);
        if (block != NULL)
            return block;
        if (mailbox_sleep(mailbox) && !sleep_until_woken(mailbox))
            return NULL;
        mailbox_awake(mailbox);
    }
}

static void an_owner_that_sleeps_misses_no_letter(void)
{
    struct couple couple;
    open_mailbox(&couple.owner);
    open_mailbox(&couple.sender);
    pthread_t thread;
    CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, post_one_at_a_time, &couple), 0);
    for (uint32_t i = 0; i < ROUNDS; i++) {
        struct mail_block *block = wait_for_letter(&couple.owner);
        CU_ASSERT_PTR_NOT_NULL_FATAL(block);
        CU_ASSERT_EQUAL(letter_number(block), i);
        CU_ASSERT_PTR_NULL(block->next);
        mailbox_return(&couple.sender, block);
    }
    CU_ASSERT_EQUAL(pthread_join(thread, NULL), 0);
    mailbox_finish(&couple.owner);
    mailbox_finish(&couple.sender);
}

// Several threads, each of them owner and sender, as shards are.

static struct shard {
    struct mailbox mailbox;
    pthread_t thread;
    uint32_t number;
    uint32_t posted[SHARDS];   // to each
    uint32_t received[SHARDS]; // from each
    uint32_t away;             // blocks that were posted and have not come back
    uint32_t created;
    struct mail_block *idle;
    bool out_of_order;
    bool missed_wake;
} shards[SHARDS];

static bool shard_is_done(const struct shard *shard)
{
    for (uint32_t other = 0; other < SHARDS; other++)
        if (other != shard->number && (shard->posted[other] < POSTS || shard->received[other] < POSTS))
            return false;
    return shard->away == 0;
}

static void shard_receive(struct shard *shard)
{
    struct mail_block *block = mailbox_take(&shard->mailbox);
    while (block != NULL) {
        struct mail_block *next = block->next;
        shard->out_of_order |= letter_number(block) != shard->received[block->sender];
        shard->received[block->sender]++;
        mailbox_return(&shards[block->sender].mailbox, block);
        block = next;
    }
}

static void shard_take_returned(struct shard *shard)
{
    struct mail_block *block = mailbox_take_returned(&shard->mailbox);
    while (block != NULL) {
        struct mail_block *next = block->next;
        shard->out_of_order |= block->sender != shard->number;
        block->next = shard->idle;
        shard->idle = block;
        shard->away--;
        block = next;
    }
}

static struct mail_block *shard_take_block(struct shard *shard)
{
    struct mail_block *block = shard->idle;
    if (block == NULL) {
        shard->created++;
        return letter_create(shard->number, 0);
    }
    shard->idle = block->next;
    return block;
}

// Posts what it may. Returns false if that is nothing.
static bool shard_post(struct shard *shard)
{
    bool any = false;
    for (uint32_t other = 0; other < SHARDS; other++) {
        uint32_t *posted = &shard->posted[other];
        if (other == shard->number || *posted == POSTS || *posted == shard->received[other] + AHEAD)
            continue;
        struct mail_block *block = shard_take_block(shard);
        ((struct letter *)block->bytes)->number = (*posted)++;
        shard->away++;
        mailbox_post(&shards[other].mailbox, block);
        any = true;
    }
    return any;
}

static bool shard_expects_letters(const struct shard *shard)
{
    for (uint32_t other = 0; other < SHARDS; other++)
        if (other != shard->number && shard->received[other] < POSTS)
            return true;
    return false;
}

static void *shard_run(void *argument)
{
    struct shard *shard = argument;
    while (!shard_is_done(shard) && !shard->missed_wake) {
        shard_receive(shard);
        shard_take_returned(shard);
        if (shard_post(shard))
            continue;
        if (!shard_expects_letters(shard)) // only blocks are still to come, and those wake nobody
            (void)sched_yield();           // cannot fail on Linux
        else if (mailbox_sleep(&shard->mailbox))
            shard->missed_wake = !sleep_until_woken(&shard->mailbox);
        mailbox_awake(&shard->mailbox);
    }
    return NULL;
}

static void shard_check_and_finish(struct shard *shard)
{
    CU_ASSERT_FALSE(shard->missed_wake);
    CU_ASSERT_FALSE(shard->out_of_order);
    CU_ASSERT_TRUE(shard_is_done(shard));
    CU_ASSERT_TRUE(shard->created <= BLOCKS_MAX);
    uint32_t idle = 0;
    for (struct mail_block *block = shard->idle, *next; block != NULL; block = next, idle++) {
        next = block->next;
        free(block);
    }
    CU_ASSERT_EQUAL(idle, shard->created);
    mailbox_finish(&shard->mailbox);
}

static void shards_lose_nothing_and_keep_the_order_of_each_sender(void)
{
    for (uint32_t i = 0; i < SHARDS; i++) {
        shards[i] = (struct shard){.number = i};
        open_mailbox(&shards[i].mailbox);
    }
    for (uint32_t i = 0; i < SHARDS; i++)
        CU_ASSERT_EQUAL_FATAL(pthread_create(&shards[i].thread, NULL, shard_run, &shards[i]), 0);
    for (uint32_t i = 0; i < SHARDS; i++)
        CU_ASSERT_EQUAL(pthread_join(shards[i].thread, NULL), 0);
    for (uint32_t i = 0; i < SHARDS; i++)
        shard_check_and_finish(&shards[i]);
}

int main(void)
{
    static const CU_TestInfo cases[] = {
        {"mail is taken in the order of its arrival", mail_is_taken_in_the_order_of_its_arrival},
        {"returned blocks are apart from mail", returned_blocks_are_apart_from_mail},
        {"an owner with mail must not sleep", an_owner_with_mail_must_not_sleep},
        {"a sleeper is woken once", a_sleeper_is_woken_once},
        {"one that is awake is not woken", one_that_is_awake_is_not_woken},
        {"blocks that come back wake nobody", blocks_that_come_back_wake_nobody},
        {"a block has the room asked for", a_block_has_the_room_asked_for},
        {"an owner that sleeps misses no letter", an_owner_that_sleeps_misses_no_letter},
        {"shards lose nothing and keep the order of each sender",
         shards_lose_nothing_and_keep_the_order_of_each_sender},
    };
    return RUN_TESTS("mailbox", cases);
}
