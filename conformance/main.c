// SPDX-License-Identifier: MIT
// hbmqtt_conformance: tells, statement by statement, what a broker or a client does.
#include <errno.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conformance/report.h"

// What the runner tells us as cases end.
struct progress {
    const struct subject *subject;
    bool verbose, is_terminal;
    size_t failed;
};

static void case_ended(void *context, const struct run *run, size_t ended, size_t count)
{
    struct progress *progress = context;
    progress->failed += run->record->verdict == VERDICT_FAIL || run->record->verdict == VERDICT_INCONCLUSIVE;
    if (progress->is_terminal)
        fputs("\r\033[K", stderr);
    report_ended(run, progress->verbose);
    fflush(stdout);
    report_progress(progress->subject->name, ended, count, progress->failed, progress->is_terminal);
}

static void print_cases(void)
{
    for (size_t i = 0; i < section_count; i++)
        for (const struct test_case *test_case = sections[i]->cases;
             test_case < sections[i]->cases + sections[i]->count; test_case++)
            printf("%s%s (%s)\n    does:    %s\n    expects: %s\n", case_id(sections[i], test_case),
                   (test_case->flags & CASE_CLIENT) != 0 ? " [client]" : "", test_case->statements,
                   test_case->does, test_case->expects);
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    return remove(path);
}

// Nothing of a run stays but its reports. What cannot be removed is left to the system.
static void directory_remove(const char *directory)
{
    (void)nftw(directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

// A broker at an address: on the one transport that it speaks there.
static bool address_try(const struct subject *subject)
{
    enum transport transport = (enum transport)__builtin_ctz(subject->transports);
    const char *why = "";
    struct stream *stream =
        stream_open(&subject->at.addresses[transport], transport, deadline_in_ms(ANSWER_MS), &why);
    if (stream == NULL)
        fprintf(stderr, "hbmqtt_conformance: no broker that speaks %s at %s: %s\n", transport_name(transport),
                subject->name, why);
    stream_close(stream);
    return stream != NULL;
}

// A broker that does not start is one line, not one for each case.
static bool subject_try(const struct subject *subject, const char *directory)
{
    if (subject->client != NULL)
        return true;
    if (subject->recipe == NULL)
        return address_try(subject);
    struct broker broker;
    const char *why = "";
    const char *own = arena_print("%s/try-%s", directory, subject->name);
    if (mkdir(own, 0700) == 0 && broker_start(&broker, subject->recipe, "", own, directory, &why)) {
        broker_stop(&broker);
        return true;
    }
    fprintf(stderr, "hbmqtt_conformance: %s\n", why);
    return false;
}

static bool subject_run(const struct subject *subject, const struct options *options, const char *directory)
{
    if (!subject_try(subject, directory))
        return false;
    // Each of the processes that run cases has a broker of its own. One at an address they would share, and
    // those that listen to everything would hear each other.
    bool is_shared = subject->client == NULL && subject->recipe == NULL;
    struct progress progress = {
        .subject = subject, .verbose = options->verbose, .is_terminal = isatty(STDERR_FILENO) == 1};
    struct runner runner = {
        .recipe = subject->recipe,
        .at = &subject->at,
        .client = subject->client,
        .directory = arena_print("%s/run-%s", directory, subject->client != NULL ? "client" : subject->name),
        .certificates = directory,
        .jobs = is_shared ? 1 : options->jobs,
        .ended = case_ended,
        .context = &progress,
    };
    if (mkdir(runner.directory, 0700) != 0 && errno != EEXIST)
        return false;
    if (!runner_run(&runner, subject->runs, subject->count))
        fprintf(stderr, "hbmqtt_conformance: not all cases could be run\n");
    directory_remove(runner.directory);
    return true;
}

static bool report_write(const char *path, void (*report)(FILE *, const struct outcome *),
                         const struct outcome *outcome)
{
    if (path == NULL)
        return true;
    FILE *file = strcmp(path, "-") == 0 ? stdout : fopen(path, "w");
    if (file != NULL)
        report(file, outcome);
    if (file == NULL || fflush(file) != 0 || ferror(file) || (file != stdout && fclose(file) != 0)) {
        fprintf(stderr, "hbmqtt_conformance: %s: %s\n", path, strerror(errno));
        return false;
    }
    return true;
}

static int outcome_tell(const struct outcome *outcome)
{
    const struct options *options = outcome->options;
    report_table(stdout, outcome);
    bool written = report_write(options->tap, report_tap, outcome);
    written = report_write(options->junit, report_junit, outcome) && written;
    written = report_write(options->json, report_json, outcome) && written;
    written = report_write(options->html, report_html, outcome) && written;
    written = report_write(options->badge, report_badge, outcome) && written;
    if (!written)
        return 2;
    for (size_t i = 0; i < outcome->count; i++) {
        struct tally tally = tally_of(&outcome->subjects[i]);
        if (tally.verdicts[VERDICT_FAIL] + tally.verdicts[VERDICT_INCONCLUSIVE] +
                tally.verdicts[VERDICT_NONE] >
            0)
            return 1;
    }
    return 0;
}

static int run_in(const char *directory, const struct options *options)
{
    if (!certificates_write(directory)) {
        fprintf(stderr, "hbmqtt_conformance: %s: no certificates could be written there\n", directory);
        return 2;
    }
    static struct subject subjects[SUBJECTS_MAX];
    struct outcome outcome = {options, subjects, 0};
    for (size_t i = 0; i < options->brokers.count + options->clients.count; i++) {
        bool is_client = i >= options->brokers.count;
        const char *text =
            is_client ? options->clients.list[i - options->brokers.count] : options->brokers.list[i];
        if (!subject_make(&subjects[i], options, text, is_client))
            return 2;
        if (subjects[i].count == 0) {
            fprintf(stderr, "hbmqtt_conformance: no case is picked for %s; --list names them\n",
                    subjects[i].name);
            return 2;
        }
    }
    for (size_t i = 0; i < options->brokers.count + options->clients.count; i++, outcome.count++)
        if (!subject_run(&subjects[i], options, directory))
            return 2;
    return outcome_tell(&outcome);
}

static char run_directory[256];

// Processes of the run die with this one.
static void interrupted(int number)
{
    directory_remove(
        run_directory); // not safe in a handler by the book; the alternative is to leave it there
    _exit(128 + number);
}

int main(int count, char **arguments)
{
    struct options options;
    int status = options_read(&options, count, arguments);
    if (status >= 0)
        return status;
    if (options.list) {
        print_cases();
        return 0;
    }
    const char *temporary = getenv("TMPDIR");
    (void)snprintf(run_directory, sizeof run_directory, "%s/hbmqtt_conformance-XXXXXX",
                   temporary == NULL ? "/tmp" : temporary);
    if (mkdtemp(run_directory) == NULL) {
        fprintf(stderr, "hbmqtt_conformance: %s: %s\n", run_directory, strerror(errno));
        return 2;
    }
    (void)signal(SIGPIPE, SIG_IGN); // these cannot fail
    (void)signal(SIGINT, interrupted);
    (void)signal(SIGTERM, interrupted);
    status = run_in(run_directory, &options);
    directory_remove(run_directory);
    return status;
}
