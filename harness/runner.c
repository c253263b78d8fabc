// SPDX-License-Identifier: MIT
#include "harness/runner.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/arena.h"

// One of the processes that run cases.
struct slot {
    const struct runner *runner;
    struct run *runs;
    size_t count;
    atomic_size_t *next; // shared: the run that nobody has taken yet
    unsigned number;
    int report; // numbers of runs that ended are written here
    bool has_broker;
    struct broker broker;
    unsigned brokers; // that were started
};

struct record *records_make(size_t count)
{
    // Only what is written to takes memory.
    void *memory = mmap(NULL, count * sizeof(struct record), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

static void record_end(struct record *record, enum verdict verdict, const char *note, const char *actual)
{
    (void)snprintf(record->note, sizeof record->note, "%s", note);       // what is longer is cut
    (void)snprintf(record->actual, sizeof record->actual, "%s", actual); // as above
    timeline_add(&record->timeline, TIMELINE_VERDICT, verdict_name(verdict), *actual != '\0' ? actual : note,
                 (struct bytes){0});
    record->verdict = verdict;
}

static bool slot_broker(struct slot *slot, const char **ret_why)
{
    if (slot->runner->recipe == NULL) {
        slot->broker = *slot->runner->at;
        return true;
    }
    if (slot->has_broker)
        return true;
    const char *directory =
        arena_print("%s/broker-%u-%u", slot->runner->directory, slot->number, slot->brokers++);
    if (mkdir(directory, 0700) != 0) {
        *ret_why = arena_print("%s: %s", directory, strerror(errno));
        return false;
    }
    slot->has_broker =
        broker_start(&slot->broker, slot->runner->recipe, "", directory, slot->runner->certificates, ret_why);
    return slot->has_broker;
}

static pid_t case_start(struct slot *slot, const struct run *run, size_t index)
{
    pid_t slot_pid = getpid();
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    // All that a case starts is in its group and ends with it.
    (void)setpgid(0, 0);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != slot_pid)
        _exit(1);
    struct trial trial = {
        .test_case = run->test_case,
        .broker = (run->test_case->flags & CASE_CLIENT) != 0 ? NULL : &slot->broker,
        .client = slot->runner->client,
        .directory = arena_print("%s/case-%zu", slot->runner->directory, index),
        .certificates = slot->runner->certificates,
        .transport = run->transport,
        .seed = run->seed,
        .record = run->record,
    };
    struct random random = random_of(run->seed ^ clock_now_ns(), run->test_case->name);
    for (size_t i = 0; i < sizeof trial.tag - 1; i++)
        trial.tag[i] = "0123456789abcdefghijklmnopqrstuvwxyz"[random_below(&random, 36)];
    trial_run(&trial);
}

// Waits for the end of the case and sees to it that there is a verdict.
static void case_finish(pid_t pid, const struct run *run)
{
    unsigned budget_ms = run->test_case->budget_ms == 0 ? CASE_BUDGET_MS : run->test_case->budget_ms;
    struct process process = {.pid = pid, .input = -1};
    bool ended = process_wait(&process, deadline_in_ms(budget_ms));
    (void)kill(-pid, SIGKILL); // whatever the case left, and the case itself if it goes on
    if (!ended) {
        process_kill(&process);
        if (run->record->verdict == VERDICT_NONE)
            record_end(run->record, VERDICT_FAIL, "",
                       arena_print("the case did not end in its %u ms", budget_ms));
    } else if (run->record->verdict == VERDICT_NONE)
        record_end(run->record, VERDICT_INCONCLUSIVE,
                   arena_print("the case itself %s", process_state_text(&process)), "");
}

// A broker that is gone after a case has failed it, whatever the case has seen.
static void broker_check(struct slot *slot, const struct run *run)
{
    if (slot->runner->recipe == NULL || !slot->has_broker)
        return;
    // One that crashes may need a moment to be gone.
    if (run->record->verdict == VERDICT_FAIL)
        (void)process_wait(&slot->broker.process, deadline_in_exact_ms(200));
    if (!process_alive(&slot->broker.process)) {
        const char *output = process_output(&slot->broker.process);
        size_t length = strlen(output);
        const char *tail = output + (length > 800 ? length - 800 : 0);
        (void)snprintf(run->record->expected, RECORD_TEXT_MAX, "the broker lives on"); // it fits
        record_end(run->record, VERDICT_FAIL, "",
                   arena_print("the broker %s: %s", process_state_text(&slot->broker.process), tail));
        slot->has_broker = false;
    } else if ((run->test_case->flags & CASE_DISTURBS) != 0 || run->record->verdict == VERDICT_FAIL) {
        broker_stop(&slot->broker); // the next case is not to suffer from what this one left
        slot->has_broker = false;
    }
}

static void slot_do(struct slot *slot, size_t index)
{
    const struct run *run = &slot->runs[index];
    const char *why = "";
    timeline_init(&run->record->timeline);
    if ((run->test_case->flags & CASE_CLIENT) == 0 && !slot_broker(slot, &why)) {
        record_end(run->record, VERDICT_INCONCLUSIVE, why, "");
        return;
    }
    uint64_t begin = clock_now_ns();
    timeline_init(&run->record->timeline); // again: the start of a broker is no part of the case
    pid_t pid = case_start(slot, run, index);
    if (pid < 0)
        record_end(run->record, VERDICT_INCONCLUSIVE, strerror(errno), "");
    else {
        case_finish(pid, run);
        broker_check(slot, run);
    }
    run->record->duration_ns = clock_now_ns() - begin;
}

static void slot_run(struct slot *slot)
{
    size_t index;
    while ((index = atomic_fetch_add(slot->next, 1)) < slot->count) {
        slot_do(slot, index);
        if (write(slot->report, &index, sizeof index) != sizeof index)
            break; // nobody is interested any more
    }
    if (slot->has_broker)
        broker_stop(&slot->broker);
}

static pid_t slot_start(struct slot *slot)
{
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() == parent)
        slot_run(slot);
    fflush(NULL);
    _exit(0);
}

static void runs_follow(const struct runner *runner, const struct run *runs, size_t count, int reports)
{
    size_t index;
    for (size_t ended = 1; read(reports, &index, sizeof index) == sizeof index; ended++)
        if (runner->ended != NULL)
            runner->ended(runner->context, &runs[index], ended, count);
}

bool runner_run(const struct runner *runner, struct run *runs, size_t count)
{
    atomic_size_t *next = mmap(NULL, sizeof *next, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int ends[2];
    if (next == MAP_FAILED || pipe2(ends, O_CLOEXEC) != 0)
        return false;
    fflush(NULL); // or each process would print it again
    unsigned started = 0;
    for (unsigned i = 0; i < runner->jobs && i < count; i++) {
        struct slot slot = {
            .runner = runner, .runs = runs, .count = count, .next = next, .number = i, .report = ends[1]};
        started += slot_start(&slot) > 0;
    }
    close(ends[1]);
    runs_follow(runner, runs, count, ends[0]);
    close(ends[0]);
    while (started > 0 && (waitpid(-1, NULL, 0) > 0 || errno == EINTR))
        started--;
    munmap(next, sizeof *next);
    bool all = true;
    for (size_t i = 0; i < count; i++)
        if (runs[i].record->verdict == VERDICT_NONE) {
            record_end(runs[i].record, VERDICT_INCONCLUSIVE, "it was not run: a process of the harness died",
                       "");
            all = false;
        }
    return all;
}
