// SPDX-License-Identifier: MIT
#include "harness/trial.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/arena.h"
#include "harness/peer.h"

static const char *const verdict_names[VERDICT_COUNT] = {"none",           "pass",         "tolerated",
                                                         "not applicable", "inconclusive", "fail"};

const char *verdict_name(enum verdict verdict)
{
    return verdict_names[verdict];
}

static void text_print(char *to, const char *format, va_list arguments) __attribute__((format(printf, 2, 0)));

static void text_print(char *to, const char *format, va_list arguments)
{
    (void)vsnprintf(to, RECORD_TEXT_MAX, format, arguments); // what is longer is cut
}

// The verdict is written last: whoever finds one finds its texts.
static void trial_end(struct trial *trial, enum verdict verdict) __attribute__((noreturn));

static void trial_end(struct trial *trial, enum verdict verdict)
{
    const struct record *record = trial->record;
    const char *text = verdict == VERDICT_FAIL
                           ? arena_print("expected %s; was: %s", record->expected, record->actual)
                           : record->note;
    timeline_add(&trial->record->timeline, TIMELINE_VERDICT, verdict_name(verdict), text, (struct bytes){0});
    trial->record->verdict = verdict;
    fflush(NULL);
    _exit(0);
}

void trial_fail(struct trial *trial, const char *expected, const char *actual_format, ...)
{
    va_list arguments;
    va_start(arguments, actual_format);
    text_print(trial->record->actual, actual_format, arguments);
    va_end(arguments);
    (void)snprintf(trial->record->expected, RECORD_TEXT_MAX, "%s", expected); // as in text_print
    trial_end(trial, VERDICT_FAIL);
}

void trial_not_applicable(struct trial *trial, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    text_print(trial->record->note, format, arguments);
    va_end(arguments);
    trial_end(trial, VERDICT_NOT_APPLICABLE);
}

void trial_inconclusive(struct trial *trial, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    text_print(trial->record->note, format, arguments);
    va_end(arguments);
    trial_end(trial, VERDICT_INCONCLUSIVE);
}

void trial_tolerate(struct trial *trial, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    text_print(trial->record->note, format, arguments);
    va_end(arguments);
    timeline_add(&trial->record->timeline, TIMELINE_NOTE, "tolerated", trial->record->note,
                 (struct bytes){0});
}

void trial_require(struct trial *trial, bool is_so, const char *expected, const char *actual_format, ...)
{
    if (is_so)
        return;
    char actual[RECORD_TEXT_MAX];
    va_list arguments;
    va_start(arguments, actual_format);
    text_print(actual, actual_format, arguments);
    va_end(arguments);
    trial_fail(trial, expected, "%s", actual);
}

void trial_note(struct trial *trial, const char *format, ...)
{
    char text[RECORD_TEXT_MAX];
    va_list arguments;
    va_start(arguments, format);
    text_print(text, format, arguments);
    va_end(arguments);
    timeline_add(&trial->record->timeline, TIMELINE_NOTE, "case", text, (struct bytes){0});
}

const char *trial_topic(struct trial *trial, const char *topic)
{
    return arena_print("%s/%s", trial->tag, topic);
}

const char *trial_id(struct trial *trial, const char *name)
{
    return arena_print("%s%s", trial->tag, name);
}

const struct address *trial_address(struct trial *trial)
{
    return &trial->broker->addresses[trial->transport];
}

const char *trial_file(struct trial *trial, const char *name)
{
    if (mkdir(trial->directory, 0700) != 0 && errno != EEXIST)
        trial_inconclusive(trial, "%s: %s", trial->directory, strerror(errno));
    return arena_print("%s/%s", trial->directory, name);
}

void trial_own_broker(struct trial *trial, const char *config)
{
    const struct recipe *recipe = trial->broker->recipe;
    if (recipe == NULL)
        trial_not_applicable(trial, "needs a broker of its own, and this one is at an address");
    if (*config != '\0' && entries_find(&recipe->configs, config) == NULL)
        trial_not_applicable(trial, "the recipe has no configuration '%s'", config);
    const char *directory = trial_file(trial, arena_print("own-%u", trial->made++));
    if (mkdir(directory, 0700) != 0)
        trial_inconclusive(trial, "%s: %s", directory, strerror(errno));
    struct broker *broker = arena_take(sizeof *broker);
    const char *why = "";
    if (!broker_start(broker, recipe, config, directory, trial->certificates, &why))
        trial_inconclusive(trial, "no broker of its own: %s", why);
    trial->broker = broker;
    trial_note(trial, "starts a broker of its own, configuration '%s'", config);
}

void trial_restart_broker(struct trial *trial, bool kill)
{
    trial_note(trial, "%s the broker and starts it again", kill ? "kills" : "stops");
    if (kill)
        broker_kill(trial->broker);
    else
        broker_stop(trial->broker);
    const char *why = "";
    if (!broker_restart(trial->broker, &why))
        trial_fail(trial, "the broker starts again", "%s", why);
}

void trial_prove_alive(struct trial *trial)
{
    struct peer *peer = peer_connect(trial, "alive");
    peer_ping(peer);
    peer_disconnect(peer);
}

void trial_end_without_proof(struct trial *trial)
{
    trial_end(trial, trial->record->note[0] != '\0' ? VERDICT_TOLERATED : VERDICT_PASS);
}

void trial_run(struct trial *trial)
{
    trial->random = random_of(trial->seed, trial->test_case->name);
    trial->listener = -1;
    trial->test_case->run(trial);
    if (trial->broker != NULL)
        trial_prove_alive(trial);
    trial_end_without_proof(trial);
}
