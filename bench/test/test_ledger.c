// SPDX-License-Identifier: MIT
// What the load generator counts as delivered, lost, repeated and misrouted, and when a publisher may go on.
#include "bench/ledger.h"
#include "test/run.h"

static enum ledger_result deliver(struct ledger *ledger, uint32_t subscriber, uint32_t publisher,
                                  uint32_t sequence)
{
    return ledger_deliver(ledger, subscriber, (struct wire_tag){publisher, sequence, 0});
}

static void window_moves_with_the_slowest_subscriber(void)
{
    struct ledger ledger;
    CU_ASSERT_EQUAL_FATAL(ledger_init(&ledger, (struct ledger_layout){1, 1, 2}), 0);
    CU_ASSERT_EQUAL(ledger_publish(&ledger, 0, 3), 0);
    CU_ASSERT_EQUAL(ledger_outstanding(&ledger), 6);
    CU_ASSERT_EQUAL(deliver(&ledger, 0, 0, 0), LEDGER_NOTED);
    CU_ASSERT_EQUAL(deliver(&ledger, 0, 0, 1), LEDGER_NOTED);
    CU_ASSERT_EQUAL(ledger_undelivered(&ledger, 0), 3);
    CU_ASSERT_EQUAL(deliver(&ledger, 1, 0, 0), LEDGER_MOVED);
    CU_ASSERT_EQUAL(ledger_undelivered(&ledger, 0), 2);
    CU_ASSERT_EQUAL(deliver(&ledger, 1, 0, 1), LEDGER_MOVED);
    CU_ASSERT_EQUAL(deliver(&ledger, 1, 0, 2), LEDGER_NOTED);
    CU_ASSERT_EQUAL(deliver(&ledger, 0, 0, 2), LEDGER_MOVED);
    CU_ASSERT_EQUAL(ledger_undelivered(&ledger, 0), 0);
    CU_ASSERT_EQUAL(ledger_outstanding(&ledger), 0);
    CU_ASSERT_EQUAL(ledger.delivered, 6);
    ledger_finish(&ledger);
}

static void gap_is_lost_and_the_past_is_repeated(void)
{
    struct ledger ledger;
    CU_ASSERT_EQUAL_FATAL(ledger_init(&ledger, (struct ledger_layout){1, 1, 1}), 0);
    CU_ASSERT_EQUAL(ledger_publish(&ledger, 0, 10), 0);
    CU_ASSERT_EQUAL(deliver(&ledger, 0, 0, 4), LEDGER_MOVED);
    CU_ASSERT_EQUAL(ledger.lost, 4);
    CU_ASSERT_EQUAL(deliver(&ledger, 0, 0, 3), LEDGER_REFUSED);
    CU_ASSERT_EQUAL(deliver(&ledger, 0, 0, 4), LEDGER_REFUSED);
    CU_ASSERT_EQUAL(ledger.repeated, 2);
    CU_ASSERT_EQUAL(ledger.delivered, 1);
    CU_ASSERT_EQUAL(ledger_outstanding(&ledger), 5);
    ledger_finish(&ledger);
}

static void foreign_tags_are_misrouted(void)
{
    struct ledger ledger;
    CU_ASSERT_EQUAL_FATAL(ledger_init(&ledger, (struct ledger_layout){2, 2, 1}), 0);
    CU_ASSERT_EQUAL(ledger_publish(&ledger, 2, 1), 0);
    deliver(&ledger, 0, 2, 0);          // a publisher of the other group
    deliver(&ledger, 1, UINT32_MAX, 0); // no publisher at all
    deliver(&ledger, 1, 2, 1);          // not published yet
    deliver(&ledger, 1, 3, 0);          // nothing published
    CU_ASSERT_EQUAL(ledger.misrouted, 4);
    CU_ASSERT_EQUAL(ledger.delivered, 0);
    CU_ASSERT_EQUAL(deliver(&ledger, 1, 2, 0), LEDGER_MOVED);
    ledger_finish(&ledger);
}

static void writing_off_opens_the_window(void)
{
    struct ledger ledger;
    CU_ASSERT_EQUAL_FATAL(ledger_init(&ledger, (struct ledger_layout){1, 2, 2}), 0);
    ledger_publish(&ledger, 0, 5);
    ledger_publish(&ledger, 1, 5);
    deliver(&ledger, 0, 0, 0);
    ledger_write_off(&ledger);
    CU_ASSERT_EQUAL(ledger.lost, 19);
    CU_ASSERT_EQUAL(ledger_outstanding(&ledger), 0);
    CU_ASSERT_EQUAL(ledger_undelivered(&ledger, 0), 0);
    CU_ASSERT_EQUAL(ledger_undelivered(&ledger, 1), 0);
    deliver(&ledger, 1, 0, 0);
    CU_ASSERT_EQUAL(ledger.repeated, 1);
    CU_ASSERT_EQUAL(ledger_publish(&ledger, 0, 1), 5);
    CU_ASSERT_EQUAL(deliver(&ledger, 0, 0, 5), LEDGER_NOTED);
    CU_ASSERT_EQUAL(deliver(&ledger, 1, 0, 5), LEDGER_MOVED);
    ledger_finish(&ledger);
}

static void sequence_numbers_wrap(void)
{
    struct ledger ledger;
    CU_ASSERT_EQUAL_FATAL(ledger_init(&ledger, (struct ledger_layout){1, 1, 1}), 0);
    ledger_publish(&ledger, 0, UINT32_MAX);
    ledger_write_off(&ledger);
    CU_ASSERT_EQUAL(ledger_publish(&ledger, 0, 3), UINT32_MAX);
    CU_ASSERT_EQUAL(deliver(&ledger, 0, 0, UINT32_MAX), LEDGER_MOVED);
    CU_ASSERT_EQUAL(deliver(&ledger, 0, 0, 0), LEDGER_MOVED);
    CU_ASSERT_EQUAL(ledger_undelivered(&ledger, 0), 1);
    CU_ASSERT_EQUAL(deliver(&ledger, 0, 0, 1), LEDGER_MOVED);
    CU_ASSERT_EQUAL(ledger_undelivered(&ledger, 0), 0);
    CU_ASSERT_EQUAL(ledger.misrouted + ledger.repeated, 0);
    ledger_finish(&ledger);
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"window moves with the slowest subscriber", window_moves_with_the_slowest_subscriber},
        {"gap is lost and the past is repeated", gap_is_lost_and_the_past_is_repeated},
        {"foreign tags are misrouted", foreign_tags_are_misrouted},
        {"writing off opens the window", writing_off_opens_the_window},
        {"sequence numbers wrap", sequence_numbers_wrap},
    };
    return RUN_TESTS("bench/ledger", tests);
}
