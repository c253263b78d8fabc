// SPDX-License-Identifier: MIT
#include "client/inbox.h"
#include "test/run.h"

static void push(struct inbox *inbox, uint8_t qos, uint16_t packet_id, const char *payload)
{
    struct packet_publish publish = {
        .qos = qos, .packet_id = packet_id, .topic = bytes_of("a/b"), .payload = bytes_of(payload)};
    CU_ASSERT_EQUAL_FATAL(inbox_push(inbox, &publish), 0);
}

static void messages_come_out_oldest_first(void)
{
    struct inbox inbox;
    inbox_init(&inbox, 1000000);
    push(&inbox, 0, 0, "one");
    push(&inbox, 1, 7, "two");
    CU_ASSERT_EQUAL(inbox.count, 2);
    const struct hbmqtt_message *message = inbox_take(&inbox);
    CU_ASSERT_FATAL(message != NULL);
    CU_ASSERT_STRING_EQUAL(message->topic, "a/b");
    CU_ASSERT_EQUAL(message->payload_length, 3);
    CU_ASSERT(memcmp(message->payload, "one", 3) == 0);
    CU_ASSERT_FALSE(inbox.taken->acknowledgeable);
    inbox_release(&inbox);
    message = inbox_take(&inbox);
    CU_ASSERT_FATAL(message != NULL && message->qos == 1);
    CU_ASSERT_TRUE(inbox.taken->acknowledgeable);
    inbox_release(&inbox);
    CU_ASSERT_PTR_NULL(inbox_take(&inbox));
    CU_ASSERT_EQUAL(inbox.held_bytes, 0);
    inbox_finish(&inbox);
}

static void one_message_of_any_size_fits(void)
{
    struct inbox inbox;
    inbox_init(&inbox, 1);
    CU_ASSERT_FALSE(inbox_full(&inbox));
    push(&inbox, 0, 0, "much more than one byte");
    CU_ASSERT_TRUE(inbox_full(&inbox));
    inbox_finish(&inbox);
}

static void a_qos_2_message_is_found_while_it_is_here(void)
{
    struct inbox inbox;
    inbox_init(&inbox, 1000000);
    push(&inbox, 1, 5, "another quality");
    push(&inbox, 2, 5, "this");
    push(&inbox, 2, 6, "that");
    CU_ASSERT_PTR_EQUAL(inbox_find(&inbox, 5), inbox.first->next);
    CU_ASSERT_PTR_NULL(inbox_find(&inbox, 7));
    CU_ASSERT_PTR_NOT_NULL(inbox_take(&inbox));
    inbox_release(&inbox);
    CU_ASSERT_PTR_NOT_NULL(inbox_take(&inbox));
    CU_ASSERT_PTR_EQUAL(inbox_find(&inbox, 5), inbox.taken); // still in the program's hands
    inbox_detach(&inbox);
    CU_ASSERT_FALSE(inbox.taken->acknowledgeable);
    CU_ASSERT_FALSE(inbox.first->acknowledgeable);
    inbox_forget_ids(&inbox);
    CU_ASSERT_PTR_NULL(inbox_find(&inbox, 5));
    CU_ASSERT_PTR_NULL(inbox_find(&inbox, 6));
    inbox_finish(&inbox);
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"messages come out oldest first", messages_come_out_oldest_first},
        {"one message of any size fits", one_message_of_any_size_fits},
        {"a QoS 2 message is found while it is here", a_qos_2_message_is_found_while_it_is_here},
    };
    return RUN_TESTS("inbox", tests);
}
