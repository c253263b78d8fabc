// SPDX-License-Identifier: MIT
#include "server/session/session.h"

#include "server/session/test/rig.h"

#define LONGEST_S 3u

static struct absences absences;

static struct session *leave(const char *client_id, uint64_t now_s)
{
    struct session *session = session_create(bytes_of(client_id), false);
    absences_add(&absences, session, now_s * NS_PER_S);
    return session;
}

static struct session *due_at(uint64_t now_ns)
{
    return absences_due(&absences, LONGEST_S, now_ns);
}

static void nobody_is_due_while_nobody_is_away(void)
{
    absences_init(&absences);
    CU_ASSERT_EQUAL(absences_deadline_ns(&absences, 0), TIMER_NEVER);
    CU_ASSERT_PTR_NULL(absences_due(&absences, 0, UINT64_MAX - 1));
}

static void a_session_is_due_when_its_time_has_passed(void)
{
    rig_open();
    absences_init(&absences);
    struct session *session = leave("a", 10);
    CU_ASSERT_EQUAL(absences_deadline_ns(&absences, LONGEST_S), 13 * NS_PER_S);
    CU_ASSERT_PTR_NULL(due_at(13 * NS_PER_S - 1));
    CU_ASSERT_PTR_EQUAL(due_at(13 * NS_PER_S), session);
    CU_ASSERT_PTR_EQUAL(due_at(99 * NS_PER_S), session);
    session_destroy(session, &rig.turn);
    CU_ASSERT_PTR_NULL(due_at(99 * NS_PER_S));
    rig_close();
}

static void who_left_first_is_due_first(void)
{
    rig_open();
    absences_init(&absences);
    struct session *sessions[] = {leave("c", 10), leave("a", 10), leave("b", 12)};
    for (uint32_t i = 0; i < 3; i++) {
        CU_ASSERT_EQUAL(absences_deadline_ns(&absences, LONGEST_S), sessions[i]->left_ns + 3 * NS_PER_S);
        CU_ASSERT_PTR_EQUAL(due_at(99 * NS_PER_S), sessions[i]);
        session_destroy(sessions[i], &rig.turn);
    }
    CU_ASSERT_EQUAL(absences_deadline_ns(&absences, LONGEST_S), TIMER_NEVER);
    rig_close();
}

static void the_interval_may_change_at_any_time(void)
{
    rig_open();
    absences_init(&absences);
    struct session *session = leave("a", 10);
    CU_ASSERT_EQUAL(absences_deadline_ns(&absences, CONFIG_NEVER), TIMER_NEVER);
    CU_ASSERT_PTR_NULL(absences_due(&absences, CONFIG_NEVER, UINT64_MAX - 1));
    CU_ASSERT_EQUAL(absences_deadline_ns(&absences, 0), 10 * NS_PER_S);
    CU_ASSERT_PTR_EQUAL(absences_due(&absences, 0, 10 * NS_PER_S), session);
    CU_ASSERT_EQUAL(absences_deadline_ns(&absences, UINT32_MAX), (UINT32_MAX + 10ull) * NS_PER_S);
    session_destroy(session, &rig.turn);
    rig_close();
}

// It comes back, and has all its time again when it leaves once more, behind those who left meanwhile.
static void a_client_that_is_back_is_not_absent(void)
{
    rig_open();
    absences_init(&absences);
    struct client client = {0};
    client_connects(&client, false);
    client_hang_up(&client);
    absences_add(&absences, client.session, 10 * NS_PER_S);
    struct session *other = leave("other", 11);
    client_connects(&client, false);
    CU_ASSERT_PTR_EQUAL(due_at(99 * NS_PER_S), other);
    client_hang_up(&client);
    absences_add(&absences, client.session, 12 * NS_PER_S);
    CU_ASSERT_PTR_EQUAL(due_at(14 * NS_PER_S), other);
    session_destroy(other, &rig.turn);
    CU_ASSERT_PTR_NULL(due_at(15 * NS_PER_S - 1));
    CU_ASSERT_PTR_EQUAL(due_at(15 * NS_PER_S), client.session);
    session_destroy(client.session, &rig.turn);
    rig_close();
}

int main(void)
{
    static const CU_TestInfo cases[] = {
        {"nobody is due while nobody is away", nobody_is_due_while_nobody_is_away},
        {"a session is due when its time has passed", a_session_is_due_when_its_time_has_passed},
        {"who left first is due first", who_left_first_is_due_first},
        {"the interval may change at any time", the_interval_may_change_at_any_time},
        {"a client that is back is not absent", a_client_that_is_back_is_not_absent},
    };
    return RUN_TESTS("absences", cases);
}
