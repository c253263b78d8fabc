// SPDX-License-Identifier: MIT
// The configuration file, by tables: files that are taken and what comes of them, files that are refused and
// the line that is said, misspelt keys. The argument, if there is one, is the manual page
// hbmqtt.yaml.5, which must describe every limit as the table of limits has it.
#include "server/config/config.h"

#include <CUnit/Basic.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/config/spelling.h"
#include "server/config/test/reading.h"

static const char *manual_path;

static void test_defaults_without_a_file(void)
{
    static struct config config;
    char error[CONFIG_ERROR_BYTES];
    CU_ASSERT_EQUAL(config_load(NULL, &config, error, sizeof(error)), 0);
    CU_ASSERT_EQUAL(config.listener_count, 1);
    expect_listener(&config, 0, "default", "0.0.0.0", 1883);
    CU_ASSERT_EQUAL(config.listeners[0].connections_max, UINT64_MAX);
    CU_ASSERT_EQUAL(config.sys_interval_s, 20);
    CU_ASSERT_EQUAL(config.shard_count, 0);
    CU_ASSERT_TRUE(config.allow_anonymous);
    CU_ASSERT_EQUAL(config.warning_count, 0);
    CU_ASSERT_EQUAL(config.limits.packet_size_max, 268435460);
    CU_ASSERT_EQUAL(config.limits.queued_bytes_max, 64u * 1024 * 1024);
}

static void test_empty_files_hold_the_defaults(void)
{
    static const char *const texts[] = {"",    "\n",   "# nothing\n", "---\n",
                                        "~\n", "{}\n", "auth:\n",     "limits: {}\n"};
    static struct config standard;
    config_default(&standard);
    for (size_t i = 0; i < COUNT(texts); i++) {
        const struct config *config = good(texts[i]);
        CU_ASSERT_EQUAL(memcmp(config, &standard, sizeof(*config)), 0);
    }
}

static void test_every_key_is_read(void)
{
    const struct config *config =
        good("sys_interval: 0\nshards: 5\nauth: {allow-anonymous: yes, plugins: [auth_anonymous]}\n"
             "limits:\n  packet_size_max: 1_000\n  inflight-max: 20\n  receive_buffers: 64\n");
    CU_ASSERT_EQUAL(config->sys_interval_s, 0);
    CU_ASSERT_EQUAL(config->shard_count, 5);
    CU_ASSERT_EQUAL(config->limits.packet_size_max, 1000);
    CU_ASSERT_EQUAL(config->limits.inflight_max, 20);
    CU_ASSERT_EQUAL(config->limits.receive_buffers, 64);
    CU_ASSERT_EQUAL(config->warning_count, 0);
    expect_listener(config, 0, "default", "0.0.0.0", 1883);
}

static void test_hyphen_and_underscore_are_the_same(void)
{
    CU_ASSERT_EQUAL(good("sys-interval: 3\n")->sys_interval_s, 3);
    CU_ASSERT_EQUAL(good("limits: {packet-size_max: 99}\n")->limits.packet_size_max, 99);
    CU_ASSERT_FALSE(good("auth: {allow_anonymous: false}\n")->allow_anonymous);
}

static void test_words_for_true_and_false(void)
{
    static const char *const yes[] = {"true", "True", "TRUE", "yes", "on", "ON", "'on'"};
    static const char *const no[] = {"false", "False", "no", "off", "Off", "\"off\""};
    char text[64];
    for (size_t i = 0; i < COUNT(yes); i++) {
        (void)snprintf(text, sizeof(text), "auth: {allow-anonymous: %s}\n", yes[i]);
        CU_ASSERT_TRUE(good(text)->allow_anonymous);
    }
    for (size_t i = 0; i < COUNT(no); i++) {
        (void)snprintf(text, sizeof(text), "auth: {allow-anonymous: %s}\n", no[i]);
        CU_ASSERT_FALSE(good(text)->allow_anonymous);
    }
}

// What a user of the original may have in his file and loses nothing by: one warning each.
static void test_harmless_keys_of_the_original_are_warnings(void)
{
    static const struct {
        const char *text;
        const char *warning;
    } cases[] = {
        {"timeout-disconnect-delay: 2\n",
         "f:1: timeout-disconnect-delay is not supported by this version and has no effect"},
        {"\npersistence:\n  file: x\n",
         "f:2: persistence is not supported by this version and has no effect"},
        {"session_expiry_interval: 60\n",
         "f:1: session_expiry_interval is not supported by this version and has no effect"},
        {"max_qos: 1\n", "f:1: max-qos is not supported by this version and has no effect"},
        {"plugins:\n  - event_logger_plugin\n",
         "f:2: plugin 'event_logger_plugin' is not supported by this version and has no effect"},
        {"plugins:\n  amqtt.plugins.logging_amqtt.PacketLoggerPlugin: {protocol: x}\n",
         "f:2: plugin 'amqtt.plugins.logging_amqtt.PacketLoggerPlugin' is not supported by this version and "
         "has no effect"},
        {"topic-check:\n  enabled: false\n  acl: {anonymous: [a]}\n",
         "f:1: topic-check is not supported by this version and, not being enabled, has no effect"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct config *config = good(cases[i].text);
        CU_ASSERT_EQUAL_FATAL(config->warning_count, 1);
        expect_text(cases[i].warning, config->warnings[0]);
    }
}

static void test_warnings_have_a_ceiling(void)
{
    char text[2048] = "plugins:\n";
    for (int i = 0; i < 40; i++)
        (void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "- event_logger_plugin\n");
    const struct config *config = good(text);
    CU_ASSERT_EQUAL(config->warning_count, CONFIG_WARNINGS_MAX);
    expect_text("f: there are further warnings", config->warnings[CONFIG_WARNINGS_MAX - 1]);
}

static void test_plugins_that_are_part_of_the_broker_are_taken(void)
{
    const struct config *config =
        good("plugins:\n"
             "  amqtt.plugins.authentication.AnonymousAuthPlugin: {allow_anonymous: false}\n"
             "  amqtt.plugins.sys.broker.BrokerSysPlugin: {sys_interval: 9}\n"
             "auth: {allow-anonymous: true}\n");
    CU_ASSERT_FALSE(config->allow_anonymous); // the stricter of the two
    CU_ASSERT_EQUAL(config->sys_interval_s, 9);
    config = good("plugins: [auth_anonymous, {broker_sys: {sys_interval: 8}}, broker_sys]\n");
    CU_ASSERT_TRUE(config->allow_anonymous);
    CU_ASSERT_EQUAL(config->sys_interval_s, 8);
    CU_ASSERT_EQUAL(config->warning_count, 0);
}

static const struct fault faults[] = {
    // not known
    {"\nsys_intervall: 1\n", "f:2: unknown key 'sys_intervall'; did you mean 'sys_interval'?"},
    {"sys_itnerval: 1\n", "f:1: unknown key 'sys_itnerval'; did you mean 'sys_interval'?"},
    {"colour: red\n", "f:1: unknown key 'colour'"},
    {"listeners:\n  default:\n    port: 1883\n", "f:3: unknown key 'port' in listeners.default"},
    {"listeners: {x: {binds: 1}}\n", "f:1: unknown key 'binds' in listeners.x; did you mean 'bind'?"},
    {"auth:\n  allow: true\n", "f:2: unknown key 'allow' in auth"},
    {"limits: {\n inflight: 1}\n", "f:2: unknown key 'inflight' in limits"},
    {"<<: 1\n", "f:1: unknown key '<<'"},
    {"\"a\\e[2Jb\": 1\n", "f:1: unknown key 'a?[2Jb'"},
    {"listeners: {\"a\\nb\": {bind: {}}}\n", "f:1: listeners.a?b.bind: expected host:port, seen a map"},
    // twice, or not a key
    {"shards: 1\nauth:\nshards: 2\n", "f:3: key 'shards' is given a second time (first in line 1)"},
    {"sys_interval: 1\nsys-interval: 2\n",
     "f:2: key 'sys-interval' is given a second time (first in line 1)"},
    {"listeners: {a: {bind: 1}, a: {bind: 2}}\n", "f:1: key 'a' is given a second time (first in line 1)"},
    {"[a]: 1\n", "f:1: expected a key, seen a list"},
    // types and ranges
    {"- a\n", "f:1: file: expected a map, seen a list"},
    {"text\n", "f:1: file: expected a map, seen 'text'"},
    {"sys_interval: often\n", "f:1: sys_interval: expected a whole number from 0 to 86400, seen 'often'"},
    {"sys_interval: -1\n", "f:1: sys_interval: expected a whole number from 0 to 86400, seen '-1'"},
    {"sys_interval: 1.5\n", "f:1: sys_interval: expected a whole number from 0 to 86400, seen '1.5'"},
    {"sys_interval: '5'\n", "f:1: sys_interval: expected a whole number from 0 to 86400, seen '5'"},
    {"sys_interval: 010\n", "f:1: sys_interval: expected a whole number from 0 to 86400, seen '010'"},
    {"sys_interval: 1_\n", "f:1: sys_interval: expected a whole number from 0 to 86400, seen '1_'"},
    {"sys_interval:\n", "f:1: sys_interval: expected a whole number from 0 to 86400, seen nothing"},
    {"sys_interval: [1]\n", "f:1: sys_interval: expected a whole number from 0 to 86400, seen a list"},
    {"shards: 99999999999999999999\n",
     "f:1: shards: expected a whole number from 0 to 64, seen '99999999999999999999'"},
    {"auth:\n  allow-anonymous: maybe\n", "f:2: auth.allow-anonymous: expected true or false, seen 'maybe'"},
    {"auth: yes\n", "f:1: auth: expected a map, seen 'yes'"},
    {"limits: {inflight_max: 32769}\n",
     "f:1: limits.inflight_max: expected a whole number from 1 to 32768, seen '32769'"},
    {"limits:\n  connections_max: 0\n",
     "f:2: limits.connections_max: expected a whole number from 1 to 10000000, seen '0'"},
    {"limits: {receive_buffers: 100}\n", "f:1: limits.receive_buffers: expected a power of two, seen '100'"},
    {"plugins: x\n", "f:1: plugins: expected a list, seen 'x'"},
    {"plugins:\n - [x]\n", "f:2: plugins: expected the name of a plugin, seen a list"},
    // what must not be ignored
    {"auth:\n  password-file: x\n", "f:2: auth.password-file is not supported by this version"},
    {"auth:\n  plugins:\n  - auth_anonymous\n  - auth_file\n",
     "f:4: plugin 'auth_file' is not supported by this version"},
    {"plugins:\n  my.Plugin: {}\n", "f:2: plugin 'my.Plugin' is not supported by this version"},
    {"topic-check:\n  enabled: true\n",
     "f:1: topic-check is not supported by this version; remove it or write enabled: false"},
    {"topic_check: {acl: {a: [b]}}\n",
     "f:1: topic-check is not supported by this version; remove it or write enabled: false"},
    // not YAML
    {"a: [\n", "f:2: not valid YAML: did not find expected node content while parsing a flow node "
               "(text that begins with [ { * & ! or % needs quotes)"},
    {"listeners:\n  x:\n    bind: [::1]:1883\n",
     "f:3: not valid YAML: did not find expected node content while parsing a flow node "
     "(text that begins with [ { * & ! or % needs quotes)"},
    {"a: 1\nb: \xff\n", "f:2: not valid YAML: invalid leading UTF-8 octet "
                        "(text that begins with [ { * & ! or % needs quotes)"},
    {"shards: 1\n---\nshards: 2\n", "f:3: a second YAML document begins here; the file must hold one"},
};

static void test_faults_name_file_line_key_and_what_was_expected(void)
{
    expect_faults(faults, COUNT(faults));
}

static void test_messages_are_cut_to_the_room_given(void)
{
    static struct config config;
    char error[32];
    for (size_t size = 0; size < sizeof(error); size++) {
        memset(error, 'x', sizeof(error));
        CU_ASSERT_EQUAL(config_parse("colour: 1\n", 10, "f", &config, error, size), -EINVAL);
        CU_ASSERT_TRUE(size == 0 || strlen(error) < size);
        CU_ASSERT_EQUAL(error[size], 'x');
    }
}

// A document that holds itself, and one deeper than any table: reading follows the tables, not the file.
static void test_strange_documents_do_no_harm(void)
{
    char error[CONFIG_ERROR_BYTES];
    char text[4001];
    static struct config config;
    CU_ASSERT_EQUAL(parse("&a listeners: &b {x: *b}\n", &config, error), -EINVAL);
    CU_ASSERT_EQUAL(parse("&a {auth: *a}\n", &config, error), -EINVAL);
    memset(text, '[', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    CU_ASSERT_EQUAL(parse(text, &config, error), -EINVAL);
    CU_ASSERT_EQUAL(config_parse("\0\0", 2, "f", &config, error, sizeof(error)), -EINVAL);
    CU_ASSERT_EQUAL(parse("listeners: {x: {bind: \"1\\x002\"}}\n", &config, error), -EINVAL);
    expect_text("f:1: listeners.x.bind: expected host:port, seen '1?2'", error);
}

static void test_files(void)
{
    char error[CONFIG_ERROR_BYTES];
    char expected[CONFIG_ERROR_BYTES];
    char path[] = "/tmp/test_config.XXXXXX";
    static struct config config;
    CU_ASSERT_EQUAL(config_load("/nonexistent/hbmqtt.yaml", &config, error, sizeof(error)), -ENOENT);
    expect_text("cannot open /nonexistent/hbmqtt.yaml: No such file or directory", error);
    CU_ASSERT_EQUAL(config_load("/", &config, error, sizeof(error)), -EISDIR);
    expect_text("cannot read /: Is a directory", error);

    int fd = mkstemp(path);
    CU_ASSERT_FATAL(fd >= 0);
    CU_ASSERT_EQUAL(write(fd, "shards: 3\n", 10), 10);
    CU_ASSERT_EQUAL(config_load(path, &config, error, sizeof(error)), 0);
    CU_ASSERT_EQUAL(config.shard_count, 3);
    CU_ASSERT_EQUAL(ftruncate(fd, CONFIG_FILE_BYTES_MAX + 1), 0);
    CU_ASSERT_EQUAL(config_load(path, &config, error, sizeof(error)), -EFBIG);
    (void)snprintf(expected, sizeof(expected), "cannot read %s: File too large", path);
    expect_text(expected, error);
    CU_ASSERT_EQUAL(close(fd), 0);
    CU_ASSERT_EQUAL(unlink(path), 0);
}

static void test_spelling(void)
{
    CU_ASSERT_TRUE(spelling_same("allow-anonymous", "allow_anonymous"));
    CU_ASSERT_FALSE(spelling_same("allow-anonymous", "allow-anonymou"));
    CU_ASSERT_EQUAL(spelling_distance("bind", "bind"), 0);
    CU_ASSERT_EQUAL(spelling_distance("max-qos", "max_qos"), 0);
    CU_ASSERT_EQUAL(spelling_distance("bind", "bnid"), 1);
    CU_ASSERT_EQUAL(spelling_distance("bind", "ind"), 1);
    CU_ASSERT_EQUAL(spelling_distance("bind", "binds"), 1);
    CU_ASSERT_EQUAL(spelling_distance("bind", "band"), 1);
    CU_ASSERT_EQUAL(spelling_distance("listeners", "listner"), 2);
    CU_ASSERT_EQUAL(spelling_distance("bind", "ba"), SPELLING_NEAR_MAX + 1); // half of it is wrong
    CU_ASSERT_EQUAL(spelling_distance("bind", ""), SPELLING_NEAR_MAX + 1);
    CU_ASSERT_EQUAL(spelling_distance("limits", "plugins"), SPELLING_NEAR_MAX + 1);
    CU_ASSERT_EQUAL(
        spelling_distance("a", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
        SPELLING_NEAR_MAX + 1);
}

static const struct {
    const char *name;
    uint64_t standard, lowest, highest;
    const char *unit;
    const char *text;
} limits[] = {
#define LIMIT(name_, standard_, lowest_, highest_, unit_, text_)                                             \
    {#name_, standard_, lowest_, highest_, unit_, text_},
#include "server/config/limits.def"
#undef LIMIT
};

static void test_limits_are_in_their_range(void)
{
    for (size_t i = 0; i < COUNT(limits); i++) {
        CU_ASSERT_TRUE(limits[i].lowest <= limits[i].standard && limits[i].standard <= limits[i].highest);
        CU_ASSERT_TRUE(limits[i].highest <= INT64_MAX);
    }
}

// The paragraphs of the manual page are what this test prints for a limit that is not there.
static void test_manual_describes_every_limit(void)
{
    char paragraph[1024];
    if (manual_path == NULL)
        return;
    const char *manual = read_manual(manual_path);
    for (size_t i = 0; i < COUNT(limits); i++) {
        (void)snprintf(paragraph, sizeof(paragraph), ".TP\n.BR %s \" (%llu %s; %llu to %llu)\"\n%s\n",
                       limits[i].name, (unsigned long long)limits[i].standard, limits[i].unit,
                       (unsigned long long)limits[i].lowest, (unsigned long long)limits[i].highest,
                       limits[i].text);
        CU_ASSERT_PTR_NOT_NULL(strstr(manual, paragraph));
        if (strstr(manual, paragraph) == NULL)
            printf("\n%s", paragraph);
    }
}

int main(int argc, char **argv)
{
    static CU_TestInfo tests[] = {
        {"defaults without a file", test_defaults_without_a_file},
        {"empty files hold the defaults", test_empty_files_hold_the_defaults},
        {"every key is read", test_every_key_is_read},
        {"hyphen and underscore are the same", test_hyphen_and_underscore_are_the_same},
        {"words for true and false", test_words_for_true_and_false},
        {"harmless keys of the original are warnings", test_harmless_keys_of_the_original_are_warnings},
        {"warnings have a ceiling", test_warnings_have_a_ceiling},
        {"plugins that are part of the broker are taken", test_plugins_that_are_part_of_the_broker_are_taken},
        {"faults name file, line, key and what was expected",
         test_faults_name_file_line_key_and_what_was_expected},
        {"messages are cut to the room given", test_messages_are_cut_to_the_room_given},
        {"strange documents do no harm", test_strange_documents_do_no_harm},
        {"files", test_files},
        {"spelling", test_spelling},
        {"limits are in their range", test_limits_are_in_their_range},
        {"the manual describes every limit", test_manual_describes_every_limit},
        CU_TEST_INFO_NULL,
    };
    CU_SuiteInfo suites[] = {{.pName = "config", .pTests = tests}, CU_SUITE_INFO_NULL};

    manual_path = argc > 1 ? argv[1] : NULL;
    if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(suites) != CUE_SUCCESS)
        return EXIT_FAILURE;
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
