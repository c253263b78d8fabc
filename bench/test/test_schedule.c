// SPDX-License-Identifier: MIT
// The timetable of the open loop, and which latencies count.
#include "bench/latency.h"
#include "bench/schedule.h"
#include "test/run.h"

#define START_NS 5000000000u

static void publishers_take_turns(void)
{
    struct schedule schedule;
    schedule_start(&schedule, 1000, 3, START_NS); // one each millisecond
    CU_ASSERT_EQUAL(schedule_intended_ns(&schedule, 0, 0), START_NS);
    CU_ASSERT_EQUAL(schedule_intended_ns(&schedule, 2, 0), START_NS + 2000000);
    CU_ASSERT_EQUAL(schedule_intended_ns(&schedule, 1, 2), START_NS + 7000000);
}

static void a_message_is_due_from_its_time_on(void)
{
    static const double rates[] = {0.5, 7, 999.9, 300000, 7777777};
    for (int i = 0; i < 5; i++) {
        struct schedule schedule;
        schedule_start(&schedule, rates[i], 4, START_NS);
        CU_ASSERT_EQUAL(schedule_due(&schedule, START_NS - 1), 0);
        for (uint32_t number = 1; number < 100000; number = number * 3 + 1) {
            uint64_t at_ns = schedule_intended_ns(&schedule, number % 4, number / 4);
            CU_ASSERT_EQUAL(schedule_due(&schedule, at_ns), number + 1);
            CU_ASSERT_EQUAL(schedule_due(&schedule, at_ns - 1), number);
            CU_ASSERT_EQUAL(schedule_wait_ns(&schedule, at_ns - 1), 1);
            CU_ASSERT_EQUAL(schedule_due_of(&schedule, number % 4, at_ns), number / 4 + 1);
            CU_ASSERT_EQUAL(schedule_due_of(&schedule, number % 4, at_ns - 1), number / 4);
        }
    }
}

static void the_turns_add_up(void)
{
    struct schedule schedule;
    schedule_start(&schedule, 12345, 7, START_NS);
    for (uint64_t now_ns = START_NS; now_ns < START_NS + 10000000; now_ns += 77777) {
        uint64_t sum = 0;
        for (uint32_t publisher = 0; publisher < 7; publisher++)
            sum += schedule_due_of(&schedule, publisher, now_ns);
        CU_ASSERT_EQUAL(sum, schedule_due(&schedule, now_ns));
    }
}

static void what_was_sent_in_the_measured_time_counts(void)
{
    static struct latency latency;
    latency_begin(&latency, 1000);
    latency_arrive(&latency, 1500);
    latency_note(&latency, 999);
    latency_note(&latency, 1000);
    latency_note(&latency, 1000);
    latency_note(&latency, 1400);
    latency_end(&latency, 2000);
    latency_arrive(&latency, 3000);
    latency_note(&latency, 1990); // came late, and counts
    latency_note(&latency, 2000);
    latency_flush(&latency);
    CU_ASSERT_EQUAL(latency.histogram.count, 4);
    CU_ASSERT_EQUAL(latency.histogram.max_ns, 1010);
    CU_ASSERT_EQUAL(latency.histogram.buckets[100], 1);
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"publishers take turns", publishers_take_turns},
        {"a message is due from its time on", a_message_is_due_from_its_time_on},
        {"the turns add up", the_turns_add_up},
        {"what was sent in the measured time counts", what_was_sent_in_the_measured_time_counts},
    };
    return RUN_TESTS("bench/schedule", tests);
}
