// SPDX-License-Identifier: MIT
#include "server/session/replay.h"

#include "server/session/test/rig.h"

#define COUNT 6u

static struct message *messages[COUNT];
static struct replay *replays;

static void open_messages(void)
{
    rig_open();
    for (uint32_t i = 0; i < COUNT; i++)
        messages[i] = message_ref(rig_message("a", "x", (uint8_t)(i % 3))); // one reference is the test's
}

static void close_messages(void)
{
    CU_ASSERT_PTR_NULL(replays);
    for (uint32_t i = 0; i < COUNT; i++) {
        CU_ASSERT_EQUAL(messages[i]->segment.references, 1);
        message_unref(messages[i]);
    }
    rig_close();
}

// The next message is `index`; it is taken.
static bool takes(uint32_t index, uint8_t qos)
{
    struct delivery delivery = {0};
    struct message *message = replay_next(&replays, &delivery);
    if (message != messages[index] || delivery.qos != qos || !delivery.retain)
        return false;
    replay_advance(replays);
    return true;
}

static bool is_done(void)
{
    struct delivery delivery;
    return replay_next(&replays, &delivery) == NULL && replays == NULL;
}

static void messages_come_in_order_at_the_lower_qos_and_marked_retained(void)
{
    open_messages();
    replay_append(&replays, rig_batch(messages, 3, 1));
    replay_append(&replays, rig_batch(messages + 3, 3, 2));
    CU_ASSERT_TRUE(takes(0, 0));
    CU_ASSERT_TRUE(takes(1, 1));
    CU_ASSERT_TRUE(takes(2, 1));
    CU_ASSERT_TRUE(takes(3, 0));
    CU_ASSERT_TRUE(takes(4, 1));
    CU_ASSERT_TRUE(takes(5, 2));
    CU_ASSERT_TRUE(is_done());
    close_messages();
}

static void a_message_stays_the_next_until_it_was_taken(void)
{
    open_messages();
    replay_append(&replays, rig_batch(messages, COUNT, 0));
    struct delivery delivery;
    CU_ASSERT_PTR_EQUAL(replay_next(&replays, &delivery), messages[0]);
    CU_ASSERT_PTR_EQUAL(replay_next(&replays, &delivery), messages[0]);
    for (uint32_t i = 0; i < COUNT; i++)
        CU_ASSERT_TRUE(takes(i, 0));
    CU_ASSERT_TRUE(is_done());
    close_messages();
}

static void superseded_messages_are_passed_over(void)
{
    open_messages();
    messages[0]->superseded = true;
    messages[2]->superseded = true;
    messages[5]->superseded = true;
    replay_append(&replays, rig_batch(messages, COUNT, 0));
    CU_ASSERT_TRUE(takes(1, 0));
    messages[3]->superseded = true; // while they wait
    CU_ASSERT_TRUE(takes(4, 0));
    CU_ASSERT_TRUE(is_done());
    close_messages();
}

static void a_batch_that_is_superseded_as_a_whole_ends(void)
{
    open_messages();
    for (uint32_t i = 0; i < 3; i++)
        messages[i]->superseded = true;
    replay_append(&replays, rig_batch(messages, 3, 0));
    replay_append(&replays, rig_batch(messages + 3, 3, 0));
    CU_ASSERT_TRUE(takes(3, 0));
    replay_destroy_all(&replays);
    close_messages();
}

static void the_subscription_identifier_comes_along(void)
{
    open_messages();
    struct retained_batch batch = rig_batch(messages, COUNT, 0);
    batch.identifier = VARINT_MAX;
    replay_append(&replays, batch);
    struct delivery delivery;
    CU_ASSERT_PTR_NOT_NULL(replay_next(&replays, &delivery));
    CU_ASSERT_EQUAL(delivery.identifier, VARINT_MAX);
    replay_destroy_all(&replays);
    close_messages();
}

static void an_empty_batch_leaves_no_trace(void)
{
    open_messages();
    replay_append(&replays, (struct retained_batch){0});
    CU_ASSERT_PTR_NULL(replays);
    replay_append(&replays, rig_batch(messages, COUNT, 0));
    replay_append(&replays, (struct retained_batch){0});
    CU_ASSERT_PTR_NULL(replays->next);
    replay_destroy_all(&replays);
    close_messages();
}

static void destroying_gives_back_what_was_not_taken(void)
{
    open_messages();
    replay_append(&replays, rig_batch(messages, 3, 0));
    replay_append(&replays, rig_batch(messages + 3, 3, 0));
    CU_ASSERT_TRUE(takes(0, 0));
    replay_destroy_all(&replays);
    close_messages();
}

int main(void)
{
    static const CU_TestInfo cases[] = {
        {"messages come in order, at the lower QoS, and marked retained",
         messages_come_in_order_at_the_lower_qos_and_marked_retained},
        {"a message stays the next until it was taken", a_message_stays_the_next_until_it_was_taken},
        {"superseded messages are passed over", superseded_messages_are_passed_over},
        {"a batch that is superseded as a whole ends", a_batch_that_is_superseded_as_a_whole_ends},
        {"the subscription identifier comes along", the_subscription_identifier_comes_along},
        {"an empty batch leaves no trace", an_empty_batch_leaves_no_trace},
        {"destroying gives back what was not taken", destroying_gives_back_what_was_not_taken},
    };
    return RUN_TESTS("replay", cases);
}
