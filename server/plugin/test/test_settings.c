// SPDX-License-Identifier: MIT
#include "server/plugin/settings.h"

#include <stdarg.h>

#include "test/suite.h"

static char told[256];

static void __attribute__((format(printf, 3, 4)))
tell(const struct hbmqtt_plugin_broker *broker, int level, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(told, sizeof told, format, arguments); // a cut line fails the comparison
    va_end(arguments);
    CU_ASSERT_EQUAL(level, HBMQTT_PLUGIN_LOG_ERROR);
}

static struct hbmqtt_plugin_broker broker;
static struct hbmqtt_plugin_setting *tree;

static void build(void)
{
    settings_offer(&broker);
    broker.log = tell;
    told[0] = '\0';
    struct hbmqtt_plugin_setting *list = setting_create_list();
    setting_add(list, NULL, setting_create_text("one"));
    setting_add(list, NULL, setting_create_text("two"));
    tree = setting_create_map();
    setting_add(tree, "time-out", setting_create_text("30"));
    setting_add(tree, "on", setting_create_text("Yes"));
    setting_add(tree, "off", setting_create_text("off"));
    setting_add(tree, "words", list);
    setting_add(tree, "inner", setting_create_map());
}

static const struct hbmqtt_plugin_setting *get(const char *key)
{
    return broker.setting_get(&broker, tree, key);
}

static void keys_are_found_with_either_dash(void)
{
    build();
    CU_ASSERT_STRING_EQUAL(broker.setting_text(&broker, get("time-out")), "30");
    CU_ASSERT_PTR_EQUAL(get("time_out"), get("time-out"));
    CU_ASSERT_PTR_NULL(get("time"));
    CU_ASSERT_PTR_NULL(get("time-out-"));
    CU_ASSERT_PTR_NULL(broker.setting_get(&broker, NULL, "time-out"));
    CU_ASSERT_PTR_NULL(broker.setting_get(&broker, get("words"), "one"));
    CU_ASSERT_PTR_NULL(broker.setting_get(&broker, get("on"), "Yes"));
    setting_destroy(tree);
}

static void lists_and_maps_are_walked(void)
{
    build();
    CU_ASSERT_EQUAL(broker.setting_count(&broker, get("words")), 2);
    CU_ASSERT_EQUAL(broker.setting_count(&broker, get("on")), 0);
    CU_ASSERT_EQUAL(broker.setting_count(&broker, NULL), 0);
    CU_ASSERT_STRING_EQUAL(broker.setting_text(&broker, broker.setting_at(&broker, get("words"), 1)), "two");
    CU_ASSERT_PTR_NULL(broker.setting_at(&broker, get("words"), 2));
    CU_ASSERT_PTR_NULL(broker.setting_key(&broker, get("words"), 0));
    CU_ASSERT_STRING_EQUAL(broker.setting_key(&broker, tree, 3), "words");
    CU_ASSERT_PTR_NULL(broker.setting_key(&broker, tree, 5));
    CU_ASSERT_PTR_NULL(broker.setting_text(&broker, get("words")));
    setting_destroy(tree);
}

static void a_number_has_to_be_one_and_in_its_range(void)
{
    build();
    int64_t number = -1;
    CU_ASSERT_EQUAL(broker.setting_integer_of(&broker, tree, "time-out", 0, 30, &number), 1);
    CU_ASSERT_EQUAL(number, 30);
    CU_ASSERT_EQUAL(broker.setting_integer_of(&broker, tree, "absent", 0, 30, &number), 0);
    CU_ASSERT_EQUAL(broker.setting_integer_of(&broker, NULL, "time-out", 0, 30, &number), 0);
    CU_ASSERT_STRING_EQUAL(told, "");
    CU_ASSERT_EQUAL(broker.setting_integer_of(&broker, tree, "time-out", 0, 29, &number), -1);
    CU_ASSERT_STRING_EQUAL(told, "setting 'time-out': expected a number from 0 to 29, seen '30'");
    CU_ASSERT_EQUAL(broker.setting_integer_of(&broker, tree, "time-out", 31, 99, &number), -1);
    CU_ASSERT_EQUAL(broker.setting_integer_of(&broker, tree, "words", 0, 1, &number), -1);
    CU_ASSERT_STRING_EQUAL(told, "setting 'words': expected a number from 0 to 1, seen a list");
    CU_ASSERT_EQUAL(number, 30);
    static const char *const wrong[] = {"", "x", "3x", "3 ", "99999999999999999999", "0x10"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct hbmqtt_plugin_setting *map = setting_create_map();
        setting_add(map, "n", setting_create_text(wrong[i]));
        CU_ASSERT_EQUAL(broker.setting_integer_of(&broker, map, "n", INT64_MIN, INT64_MAX, &number), -1);
        setting_destroy(map);
    }
    setting_destroy(tree);
}

static void a_flag_has_to_be_a_word_for_true_or_false(void)
{
    build();
    int flag = -1;
    CU_ASSERT_EQUAL(broker.setting_flag_of(&broker, tree, "on", &flag), 1);
    CU_ASSERT_EQUAL(flag, 1);
    CU_ASSERT_EQUAL(broker.setting_flag_of(&broker, tree, "off", &flag), 1);
    CU_ASSERT_EQUAL(flag, 0);
    CU_ASSERT_EQUAL(broker.setting_flag_of(&broker, tree, "absent", &flag), 0);
    CU_ASSERT_EQUAL(broker.setting_flag_of(&broker, tree, "inner", &flag), -1);
    CU_ASSERT_STRING_EQUAL(told, "setting 'inner': expected true or false, seen a map");
    CU_ASSERT_EQUAL(broker.setting_flag_of(&broker, tree, "time-out", &flag), -1);
    CU_ASSERT_STRING_EQUAL(told, "setting 'time-out': expected true or false, seen '30'");
    setting_destroy(tree);
}

static void a_text_has_to_be_one(void)
{
    build();
    const char *text = NULL;
    CU_ASSERT_EQUAL(broker.setting_text_of(&broker, tree, "on", &text), 1);
    CU_ASSERT_STRING_EQUAL(text, "Yes");
    CU_ASSERT_EQUAL(broker.setting_text_of(&broker, tree, "absent", &text), 0);
    CU_ASSERT_EQUAL(broker.setting_text_of(&broker, tree, "words", &text), -1);
    CU_ASSERT_STRING_EQUAL(told, "setting 'words': expected a text, seen a list");
    setting_destroy(tree);
}

static void a_misspelt_key_is_found(void)
{
    build();
    static const char *const all[] = {"time_out", "on", "off", "words", "inner", NULL};
    static const char *const some[] = {"time_out", "on", "off", "inner", NULL};
    CU_ASSERT_EQUAL(broker.setting_keys(&broker, tree, all), 0);
    CU_ASSERT_EQUAL(broker.setting_keys(&broker, NULL, some), 0);
    setting_add(tree, "answer_timeout_ms", setting_create_text("1")); // the host's
    setting_add(tree, "answer-default", setting_create_text("deny"));
    CU_ASSERT_EQUAL(broker.setting_keys(&broker, tree, all), 0);
    CU_ASSERT_EQUAL(broker.setting_keys(&broker, tree, some), -1);
    CU_ASSERT_STRING_EQUAL(told, "there is no setting 'words'");
    CU_ASSERT_EQUAL(broker.setting_keys(&broker, get("words"), all), -1);
    CU_ASSERT_STRING_EQUAL(told, "its settings have to be a map");
    setting_destroy(tree);
}

int main(void)
{
    static const CU_TestInfo cases[] = {
        {"keys are found with either dash", keys_are_found_with_either_dash},
        {"lists and maps are walked", lists_and_maps_are_walked},
        {"a number has to be one, and in its range", a_number_has_to_be_one_and_in_its_range},
        {"a flag has to be a word for true or false", a_flag_has_to_be_a_word_for_true_or_false},
        {"a text has to be one", a_text_has_to_be_one},
        {"a misspelt key is found", a_misspelt_key_is_found},
    };
    return RUN_TESTS("plugin settings", cases);
}
