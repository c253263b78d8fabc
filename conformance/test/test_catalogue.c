// SPDX-License-Identifier: MIT
// The catalogue and the cases fit together.
#include <string.h>

#include "conformance/report.h"
#include "test/run.h"

static void there_are_141_statements(void)
{
    CU_ASSERT(statement_count == 141);
    for (size_t i = 0; i < statement_count; i++) {
        CU_ASSERT(statement_find(statements[i].id) == &statements[i]);
        CU_ASSERT(strncmp(statements[i].id, "MQTT-", 5) == 0 && strlen(statements[i].text) > 20);
    }
}

static bool is_seen(const char *id, bool by_clients)
{
    for (size_t i = 0; i < section_count; i++)
        for (size_t j = 0; j < sections[i]->count; j++) {
            const struct test_case *test_case = &sections[i]->cases[j];
            if (((test_case->flags & CASE_CLIENT) != 0) == by_clients && case_covers(test_case, id))
                return true;
        }
    return false;
}

static void each_has_a_case_on_each_side_that_it_binds_or_a_reason(void)
{
    for (size_t i = 0; i < statement_count; i++) {
        bool by_broker = is_seen(statements[i].id, false), by_client = is_seen(statements[i].id, true);
        bool has_reason = *statements[i].unseen != '\0';
        bool fits = has_reason || (statements[i].binds == BINDS_SERVER   ? by_broker
                                   : statements[i].binds == BINDS_CLIENT ? by_client
                                                                         : by_broker && by_client);
        if (!fits)
            printf("%s: no case of %s\n", statements[i].id, by_broker ? "clients" : "brokers");
        CU_ASSERT(fits);
    }
}

static void cases_name_statements_that_exist(void)
{
    for (size_t i = 0; i < section_count; i++)
        for (size_t j = 0; j < sections[i]->count; j++) {
            const char *at = sections[i]->cases[j].statements;
            for (size_t length; (length = strcspn(at, " ")) > 0; at += length + (at[length] == ' '))
                CU_ASSERT(statement_find(arena_print("%.*s", (int)length, at)) != NULL);
        }
}

static void ids_are_unique(void)
{
    for (size_t i = 0; i < section_count; i++)
        for (size_t j = 0; j < sections[i]->count; j++) {
            CU_ASSERT(*sections[i]->cases[j].does != '\0' && *sections[i]->cases[j].expects != '\0');
            for (size_t k = 0; k < j; k++)
                CU_ASSERT(strcmp(sections[i]->cases[j].name, sections[i]->cases[k].name) != 0);
        }
}

static void a_statement_is_only_covered_by_its_whole_id(void)
{
    struct test_case test_case = {.statements = "MQTT-3.1.2-11 MQTT-3.1.2-2"};
    CU_ASSERT(case_covers(&test_case, "MQTT-3.1.2-11") && case_covers(&test_case, "MQTT-3.1.2-2"));
    CU_ASSERT(!case_covers(&test_case, "MQTT-3.1.2-1"));
}

static void texts_are_escaped(void)
{
    CU_ASSERT_STRING_EQUAL(text_xml("a<b>&\"\x01\xFF\xC3\xA9"), "a&lt;b&gt;&amp;&quot;??\xC3\xA9");
    CU_ASSERT_STRING_EQUAL(text_json("a\"\\\n\t\x02"), "\"a\\\"\\\\\\n\\t?\"");
}

static void the_worst_verdict_is_the_statements(void)
{
    static const enum verdict verdicts[] = {VERDICT_PASS, VERDICT_NOT_APPLICABLE, VERDICT_TOLERATED,
                                            VERDICT_INCONCLUSIVE, VERDICT_FAIL};
    struct test_case test_case = {.statements = "MQTT-3.1.0-1"};
    static struct record records[5];
    struct run runs[5];
    for (size_t i = 0; i < 5; i++) {
        records[i].verdict = verdicts[i];
        runs[i] = (struct run){.test_case = &test_case, .record = &records[i]};
    }
    struct subject subject = {.runs = runs};
    static const enum verdict wanted[] = {VERDICT_NONE,      VERDICT_PASS,         VERDICT_PASS,
                                          VERDICT_TOLERATED, VERDICT_INCONCLUSIVE, VERDICT_FAIL};
    for (subject.count = 0; subject.count <= 5; subject.count++)
        CU_ASSERT(subject_verdict(&subject, "MQTT-3.1.0-1", -1) == wanted[subject.count]);
    subject.count = 5;
    CU_ASSERT(subject_verdict(&subject, "MQTT-3.1.0-2", -1) == VERDICT_NONE);
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"there are 141 statements", there_are_141_statements},
        {"each has a case on each side that it binds, or a reason",
         each_has_a_case_on_each_side_that_it_binds_or_a_reason},
        {"cases name statements that exist", cases_name_statements_that_exist},
        {"ids are unique", ids_are_unique},
        {"a statement is only covered by its whole id", a_statement_is_only_covered_by_its_whole_id},
        {"texts are escaped", texts_are_escaped},
        {"the worst verdict is the statement's", the_worst_verdict_is_the_statements},
    };
    return RUN_TESTS("catalogue", tests);
}
