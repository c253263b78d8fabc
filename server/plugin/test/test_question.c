// SPDX-License-Identifier: MIT
#include "server/plugin/question.h"

#include "test/suite.h"

// Only addresses of plugins and parcels are looked at here.
static const struct plugin *const somebody = (const struct plugin *)0x1000;
static const struct plugin *const another = (const struct plugin *)0x2000;
static struct parcel *const waiting = (struct parcel *)0x3000;

static bool close_question(struct questions *questions, uint64_t question, enum question_end end,
                           struct parcel **ret_parcel)
{
    bool open = question_close_locked(questions, question, end, ret_parcel);
    question_unlock(questions);
    return open;
}

static void an_answer_finds_its_question_once(void)
{
    struct questions questions;
    questions_init(&questions, 5);
    uint64_t question = question_open(&questions, somebody, 77);
    CU_ASSERT_NOT_EQUAL(question, 0);
    CU_ASSERT_EQUAL(question_shard(question), 5);
    uint64_t client = 0;
    CU_ASSERT_EQUAL(question_answer(&questions, question, another, &client), QUESTION_NEVER);
    CU_ASSERT_EQUAL(question_answer(&questions, question, somebody, &client), QUESTION_OPEN);
    CU_ASSERT_EQUAL(client, 77);
    CU_ASSERT_EQUAL(question_answer(&questions, question, somebody, &client), QUESTION_ANSWERED);
    questions_finish(&questions);
}

static void what_became_of_a_question_is_known_until_its_place_is_needed(void)
{
    struct questions questions;
    struct parcel *parcel;
    questions_init(&questions, 0);
    uint64_t expired = question_open(&questions, somebody, 1);
    uint64_t gone = question_open(&questions, somebody, 2);
    CU_ASSERT_TRUE(close_question(&questions, expired, QUESTION_EXPIRED, &parcel));
    CU_ASSERT_TRUE(close_question(&questions, gone, QUESTION_GONE, &parcel));
    uint64_t client;
    for (int i = 0; i < 10; i++) { // others come and go meanwhile
        uint64_t other = question_open(&questions, somebody, 3);
        CU_ASSERT_EQUAL(question_answer(&questions, other, somebody, &client), QUESTION_OPEN);
    }
    CU_ASSERT_EQUAL(question_answer(&questions, expired, somebody, &client), QUESTION_EXPIRED);
    CU_ASSERT_EQUAL(question_answer(&questions, gone, somebody, &client), QUESTION_GONE);
    for (int i = 0; i < 1000; i++)
        (void)question_answer(&questions, question_open(&questions, somebody, 3), somebody, &client);
    CU_ASSERT_EQUAL(question_answer(&questions, expired, somebody, &client), QUESTION_NEVER);
    CU_ASSERT_EQUAL(questions.count, 64);
    questions_finish(&questions);
}

static void a_closed_question_gives_its_parcel_back_unless_it_was_taken(void)
{
    struct questions questions;
    struct parcel *parcel;
    questions_init(&questions, 0);
    uint64_t question = question_open(&questions, somebody, 1);
    question_set_parcel(&questions, question, waiting);
    CU_ASSERT_TRUE(close_question(&questions, question, QUESTION_GONE, &parcel));
    CU_ASSERT_PTR_EQUAL(parcel, waiting);
    question = question_open(&questions, somebody, 1);
    question_set_parcel(&questions, question, waiting);
    question_set_parcel(&questions, question, NULL);
    CU_ASSERT_TRUE(close_question(&questions, question, QUESTION_GONE, &parcel));
    CU_ASSERT_PTR_NULL(parcel);
    question_set_parcel(&questions, question, waiting); // too late: it is nobody's any more
    CU_ASSERT_FALSE(close_question(&questions, question, QUESTION_GONE, &parcel));
    questions_finish(&questions);
}

static void a_number_that_nobody_gave_out_is_no_question(void)
{
    struct questions questions;
    questions_init(&questions, 1);
    uint64_t question = question_open(&questions, somebody, 1);
    uint64_t client;
    const uint64_t wrong[] = {0, 1, UINT64_MAX, question + 1, question + (1ull << 32), question ^ 1ull << 58};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        CU_ASSERT_EQUAL(question_answer(&questions, wrong[i], somebody, &client), QUESTION_NEVER);
    questions_finish(&questions);
}

// Many threads answer the same questions while their shard gives some of them up: each comes to one end.

#define RACERS    4
#define QUESTIONS 20000u

struct race {
    struct questions questions;
    uint64_t numbers[QUESTIONS];
    uint32_t count; // of numbers that were given out; atomically
    uint32_t answered;
};

static void *race_answer(void *argument)
{
    struct race *race = argument;
    for (uint32_t i = 0; i < QUESTIONS; i++) {
        while (__atomic_load_n(&race->count, __ATOMIC_ACQUIRE) <= i)
            continue;
        uint64_t client;
        if (question_answer(&race->questions, race->numbers[i], somebody, &client) == QUESTION_OPEN)
            __atomic_fetch_add(&race->answered, 1, __ATOMIC_RELAXED);
    }
    return NULL;
}

static void of_all_who_want_to_end_a_question_one_does(void)
{
    static struct race race;
    questions_init(&race.questions, 0);
    pthread_t threads[RACERS];
    for (int i = 0; i < RACERS; i++)
        CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, race_answer, &race), 0);
    uint32_t closed = 0;
    struct parcel *parcel;
    for (uint32_t i = 0; i < QUESTIONS; i++) {
        race.numbers[i] = question_open(&race.questions, somebody, i);
        __atomic_store_n(&race.count, i + 1, __ATOMIC_RELEASE);
        if (i % 2 == 0)
            closed += close_question(&race.questions, race.numbers[i], QUESTION_EXPIRED, &parcel);
    }
    for (int i = 0; i < RACERS; i++)
        (void)pthread_join(threads[i], NULL);
    CU_ASSERT_EQUAL(closed + race.answered, QUESTIONS);
    questions_finish(&race.questions);
}

int main(void)
{
    static const CU_TestInfo cases[] = {
        {"an answer finds its question once", an_answer_finds_its_question_once},
        {"what became of a question is known until its place is needed",
         what_became_of_a_question_is_known_until_its_place_is_needed},
        {"a closed question gives its parcel back unless it was taken",
         a_closed_question_gives_its_parcel_back_unless_it_was_taken},
        {"a number that nobody gave out is no question", a_number_that_nobody_gave_out_is_no_question},
        {"of all who want to end a question, one does", of_all_who_want_to_end_a_question_one_does},
    };
    return RUN_TESTS("plugin questions", cases);
}
