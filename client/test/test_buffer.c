// SPDX-License-Identifier: MIT
#include "client/buffer.h"
#include "test/run.h"

static void append(struct buffer *buffer, const void *data, size_t size)
{
    uint8_t *room = buffer_reserve(buffer, size);
    CU_ASSERT_FATAL(room != NULL);
    memcpy(room, data, size);
    buffer_added(buffer, size);
}

static void bytes_leave_in_the_order_in_which_they_came(void)
{
    struct buffer buffer;
    uint8_t in = 0;
    uint8_t out = 0;
    buffer_init(&buffer);
    for (unsigned step = 0; step < 5000; step++) {
        uint8_t piece[300];
        size_t size = step * 37 % sizeof piece;
        for (size_t i = 0; i < size; i++)
            piece[i] = in++;
        append(&buffer, piece, size);
        struct bytes waiting = buffer_bytes(&buffer);
        size_t taken = waiting.length == 0 ? 0 : step * 53 % (waiting.length + 1u);
        for (size_t i = 0; i < taken; i++)
            CU_ASSERT_EQUAL_FATAL(waiting.data[i], out++);
        buffer_taken(&buffer, taken);
    }
    buffer_finish(&buffer);
}

static void an_empty_buffer_keeps_little_memory(void)
{
    static uint8_t much[BUFFER_KEPT_BYTES + 1];
    struct buffer buffer;
    buffer_init(&buffer);
    append(&buffer, much, sizeof much);
    buffer_taken(&buffer, sizeof much);
    CU_ASSERT_EQUAL(buffer.capacity, 0);
    append(&buffer, much, 10);
    buffer_taken(&buffer, 10);
    CU_ASSERT_NOT_EQUAL(buffer.capacity, 0);
    buffer_finish(&buffer);
}

// Otherwise a packet that is received in small pieces behind a long remainder would cost the square of its
// length.
static void room_is_not_made_by_moving_much_for_little(void)
{
    static uint8_t block[4096];
    struct buffer buffer;
    buffer_init(&buffer);
    append(&buffer, block, sizeof block);
    size_t capacity = buffer.capacity;
    append(&buffer, block, capacity - sizeof block);
    buffer_taken(&buffer, 10);
    CU_ASSERT_PTR_NOT_NULL(buffer_reserve(&buffer, 5));
    CU_ASSERT(buffer.capacity >= capacity * 2 - 10);
    buffer_finish(&buffer);
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"bytes leave in the order in which they came", bytes_leave_in_the_order_in_which_they_came},
        {"an empty buffer keeps little memory", an_empty_buffer_keeps_little_memory},
        {"room is not made by moving much for little", room_is_not_made_by_moving_much_for_little},
    };
    return RUN_TESTS("buffer", tests);
}
