// SPDX-License-Identifier: MIT
#include "server/session/queue.h"

#include "test/heap.h"
#include "test/suite.h"

static const struct queue_ceiling no_ceiling = {UINT64_MAX, UINT64_MAX};

static struct message *message_of_size(uint32_t size)
{
    static uint8_t payload[100000];
    const struct publication publication = {.topic = bytes_of("a"), .payload = {payload, size - 1}};
    struct message *message = message_create(&publication);
    CU_ASSERT_PTR_NOT_NULL_FATAL(message);
    return message;
}

static bool push(struct queue *queue, struct queue_ceiling ceiling, struct message *message,
                 uint32_t identifier)
{
    return queue_push(queue, ceiling, message, (struct delivery){.qos = 1, .identifier = identifier});
}

static uint32_t pop(struct queue *queue)
{
    struct queued popped = queue_pop(queue);
    message_unref(popped.message);
    return delivery_unpack(popped.delivery).identifier;
}

static void a_delivery_comes_out_of_its_slot_as_it_went_in(void)
{
    static const uint32_t identifiers[] = {0, 1, 127, 128, 65535, VARINT_MAX - 1, VARINT_MAX};
    for (uint8_t qos = 0; qos <= 2; qos++)
        for (int retain = 0; retain <= 1; retain++)
            for (size_t i = 0; i < sizeof identifiers / sizeof identifiers[0]; i++) {
                struct delivery delivery = delivery_unpack(delivery_pack(
                    (struct delivery){.qos = qos, .retain = retain, .identifier = identifiers[i]}));
                CU_ASSERT_EQUAL(delivery.qos, qos);
                CU_ASSERT_EQUAL(delivery.retain, retain);
                CU_ASSERT_EQUAL(delivery.identifier, identifiers[i]);
            }
}

static void the_first_in_is_the_first_out(void)
{
    uint64_t blocks = heap_blocks();
    struct queue queue;
    queue_init(&queue);
    struct message *message = message_of_size(10);
    uint32_t in = 0;
    uint32_t out = 0;
    for (int round = 0; round < 50; round++) { // it grows while it begins at any slot
        for (int i = 0; i < round % 20; i++)
            CU_ASSERT_TRUE(push(&queue, no_ceiling, message, in++));
        for (int i = 0; i < round % 17; i++)
            CU_ASSERT_EQUAL(pop(&queue), out++);
        CU_ASSERT_EQUAL(queue_count(&queue), in - out);
        CU_ASSERT_EQUAL(queue.bytes, 10ull * (in - out));
        CU_ASSERT_EQUAL(message->segment.references, 1 + in - out);
    }
    while (out < in)
        CU_ASSERT_EQUAL(pop(&queue), out++);
    CU_ASSERT_PTR_NULL(queue_first(&queue));
    CU_ASSERT_EQUAL(queue.bytes, 0);
    queue_finish(&queue);
    message_unref(message);
    CU_ASSERT_EQUAL(heap_blocks(), blocks);
}

static void those_at_qos_0_are_counted(void)
{
    struct queue queue;
    queue_init(&queue);
    struct message *message = message_of_size(10);
    for (uint8_t qos = 0; qos <= 2; qos++)
        for (int i = 0; i < 4; i++)
            CU_ASSERT_TRUE(queue_push(&queue, no_ceiling, message, (struct delivery){.qos = qos}));
    for (uint32_t left = 4; left > 0; left--) {
        CU_ASSERT_EQUAL(queue.qos_0, left);
        (void)pop(&queue);
    }
    while (queue_count(&queue) > 0) {
        CU_ASSERT_EQUAL(queue.qos_0, 0);
        (void)pop(&queue);
    }
    queue_finish(&queue);
    message_unref(message);
}

static bool is_short(void *context, const struct message *message)
{
    (*(uint32_t *)context)++;
    return message_size(message) < 20;
}

static void what_is_not_to_stay_is_taken_out(void)
{
    uint64_t blocks = heap_blocks();
    struct message *messages[] = {message_of_size(10), message_of_size(30)};
    for (uint32_t begin = 0; begin < 9; begin++) { // wherever in the ring the first one is
        struct queue queue;
        queue_init(&queue);
        for (uint32_t i = 0; i < begin + 8; i++)
            CU_ASSERT_TRUE(queue_push(&queue, no_ceiling, messages[i % 2],
                                      (struct delivery){.qos = i % 4 == 1 ? 0 : 1, .identifier = i}));
        for (uint32_t i = 0; i < begin; i++)
            CU_ASSERT_EQUAL(pop(&queue), i);
        uint32_t asked = 0;
        CU_ASSERT_EQUAL(queue_sift(&queue, is_short, &asked), 4);
        CU_ASSERT_EQUAL(asked, 8);
        CU_ASSERT_EQUAL(queue.bytes, 40);
        CU_ASSERT_EQUAL(queue.qos_0, 0);
        for (uint32_t i = begin + begin % 2; queue_count(&queue) > 0; i += 2)
            CU_ASSERT_EQUAL(pop(&queue), i);
        CU_ASSERT_TRUE(push(&queue, no_ceiling, messages[1], 0));
        CU_ASSERT_EQUAL(queue_sift(&queue, is_short, &asked), 1);
        CU_ASSERT_EQUAL(queue_sift(&queue, is_short, &asked), 0);
        queue_finish(&queue);
    }
    message_unref(messages[0]);
    message_unref(messages[1]);
    CU_ASSERT_EQUAL(heap_blocks(), blocks);
}

static void looking_at_the_first_leaves_it(void)
{
    struct queue queue;
    queue_init(&queue);
    struct message *message = message_of_size(10);
    CU_ASSERT_PTR_NULL(queue_first(&queue));
    CU_ASSERT_TRUE(push(&queue, no_ceiling, message, 5));
    CU_ASSERT_PTR_EQUAL(queue_first(&queue)->message, message);
    CU_ASSERT_EQUAL(delivery_unpack(queue_first(&queue)->delivery).identifier, 5);
    CU_ASSERT_EQUAL(queue_count(&queue), 1);
    queue_finish(&queue);
    CU_ASSERT_EQUAL(message->segment.references, 1);
    message_unref(message);
}

static void at_the_ceiling_of_messages_the_newest_is_refused(void)
{
    struct queue queue;
    queue_init(&queue);
    struct message *message = message_of_size(10);
    struct queue_ceiling ceiling = {3, UINT64_MAX};
    for (uint32_t i = 0; i < 5; i++)
        CU_ASSERT_EQUAL(push(&queue, ceiling, message, i), i < 3);
    CU_ASSERT_EQUAL(message->segment.references, 4);
    CU_ASSERT_EQUAL(pop(&queue), 0);
    CU_ASSERT_TRUE(push(&queue, ceiling, message, 9));
    CU_ASSERT_EQUAL(pop(&queue), 1);
    CU_ASSERT_EQUAL(pop(&queue), 2);
    CU_ASSERT_EQUAL(pop(&queue), 9);
    CU_ASSERT_FALSE(push(&queue, (struct queue_ceiling){0, UINT64_MAX}, message, 0)); // 0: none at all
    queue_finish(&queue);
    message_unref(message);
}

static void at_the_ceiling_of_bytes_the_newest_is_refused(void)
{
    struct queue queue;
    queue_init(&queue);
    struct message *message = message_of_size(40);
    struct queue_ceiling ceiling = {UINT64_MAX, 100};
    CU_ASSERT_TRUE(push(&queue, ceiling, message, 0));
    CU_ASSERT_TRUE(push(&queue, ceiling, message, 1));
    CU_ASSERT_FALSE(push(&queue, ceiling, message, 2));
    struct message *small = message_of_size(20);
    CU_ASSERT_TRUE(push(&queue, ceiling, small, 3)); // exactly at it
    CU_ASSERT_EQUAL(queue.bytes, 100);
    queue_finish(&queue);
    message_unref(message);
    message_unref(small);
}

static void an_empty_queue_takes_a_message_of_any_size(void)
{
    struct queue queue;
    queue_init(&queue);
    struct message *message = message_of_size(5000);
    CU_ASSERT_TRUE(push(&queue, (struct queue_ceiling){UINT64_MAX, 100}, message, 0));
    CU_ASSERT_FALSE(push(&queue, (struct queue_ceiling){UINT64_MAX, 100}, message, 1));
    queue_finish(&queue);
    message_unref(message);
}

static void a_queue_that_was_long_gives_its_memory_back(void)
{
    struct queue queue;
    queue_init(&queue);
    struct message *message = message_of_size(10);
    uint64_t blocks = heap_blocks();
    for (uint32_t i = 0; i < 1000; i++)
        CU_ASSERT_TRUE(push(&queue, no_ceiling, message, i));
    for (uint32_t i = 0; i < 1000; i++)
        CU_ASSERT_EQUAL(pop(&queue), i);
    CU_ASSERT_EQUAL(heap_blocks(), blocks);
    CU_ASSERT_TRUE(push(&queue, no_ceiling, message, 7)); // and serves again
    CU_ASSERT_EQUAL(pop(&queue), 7);
    queue_finish(&queue);
    message_unref(message);
}

static void without_memory_a_message_is_refused_and_the_rest_kept(void)
{
    struct queue queue;
    queue_init(&queue);
    struct message *message = message_of_size(10);
    heap_fail_after(0);
    CU_ASSERT_FALSE(push(&queue, no_ceiling, message, 0));
    CU_ASSERT_TRUE(heap_recover());
    for (uint32_t i = 0; i < 8; i++)
        CU_ASSERT_TRUE(push(&queue, no_ceiling, message, i));
    heap_fail_after(0);
    CU_ASSERT_FALSE(push(&queue, no_ceiling, message, 8));
    CU_ASSERT_TRUE(heap_recover());
    CU_ASSERT_EQUAL(message->segment.references, 9);
    CU_ASSERT_EQUAL(queue.bytes, 80);
    for (uint32_t i = 0; i < 8; i++)
        CU_ASSERT_EQUAL(pop(&queue), i);
    queue_finish(&queue);
    message_unref(message);
}

int main(void)
{
    static const CU_TestInfo cases[] = {
        {"a delivery comes out of its slot as it went in", a_delivery_comes_out_of_its_slot_as_it_went_in},
        {"the first in is the first out", the_first_in_is_the_first_out},
        {"those at QoS 0 are counted", those_at_qos_0_are_counted},
        {"what is not to stay is taken out", what_is_not_to_stay_is_taken_out},
        {"looking at the first leaves it", looking_at_the_first_leaves_it},
        {"at the ceiling of messages the newest is refused",
         at_the_ceiling_of_messages_the_newest_is_refused},
        {"at the ceiling of bytes the newest is refused", at_the_ceiling_of_bytes_the_newest_is_refused},
        {"an empty queue takes a message of any size", an_empty_queue_takes_a_message_of_any_size},
        {"a queue that was long gives its memory back", a_queue_that_was_long_gives_its_memory_back},
        {"without memory a message is refused and the rest kept",
         without_memory_a_message_is_refused_and_the_rest_kept},
    };
    return RUN_TESTS("queue", cases);
}
