// SPDX-License-Identifier: MIT
// The heap against a model that looks at every timer.
#include "server/base/test/test_base.h"

#define TIMERS 300
#define STEPS  60000

static struct random random_state;

static uint64_t model_deadline(const struct timer *timers, const bool *armed)
{
    uint64_t earliest = TIMER_NEVER;
    for (int i = 0; i < TIMERS; i++)
        if (armed[i] && timers[i].deadline_ns < earliest)
            earliest = timers[i].deadline_ns;
    return earliest;
}

static void expire_as_model(struct timer_queue *queue, struct timer *timers, bool *armed, uint64_t now_ns)
{
    struct timer *timer;
    while ((timer = timer_queue_expire(queue, now_ns)) != NULL) {
        CU_ASSERT_TRUE_FATAL(armed[timer - timers]);
        CU_ASSERT_FALSE_FATAL(timer_armed(timer));
        CU_ASSERT_EQUAL_FATAL(timer->deadline_ns, model_deadline(timers, armed));
        CU_ASSERT_TRUE_FATAL(timer->deadline_ns <= now_ns);
        armed[timer - timers] = false;
    }
    CU_ASSERT_TRUE_FATAL(model_deadline(timers, armed) > now_ns);
}

static void test_against_model(void)
{
    static struct timer timers[TIMERS];
    static bool armed[TIMERS];
    struct timer_queue queue;
    timer_queue_init(&queue);
    uint64_t now_ns = 0;
    for (int step = 0; step < STEPS; step++) {
        uint64_t choice = random_next(&random_state);
        uint32_t i = (uint32_t)(choice >> 32) % TIMERS;
        if (choice % 8 <
            4) { // arms, or moves earlier or later; few distinct deadlines, so that many are equal
            timer_arm(&queue, &timers[i], now_ns + random_next(&random_state) % 64);
            armed[i] = true;
        } else if (choice % 8 < 7) {
            timer_cancel(&queue, &timers[i]);
            armed[i] = false;
        } else {
            now_ns += random_next(&random_state) % 16;
            expire_as_model(&queue, timers, armed, now_ns);
        }
        CU_ASSERT_EQUAL_FATAL(timer_armed(&timers[i]), armed[i]);
        CU_ASSERT_EQUAL_FATAL(timer_queue_deadline(&queue), model_deadline(timers, armed));
    }
    expire_as_model(&queue, timers, armed, now_ns + 64);
    CU_ASSERT_EQUAL(queue.count, 0);
    timer_queue_finish(&queue);
}

static void test_empty_queue(void)
{
    struct timer_queue queue;
    struct timer timer = {0};
    timer_queue_init(&queue);
    CU_ASSERT_EQUAL(timer_queue_deadline(&queue), TIMER_NEVER);
    CU_ASSERT_PTR_NULL(timer_queue_expire(&queue, TIMER_NEVER));
    timer_cancel(&queue, &timer);
    timer_queue_finish(&queue);
}

static void test_expire_at_the_deadline_not_before(void)
{
    struct timer_queue queue;
    struct timer timer = {0};
    timer_queue_init(&queue);
    timer_arm(&queue, &timer, 100);
    CU_ASSERT_PTR_NULL(timer_queue_expire(&queue, 99));
    CU_ASSERT_PTR_EQUAL(timer_queue_expire(&queue, 100), &timer);
    CU_ASSERT_PTR_NULL(timer_queue_expire(&queue, TIMER_NEVER));
    timer_queue_finish(&queue);
}

static void test_cancel_all_while_many(void)
{
    static struct timer timers[1000];
    struct timer_queue queue;
    timer_queue_init(&queue);
    for (uint64_t i = 0; i < 1000; i++)
        timer_arm(&queue, &timers[i], 1000 - i);
    for (int i = 0; i < 1000; i += 2)
        timer_cancel(&queue, &timers[i]);
    CU_ASSERT_EQUAL(timer_queue_deadline(&queue), 1);
    for (int i = 1; i < 1000; i += 2)
        timer_cancel(&queue, &timers[i]);
    CU_ASSERT_EQUAL(timer_queue_deadline(&queue), TIMER_NEVER);
    timer_queue_finish(&queue);
}

int main(int argc, char **argv)
{
    random_seed(&random_state, test_seed(argc, argv));
    static const CU_TestInfo tests[] = {
        {"as the model: arming, moving, cancelling, expiring", test_against_model},
        {"an empty queue", test_empty_queue},
        {"a timer expires at its deadline, not before", test_expire_at_the_deadline_not_before},
        {"cancelling one after the other", test_cancel_all_while_many},
    };
    return RUN_TESTS("timer", tests);
}
