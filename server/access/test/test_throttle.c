// SPDX-License-Identifier: MIT
#include "server/access/throttle.h"

#include <pthread.h>

#include "test/suite.h"

#define FREE 3u

static const struct throttle_settings settings = {
    .failures_free = FREE,
    .first_wait_ns = NS_PER_S,
    .wait_max_ns = 10 * NS_PER_S,
    .memory_ns = 60 * NS_PER_S,
    .peers_max = 4,
};

static const uint64_t start_ns = 1000 * NS_PER_S;

static void fail_often(struct throttle *throttle, uint64_t peer, unsigned times, uint64_t now_ns)
{
    for (unsigned i = 0; i < times; i++)
        throttle_fail(throttle, peer, now_ns);
}

static void a_few_failures_are_free(void)
{
    struct throttle *throttle = throttle_create(&settings);
    for (unsigned i = 0; i < FREE; i++) {
        CU_ASSERT_EQUAL(throttle_try(throttle, 1, start_ns), 0);
        throttle_fail(throttle, 1, start_ns);
    }
    CU_ASSERT_EQUAL(throttle_try(throttle, 1, start_ns), 0);
    throttle_fail(throttle, 1, start_ns);
    CU_ASSERT_EQUAL(throttle_try(throttle, 1, start_ns), NS_PER_S);
    throttle_destroy(throttle);
}

static void each_further_failure_doubles_the_wait_up_to_the_ceiling(void)
{
    static const unsigned seconds[] = {1, 2, 4, 8, 10, 10, 10};
    struct throttle *throttle = throttle_create(&settings);
    uint64_t now_ns = start_ns;
    fail_often(throttle, 1, FREE, now_ns);
    for (unsigned i = 0; i < sizeof seconds / sizeof seconds[0]; i++) {
        CU_ASSERT_EQUAL(throttle_try(throttle, 1, now_ns), 0);
        throttle_fail(throttle, 1, now_ns);
        CU_ASSERT_EQUAL(throttle_try(throttle, 1, now_ns), seconds[i] * NS_PER_S);
        CU_ASSERT_EQUAL(throttle_try(throttle, 1, now_ns + seconds[i] * NS_PER_S - 1), 1);
        now_ns += seconds[i] * NS_PER_S;
    }
    fail_often(throttle, 1, 1000, now_ns); // more than there are bits
    CU_ASSERT_EQUAL(throttle_try(throttle, 1, now_ns), 10 * NS_PER_S);
    throttle_destroy(throttle);
}

static void what_is_refused_prolongs_nothing(void)
{
    struct throttle *throttle = throttle_create(&settings);
    fail_often(throttle, 1, FREE + 1, start_ns);
    for (unsigned i = 0; i < 1000; i++)
        CU_ASSERT_EQUAL(throttle_try(throttle, 1, start_ns + i), NS_PER_S - i);
    CU_ASSERT_EQUAL(throttle_try(throttle, 1, start_ns + NS_PER_S), 0);
    throttle_destroy(throttle);
}

// A hundred connections that try when the wait is over are one guess, not a hundred.
static void after_a_wait_there_is_one_try_and_not_many_at_once(void)
{
    struct throttle *throttle = throttle_create(&settings);
    fail_often(throttle, 1, FREE + 1, start_ns);
    uint64_t now_ns = start_ns + NS_PER_S;
    CU_ASSERT_EQUAL(throttle_try(throttle, 1, now_ns), 0);
    for (unsigned i = 0; i < 100; i++)
        CU_ASSERT_NOT_EQUAL(throttle_try(throttle, 1, now_ns), 0);
    throttle_fail(throttle, 1, now_ns + NS_PER_MS);
    CU_ASSERT_EQUAL(throttle_try(throttle, 1, now_ns + NS_PER_MS), 2 * NS_PER_S);
    throttle_destroy(throttle);
}

// The server was too busy to look at the password.
static void a_try_that_nothing_came_of_is_no_failure(void)
{
    struct throttle *throttle = throttle_create(&settings);
    fail_often(throttle, 1, FREE + 1, start_ns);
    uint64_t now_ns = start_ns + NS_PER_S;
    for (unsigned i = 0; i < 5; i++) {
        CU_ASSERT_EQUAL(throttle_try(throttle, 1, now_ns), 0);
        now_ns += 2 * NS_PER_S;
    }
    throttle_destroy(throttle);
}

static void success_forgets(void)
{
    struct throttle *throttle = throttle_create(&settings);
    fail_often(throttle, 1, FREE + 3, start_ns);
    throttle_succeed(throttle, 1);
    throttle_succeed(throttle, 1); // again, and of somebody who never failed
    throttle_succeed(throttle, 2);
    for (unsigned i = 0; i < FREE; i++) {
        CU_ASSERT_EQUAL(throttle_try(throttle, 1, start_ns), 0);
        throttle_fail(throttle, 1, start_ns);
    }
    CU_ASSERT_EQUAL(throttle_try(throttle, 1, start_ns), 0);
    throttle_destroy(throttle);
}

static void time_forgets(void)
{
    struct throttle *throttle = throttle_create(&settings);
    fail_often(throttle, 1, FREE + 1, start_ns);
    uint64_t forgotten_ns = start_ns + NS_PER_S + settings.memory_ns;
    fail_often(throttle, 1, FREE, forgotten_ns);
    CU_ASSERT_EQUAL(throttle_try(throttle, 1, forgotten_ns), 0);
    fail_often(throttle, 2, FREE, start_ns);
    throttle_fail(throttle, 2, start_ns + settings.memory_ns - 1); // just before
    CU_ASSERT_NOT_EQUAL(throttle_try(throttle, 2, start_ns + settings.memory_ns), 0);
    throttle_destroy(throttle);
}

static void peers_do_not_pay_for_each_other(void)
{
    struct throttle *throttle = throttle_create(&settings);
    fail_often(throttle, 1, 100, start_ns);
    CU_ASSERT_EQUAL(throttle_try(throttle, 2, start_ns), 0);
    CU_ASSERT_NOT_EQUAL(throttle_try(throttle, 1, start_ns), 0);
    throttle_destroy(throttle);
}

static void the_peer_heard_of_least_recently_is_forgotten_first(void)
{
    struct throttle *throttle = throttle_create(&settings);
    for (uint64_t peer = 1; peer <= settings.peers_max; peer++)
        fail_often(throttle, peer, FREE + 1, start_ns);
    CU_ASSERT_NOT_EQUAL(throttle_try(throttle, 1, start_ns), 0); // heard of
    throttle_fail(throttle, 5, start_ns);
    CU_ASSERT_NOT_EQUAL(throttle_try(throttle, 1, start_ns), 0);
    CU_ASSERT_EQUAL(throttle_try(throttle, 2, start_ns), 0);
    CU_ASSERT_NOT_EQUAL(throttle_try(throttle, 3, start_ns), 0);
    for (uint64_t peer = 100; peer < 100000; peer++)
        throttle_fail(throttle, peer, start_ns);
    CU_ASSERT_EQUAL(throttle_try(throttle, 3, start_ns), 0);
    throttle_destroy(throttle);
    throttle_destroy(NULL);
}

static void *attack(void *argument)
{
    struct throttle *throttle = argument;
    for (uint64_t i = 0; i < 20000; i++) {
        if (throttle_try(throttle, i % 8, start_ns + i) == 0)
            throttle_fail(throttle, i % 8, start_ns + i);
        if (i % 5 == 0)
            throttle_succeed(throttle, i % 3);
    }
    return NULL;
}

static void threads_may_meet(void)
{
    struct throttle *throttle = throttle_create(&settings);
    pthread_t threads[4];
    for (unsigned i = 0; i < 4; i++)
        CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, attack, throttle), 0);
    for (unsigned i = 0; i < 4; i++)
        CU_ASSERT_EQUAL(pthread_join(threads[i], NULL), 0);
    fail_often(throttle, 1, FREE + 1, start_ns + NS_PER_S);
    CU_ASSERT_NOT_EQUAL(throttle_try(throttle, 1, start_ns + NS_PER_S), 0);
    throttle_destroy(throttle);
}

static void the_standard_holds_a_guesser_back(void)
{
    static const struct throttle_settings standard = THROTTLE_STANDARD;
    struct throttle *throttle = throttle_create(&standard);
    unsigned guesses = 0;
    for (uint64_t now_ns = start_ns; now_ns < start_ns + 3600 * NS_PER_S; now_ns += 10 * NS_PER_MS) {
        if (throttle_try(throttle, 1, now_ns) != 0)
            continue;
        throttle_fail(throttle, 1, now_ns);
        guesses++;
    }
    CU_ASSERT_TRUE(guesses > 100 && guesses < 140); // in an hour
    throttle_destroy(throttle);
}

int main(void)
{
    static const CU_TestInfo cases[] = {
        {"a few failures are free", a_few_failures_are_free},
        {"each further failure doubles the wait up to the ceiling",
         each_further_failure_doubles_the_wait_up_to_the_ceiling},
        {"what is refused prolongs nothing", what_is_refused_prolongs_nothing},
        {"after a wait there is one try and not many at once",
         after_a_wait_there_is_one_try_and_not_many_at_once},
        {"a try that nothing came of is no failure", a_try_that_nothing_came_of_is_no_failure},
        {"success forgets", success_forgets},
        {"time forgets", time_forgets},
        {"peers do not pay for each other", peers_do_not_pay_for_each_other},
        {"the peer heard of least recently is forgotten first",
         the_peer_heard_of_least_recently_is_forgotten_first},
        {"threads may meet", threads_may_meet},
        {"the standard holds a guesser back", the_standard_holds_a_guesser_back},
    };
    return RUN_TESTS("throttle", cases);
}
