// SPDX-License-Identifier: MIT
#include "server/plugin/tally.h"

#include "test/suite.h"

#define STABLE HBMQTT_STABLE

static void every_combination_comes_to_what_is_documented(void)
{
    static const struct {
        int verdicts[3];
        int result;
        bool fleeting;
    } cases[] = {
        {{HBMQTT_NOT_CONCERNED, HBMQTT_NOT_CONCERNED, HBMQTT_NOT_CONCERNED}, HBMQTT_NOT_CONCERNED, true},
        {{HBMQTT_NOT_CONCERNED, HBMQTT_NO_OPINION, HBMQTT_NOT_CONCERNED}, HBMQTT_DENY, true},
        {{HBMQTT_NO_OPINION, HBMQTT_ALLOW, HBMQTT_NO_OPINION}, HBMQTT_ALLOW, true},
        {{HBMQTT_NOT_CONCERNED, HBMQTT_ALLOW, HBMQTT_NOT_CONCERNED}, HBMQTT_ALLOW, true},
        {{HBMQTT_ALLOW, HBMQTT_ALLOW, HBMQTT_DENY}, HBMQTT_DENY, true},
        {{HBMQTT_DENY, HBMQTT_ALLOW, HBMQTT_ALLOW}, HBMQTT_DENY, true},
        {{HBMQTT_ALLOW | STABLE, HBMQTT_NO_OPINION | STABLE, HBMQTT_NOT_CONCERNED | STABLE},
         HBMQTT_ALLOW,
         false},
        {{HBMQTT_ALLOW | STABLE, HBMQTT_NO_OPINION, HBMQTT_NOT_CONCERNED | STABLE}, HBMQTT_ALLOW, true},
        {{HBMQTT_NO_OPINION | STABLE, HBMQTT_NO_OPINION | STABLE, HBMQTT_NO_OPINION | STABLE},
         HBMQTT_DENY,
         false},
        {{HBMQTT_ALLOW, HBMQTT_NO_OPINION, HBMQTT_DENY | STABLE}, HBMQTT_DENY, false},
        {{HBMQTT_ALLOW | STABLE, HBMQTT_DENY, HBMQTT_ALLOW | STABLE}, HBMQTT_DENY, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct tally tally = {0};
        int result = HBMQTT_PENDING;
        for (int j = 0; j < 3 && result == HBMQTT_PENDING; j++)
            if (tally_add(&tally, cases[i].verdicts[j]))
                result = HBMQTT_DENY;
        if (result == HBMQTT_PENDING)
            result = tally_conclude(&tally);
        CU_ASSERT_EQUAL(result, cases[i].result);
        CU_ASSERT_EQUAL(tally.fleeting, cases[i].fleeting);
    }
}

static void nobody_who_was_asked_is_not_concerned(void)
{
    const struct tally tally = {0};
    CU_ASSERT_EQUAL(tally_conclude(&tally), HBMQTT_NOT_CONCERNED);
}

static void who_is_let_in_unvouched_is_not_vouched_for(void)
{
    struct tally tally = {0};
    CU_ASSERT_FALSE(tally_add(&tally, HBMQTT_ALLOW | HBMQTT_UNVOUCHED));
    CU_ASSERT_TRUE(tally.allowed);
    CU_ASSERT_FALSE(tally.vouched);
    CU_ASSERT_FALSE(tally_add(&tally, HBMQTT_ALLOW));
    CU_ASSERT_TRUE(tally.vouched);
}

int main(void)
{
    static const CU_TestInfo cases[] = {
        {"every combination comes to what is documented", every_combination_comes_to_what_is_documented},
        {"nobody who was asked is not concerned", nobody_who_was_asked_is_not_concerned},
        {"who is let in unvouched is not vouched for", who_is_let_in_unvouched_is_not_vouched_for},
    };
    return RUN_TESTS("plugin tally", cases);
}
