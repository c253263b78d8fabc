// SPDX-License-Identifier: MIT
#include "server/outbox/test/rig.h"

static struct publication publication_of(char *topic, char *payload)
{
    return (struct publication){
        .topic = bytes_of(topic),
        .properties = hex_bytes("01 01"),
        .payload = bytes_of(payload),
        .stamp_ns = 123456789,
        .expiry_s = 60,
        .qos = 2,
        .retain = true,
    };
}

static void a_message_has_copies_of_everything(void)
{
    char topic[] = "a/b";
    char payload[] = "hi";
    struct publication publication = publication_of(topic, payload);
    uint64_t blocks = heap_blocks();
    struct message *message = message_create(&publication);
    CU_ASSERT_EQUAL(heap_blocks(), blocks + 1);
    memset(topic, 'x', 3);
    memset(payload, 'x', 2);
    (void)hex_bytes("ffff");
    CU_ASSERT_TRUE(bytes_equal(message->topic, bytes_of("a/b")));
    CU_ASSERT_TRUE(bytes_equal(message->properties, hex_bytes("01 01")));
    CU_ASSERT_TRUE(bytes_equal(message->payload, bytes_of("hi")));
    CU_ASSERT_EQUAL(message->stamp_ns, 123456789);
    CU_ASSERT_EQUAL(message->expiry_s, 60);
    CU_ASSERT_EQUAL(message->qos, 2);
    CU_ASSERT_TRUE(message->retain);
    CU_ASSERT_FALSE(message->superseded);
    CU_ASSERT_EQUAL(message->segment.references, 1);
    CU_ASSERT_EQUAL(message_size(message), 3 + 2 + 2);
    message_unref(message);
    CU_ASSERT_EQUAL(heap_blocks(), blocks);
}

static void a_message_may_be_empty(void)
{
    struct message *message = message_create(&(struct publication){.topic = bytes_of("a")});
    CU_ASSERT_EQUAL(message->payload.length, 0);
    CU_ASSERT_EQUAL(message_size(message), 1);
    message_unref(message);
}

static void the_last_reference_frees_a_message(void)
{
    uint64_t blocks = heap_blocks();
    struct message *message = message_create(&(struct publication){.topic = bytes_of("a")});
    CU_ASSERT_PTR_EQUAL(message_ref(message), message);
    message_unref(message);
    CU_ASSERT_EQUAL(heap_blocks(), blocks + 1);
    message_unref(message);
    CU_ASSERT_EQUAL(heap_blocks(), blocks);
}

static void a_publication_is_copied_once_whoever_keeps_it(void)
{
    uint64_t before = heap_allocations();
    uint64_t blocks = heap_blocks();
    struct publication publication = {.topic = bytes_of("a"), .payload = bytes_of("hi")};
    struct message *message = publication_keep(&publication);
    CU_ASSERT_PTR_EQUAL(publication_keep(&publication), message);
    CU_ASSERT_EQUAL(heap_allocations(), before + 1);
    CU_ASSERT_EQUAL(message->segment.references, 1); // the publication's
    (void)message_ref(message);
    publication_finish(&publication);
    CU_ASSERT_EQUAL(message->segment.references, 1);
    message_unref(message);
    CU_ASSERT_EQUAL(heap_blocks(), blocks);
}

static void a_publication_of_a_message_copies_nothing(void)
{
    char topic[] = "a/b";
    char payload[] = "hi";
    struct publication publication = publication_of(topic, payload);
    struct message *message = message_create(&publication);
    uint64_t before = heap_allocations();
    struct publication again;
    publication_from_message(&again, message);
    CU_ASSERT_PTR_EQUAL(again.topic.data, message->topic.data);
    CU_ASSERT_PTR_EQUAL(again.payload.data, message->payload.data);
    CU_ASSERT_TRUE(bytes_equal(again.properties, message->properties));
    CU_ASSERT_EQUAL(again.stamp_ns, 123456789);
    CU_ASSERT_EQUAL(again.expiry_s, 60);
    CU_ASSERT_EQUAL(again.qos, 2);
    CU_ASSERT_TRUE(again.retain);
    CU_ASSERT_PTR_EQUAL(publication_keep(&again), message);
    CU_ASSERT_EQUAL(message->segment.references, 2);
    CU_ASSERT_EQUAL(heap_allocations(), before);
    publication_finish(&again);
    CU_ASSERT_EQUAL(message->segment.references, 1);
    message_unref(message);
}

static void without_memory_there_is_no_message_and_a_later_try_succeeds(void)
{
    struct publication publication = {.topic = bytes_of("a"), .payload = bytes_of("hi")};
    heap_fail_after(0);
    CU_ASSERT_PTR_NULL(publication_keep(&publication));
    CU_ASSERT_TRUE(heap_recover());
    CU_ASSERT_PTR_NOT_NULL(publication_keep(&publication));
    publication_finish(&publication);
}

int main(void)
{
    static const struct suite_case cases[] = {
        {"a message has copies of everything", a_message_has_copies_of_everything},
        {"a message may be empty", a_message_may_be_empty},
        {"the last reference frees a message", the_last_reference_frees_a_message},
        {"a publication is copied once, whoever keeps it", a_publication_is_copied_once_whoever_keeps_it},
        {"a publication of a message copies nothing", a_publication_of_a_message_copies_nothing},
        {"without memory there is no message, and a later try succeeds",
         without_memory_there_is_no_message_and_a_later_try_succeeds},
    };
    return SUITE_RUN("message", cases);
}
