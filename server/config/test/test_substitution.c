// SPDX-License-Identifier: MIT
// Variables of the environment in the values of the file.
#include "server/config/config.h"

#include <stdlib.h>

#include "server/config/test/reading.h"
#include "test/suite.h"

static void set(const char *name, const char *value)
{
    CU_ASSERT_EQUAL(value == NULL ? unsetenv(name) : setenv(name, value, 1), 0);
}

// What the setting `x` of a plugin comes to.
static const char *value_of(const char *text)
{
    static char file[4096];
    (void)snprintf(file, sizeof(file), "plugins: {p: {x: %s}}\n", text);
    return settings_text(settings_find(good(file)->plugins[0].settings, "x"));
}

static void test_variables_stand_for_their_values(void)
{
    set("A", "one");
    set("B_2", "two");
    set("EMPTY", "");
    set("UNSET", NULL);
    static const char *const cases[][2] = {
        {"\"${A}\"", "one"},
        {"'a${A}b${B_2}c'", "aonebtwoc"},
        {"\"${UNSET:-standard}\"", "standard"},
        {"\"${EMPTY:-standard}\"", "standard"},
        {"\"${A:-standard}\"", "one"},
        {"\"${UNSET:-}\"", ""},
        {"\"${EMPTY}\"", ""},
        {"\"${UNSET:-a:-b}\"", "a:-b"},
        {"\"$${A}\"", "${A}"},
        {"\"$$${A}\"", "$${A}"}, // only what is in front of a brace
        {"\"${A}$${A}${A}\"", "one${A}one"},
        {"$A", "$A"},
        {"a$", "a$"},
        {"$SYS/#", "$SYS/#"},
        {"\"{A}\"", "{A}"},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        expect_text(cases[i][1], value_of(cases[i][0]));
}

static void test_values_of_any_type_may_be_variables(void)
{
    set("PORT", "127.0.0.1:77");
    set("SWITCH", "off");
    set("NUMBER", "1_000");
    const struct config *config =
        good("listeners: {x: {bind: \"${PORT}\", limits: {packet_size_max: \"${NUMBER}\"}}}\n"
             "auth: {allow-anonymous: \"${SWITCH}\"}\n"
             "sys_interval: ${NUMBER}\n");
    expect_listener(config, 0, "x", "127.0.0.1", 77);
    CU_ASSERT_EQUAL(config->listeners[0].limits.packet_size_max, 1000);
    CU_ASSERT_FALSE(config->auth.allow_anonymous);
    CU_ASSERT_EQUAL(config->sys_interval_s, 1000);
}

static void test_a_value_is_no_yaml(void)
{
    set("A", "x, y: {z: [");
    expect_text("x, y: {z: [", value_of("\"${A}\""));
    set("A", "${B}");
    expect_text("${B}", value_of("\"${A}\"")); // once
}

static void test_keys_and_comments_stay(void)
{
    set("A", "one");
    const struct config *config = good("plugins: {p: {'${A}': x}} # ${UNSET\n");
    expect_text("x", settings_text(settings_find(config->plugins[0].settings, "${A}")));
}

static void test_faults(void)
{
    static const char usage[] = "expected ${NAME} or ${NAME:-text}; a ${ that is no variable is written $${";
    static const char *const wrong[] = {"${}",    "${",     "${A",     "${1A}", "${A-b}",
                                        "${A:b}", "${A b}", "x ${A:-", "${-}",  "${A:}"};
    char text[256];
    char line[256];
    set("A", "one");
    set("UNSET", NULL);
    for (size_t i = 0; i < COUNT(wrong); i++) {
        (void)snprintf(text, sizeof(text), "shards: 1\nuser: '%s'\n", wrong[i]);
        (void)snprintf(line, sizeof(line), "f:2: %s", usage);
        expect_fault(text, line);
    }
    expect_fault("shards: 1\n\nuser: ${UNSET}\n", "f:3: the environment has no variable UNSET");
    set("A", "\xff");
    expect_fault("\nuser: ${A}\n", "f:2: what its variables stand for is no text in UTF-8");
    set("A", "a\nb");
    expect_fault("user: x${A}\n",
                 "f:1: user: expected a name or a number, seen 'x${A}'"); // not what it stands for
    set("A", "-1");
    expect_fault("shards: 1\nsys_interval: ${A}\n",
                 "f:2: sys_interval: expected a whole number from 0 to 86400, seen '${A}'");
    set("A", "");
    expect_fault("user: ${A}\n", "f:1: user: expected a name or a number, seen nothing");
}

static void test_what_variables_stand_for_has_a_ceiling(void)
{
    static char value[65536];
    static char text[8192];
    memset(value, 'v', sizeof(value) - 1);
    set("A", value);
    size_t used = (size_t)snprintf(text, sizeof(text), "plugins:\n  p:\n    x:\n");
    for (int i = 0; i < 17; i++)
        used += (size_t)snprintf(text + used, sizeof(text) - used, "    - ${A}\n");
    expect_fault(text, "f:20: the variables of the file stand for more than 1048576 bytes together");
    text[used - 11] = '\0'; // one less
    CU_ASSERT_EQUAL(good(text)->plugin_count, 1);
}

int main(void)
{
    static const CU_TestInfo cases[] = {
        {"variables stand for their values", test_variables_stand_for_their_values},
        {"values of any type may be variables", test_values_of_any_type_may_be_variables},
        {"a value is no YAML", test_a_value_is_no_yaml},
        {"keys and comments stay", test_keys_and_comments_stay},
        {"faults", test_faults},
        {"what variables stand for has a ceiling", test_what_variables_stand_for_has_a_ceiling},
    };
    return RUN_TESTS("substitution", cases);
}
