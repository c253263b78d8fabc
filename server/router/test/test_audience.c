// SPDX-License-Identifier: MIT
#include "server/router/audience.h"

#include "server/router/tree.h"
#include "test/suite.h"

#define MANY 1000u

static struct subscriber people[MANY];

static struct seat seat_of(uint32_t i)
{
    return (struct seat){&people[i], i + 1, {.qos = (uint8_t)(i % 3)}};
}

static void fill(struct audience *audience, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct seat seat = seat_of(i);
        CU_ASSERT_EQUAL(audience_add(audience, &seat), i);
    }
}

// Somebody takes the first seat unless nobody is left.
static void remove_first(struct audience *audience)
{
    const struct subscriber *moved = audience_remove(audience, 0);
    CU_ASSERT_EQUAL(moved != NULL, audience->count > 0);
}

static void a_single_subscriber_needs_no_array(void)
{
    struct audience audience = {0};
    fill(&audience, 1);
    CU_ASSERT_EQUAL(audience.capacity, 0);
    CU_ASSERT_PTR_EQUAL(audience_seats(&audience)[0].subscriber, &people[0]);
    CU_ASSERT_PTR_NULL(audience_remove(&audience, 0));
    CU_ASSERT_EQUAL(audience.count, 0);
}

static void the_last_seat_fills_the_gap_and_nobody_else_moves(void)
{
    struct audience audience = {0};
    fill(&audience, MANY);
    CU_ASSERT_PTR_EQUAL(audience_remove(&audience, 10), &people[MANY - 1]);
    CU_ASSERT_EQUAL(audience.count, MANY - 1);
    for (uint32_t i = 0; i < MANY - 1; i++) {
        const struct seat *seat = &audience_seats(&audience)[i];
        uint32_t expected = i == 10 ? MANY - 1 : i;
        CU_ASSERT_PTR_EQUAL(seat->subscriber, &people[expected]);
        CU_ASSERT_EQUAL(seat->identifier, expected + 1);
        CU_ASSERT_EQUAL(seat->options.qos, expected % 3);
    }
    CU_ASSERT_PTR_NULL(audience_remove(&audience, MANY - 2));
    while (audience.count > 0)
        remove_first(&audience);
}

static void an_array_shrinks_with_its_audience(void)
{
    struct audience audience = {0};
    fill(&audience, MANY);
    while (audience.count > 1) {
        remove_first(&audience);
        CU_ASSERT(audience.capacity <= 4 || audience.count >= audience.capacity / 4);
    }
    CU_ASSERT_EQUAL(audience.capacity, 4);
    CU_ASSERT_PTR_NULL(audience_remove(&audience, 0));
    CU_ASSERT_EQUAL(audience.capacity, 0);
}

int main(void)
{
    static const CU_TestInfo cases[] = {
        {"a single subscriber needs no array", a_single_subscriber_needs_no_array},
        {"the last seat fills the gap and nobody else moves",
         the_last_seat_fills_the_gap_and_nobody_else_moves},
        {"an array shrinks with its audience", an_array_shrinks_with_its_audience},
    };
    return RUN_TESTS("audience", cases);
}
