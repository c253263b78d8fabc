// SPDX-License-Identifier: MIT
#include "server/access/decisions.h"

#include "test/suite.h"

#define SEED   5u
#define STEPS  200000u
#define TOPICS 3000u
#define NAMES  300000u // of so many, several pairs have hashes that agree in 32 bits

static struct decisions decisions;

static void open_decisions(void)
{
    decisions_init(&decisions, SEED);
}

static bool finds(const char *topic, uint8_t expected)
{
    uint8_t actions = 0xff;
    return decisions_find(&decisions, bytes_of(topic), &actions) && actions == expected;
}

static bool knows(const char *topic)
{
    uint8_t actions;
    return decisions_find(&decisions, bytes_of(topic), &actions);
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

static void a_topic_that_is_too_long_is_not_kept(void)
{
    static uint8_t text[DECISIONS_TOPIC_MAX + 1];
    struct bytes longest = {text, DECISIONS_TOPIC_MAX};
    struct bytes longer = {text, DECISIONS_TOPIC_MAX + 1};
    uint8_t actions;
    open_decisions();
    decisions_put(&decisions, longer, 1);
    CU_ASSERT_PTR_NULL(decisions.block);
    decisions_put(&decisions, longest, 1);
    CU_ASSERT_TRUE(decisions_find(&decisions, longest, &actions));
    CU_ASSERT_FALSE(decisions_find(&decisions, longer, &actions));
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
        uint8_t actions = 0;
        (void)snprintf(topic, sizeof(topic), "%*u", (int)(1 + number % 90), number);
        if (decisions_find(&decisions, bytes_of(topic), &actions)) {
            CU_ASSERT_FATAL(put[number] != 0 && actions == put[number]);
            found++;
            continue;
        }
        put[number] = 1 + (uint8_t)suite_below(&random, 7);
        decisions_put(&decisions, bytes_of(topic), put[number]);
        CU_ASSERT_FATAL(decisions_find(&decisions, bytes_of(topic), &actions) && actions == put[number]);
        CU_ASSERT_FATAL(decisions.used <= decisions.size && decisions.size <= DECISIONS_BYTES_MAX);
    }
    CU_ASSERT(found > STEPS / 2);
    decisions_finish(&decisions);
}

int main(void)
{
    static const struct suite_case cases[] = {
        {"what was put in is found", what_was_put_in_is_found},
        {"a topic that is too long is not kept", a_topic_that_is_too_long_is_not_kept},
        {"topics whose hashes agree are told apart", topics_whose_hashes_agree_are_told_apart},
        {"nothing is ever found that was not put in", nothing_is_ever_found_that_was_not_put_in},
    };
    return SUITE_RUN("decisions", cases);
}
