// SPDX-License-Identifier: MIT
// One page without scripts: the matrix of statements and subjects, and below it each statement with the cases
// that look at it, each with its packets. The cells are links to what is below.
#include <string.h>

#include "conformance/report.h"

static const char head[] =
    "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>MQTT 3.1.1 "
    "conformance</title><style>\n"
    "body{font:14px/1.4 system-ui,sans-serif;margin:2em auto;max-width:80em;padding:0 1em;color:#222}\n"
    "table{border-collapse:collapse}td,th{border:1px solid #ccc;padding:2px "
    "8px;text-align:left;vertical-align:top}\n"
    "thead th{position:sticky;top:0;background:#fff}td "
    "a{color:inherit;text-decoration:none;display:block}td:first-child{white-space:nowrap}\n"
    ".pass{background:#d9f0d3}.tolerated{background:#fdf3c7}.fail{background:#f4b6b0}.inconclusive{"
    "background:#e2c9f0}\n"
    ".not{background:#eee;color:#666}.none{color:#999}\n"
    "code,.timeline{font:12px/1.4 ui-monospace,monospace}.timeline td{border:0;padding:0 1em 0 "
    "0}.hex{color:#777;word-break:break-all}\n"
    "details{margin:.3em 0 .3em 1em}summary{cursor:pointer}summary span{padding:0 .5em}:target{outline:2px "
    "solid #36c}\n"
    "mark{background:#ffd54d}dt{float:left;clear:left;width:6em;color:#666}dd{margin-left:7em}\n"
    "</style></head><body><h1>MQTT 3.1.1 conformance</h1>\n";

static const char *verdict_class(enum verdict verdict)
{
    return verdict == VERDICT_NOT_APPLICABLE ? "not" : verdict_name(verdict);
}

// Which column, of those that are shown: all transports of all subjects.
static char *cell_name(const struct outcome *outcome, size_t subject, int transport)
{
    return arena_print("%s %s", outcome->subjects[subject].name, transport_name((enum transport)transport));
}

static void matrix_head(FILE *file, const struct outcome *outcome)
{
    fprintf(file, "<table><thead><tr><th>statement</th>");
    for (size_t i = 0; i < outcome->count; i++)
        for (int transport = 0; transport < TRANSPORT_COUNT; transport++)
            if ((outcome->subjects[i].transports >> transport & 1) != 0)
                fprintf(file, "<th>%s</th>", text_xml(cell_name(outcome, i, transport)));
    fprintf(file, "<th>what it asks for</th></tr></thead><tbody>\n");
}

static void matrix_row(FILE *file, const struct outcome *outcome, const struct statement *statement)
{
    fprintf(file, "<tr><td><a href=\"#%s\">%s</a></td>", statement->id, statement->id);
    for (size_t i = 0; i < outcome->count; i++)
        for (int transport = 0; transport < TRANSPORT_COUNT; transport++)
            if ((outcome->subjects[i].transports >> transport & 1) != 0) {
                enum verdict verdict = subject_verdict(&outcome->subjects[i], statement->id, transport);
                fprintf(file, "<td class=\"%s\"><a href=\"#%s-%zu-%d\">%s</a></td>", verdict_class(verdict),
                        statement->id, i, transport, verdict == VERDICT_NONE ? "-" : verdict_name(verdict));
            }
    fprintf(file, "<td>%s</td></tr>\n", text_xml(statement->text));
}

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

static void print_timeline(FILE *file, const struct record *record)
{
    size_t at = 0;
    struct timeline_event event;
    fprintf(file, "<table class=\"timeline\">\n");
    while (timeline_next(&record->timeline, &at, &event))
        fprintf(file,
                "<tr><td>%.3f ms</td><td>%s</td><td>%s</td><td>%s<div class=\"hex\">%s</div></td></tr>\n",
                (double)event.time_ns / 1e6, text_xml(event.name), text_xml(timeline_kind_text(event.kind)),
                text_xml(event_text(&event)), bytes_hex(event.bytes, 256));
    fprintf(file, "</table>\n");
}

static void print_run(FILE *file, const struct run *run)
{
    const struct record *record = run->record;
    const struct test_case *test_case = run->test_case;
    fprintf(file,
            "<details><summary>%s <span class=\"%s\">%s</span> "
            "%s</summary>\n<dl><dt>does</dt><dd>%s</dd><dt>expects</dt><dd>%s</dd>",
            text_xml(run_name(run)), verdict_class(record->verdict), verdict_name(record->verdict),
            text_xml(record->note), text_xml(test_case->does), text_xml(test_case->expects));
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

static void print_statement(FILE *file, const struct outcome *outcome, const struct statement *statement)
{
    fprintf(file, "<h3 id=\"%s\">%s</h3><p>%s</p>\n", statement->id, statement->id,
            text_xml(statement->text));
    for (size_t i = 0; i < outcome->count; i++)
        for (int transport = 0; transport < TRANSPORT_COUNT; transport++) {
            const struct subject *subject = &outcome->subjects[i];
            if ((subject->transports >> transport & 1) == 0)
                continue;
            fprintf(file, "<div id=\"%s-%zu-%d\"><strong>%s</strong>\n", statement->id, i, transport,
                    text_xml(cell_name(outcome, i, transport)));
            if (subject_verdict(subject, statement->id, transport) == VERDICT_NONE)
                fprintf(file, "<p>%s</p>\n", text_xml(subject_unseen(subject, statement)));
            for (size_t j = 0; j < subject->count; j++)
                if ((int)subject->runs[j].transport == transport &&
                    case_covers(subject->runs[j].test_case, statement->id))
                    print_run(file, &subject->runs[j]);
            fprintf(file, "</div>\n");
        }
}

static void print_flows(FILE *file, const struct outcome *outcome)
{
    fprintf(file, "<h2 id=\"flows\">Flows</h2>\n");
    for (size_t i = 0; i < outcome->count; i++)
        for (size_t j = 0; j < outcome->subjects[i].count; j++)
            if (*outcome->subjects[i].runs[j].test_case->statements == '\0') {
                fprintf(file, "<strong>%s</strong>", text_xml(outcome->subjects[i].name));
                print_run(file, &outcome->subjects[i].runs[j]);
            }
}

void report_html(FILE *file, const struct outcome *outcome)
{
    fputs(head, file);
    for (size_t i = 0; i < outcome->count; i++) {
        struct tally tally = tally_of(&outcome->subjects[i]);
        fprintf(file, "<p>%s: %s; seed %llu; <a href=\"#flows\">flows</a></p>\n",
                text_xml(outcome->subjects[i].name), tally_text(&tally),
                (unsigned long long)outcome->options->seed);
    }
    matrix_head(file, outcome);
    for (size_t s = 0; s < statement_count; s++)
        matrix_row(file, outcome, &statements[s]);
    fprintf(file, "</tbody></table>\n<h2>Statements</h2>\n");
    for (size_t s = 0; s < statement_count; s++)
        print_statement(file, outcome, &statements[s]);
    print_flows(file, outcome);
    fprintf(file, "</body></html>\n");
}
