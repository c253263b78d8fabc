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

static void a_publication_of_a_message_borrows_it_until_somebody_keeps_it(void)
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
    CU_ASSERT_EQUAL(message->segment.references, 1);
    CU_ASSERT_EQUAL(heap_allocations(), before);
    CU_ASSERT_PTR_NOT_EQUAL(publication_keep(&again), message);
    publication_finish(&again);
    message_unref(message);
}

static struct message *pooled_message(struct message_pools *pools, uint32_t size, bool retain)
{
    static uint8_t payload[10000];
    const struct publication publication = {
        .payload = {payload, size - (uint32_t)sizeof(struct message)}, .retain = retain, .pools = pools};
    struct message *message = message_create(&publication);
    CU_ASSERT_PTR_NOT_NULL_FATAL(message);
    return message;
}

static uint32_t idle(const struct message_pools *pools)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < MESSAGE_POOLS; i++)
        count += pools->by_size[i].idle_count;
    return count;
}

static void a_message_comes_from_the_pool_of_its_size(void)
{
    struct message_pools pools;
    message_pools_init(&pools);
    for (uint32_t i = 0; i < MESSAGE_POOLS; i++) {
        uint32_t block = MESSAGE_POOL_FIRST << i; // with the message itself
        struct message *message = pooled_message(&pools, block, false);
        CU_ASSERT_PTR_EQUAL(message->segment.pool, &pools.by_size[i]);
        message_unref(message);
        CU_ASSERT_EQUAL(pools.by_size[i].idle_count, 1);
        uint64_t before = heap_allocations();
        CU_ASSERT_PTR_EQUAL(pooled_message(&pools, block / 2 + 1, false), message);
        CU_ASSERT_EQUAL(heap_allocations(), before);
        message_unref(message);
    }
    CU_ASSERT_EQUAL(idle(&pools), MESSAGE_POOLS);
    message_pools_finish(&pools);
}

static void a_message_above_all_pools_or_retained_has_exactly_its_memory(void)
{
    uint64_t blocks = heap_blocks();
    struct message_pools pools;
    message_pools_init(&pools);
    struct message *large = pooled_message(&pools, (MESSAGE_POOL_FIRST << (MESSAGE_POOLS - 1)) + 1, false);
    struct message *retained = pooled_message(&pools, MESSAGE_POOL_FIRST, true);
    CU_ASSERT_PTR_EQUAL(large->segment.pool, &pools.exact);
    CU_ASSERT_PTR_EQUAL(retained->segment.pool, &pools.exact);
    CU_ASSERT_EQUAL(large->segment.capacity, message_size(large));
    CU_ASSERT_EQUAL(retained->segment.capacity, message_size(retained));
    message_unref(large);
    message_unref(retained);
    CU_ASSERT_EQUAL(idle(&pools), 0);
    CU_ASSERT_EQUAL(heap_blocks(), blocks);
    message_pools_finish(&pools);
}

static void expect_tally(const struct message_pools *pools, uint64_t messages, uint64_t payload_bytes)
{
    struct message_tally tally = message_pools_tally(pools);
    CU_ASSERT_EQUAL(tally.messages, messages);
    CU_ASSERT_EQUAL(tally.payload_bytes, payload_bytes);
}

static void messages_are_in_the_tally_until_nobody_refers_to_them(void)
{
    const uint32_t head = sizeof(struct message);
    struct message_pools pools;
    message_pools_init(&pools);
    expect_tally(&pools, 0, 0);
    struct message *small = pooled_message(&pools, head + 10, false);
    struct message *retained = pooled_message(&pools, head + 20, true);
    struct message *large = pooled_message(&pools, head + 9000, false);
    struct message *other = message_create(&(struct publication){.payload = bytes_of("elsewhere")});
    expect_tally(&pools, 3, 9030);
    (void)message_ref(retained);
    message_unref(retained);
    message_unref(other);
    expect_tally(&pools, 3, 9030);
    message_unref(retained);
    expect_tally(&pools, 2, 9010);
    message_unref(small);
    message_unref(large);
    expect_tally(&pools, 0, 0);
    message_unref(pooled_message(&pools, head + 30, false)); // the memory of the small one
    expect_tally(&pools, 0, 0);
    message_pools_finish(&pools);
}

static void without_memory_a_pool_has_no_message_either(void)
{
    struct message_pools pools;
    message_pools_init(&pools);
    struct publication publication = {.topic = bytes_of("a"), .pools = &pools};
    heap_fail_after(0);
    CU_ASSERT_PTR_NULL(message_create(&publication));
    CU_ASSERT_TRUE(heap_recover());
    publication.retain = true;
    heap_fail_after(0);
    CU_ASSERT_PTR_NULL(message_create(&publication));
    CU_ASSERT_TRUE(heap_recover());
    expect_tally(&pools, 0, 0);
    message_pools_finish(&pools);
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
    static const CU_TestInfo cases[] = {
        {"a message has copies of everything", a_message_has_copies_of_everything},
        {"a message may be empty", a_message_may_be_empty},
        {"the last reference frees a message", the_last_reference_frees_a_message},
        {"a publication is copied once, whoever keeps it", a_publication_is_copied_once_whoever_keeps_it},
        {"a publication of a message borrows it until somebody keeps it",
         a_publication_of_a_message_borrows_it_until_somebody_keeps_it},
        {"a message comes from the pool of its size", a_message_comes_from_the_pool_of_its_size},
        {"a message above all pools, or retained, has exactly its memory",
         a_message_above_all_pools_or_retained_has_exactly_its_memory},
        {"messages are in the tally until nobody refers to them",
         messages_are_in_the_tally_until_nobody_refers_to_them},
        {"without memory a pool has no message either", without_memory_a_pool_has_no_message_either},
        {"without memory there is no message, and a later try succeeds",
         without_memory_there_is_no_message_and_a_later_try_succeeds},
    };
    return RUN_TESTS("message", cases);
}
