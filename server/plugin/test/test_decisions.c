// SPDX-License-Identifier: MIT
#include "server/plugin/decisions.h"

#include "test/heap.h"
#include "test/suite.h"

#define SEED       5u
#define STEPS      200000u
#define TOPICS     3000u
#define TEXT_BYTES 48u
#define NAMES      300000u // of so many, several pairs have hashes that agree in 32 bits

static struct decisions decisions;

static void open_decisions(void)
{
    decisions_init(&decisions, SEED);
}

static bool finds(const char *topic, uint8_t expected)
{
    const uint8_t *byte = decisions_find(&decisions, bytes_of(topic));
    return byte != NULL && *byte == expected;
}

static bool knows(const char *topic)
{
    return decisions_find(&decisions, bytes_of(topic)) != NULL;
}

static void what_was_put_in_is_found(void)
{
    open_decisions();
    CU_ASSERT_FALSE(knows("a"));
    CU_ASSERT_FALSE(knows(""));
    decisions_put(&decisions, bytes_of("a"), 1);
    decisions_put(&decisions, bytes_of("ab"), 4);
    decisions_put(&decisions, bytes_of(""), 0);
    for (uint32_t i = 0; i < 2; i++) {
        CU_ASSERT_TRUE(finds("a", 1));
        CU_ASSERT_TRUE(finds("ab", 4));
        CU_ASSERT_TRUE(finds("", 0));
        CU_ASSERT_FALSE(knows("b"));
        CU_ASSERT_FALSE(knows("abc"));
    }
    decisions_finish(&decisions);
}

static void a_byte_that_was_found_can_be_changed(void)
{
    open_decisions();
    decisions_put(&decisions, bytes_of("a"), 1);
    decisions_put(&decisions, bytes_of("b"), 2);
    *decisions_find(&decisions, bytes_of("a")) = 9;
    CU_ASSERT_TRUE(finds("b", 2));
    CU_ASSERT_TRUE(finds("a", 9));
    decisions_finish(&decisions);
}

static void a_topic_that_is_too_long_is_not_kept(void)
{
    static uint8_t text[DECISIONS_TOPIC_MAX + 1];
    struct bytes longest = {text, DECISIONS_TOPIC_MAX};
    struct bytes longer = {text, DECISIONS_TOPIC_MAX + 1};
    open_decisions();
    decisions_put(&decisions, longer, 1);
    CU_ASSERT_PTR_NULL(decisions.block);
    decisions_put(&decisions, longest, 1);
    CU_ASSERT_PTR_NOT_NULL(decisions_find(&decisions, longest));
    CU_ASSERT_PTR_NULL(decisions_find(&decisions, longer));
    decisions_finish(&decisions);
}

struct name {
    uint32_t hash;
    uint32_t number;
};

static int compare_names(const void *a, const void *b)
{
    const struct name *x = a;
    const struct name *y = b;
    return (x->hash > y->hash) - (x->hash < y->hash);
}

static void topics_whose_hashes_agree_are_told_apart(void)
{
    static struct name names[NAMES];
    uint32_t pairs = 0;
    char one[16];
    char other[16];
    for (uint32_t i = 0; i < NAMES; i++) {
        (void)snprintf(one, sizeof(one), "%08u", i);
        names[i] = (struct name){(uint32_t)hash_bytes(one, 8, SEED), i};
    }
    qsort(names, NAMES, sizeof(names[0]), compare_names);
    for (uint32_t i = 1; i < NAMES; i++) {
        if (names[i - 1].hash != names[i].hash)
            continue;
        (void)snprintf(one, sizeof(one), "%08u", names[i - 1].number);
        (void)snprintf(other, sizeof(other), "%08u", names[i].number);
        open_decisions();
        decisions_put(&decisions, bytes_of(one), 1);
        decisions_put(&decisions, bytes_of("between"), 2);
        CU_ASSERT_FALSE(knows(other));
        decisions_put(&decisions, bytes_of(other), 4);
        CU_ASSERT_TRUE(finds(one, 1));
        CU_ASSERT_TRUE(finds(other, 4));
        decisions_finish(&decisions);
        pairs++;
    }
    CU_ASSERT(pairs > 0);
}

// Whatever the order of topics and however often the block is emptied: what is found is what was put in.
static void nothing_is_ever_found_that_was_not_put_in(void)
{
    static uint8_t put[TOPICS];
    struct random random;
    uint32_t found = 0;
    suite_seed(&random);
    memset(put, 0, sizeof(put));
    open_decisions();
    for (uint32_t step = 0; step < STEPS; step++) {
        char topic[128];
        uint32_t number = suite_below(&random, suite_below(&random, 4) == 0 ? TOPICS : 50);
        (void)snprintf(topic, sizeof(topic), "%*u", (int)(1 + number % 90), number);
        if (knows(topic)) {
            CU_ASSERT_FATAL(put[number] != 0 && finds(topic, put[number]));
            found++;
            continue;
        }
        put[number] = 1 + (uint8_t)suite_below(&random, 7);
        decisions_put(&decisions, bytes_of(topic), put[number]);
        CU_ASSERT_FATAL(finds(topic, put[number]));
        CU_ASSERT_FATAL(decisions.used <= decisions.size && decisions.size <= DECISIONS_BYTES_MAX);
    }
    CU_ASSERT(found > STEPS / 2);
    decisions_finish(&decisions);
}

static struct bytes numbered(char text[TEXT_BYTES], uint32_t number)
{
    (void)snprintf(text, TEXT_BYTES, "plant/%u/temperature/of/the/press", number);
    return bytes_of(text);
}

// Returns how many of so many topics in turn were found.
static uint32_t ask_in_turn(uint32_t steps, uint32_t topics)
{
    char text[TEXT_BYTES];
    uint32_t found = 0;
    for (uint32_t i = 0; i < steps; i++) {
        struct bytes topic = numbered(text, i % topics);
        const uint8_t *byte = decisions_find(&decisions, topic);
        CU_ASSERT(byte == NULL || *byte == (uint8_t)(i % topics));
        found += byte != NULL;
        if (byte == NULL)
            decisions_put(&decisions, topic, (uint8_t)(i % topics));
    }
    return found;
}

static void topics_in_use_are_found_and_allocate_nothing(void)
{
    open_decisions();
    for (uint32_t topics = 1; topics <= 64; topics *= 8) {
        ask_in_turn(3 * topics, topics); // a growing memory forgets
        uint64_t before = heap_allocations();
        CU_ASSERT_EQUAL(ask_in_turn(1000, topics), 1000);
        CU_ASSERT_EQUAL(heap_allocations(), before);
    }
    decisions_finish(&decisions);
}

static void more_topics_than_there_is_room_for_allocate_nothing_either(void)
{
    open_decisions();
    ask_in_turn(TOPICS, TOPICS);
    CU_ASSERT_EQUAL(decisions.size, DECISIONS_BYTES_MAX);
    uint64_t before = heap_allocations();
    ask_in_turn(3 * TOPICS, TOPICS);
    CU_ASSERT_EQUAL(heap_allocations(), before);
    CU_ASSERT_EQUAL(decisions.size, DECISIONS_BYTES_MAX);
    decisions_finish(&decisions);
    CU_ASSERT_EQUAL(heap_blocks(), 0);
}

static void without_memory_what_is_there_goes_on(void)
{
    for (uint64_t passed = 0; passed < 4; passed++) {
        open_decisions();
        heap_fail_after(passed);
        ask_in_turn(1000, 200);
        CU_ASSERT_TRUE(heap_recover());
        decisions_finish(&decisions);
        CU_ASSERT_EQUAL(heap_blocks(), 0);
    }
}

int main(void)
{
    static const CU_TestInfo cases[] = {
        {"what was put in is found", what_was_put_in_is_found},
        {"a byte that was found can be changed", a_byte_that_was_found_can_be_changed},
        {"a topic that is too long is not kept", a_topic_that_is_too_long_is_not_kept},
        {"topics whose hashes agree are told apart", topics_whose_hashes_agree_are_told_apart},
        {"nothing is ever found that was not put in", nothing_is_ever_found_that_was_not_put_in},
        {"topics in use are found and allocate nothing", topics_in_use_are_found_and_allocate_nothing},
        {"more topics than there is room for allocate nothing either",
         more_topics_than_there_is_room_for_allocate_nothing_either},
        {"without memory what is there goes on", without_memory_what_is_there_goes_on},
    };
    return RUN_TESTS("decisions", cases);
}
