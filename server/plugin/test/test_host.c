// SPDX-License-Identifier: MIT
// Plugins that behave, and plugins that do not: what comes of their answers, their events, and of the others.
#include <string.h>

#include "server/plugin/test/rig.h"

#define EVENTS_MAX 8u

static const char *const one_inline[] = {"inline"};
static const char *const one_worker[] = {"worker"};

static struct plugin *plugin_at(uint32_t index)
{
    return rig.host->roster->plugins[index];
}

static bool give_up(uint64_t question, enum question_end end)
{
    return plugin_give_up(plugin_at(0), &rig.host->questions[1], question, end);
}

static void an_inline_plugin_decides_at_once_on_the_thread_that_asks(void)
{
    rig_begin(one_inline, 1, EVENTS_MAX);
    uint64_t question;
    struct answer *answer;
    rig_set_manner(RIG_DENY);
    CU_ASSERT_EQUAL(rig_ask(0, &question, &answer), HBMQTT_DENY);
    CU_ASSERT_TRUE(pthread_equal(rig.thread, pthread_self()));
    CU_ASSERT_PTR_NULL(answer);
    rig_set_manner(RIG_ALLOW);
    CU_ASSERT_EQUAL(rig_ask(0, &question, &answer), HBMQTT_ALLOW);
    CU_ASSERT_EQUAL(rig.answer_count, 0);
    rig_end();
}

static void what_an_inline_plugin_answers_before_it_returns_needs_no_way_round(void)
{
    rig_begin(one_inline, 1, EVENTS_MAX);
    uint64_t question;
    struct answer *answer;
    rig_set_manner(RIG_ANSWER_FIRST);
    CU_ASSERT_EQUAL(rig_ask(0, &question, &answer), HBMQTT_ALLOW);
    CU_ASSERT_EQUAL(rig.answer_status, 0);
    CU_ASSERT_PTR_NOT_NULL_FATAL(answer);
    CU_ASSERT_TRUE(bytes_equal(answer->user_name, bytes_of("alice")));
    CU_ASSERT_EQUAL(rig.answer_count, 0);
    free(answer);
    CU_ASSERT_EQUAL(rig_answer_elsewhere(rig.question), HBMQTT_PLUGIN_ERROR_NOT_OPEN);
    rig_end();
}

static void an_answer_from_any_thread_finds_the_shard_that_asked(void)
{
    rig_begin(one_inline, 1, EVENTS_MAX);
    uint64_t question;
    struct answer *answer;
    rig_set_manner(RIG_PENDING);
    CU_ASSERT_EQUAL(rig_ask(0, &question, &answer), HBMQTT_PENDING);
    CU_ASSERT_EQUAL(question, rig.question);
    CU_ASSERT_EQUAL(rig_answer_elsewhere(question), 0);
    CU_ASSERT_EQUAL(rig.answer_count, 1);
    CU_ASSERT_EQUAL(rig.answer_shard, 1);
    CU_ASSERT_EQUAL(rig.answers->question, question);
    CU_ASSERT_EQUAL(rig.answers->client, 42);
    CU_ASSERT_EQUAL(rig.answers->verdict, HBMQTT_ALLOW);
    CU_ASSERT_FALSE(give_up(question, QUESTION_EXPIRED)); // it is on its way
    rig_end();
}

static void a_second_answer_changes_nothing_and_is_counted(void)
{
    rig_begin(one_inline, 1, EVENTS_MAX);
    uint64_t question;
    struct answer *answer;
    rig_set_manner(RIG_PENDING);
    (void)rig_ask(0, &question, &answer);
    CU_ASSERT_EQUAL(rig_answer_elsewhere(question), 0);
    rig_capture();
    CU_ASSERT_EQUAL(rig_answer_elsewhere(question), HBMQTT_PLUGIN_ERROR_NOT_OPEN);
    CU_ASSERT_PTR_NOT_NULL(strstr(rig_captured(), "answered a question a second time"));
    CU_ASSERT_EQUAL(rig.answer_count, 1);
    CU_ASSERT_EQUAL(plugin_at(0)->answers_again.count, 1);
    rig_set_manner(RIG_ANSWER_TWICE); // the same in one call: the verdict that it returns is the second
    CU_ASSERT_EQUAL(rig_ask(0, &question, &answer), HBMQTT_ALLOW);
    CU_ASSERT_PTR_NOT_NULL_FATAL(answer);
    CU_ASSERT_TRUE(bytes_equal(answer->user_name, bytes_of("alice")));
    free(answer);
    CU_ASSERT_EQUAL(plugin_at(0)->answers_again.count, 2);
    rig_capture();
    rig_end();
    CU_ASSERT_PTR_NOT_NULL(strstr(rig_captured(), "2 answers given twice"));
}

static void a_worker_that_answers_twice_is_heard_once(void)
{
    rig_begin(one_worker, 1, EVENTS_MAX);
    uint64_t question;
    struct answer *answer;
    rig_set_manner(RIG_ANSWER_TWICE);
    CU_ASSERT_EQUAL(rig_ask(0, &question, &answer), HBMQTT_PENDING);
    rig_await(&rig.answer_count, 1);
    CU_ASSERT_TRUE(bytes_equal(rig.answers->user_name, bytes_of("alice")));
    rig_set_manner(RIG_DENY); // behind it in the queue, so the first call has returned
    CU_ASSERT_EQUAL(rig_ask(0, &question, &answer), HBMQTT_PENDING);
    rig_await(&rig.answer_count, 2);
    CU_ASSERT_EQUAL(rig.answers->verdict, HBMQTT_DENY);
    CU_ASSERT_EQUAL(plugin_at(0)->answers_again.count, 1);
    rig_end();
}

static void a_worker_decides_on_a_thread_of_its_own(void)
{
    rig_begin(one_worker, 1, EVENTS_MAX);
    uint64_t question;
    struct answer *answer;
    rig_set_manner(RIG_DENY);
    CU_ASSERT_EQUAL(rig_ask(0, &question, &answer), HBMQTT_PENDING);
    rig_await(&rig.answer_count, 1);
    CU_ASSERT_FALSE(pthread_equal(rig.thread, pthread_self()));
    CU_ASSERT_EQUAL(rig.answers->question, question);
    CU_ASSERT_EQUAL(rig.answers->verdict, HBMQTT_DENY);
    rig_end();
}

// The first question is with the plugin, the second waits: past their deadlines the second is never asked,
// and the answer to the first comes too late.
static void a_blocked_worker_is_given_up(void)
{
    rig_begin(one_worker, 1, EVENTS_MAX);
    uint64_t first;
    uint64_t second;
    struct answer *answer;
    rig_set_manner(RIG_BLOCK);
    (void)rig_ask(0, &first, &answer);
    rig_await(&rig.calls, 1);
    (void)rig_ask(0, &second, &answer);
    CU_ASSERT_TRUE(give_up(second, QUESTION_EXPIRED));
    CU_ASSERT_TRUE(give_up(first, QUESTION_EXPIRED));
    plugin_count_unanswered(plugin_at(0), NS_PER_S, HBMQTT_DENY);
    rig_release();
    rig_set_manner(RIG_DENY);
    uint64_t third;
    (void)rig_ask(0, &third, &answer);
    rig_await(&rig.answer_count, 1);
    CU_ASSERT_EQUAL(rig.answers->question, third);
    CU_ASSERT_EQUAL(rig.calls, 2);
    CU_ASSERT_EQUAL(plugin_at(0)->answers_late.count, 1);
    CU_ASSERT_EQUAL(plugin_at(0)->answers_never.count, 1);
    rig_end();
}

static void who_has_gone_is_no_fault_of_the_plugin(void)
{
    rig_begin(one_inline, 1, EVENTS_MAX);
    uint64_t question;
    struct answer *answer;
    rig_set_manner(RIG_PENDING);
    (void)rig_ask(0, &question, &answer);
    CU_ASSERT_TRUE(give_up(question, QUESTION_GONE));
    CU_ASSERT_EQUAL(rig_answer_elsewhere(question), HBMQTT_PLUGIN_ERROR_NOT_OPEN);
    CU_ASSERT_EQUAL(plugin_at(0)->answers_late.count + plugin_at(0)->answers_again.count, 0);
    rig_end();
}

static void events_for_a_blocked_worker_are_dropped_at_the_ceiling_and_others_get_theirs(void)
{
    static const char *const names[] = {"worker", "inline"};
    rig_begin(names, 2, EVENTS_MAX);
    uint64_t question;
    struct answer *answer;
    rig_set_manner(RIG_BLOCK);
    (void)rig_ask(0, &question, &answer);
    rig_await(&rig.calls, 1);
    rig_capture();
    for (uint32_t i = 0; i < EVENTS_MAX + 5; i++)
        host_tell(rig.host, HBMQTT_EVENT_POST_START);
    CU_ASSERT_PTR_NOT_NULL(strstr(rig_captured(), "plugin worker: it does not keep up: 1 events dropped"));
    CU_ASSERT_EQUAL(rig.events, EVENTS_MAX + 5); // the inline one's
    CU_ASSERT_EQUAL(plugin_at(0)->events_dropped.count, 5);
    rig_release();
    rig_await(&rig.events, 2 * EVENTS_MAX + 5);
    rig_end();
    CU_ASSERT_EQUAL(rig.events, 2 * EVENTS_MAX + 5);
}

static void a_plugin_that_does_not_end_is_left_behind(void)
{
    rig_begin(one_worker, 1, EVENTS_MAX);
    uint64_t question;
    struct answer *answer;
    rig_set_manner(RIG_BLOCK);
    (void)rig_ask(0, &question, &answer);
    rig_await(&rig.calls, 1);
    static struct host *left_behind; // what its thread may use stays, and is no leak
    left_behind = rig.host;
    host_close(rig.host);
    rig_capture();
    host_destroy(rig.host, clock_monotonic_ns());
    CU_ASSERT_PTR_NOT_NULL(strstr(rig_captured(), "plugin worker: it is still at work; the broker ends"));
    CU_ASSERT_EQUAL(rig.finished, 0);
    rig_release();
    rig_await(&rig.finished, 1);
    CU_ASSERT_PTR_NOT_NULL(left_behind);
    free(rig.answers);
}

static void a_number_that_is_no_verdict_denies(void)
{
    rig_begin(one_inline, 1, EVENTS_MAX);
    uint64_t question;
    struct answer *answer;
    rig_set_manner(RIG_NONSENSE);
    rig_capture();
    CU_ASSERT_EQUAL(rig_ask(0, &question, &answer), HBMQTT_DENY);
    CU_ASSERT_PTR_NOT_NULL(strstr(rig_captured(), "authenticate returned 99, which is no verdict"));
    rig_end();
}

static void an_inline_call_that_takes_long_is_told(void)
{
    rig_begin(one_inline, 1, EVENTS_MAX);
    uint64_t question;
    struct answer *answer;
    rig_set_manner(RIG_SLOW);
    rig_capture();
    CU_ASSERT_EQUAL(rig_ask(0, &question, &answer), HBMQTT_ALLOW);
    CU_ASSERT_EQUAL(rig_ask(0, &question, &answer), HBMQTT_ALLOW);
    const char *log = rig_captured();
    const char *line = strstr(log, "plugin inline: authenticate took");
    CU_ASSERT_PTR_NOT_NULL_FATAL(line);
    CU_ASSERT_PTR_NULL(
        strstr(line + strlen("plugin inline: authenticate took"), "took")); // not for every call
    CU_ASSERT_EQUAL(plugin_at(0)->slow_calls.count, 2);
    rig_end();
}

static void what_has_to_be_decided_at_once_is_denied_if_it_is_not(void)
{
    static const char *const names[] = {"receiving"};
    rig_begin(names, 1, EVENTS_MAX);
    const struct hbmqtt_plugin_access access = {.size = sizeof access, .action = HBMQTT_FILTER_RECEIVE};
    const struct call call = {.kind = CALL_RECEIVE, .access = &access};
    rig_set_manner(RIG_ALLOW);
    CU_ASSERT_EQUAL(plugin_ask_at_once(plugin_at(0), &call), HBMQTT_ALLOW | HBMQTT_STABLE);
    rig_set_manner(RIG_PENDING);
    CU_ASSERT_EQUAL(plugin_ask_at_once(plugin_at(0), &call), HBMQTT_DENY);
    CU_ASSERT_EQUAL(plugin_at(0)->answers_never.count, 1);
    rig_end();
}

static void ticks_come_inline_and_on_threads(void)
{
    static const char *const names[] = {"ticking"};
    rig_begin(names, 1, EVENTS_MAX);
    CU_ASSERT_EQUAL(roster_tick(rig.host->roster, UINT64_MAX - 1), TIMER_NEVER); // the worker does it
    rig_await(&rig.ticks, 3);
    rig_end();
    static const char *const inline_names[] = {"ticking inline"};
    rig_begin(inline_names, 1, EVENTS_MAX);
    uint64_t next_ns = roster_tick(rig.host->roster, 0);
    CU_ASSERT(rig.ticks == 0 && next_ns != TIMER_NEVER);
    CU_ASSERT(roster_tick(rig.host->roster, next_ns) > next_ns);
    CU_ASSERT_EQUAL(rig.ticks, 1);
    rig_end();
}

int main(void)
{
    static const CU_TestInfo cases[] = {
        {"an inline plugin decides at once, on the thread that asks",
         an_inline_plugin_decides_at_once_on_the_thread_that_asks},
        {"what an inline plugin answers before it returns needs no way round",
         what_an_inline_plugin_answers_before_it_returns_needs_no_way_round},
        {"an answer from any thread finds the shard that asked",
         an_answer_from_any_thread_finds_the_shard_that_asked},
        {"a second answer changes nothing and is counted", a_second_answer_changes_nothing_and_is_counted},
        {"a worker decides on a thread of its own", a_worker_decides_on_a_thread_of_its_own},
        {"a worker that answers twice is heard once", a_worker_that_answers_twice_is_heard_once},
        {"a blocked worker is given up", a_blocked_worker_is_given_up},
        {"who has gone is no fault of the plugin", who_has_gone_is_no_fault_of_the_plugin},
        {"events for a blocked worker are dropped at the ceiling, and others get theirs",
         events_for_a_blocked_worker_are_dropped_at_the_ceiling_and_others_get_theirs},
        {"a plugin that does not end is left behind", a_plugin_that_does_not_end_is_left_behind},
        {"a number that is no verdict denies", a_number_that_is_no_verdict_denies},
        {"an inline call that takes long is told", an_inline_call_that_takes_long_is_told},
        {"what has to be decided at once is denied if it is not",
         what_has_to_be_decided_at_once_is_denied_if_it_is_not},
        {"ticks come inline and on threads", ticks_come_inline_and_on_threads},
    };
    return RUN_TESTS("plugin host", cases);
}
