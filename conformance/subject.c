// SPDX-License-Identifier: MIT
#include "conformance/subject.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool texts_have(const struct texts *texts, const char *text)
{
    for (size_t i = 0; i < texts->count; i++)
        if (strcmp(texts->list[i], text) == 0)
            return true;
    return false;
}

static bool is_picked(const struct options *options, const struct section *section,
                      const struct test_case *test_case)
{
    if (options->cases.count == 0 && options->sections.count == 0)
        return true;
    return texts_have(&options->cases, case_id(section, test_case)) ||
           texts_have(&options->sections, section->id);
}

// Recipes lie beside the program in a build tree, and in share/ when it is installed.
static const char *recipe_path(const char *name, const char *kind)
{
    if (strchr(name, '/') != NULL)
        return name;
    const char *directory = program_directory();
    const char *beside = arena_print("%s/recipes/%s.%s", directory, name, kind);
    return access(beside, R_OK) == 0 ? beside
                                     : arena_print("%s/../share/hbmqtt/recipes/%s.%s", directory, name, kind);
}

static struct recipe *recipe_load(const struct options *options, const char *name, const char *kind)
{
    const char *why = "";
    struct recipe *recipe = recipe_read(recipe_path(name, kind), &why);
    for (size_t i = 0; recipe != NULL && i < options->values.count; i++)
        if (!entries_set(&recipe->values, options->values.list[i].name, options->values.list[i].text)) {
            why = "too many values";
            recipe = NULL;
        }
    if (recipe == NULL)
        fprintf(stderr, "hbmqtt_conformance: %s\n", why);
    return recipe;
}

static bool address_read(struct subject *subject, const struct options *options, const char *text)
{
    const char *colon = strrchr(text, ':');
    unsigned long port = colon == NULL ? 0 : strtoul(colon + 1, NULL, 10);
    if (port == 0 || port > 65535 || colon == text) {
        fprintf(stderr, "hbmqtt_conformance: --address wants HOST:PORT, not '%s'\n", text);
        return false;
    }
    struct address address = {.host = arena_print("%.*s", (int)(colon - text), text), .port = (uint16_t)port};
    for (int i = 0; i < TRANSPORT_COUNT; i++)
        if (options->transports == 1U << i) {
            broker_at(&subject->at, (enum transport)i, &address);
            subject->transports = options->transports;
            return true;
        }
    fprintf(stderr, "hbmqtt_conformance: an --address speaks one --transport\n");
    return false;
}

// What the recipe mentions of what the options ask for.
static unsigned recipe_transports(const struct recipe *recipe, unsigned wanted)
{
    const char *config = entries_find(&recipe->configs, "");
    unsigned transports = 0;
    for (int i = 0; i < TRANSPORT_COUNT; i++) {
        const char *port = arena_print("{%s}", transport_name((enum transport)i));
        if (strstr(recipe->command, port) != NULL || (config != NULL && strstr(config, port) != NULL))
            transports |= 1U << i;
    }
    return transports & wanted;
}

static unsigned client_transports(const struct recipe *recipe)
{
    unsigned transports = 0;
    for (int i = 0; i < TRANSPORT_COUNT; i++)
        if (entries_find(&recipe->transports, transport_name((enum transport)i)) != NULL)
            transports |= 1U << i;
    return transports == 0 ? 1U << TRANSPORT_TCP : transports;
}

static void complain_of_transports(const struct subject *subject)
{
    fprintf(stderr, "hbmqtt_conformance: no transport that --transport names is spoken by %s\n",
            subject->name);
}

static bool subject_open(struct subject *subject, const struct options *options, const char *text,
                         bool is_client)
{
    if (is_client) {
        subject->client = recipe_load(options, text, "client");
        if (subject->client == NULL)
            return false;
        subject->name = arena_print("clients of %s", subject->client->name);
        subject->transports = client_transports(subject->client) & options->transports;
        if (subject->transports == 0)
            complain_of_transports(subject);
        return subject->transports != 0;
    }
    if (*text == '@') {
        subject->name = text + 1;
        return address_read(subject, options, text + 1);
    }
    subject->recipe = recipe_load(options, text, "broker");
    if (subject->recipe == NULL)
        return false;
    if (subject->recipe->command == NULL) {
        fprintf(stderr, "hbmqtt_conformance: the recipe of %s has no command\n", text);
        return false;
    }
    subject->name = subject->recipe->name;
    subject->transports = recipe_transports(subject->recipe, options->transports);
    if (subject->transports == 0)
        complain_of_transports(subject);
    return subject->transports != 0;
}

// Whether a case means something for the subject on this transport.
static bool is_for(const struct subject *subject, const struct test_case *test_case, enum transport transport)
{
    bool for_client = (test_case->flags & CASE_CLIENT) != 0;
    if ((subject->transports >> transport & 1) == 0 || for_client != (subject->client != NULL))
        return false;
    if ((test_case->flags & CASE_WEBSOCKET) != 0 && !transport_is_websocket(transport))
        return false;
    bool is_first = (subject->transports & ((1U << transport) - 1)) == 0;
    return (test_case->flags & CASE_PLAIN) == 0 || is_first;
}

bool subject_make(struct subject *subject, const struct options *options, const char *text, bool is_client)
{
    *subject = (struct subject){0};
    if (!subject_open(subject, options, text, is_client))
        return false;
    size_t room = 0;
    for (size_t i = 0; i < section_count; i++)
        room += sections[i]->count * TRANSPORT_COUNT * options->repeat;
    subject->runs = arena_take(room * sizeof *subject->runs);
    for (unsigned repetition = 0; repetition < options->repeat; repetition++)
        for (int transport = 0; transport < TRANSPORT_COUNT; transport++)
            for (size_t i = 0; i < section_count; i++)
                for (const struct test_case *test_case = sections[i]->cases;
                     test_case < sections[i]->cases + sections[i]->count; test_case++)
                    if (is_for(subject, test_case, (enum transport)transport) &&
                        is_picked(options, sections[i], test_case))
                        subject->runs[subject->count++] = (struct run){
                            .section = sections[i],
                            .test_case = test_case,
                            .transport = (enum transport)transport,
                            .repetition = repetition,
                            .seed = options->seed + repetition,
                        };
    struct record *records = records_make(subject->count == 0 ? 1 : subject->count);
    if (records == NULL) {
        fprintf(stderr, "hbmqtt_conformance: no memory for the records of %zu cases\n", subject->count);
        return false;
    }
    for (size_t i = 0; i < subject->count; i++)
        subject->runs[i].record = &records[i];
    return true;
}

enum verdict subject_verdict(const struct subject *subject, const char *statement_id, int transport)
{
    // Not applicable says less than pass; all else is in the order of the verdicts.
    static const int telling[VERDICT_COUNT] = {
        [VERDICT_NONE] = 0,      [VERDICT_NOT_APPLICABLE] = 1, [VERDICT_PASS] = 2,
        [VERDICT_TOLERATED] = 3, [VERDICT_INCONCLUSIVE] = 4,   [VERDICT_FAIL] = 5,
    };
    enum verdict verdict = VERDICT_NONE;
    for (size_t i = 0; i < subject->count; i++) {
        const struct run *run = &subject->runs[i];
        bool counts = (transport < 0 || run->transport == (enum transport)transport) &&
                      (statement_id == NULL || case_covers(run->test_case, statement_id));
        if (counts && telling[run->record->verdict] > telling[verdict])
            verdict = run->record->verdict;
    }
    return verdict;
}

const char *subject_unseen(const struct subject *subject, const struct statement *statement)
{
    if (*statement->unseen != '\0')
        return statement->unseen;
    if (subject->client == NULL && statement->binds == BINDS_CLIENT)
        return "binds clients: --client looks at it";
    if (subject->client != NULL && statement->binds == BINDS_SERVER)
        return "binds servers: --broker looks at it";
    return "no case of it was run here";
}
