// SPDX-License-Identifier: MIT
#include "conformance/catalogue.h"

#include <string.h>

const struct statement statements[] = {
#define STATEMENT(id, binds, text, unseen) {id, binds, text, unseen},
#include "conformance/statements.def"
#undef STATEMENT
};
const size_t statement_count = sizeof statements / sizeof *statements;

#define SECTION(name) extern const struct section name;
#include "conformance/sections.def"
#undef SECTION

const struct section *const sections[] = {
#define SECTION(name) &name,
#include "conformance/sections.def"
#undef SECTION
};
const size_t section_count = sizeof sections / sizeof *sections;

const struct statement *statement_find(const char *id)
{
    for (size_t i = 0; i < statement_count; i++)
        if (strcmp(statements[i].id, id) == 0)
            return &statements[i];
    return NULL;
}

bool case_covers(const struct test_case *test_case, const char *statement_id)
{
    size_t length = strlen(statement_id);
    for (const char *at = test_case->statements; (at = strstr(at, statement_id)) != NULL; at += length)
        if (at[length] == ' ' || at[length] == '\0')
            return true;
    return false;
}

char *case_id(const struct section *section, const struct test_case *test_case)
{
    return arena_print("%s/%s", section->id, test_case->name);
}
