// SPDX-License-Identifier: MIT
// TAP, JUnit XML, JSON, and the badge.
#include <string.h>

#include "conformance/report.h"

void report_tap(FILE *file, const struct outcome *outcome)
{
    size_t count = 0;
    for (size_t i = 0; i < outcome->count; i++)
        count += outcome->subjects[i].count;
    fprintf(file, "TAP version 13\n1..%zu\n", count);
    size_t number = 0;
    for (size_t i = 0; i < outcome->count; i++)
        for (size_t j = 0; j < outcome->subjects[i].count; j++) {
            const struct run *run = &outcome->subjects[i].runs[j];
            const struct record *record = run->record;
            bool is_ok = record->verdict != VERDICT_FAIL && record->verdict != VERDICT_INCONCLUSIVE &&
                         record->verdict != VERDICT_NONE;
            fprintf(file, "%s %zu - %s %s", is_ok ? "ok" : "not ok", ++number, outcome->subjects[i].name,
                    run_name(run));
            if (record->verdict == VERDICT_NOT_APPLICABLE)
                fprintf(file, " # SKIP %s", text_xml(record->note));
            else if (record->verdict != VERDICT_PASS)
                fprintf(file, " # %s", verdict_name(record->verdict));
            fprintf(file, "\n");
            if (!is_ok)
                fprintf(file,
                        "  ---\n  statements: %s\n  seed: %llu\n  expected: %s\n  actual: %s\n  note: %s\n  "
                        "...\n",
                        text_json(run->test_case->statements), (unsigned long long)run->seed,
                        text_json(record->expected), text_json(record->actual), text_json(record->note));
        }
}

static void junit_case(FILE *file, const struct run *run)
{
    const struct record *record = run->record;
    fprintf(file, "    <testcase classname=\"%s\" name=\"%s\" time=\"%.3f\">\n", text_xml(run->section->id),
            text_xml(run_name(run)), (double)record->duration_ns / 1e9);
    if (record->verdict == VERDICT_FAIL)
        fprintf(file, "      <failure message=\"%s\">statements: %s\nexpected: %s\nactual: %s\n</failure>\n",
                text_xml(run->test_case->expects), run->test_case->statements, text_xml(record->expected),
                text_xml(record->actual));
    else if (record->verdict == VERDICT_INCONCLUSIVE || record->verdict == VERDICT_NONE)
        fprintf(file, "      <error message=\"inconclusive\">%s</error>\n", text_xml(record->note));
    else if (record->verdict == VERDICT_NOT_APPLICABLE)
        fprintf(file, "      <skipped message=\"%s\"/>\n", text_xml(record->note));
    else if (record->verdict == VERDICT_TOLERATED)
        fprintf(file, "      <system-out>tolerated: %s</system-out>\n", text_xml(record->note));
    fprintf(file, "    </testcase>\n");
}

void report_junit(FILE *file, const struct outcome *outcome)
{
    fprintf(file, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    for (size_t i = 0; i < outcome->count; i++) {
        const struct subject *subject = &outcome->subjects[i];
        struct tally tally = tally_of(subject);
        fprintf(file,
                "  <testsuite name=\"%s\" tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" skipped=\"%zu\">\n",
                text_xml(subject->name), subject->count, tally.verdicts[VERDICT_FAIL],
                tally.verdicts[VERDICT_INCONCLUSIVE] + tally.verdicts[VERDICT_NONE],
                tally.verdicts[VERDICT_NOT_APPLICABLE]);
        for (size_t j = 0; j < subject->count; j++)
            junit_case(file, &subject->runs[j]);
        fprintf(file, "  </testsuite>\n");
    }
    fprintf(file, "</testsuites>\n");
}

static void json_timeline(FILE *file, const struct record *record)
{
    size_t at = 0;
    struct timeline_event event;
    const char *comma = "";
    while (timeline_next(&record->timeline, &at, &event)) {
        fprintf(file,
                "%s\n        {\"us\": %llu, \"peer\": %s, \"event\": %s, \"text\": %s, \"hex\": \"%s\"}",
                comma, (unsigned long long)event.time_ns / 1000, text_json(event.name),
                text_json(timeline_kind_text(event.kind)), text_json(event_text(&event)),
                bytes_hex(event.bytes, TIMELINE_SHOWN_MAX));
        comma = ",";
    }
}

static void json_run(FILE *file, const struct run *run)
{
    const struct record *record = run->record;
    fprintf(file,
            "      {\"case\": %s, \"section\": %s, \"statements\": %s, \"transport\": \"%s\", "
            "\"repetition\": %u, \"seed\": %llu,\n",
            text_json(case_id(run->section, run->test_case)), text_json(run->section->id),
            text_json(run->test_case->statements), transport_name(run->transport), run->repetition,
            (unsigned long long)run->seed);
    fprintf(file, "       \"does\": %s, \"expects\": %s, \"verdict\": %s, \"ms\": %.3f,\n",
            text_json(run->test_case->does), text_json(run->test_case->expects),
            text_json(verdict_name(record->verdict)), (double)record->duration_ns / 1e6);
    fprintf(file, "       \"note\": %s, \"expected\": %s, \"actual\": %s, \"timeline\": [",
            text_json(record->note), text_json(record->expected), text_json(record->actual));
    json_timeline(file, record);
    fprintf(file, "]}");
}

static void json_statements(FILE *file, const struct subject *subject)
{
    for (size_t i = 0; i < statement_count; i++) {
        enum verdict verdict = subject_verdict(subject, statements[i].id, -1);
        fprintf(file, "%s\n      {\"id\": \"%s\", \"verdict\": %s, \"why\": %s}", i == 0 ? "" : ",",
                statements[i].id, text_json(verdict_name(verdict)),
                text_json(verdict == VERDICT_NONE ? subject_unseen(subject, &statements[i]) : ""));
    }
}

void report_json(FILE *file, const struct outcome *outcome)
{
    fprintf(file, "{\"version\": \"%s\", \"seed\": %llu, \"subjects\": [", HBMQTT_VERSION,
            (unsigned long long)outcome->options->seed);
    for (size_t i = 0; i < outcome->count; i++) {
        const struct subject *subject = &outcome->subjects[i];
        fprintf(file, "%s\n  {\"name\": %s,\n    \"statements\": [", i == 0 ? "" : ",",
                text_json(subject->name));
        json_statements(file, subject);
        fprintf(file, "],\n    \"cases\": [");
        for (size_t j = 0; j < subject->count; j++) {
            fprintf(file, "%s\n", j == 0 ? "" : ",");
            json_run(file, &subject->runs[j]);
        }
        fprintf(file, "]}");
    }
    fprintf(file, "\n]}\n");
}

// Of a statement that is seen at several subjects the worst counts: the badge stands for all of them.
void report_badge(FILE *file, const struct outcome *outcome)
{
    size_t seen = 0, bad = 0;
    for (size_t s = 0; s < statement_count; s++) {
        bool is_seen = false, is_bad = false;
        for (size_t i = 0; i < outcome->count; i++) {
            enum verdict verdict = subject_verdict(&outcome->subjects[i], statements[s].id, -1);
            is_seen = is_seen || (verdict != VERDICT_NONE && verdict != VERDICT_NOT_APPLICABLE);
            is_bad = is_bad || verdict == VERDICT_FAIL || verdict == VERDICT_INCONCLUSIVE;
        }
        seen += is_seen;
        bad += is_bad;
    }
    const char *colour = seen > 0 && bad == 0 ? "#3b8132" : bad * 10 < seen ? "#b58900" : "#b3261e";
    fprintf(file,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"230\" height=\"20\" role=\"img\" "
            "aria-label=\"MQTT 3.1.1: %zu of %zu statements\">\n"
            "<rect width=\"86\" height=\"20\" fill=\"#444\"/><rect x=\"86\" width=\"144\" height=\"20\" "
            "fill=\"%s\"/>\n"
            "<g fill=\"#fff\" text-anchor=\"middle\" font-family=\"Verdana,DejaVu Sans,sans-serif\" "
            "font-size=\"11\">\n"
            "<text x=\"43\" y=\"14\">MQTT 3.1.1</text><text x=\"158\" y=\"14\">%zu of %zu statements</text>"
            "</g></svg>\n",
            seen - bad, seen, colour, seen - bad, seen);
}
