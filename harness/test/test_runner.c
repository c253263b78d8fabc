// SPDX-License-Identifier: MIT
// What becomes of cases, above all of those that go wrong. The broker is the one of this folder, which stands
// beside the test.
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "harness/test/suite.h"

static void passes(struct trial *trial)
{
    peer_ping(peer_connect(trial, "peer"));
}

static void fails(struct trial *trial)
{
    struct peer *peer = peer_connect(trial, "peer");
    peer_send(peer, packet_empty(PACKET_PINGREQ));
    peer_expect(peer, packet_answer(PACKET_PUBACK, 7));
}

static void crashes(struct trial *trial)
{
    abort();
}

static void ends_by_itself(struct trial *trial)
{
    _exit(0);
}

static void hangs(struct trial *trial)
{
    deadline_await(deadline_in_exact_ms(600000));
}

static void tolerates(struct trial *trial)
{
    trial_tolerate(trial, "seen %d", 1);
}

static void does_not_apply(struct trial *trial)
{
    trial_not_applicable(trial, "no reason");
}

static void is_undecided(struct trial *trial)
{
    trial_inconclusive(trial, "nobody knows");
}

static void kills_the_broker(struct trial *trial)
{
    pid_t pid = trial->broker->process.pid;
    int descriptor = (int)syscall(SYS_pidfd_open, pid, 0);
    (void)kill(pid, SIGKILL); // it is there: the case before has found it alive
    trial_require(trial, descriptor >= 0 && deadline_wait(deadline_in_ms(2000), descriptor, POLLIN),
                  "its end", "it goes on");
    trial_end_without_proof(trial);
}

static void closed_is_not_enough(struct trial *trial)
{
    struct peer *peer = peer_connect(trial, "peer");
    peer_send(peer, packet_publish("t", .qos = 3, .id = 1));
    peer_expect_close(peer);
}

static const struct test_case cases[] = {
    {"passes", "", "", "", passes, 0, 0},
    {"fails", "", "", "", fails, 0, 0},
    {"crashes", "", "", "", crashes, 0, 0},
    {"ends by itself", "", "", "", ends_by_itself, 0, 0},
    {"hangs", "", "", "", hangs, 0, 300},
    {"tolerates", "", "", "", tolerates, 0, 0},
    {"does not apply", "", "", "", does_not_apply, 0, 0},
    {"is undecided", "", "", "", is_undecided, 0, 0},
    {"kills the broker", "", "", "", kills_the_broker, 0, 0},
    {"passes afterwards", "", "", "", passes, 0, 0},
    {"closed is not enough", "", "", "", closed_is_not_enough, 0, 0},
};

enum { CASES = sizeof cases / sizeof *cases };

static const struct section section = {"x", "cases of the test", cases, CASES};

static struct recipe *broken_recipe(const char *fault)
{
    const char *why = "";
    const char *text =
        arena_print("name broken\nprogram broken_broker broken_broker\ncommand {program} {tcp} %s\n", fault);
    struct recipe *recipe = recipe_parse("test", text, &why);
    if (recipe == NULL)
        fprintf(stderr, "%s\n", why);
    CU_ASSERT_PTR_NOT_NULL_FATAL(recipe);
    return recipe;
}

// Runs all cases against the broker with a fault.
static const struct run *run_all(const char *fault, unsigned jobs)
{
    static struct run runs[CASES];
    struct record *records = records_make(CASES);
    char *directory = arena_print("%s", "/tmp/harness-test-XXXXXX");
    CU_ASSERT_FATAL(records != NULL && mkdtemp(directory) != NULL);
    for (size_t i = 0; i < CASES; i++)
        runs[i] = (struct run){.section = &section,
                               .test_case = &cases[i],
                               .transport = TRANSPORT_TCP,
                               .seed = 1,
                               .record = &records[i]};
    struct runner runner = {
        .recipe = broken_recipe(fault), .directory = directory, .certificates = directory, .jobs = jobs};
    CU_ASSERT(runner_run(&runner, runs, CASES));
    char **words = entries_words("/bin/rm -r {directory}",
                                 &(struct entries){.list = {{"directory", directory}}, .count = 1}, NULL);
    struct process removal;
    CU_ASSERT(process_start(&removal, words, "/dev/null", false) &&
              process_wait(&removal, deadline_in_ms(5000)));
    return runs;
}

static enum verdict verdict_of(const struct run *runs, const char *name)
{
    for (size_t i = 0; i < CASES; i++)
        if (strcmp(runs[i].test_case->name, name) == 0)
            return runs[i].record->verdict;
    return VERDICT_NONE;
}

static void check_verdicts(unsigned jobs)
{
    const struct run *runs = run_all("none", jobs);
    CU_ASSERT(verdict_of(runs, "passes") == VERDICT_PASS);
    CU_ASSERT(verdict_of(runs, "fails") == VERDICT_FAIL);
    CU_ASSERT(verdict_of(runs, "crashes") == VERDICT_INCONCLUSIVE);
    CU_ASSERT(verdict_of(runs, "ends by itself") == VERDICT_INCONCLUSIVE);
    CU_ASSERT(verdict_of(runs, "hangs") == VERDICT_FAIL);
    CU_ASSERT(verdict_of(runs, "tolerates") == VERDICT_TOLERATED);
    CU_ASSERT(verdict_of(runs, "does not apply") == VERDICT_NOT_APPLICABLE);
    CU_ASSERT(verdict_of(runs, "is undecided") == VERDICT_INCONCLUSIVE);
    CU_ASSERT(verdict_of(runs, "kills the broker") == VERDICT_FAIL);
    CU_ASSERT(verdict_of(runs, "passes afterwards") == VERDICT_PASS);
    CU_ASSERT(verdict_of(runs, "closed is not enough") == VERDICT_PASS);
    const struct record *failed = runs[1].record;
    CU_ASSERT_STRING_EQUAL(failed->expected, "peer gets PUBACK id=7 [40 02 00 07]");
    CU_ASSERT_STRING_EQUAL(failed->actual, "peer got PINGRESP [D0 00]");
    CU_ASSERT_PTR_NOT_NULL(strstr(runs[2].record->note, "signal 6"));
    CU_ASSERT_PTR_NOT_NULL(strstr(runs[8].record->actual, "signal 9"));
}

static void each_case_gets_its_verdict(void)
{
    check_verdicts(1);
}

static void also_beside_each_other(void)
{
    check_verdicts(4);
}

static void a_broker_that_crashes_fails(void)
{
    const struct run *runs = run_all("crashes-on-qos-3", 2);
    CU_ASSERT(verdict_of(runs, "closed is not enough") == VERDICT_FAIL);
    CU_ASSERT_PTR_NOT_NULL(strstr(runs[10].record->actual, "signal 6"));
    CU_ASSERT(verdict_of(runs, "passes") == VERDICT_PASS);
}

static void a_broker_that_closes_everything_fails(void)
{
    const struct run *runs = run_all("closes-everything", 2);
    CU_ASSERT(verdict_of(runs, "closed is not enough") == VERDICT_FAIL &&
              verdict_of(runs, "passes") == VERDICT_FAIL);
}

static void a_broker_that_does_not_start_is_told(void)
{
    const struct run *runs = run_all("no-such-fault", 1);
    CU_ASSERT(verdict_of(runs, "passes") == VERDICT_INCONCLUSIVE);
    CU_ASSERT_PTR_NOT_NULL(strstr(runs[0].record->note, "usage: broken_broker"));
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"each case gets its verdict", each_case_gets_its_verdict},
        {"also beside each other", also_beside_each_other},
        {"a broker that crashes fails", a_broker_that_crashes_fails},
        {"a broker that closes everything fails", a_broker_that_closes_everything_fails},
        {"a broker that does not start is told", a_broker_that_does_not_start_is_told},
    };
    return RUN_TESTS("harness runner", tests);
}
