// SPDX-License-Identifier: MIT
// One page without scripts: what holds and what does not at a glance, the matrix of statements and subjects,
// each statement with the cases that look at it, and each case once, with its packets. A cell of the matrix
// is a link to the case that its verdict comes from, and a browser opens what such a link leads into.
#include <string.h>

#include "conformance/report.h"

// Of a case that did not fail the beginning says enough, of one that did the end.
enum { SHOWN_EVENTS_MAX = 40, SHOWN_EVENTS_OF_FAILURE_MAX = 200, SHOWN_BYTES_MAX = 96 };

static const char head[] =
    "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
    "content=\"width=device-width\"><title>MQTT 3.1.1 conformance</title><style>\n"
    "body{font:14px/1.4 system-ui,sans-serif;margin:2em auto;max-width:120em;padding:0 1em;color:#222}\n"
    "h1{margin-bottom:.2em}h2{margin-top:2em}\n"
    "table{border-collapse:collapse}td,th{border:1px solid #ccc;padding:3px "
    "8px;text-align:left;vertical-align:top}\n"
    "thead th{position:sticky;top:0;background:#fff}thead tr+tr th{top:27px}\n"
    ".verdict{text-align:center;white-space:nowrap}td.verdict{padding:0}.verdict "
    "a{color:inherit;text-decoration:none;display:block;padding:3px 8px}.verdict a:hover{outline:2px solid "
    "#36c}\n"
    ".id{white-space:nowrap}.text{min-width:18em}.group "
    "th{background:#444;color:#fff}.number{text-align:right}\n"
    ".pass{background:#d9f0d3}.tolerated{background:#fdf3c7}.fail{background:#f4b6b0}.inconclusive{"
    "background:#e2c9f0}\n"
    ".not{background:#eee;color:#555}.none{color:#777}\n"
    ".key span{padding:2px 8px;margin-right:.5em}.key li{list-style:none;margin:.3em 0}.key{padding:0}\n"
    "code,.timeline{font:12px/1.4 ui-monospace,monospace}.timeline td{border:0;padding:0 1em 0 "
    "0}.hex{color:#666;word-break:break-all}\n"
    "details{margin:.3em 0}details "
    "dl,details .timeline{margin-left:1.5em}summary{cursor:pointer}summary span,li "
    "span{padding:0 .5em}:target{outline:2px solid #36c}\n"
    "mark{background:#ffd54d}dt{float:left;clear:left;width:6em;color:#555}dd{margin-left:7em}\n"
    "</style></head><body><h1>MQTT 3.1.1 conformance</h1>\n"
    "<p>Each numbered statement of the standard, tried on real connections. A cell of the matrix opens the "
    "case behind it: every packet, in hexadecimal and in words, and what was expected where it failed.</p>\n";

static const char *verdict_class(enum verdict verdict)
{
    return verdict == VERDICT_NOT_APPLICABLE ? "not" : verdict_name(verdict);
}

// A sign beside the word, for those who do not see the colours.
static const char *verdict_text(enum verdict verdict)
{
    static const char *const signs[VERDICT_COUNT] = {
        [VERDICT_PASS] = "&#10003; ", [VERDICT_TOLERATED] = "&#8776; ",
        [VERDICT_FAIL] = "&#10007; ", [VERDICT_INCONCLUSIVE] = "? ",
        [VERDICT_NONE] = "",          [VERDICT_NOT_APPLICABLE] = ""};
    return arena_print("%s%s", signs[verdict], verdict_name(verdict));
}

static void print_key(FILE *file)
{
    static const struct {
        enum verdict verdict;
        const char *text;
    } key[] = {
        {VERDICT_PASS, "what has to be was seen"},
        {VERDICT_TOLERATED, "allowed, but unusual: the case says what was seen"},
        {VERDICT_FAIL, "something else was seen"},
        {VERDICT_INCONCLUSIVE, "the case itself failed, and nothing was learnt"},
        {VERDICT_NOT_APPLICABLE, "the subject has not got what the case needs: the case says what"},
    };
    fprintf(file, "<ul class=\"key\">\n");
    for (size_t i = 0; i < sizeof key / sizeof *key; i++)
        fprintf(file, "<li><span class=\"%s\">%s</span> %s</li>\n", verdict_class(key[i].verdict),
                verdict_text(key[i].verdict), key[i].text);
    fprintf(file, "<li><span class=\"none\">other side, unseen</span>binds the other side of the connection; "
                  "cannot be seen from outside, or was not tried</li></ul>\n");
}

static bool speaks(const struct subject *subject, int transport)
{
    return (subject->transports >> transport & 1) != 0;
}

// The first run of a statement on a transport (-1: any) that has its verdict: where a cell leads. NULL: none.
static const struct run *telling_run(const struct subject *subject, const struct statement *statement,
                                     int transport)
{
    enum verdict verdict = subject_verdict(subject, statement->id, transport);
    for (size_t i = 0; i < subject->count && verdict != VERDICT_NONE; i++) {
        const struct run *run = &subject->runs[i];
        if ((transport < 0 || run->transport == (enum transport)transport) &&
            run->record->verdict == verdict && case_covers(run->test_case, statement->id))
            return run;
    }
    return NULL;
}

static char *run_anchor(const struct outcome *outcome, size_t subject, const struct run *run)
{
    return arena_print("case-%zu-%zu", subject, (size_t)(run - outcome->subjects[subject].runs));
}

// What is said of whole subjects.

static void summary_row(FILE *file, const struct outcome *outcome, size_t number)
{
    static const enum verdict shown[] = {VERDICT_PASS, VERDICT_TOLERATED, VERDICT_FAIL, VERDICT_INCONCLUSIVE};
    const struct subject *subject = &outcome->subjects[number];
    size_t counts[VERDICT_COUNT] = {0};
    for (size_t s = 0; s < statement_count; s++)
        counts[subject_verdict(subject, statements[s].id, -1)]++;
    struct tally tally = tally_of(subject);
    fprintf(file, "<tr><th>%s</th>", text_xml(subject->name));
    for (size_t i = 0; i < sizeof shown / sizeof *shown; i++)
        fprintf(file, "<td class=\"number %s\">%zu</td>",
                counts[shown[i]] == 0 ? "none" : verdict_class(shown[i]), counts[shown[i]]);
    fprintf(file, "<td class=\"number\">%zu</td><td>%zu cases: %s</td></tr>\n",
            counts[VERDICT_NONE] + counts[VERDICT_NOT_APPLICABLE], subject->count, tally_text(&tally));
}

static void print_summary(FILE *file, const struct outcome *outcome)
{
    fprintf(file, "<table><thead><tr><th></th><th>statements that pass</th><th>tolerated</th><th>fail</th>"
                  "<th>inconclusive</th><th>not tried</th><th></th></tr></thead><tbody>\n");
    for (size_t i = 0; i < outcome->count; i++)
        summary_row(file, outcome, i);
    fprintf(file, "</tbody></table>\n");
}

// What fails first of all, in one place.
static void print_failures(FILE *file, const struct outcome *outcome)
{
    bool any = false;
    for (size_t s = 0; s < statement_count; s++)
        for (size_t i = 0; i < outcome->count; i++) {
            const struct subject *subject = &outcome->subjects[i];
            enum verdict verdict = subject_verdict(subject, statements[s].id, -1);
            if (verdict != VERDICT_FAIL && verdict != VERDICT_INCONCLUSIVE)
                continue;
            const struct run *run = telling_run(subject, &statements[s], -1);
            fprintf(file,
                    "%s<li><strong>%s</strong> <a href=\"#%s\">%s</a> <span class=\"%s\">%s</span> %s "
                    "<a href=\"#%s\">%s</a></li>\n",
                    any ? "" : "<h2>What does not hold</h2>\n<ul>\n", text_xml(subject->name),
                    statements[s].id, statements[s].id, verdict_class(verdict), verdict_text(verdict),
                    text_xml(statements[s].text), run_anchor(outcome, i, run), text_xml(run_name(run)));
            any = true;
        }
    if (any)
        fprintf(file, "</ul>\n");
}

// The matrix.

static void matrix_head(FILE *file, const struct outcome *outcome)
{
    fprintf(file, "<h2>Statement by statement</h2>\n<table><thead><tr><th rowspan=\"2\">statement</th>");
    for (size_t i = 0; i < outcome->count; i++)
        fprintf(file, "<th class=\"verdict\" colspan=\"%d\">%s</th>",
                __builtin_popcount(outcome->subjects[i].transports), text_xml(outcome->subjects[i].name));
    fprintf(file, "<th rowspan=\"2\" class=\"text\">what it asks for</th></tr><tr>");
    for (size_t i = 0; i < outcome->count; i++)
        for (int transport = 0; transport < TRANSPORT_COUNT; transport++)
            if (speaks(&outcome->subjects[i], transport))
                fprintf(file, "<th class=\"verdict\">%s</th>", transport_name((enum transport)transport));
    fprintf(file, "</tr></thead><tbody>\n");
}

static void matrix_cell(FILE *file, const struct outcome *outcome, size_t number,
                        const struct statement *statement, int transport)
{
    const struct subject *subject = &outcome->subjects[number];
    enum verdict verdict = subject_verdict(subject, statement->id, transport);
    const struct run *run = telling_run(subject, statement, transport);
    bool other_side = statement->binds == (subject->client == NULL ? BINDS_CLIENT : BINDS_SERVER);
    if (run == NULL)
        fprintf(file, "<td class=\"verdict none\" title=\"%s\"><a href=\"#%s\">%s</a></td>",
                text_xml(subject_unseen(subject, statement)), statement->id,
                other_side ? "other side" : "unseen");
    else
        fprintf(file, "<td class=\"verdict %s\"><a href=\"#%s\">%s</a></td>", verdict_class(verdict),
                run_anchor(outcome, number, run), verdict_text(verdict));
}

// "3.1" of "MQTT-3.1.2-24".
static char *statement_section(const struct statement *statement)
{
    const char *number = statement->id + strlen("MQTT-");
    size_t length = strcspn(number, ".");
    length += 1 + strcspn(number + length + 1, ".-");
    return arena_print("%.*s", (int)length, number);
}

static void matrix_group(FILE *file, const char *section)
{
    const char *title = "";
    for (size_t i = 0; i < section_count; i++)
        if (strcmp(sections[i]->id, section) == 0)
            title = sections[i]->title;
    fprintf(file, "<tr class=\"group\"><th colspan=\"99\">Section %s%s%s</th></tr>\n", section,
            *title == '\0' ? "" : ": ", text_xml(title));
}

static void print_matrix(FILE *file, const struct outcome *outcome)
{
    const char *section = "";
    matrix_head(file, outcome);
    for (const struct statement *statement = statements; statement < statements + statement_count;
         statement++) {
        const char *own = statement_section(statement);
        if (strcmp(own, section) != 0)
            matrix_group(file, section = own);
        fprintf(file, "<tr><td class=\"id\"><a href=\"#%s\">%s</a></td>", statement->id, statement->id);
        for (size_t i = 0; i < outcome->count; i++)
            for (int transport = 0; transport < TRANSPORT_COUNT; transport++)
                if (speaks(&outcome->subjects[i], transport))
                    matrix_cell(file, outcome, i, statement, transport);
        fprintf(file, "<td>%s</td></tr>\n", text_xml(statement->text));
    }
    fprintf(file, "</tbody></table>\n");
}

// Statements, with links to their cases.

static void print_statement(FILE *file, const struct outcome *outcome, const struct statement *statement)
{
    fprintf(file, "<h3 id=\"%s\">%s</h3><p>%s</p><ul>\n", statement->id, statement->id,
            text_xml(statement->text));
    for (size_t i = 0; i < outcome->count; i++) {
        const struct subject *subject = &outcome->subjects[i];
        if (subject_verdict(subject, statement->id, -1) == VERDICT_NONE)
            fprintf(file, "<li>%s: %s</li>\n", text_xml(subject->name),
                    text_xml(subject_unseen(subject, statement)));
        for (size_t j = 0; j < subject->count; j++) {
            const struct run *run = &subject->runs[j];
            if (case_covers(run->test_case, statement->id))
                fprintf(file, "<li>%s <a href=\"#%s\">%s</a> <span class=\"%s\">%s</span> %s</li>\n",
                        text_xml(subject->name), run_anchor(outcome, i, run), text_xml(run_name(run)),
                        verdict_class(run->record->verdict), verdict_text(run->record->verdict),
                        text_xml(run->test_case->does));
        }
    }
    fprintf(file, "</ul>\n");
}

// Cases.

// Expected and actual with what differs between their common beginning and end marked.
static void print_difference(FILE *file, const char *text, const char *other)
{
    size_t length = strlen(text), other_length = strlen(other), begin = 0, end = 0;
    while (begin < length && begin < other_length && text[begin] == other[begin])
        begin++;
    while (end < length - begin && end < other_length - begin &&
           text[length - 1 - end] == other[other_length - 1 - end])
        end++;
    fprintf(file, "%s<mark>%s</mark>%s", text_xml(arena_print("%.*s", (int)begin, text)),
            text_xml(arena_print("%.*s", (int)(length - begin - end), text + begin)),
            text_xml(text + length - end));
}

static void print_left_out(FILE *file, size_t count, const char *which)
{
    if (count > 0)
        fprintf(file,
                "<tr><td></td><td></td><td></td><td>%zu %s events are left out; --json has them"
                "</td></tr>\n",
                count, which);
}

static void print_timeline(FILE *file, const struct record *record)
{
    size_t at = 0, count = 0, begin = 0, end = SHOWN_EVENTS_MAX;
    struct timeline_event event;
    while (timeline_next(&record->timeline, &at, &event))
        count++;
    if (record->verdict == VERDICT_FAIL || record->verdict == VERDICT_INCONCLUSIVE) {
        begin = count > SHOWN_EVENTS_OF_FAILURE_MAX ? count - SHOWN_EVENTS_OF_FAILURE_MAX : 0;
        end = count;
    }
    fprintf(file, "<table class=\"timeline\">\n");
    print_left_out(file, begin, "earlier");
    at = 0;
    for (size_t i = 0; i < end && timeline_next(&record->timeline, &at, &event); i++)
        if (i >= begin)
            fprintf(file,
                    "<tr><td>%.3f ms</td><td>%s</td><td>%s</td><td>%s<div class=\"hex\">%s</div></td></tr>\n",
                    (double)event.time_ns / 1e6, text_xml(event.name),
                    text_xml(timeline_kind_text(event.kind)), text_xml(event_text(&event)),
                    bytes_hex(event.bytes, SHOWN_BYTES_MAX));
    print_left_out(file, count > end ? count - end : 0, "later");
    fprintf(file, "</table>\n");
}

static void print_run(FILE *file, const struct outcome *outcome, size_t subject, const struct run *run)
{
    const struct record *record = run->record;
    const struct test_case *test_case = run->test_case;
    fprintf(file,
            "<details><summary>%s <span class=\"%s\">%s</span> %s</summary>\n"
            "<dl id=\"%s\"><dt>does</dt><dd>%s</dd><dt>expects</dt><dd>%s</dd>",
            text_xml(run_name(run)), verdict_class(record->verdict), verdict_text(record->verdict),
            text_xml(record->note), run_anchor(outcome, subject, run), text_xml(test_case->does),
            text_xml(test_case->expects));
    if (record->verdict == VERDICT_FAIL) {
        fprintf(file, "<dt>expected</dt><dd><code>");
        print_difference(file, record->expected, record->actual);
        fprintf(file, "</code></dd><dt>actual</dt><dd><code>");
        print_difference(file, record->actual, record->expected);
        fprintf(file, "</code></dd>");
    }
    fprintf(file, "</dl>\n");
    print_timeline(file, record);
    fprintf(file, "</details>\n");
}

void report_html(FILE *file, const struct outcome *outcome)
{
    fputs(head, file);
    print_summary(file, outcome);
    print_key(file);
    print_failures(file, outcome);
    print_matrix(file, outcome);
    fprintf(file, "<h2>Statements and their cases</h2>\n");
    for (size_t s = 0; s < statement_count; s++)
        print_statement(file, outcome, &statements[s]);
    for (size_t i = 0; i < outcome->count; i++) {
        fprintf(file, "<h2>All cases of %s</h2>\n", text_xml(outcome->subjects[i].name));
        for (size_t j = 0; j < outcome->subjects[i].count; j++)
            print_run(file, outcome, i, &outcome->subjects[i].runs[j]);
    }
    fprintf(file, "<p>hbmqtt_conformance %s, seed %llu</p></body></html>\n", HBMQTT_VERSION,
            (unsigned long long)outcome->options->seed);
}
