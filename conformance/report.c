// SPDX-License-Identifier: MIT
// What several reports share, and the one for a terminal.
#include "conformance/report.h"

#include <string.h>

struct tally tally_of(const struct subject *subject)
{
    struct tally tally = {0};
    for (size_t i = 0; i < subject->count; i++)
        tally.verdicts[subject->runs[i].record->verdict]++;
    return tally;
}

char *tally_text(const struct tally *tally)
{
    char *text =
        arena_print("%zu passed, %zu failed", tally->verdicts[VERDICT_PASS], tally->verdicts[VERDICT_FAIL]);
    static const enum verdict others[] = {VERDICT_INCONCLUSIVE, VERDICT_TOLERATED, VERDICT_NOT_APPLICABLE};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (tally->verdicts[others[i]] > 0)
            text = arena_print("%s, %zu %s", text, tally->verdicts[others[i]], verdict_name(others[i]));
    return text;
}

char *run_name(const struct run *run)
{
    char *name = arena_print("%s %s", case_id(run->section, run->test_case), transport_name(run->transport));
    return run->repetition == 0 ? name : arena_print("%s #%u", name, run->repetition + 1);
}

// The bytes of a character that may stand in XML and JSON without more ado, 0 for none.
static size_t plain_length(const char *at)
{
    size_t length = 1;
    if ((uint8_t)*at >= 0x80) {
        length = (uint8_t)*at >> 5 == 6 ? 2 : (uint8_t)*at >> 4 == 14 ? 3 : 4;
        if (strnlen(at, length) < length || !bytes_are_text((struct bytes){(const uint8_t *)at, length}))
            return 0;
    }
    return (uint8_t)*at < 0x20 || *at == 0x7F ? 0 : length;
}

static char *text_escape(const char *text, const char *(*escape)(char character))
{
    struct buffer out = {0};
    while (*text != '\0') {
        const char *escaped = escape(*text);
        size_t length = plain_length(text);
        if (escaped != NULL || length == 0)
            buffer_append(&out, bytes_text(escaped != NULL ? escaped : "?"));
        else
            buffer_append(&out, (struct bytes){(const uint8_t *)text, length});
        text += escaped != NULL || length == 0 ? 1 : length;
    }
    char *escaped = arena_print("%.*s", (int)out.length, out.length == 0 ? "" : (char *)out.data);
    buffer_finish(&out);
    return escaped;
}

static const char *escape_xml(char character)
{
    switch (character) {
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '&':
        return "&amp;";
    case '"':
        return "&quot;";
    case '\n':
        return "\n";
    default:
        return NULL;
    }
}

static const char *escape_json(char character)
{
    switch (character) {
    case '"':
        return "\\\"";
    case '\\':
        return "\\\\";
    case '\n':
        return "\\n";
    case '\t':
        return "\\t";
    default:
        return NULL;
    }
}

char *text_xml(const char *text)
{
    return text_escape(text, escape_xml);
}

char *text_json(const char *text)
{
    return arena_print("\"%s\"", text_escape(text, escape_json));
}

char *event_text(const struct timeline_event *event)
{
    bool carries = event->kind == TIMELINE_SENT || event->kind == TIMELINE_RECEIVED;
    if (!carries)
        return arena_print("%s", event->text);
    const char *more =
        event->bytes_length > event->bytes.length
            ? arena_print(" (the first %zu of %zu bytes)", event->bytes.length, event->bytes_length)
            : "";
    return arena_print("%s%s%s%s", packet_describe(event->bytes), more, *event->text == '\0' ? "" : ": ",
                       event->text);
}

// The last events, which are those that matter: reports in files have all.
static void print_timeline(const struct record *record, size_t shown_max)
{
    size_t at = 0, count = 0;
    struct timeline_event event;
    while (timeline_next(&record->timeline, &at, &event))
        count++;
    at = 0;
    for (size_t i = 0; timeline_next(&record->timeline, &at, &event); i++) {
        if (count > shown_max && i < count - shown_max)
            continue;
        printf("    %9.3f ms  %-10s %-12s %s\n", (double)event.time_ns / 1e6, event.name,
               timeline_kind_text(event.kind), event_text(&event));
        if (event.bytes.length > 0)
            printf("                  %24s[%s]\n", "", bytes_hex(event.bytes, 48));
    }
}

void report_ended(const struct run *run, bool verbose)
{
    const struct record *record = run->record;
    bool is_bad = record->verdict == VERDICT_FAIL || record->verdict == VERDICT_INCONCLUSIVE;
    if (!is_bad && !verbose)
        return;
    printf("%s: %s (%s)\n", verdict_name(record->verdict), run_name(run), run->test_case->statements);
    printf("    does:     %s\n    expects:  %s\n", run->test_case->does, run->test_case->expects);
    if (record->verdict == VERDICT_FAIL)
        printf("    expected: %s\n    actual:   %s\n", record->expected, record->actual);
    else if (*record->note != '\0')
        printf("    note:     %s\n", record->note);
    print_timeline(record, verbose ? SIZE_MAX : 24);
}

void report_progress(const char *name, size_t ended, size_t count, size_t failed, bool is_terminal)
{
    if (is_terminal)
        fprintf(stderr, "\r%s: %zu of %zu, %zu failed%s", name, ended, count, failed,
                ended == count ? "\n" : "");
    else if (ended == count)
        fprintf(stderr, "%s: %zu cases, %zu failed\n", name, count, failed);
}

// Verdicts of one section on one transport as "12 pass", or what is worse.
static char *section_cell(const struct subject *subject, const struct section *section,
                          enum transport transport)
{
    size_t verdicts[VERDICT_COUNT] = {0};
    size_t count = 0;
    for (size_t i = 0; i < subject->count; i++)
        if (subject->runs[i].section == section && subject->runs[i].transport == transport) {
            verdicts[subject->runs[i].record->verdict]++;
            count++;
        }
    if (count == 0)
        return arena_print("-");
    static const char letters[VERDICT_COUNT] = {'?', 'p', 't', 'n', 'i', 'F'};
    char *cell = arena_print("%zu", verdicts[VERDICT_PASS]);
    for (int verdict = VERDICT_TOLERATED; verdict < VERDICT_COUNT; verdict++)
        if (verdicts[verdict] > 0)
            cell = arena_print("%s %zu%c", cell, verdicts[verdict], letters[verdict]);
    return cell;
}

static void table_statements(FILE *file, const struct subject *subject)
{
    size_t seen = 0, passed = 0;
    for (size_t i = 0; i < statement_count; i++) {
        enum verdict verdict = subject_verdict(subject, statements[i].id, -1);
        seen += verdict != VERDICT_NONE;
        passed += verdict == VERDICT_PASS;
        if (verdict == VERDICT_NONE || verdict == VERDICT_PASS)
            continue;
        fprintf(file, "  %-16s %-14s", statements[i].id, verdict_name(verdict));
        for (size_t j = 0; j < subject->count; j++)
            if (case_covers(subject->runs[j].test_case, statements[i].id) &&
                subject->runs[j].record->verdict == verdict) {
                const struct record *record = subject->runs[j].record;
                fprintf(file, " %s: %.300s", run_name(&subject->runs[j]),
                        verdict == VERDICT_FAIL ? record->actual : record->note);
                break;
            }
        fprintf(file, "\n");
    }
    struct tally tally = tally_of(subject);
    fprintf(file, "%s: %zu of %zu statements seen, %zu pass; cases: %s\n", subject->name, seen,
            statement_count, passed, tally_text(&tally));
}

static bool section_has_runs(const struct outcome *outcome, const struct section *section)
{
    for (size_t i = 0; i < outcome->count; i++)
        for (size_t j = 0; j < outcome->subjects[i].count; j++)
            if (outcome->subjects[i].runs[j].section == section)
                return true;
    return false;
}

// Names stand above the first of their transports and may reach over the others.
static void table_heads(FILE *file, const struct outcome *outcome)
{
    fprintf(file, "\n%-16s %-22s", "", "");
    for (size_t i = 0; i < outcome->count; i++) {
        int width = 0;
        for (int transport = 0; transport < TRANSPORT_COUNT; transport++)
            if ((outcome->subjects[i].transports >> transport & 1) != 0)
                width += 19;
        fprintf(file, " %-*.*s", width - 1, width - 1, outcome->subjects[i].name);
    }
    fprintf(file, "\n%-16s %-22s", "", "");
    for (size_t i = 0; i < outcome->count; i++)
        for (int transport = 0; transport < TRANSPORT_COUNT; transport++)
            if ((outcome->subjects[i].transports >> transport & 1) != 0)
                fprintf(file, " %-18s", transport_name((enum transport)transport));
    fprintf(file, "\n");
}

void report_table(FILE *file, const struct outcome *outcome)
{
    table_heads(file, outcome);
    for (size_t s = 0; s < section_count; s++) {
        if (!section_has_runs(outcome, sections[s]))
            continue;
        fprintf(file, "%-16s %-22s", sections[s]->id, sections[s]->title);
        for (size_t i = 0; i < outcome->count; i++)
            for (int transport = 0; transport < TRANSPORT_COUNT; transport++)
                if ((outcome->subjects[i].transports >> transport & 1) != 0)
                    fprintf(file, " %-18s",
                            section_cell(&outcome->subjects[i], sections[s], (enum transport)transport));
        fprintf(file, "\n");
    }
    fprintf(file, "passed; t tolerated, n not applicable, i inconclusive, F failed\n\n");
    for (size_t i = 0; i < outcome->count; i++)
        table_statements(file, &outcome->subjects[i]);
    fprintf(file, "seed %llu\n", (unsigned long long)outcome->options->seed);
}
