// SPDX-License-Identifier: MIT
// The configuration file, by tables: files that are taken and what comes of them, files that are refused and
// the line that is said, misspelt keys, limits.
#include "server/config/config.h"

#include <CUnit/Basic.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/config/spelling.h"
#include "server/config/test/reading.h"
#include "test/suite.h"

static void expect_standards(const struct config *config)
{
    struct limits limits = limits_default();
    CU_ASSERT_EQUAL(config->listener_count, 1);
    CU_ASSERT_EQUAL(config->listeners[0].connections_max, CONFIG_NEVER);
    CU_ASSERT_EQUAL(memcmp(&config->limits, &limits, sizeof(limits)), 0);
    CU_ASSERT_EQUAL(memcmp(&config->listeners[0].limits, &limits, sizeof(limits)), 0);
    CU_ASSERT_EQUAL(config->limits.packet_size_max, 268435460);
    CU_ASSERT_EQUAL(config->limits.queued_bytes_max, 64u * 1024 * 1024);
    CU_ASSERT_EQUAL(config->sys_interval_s, 20);
    CU_ASSERT_EQUAL(config->shard_count, 0);
    CU_ASSERT_EQUAL(config->qos_max, 2);
    CU_ASSERT_EQUAL(config->session_expiry_s, CONFIG_NEVER);
    CU_ASSERT_EQUAL(config->disconnect_delay_s, 2);
    CU_ASSERT_TRUE(config->auth.allow_anonymous && config->auth.password_file.path == NULL);
    CU_ASSERT_TRUE(config->topic_check.enabled && !config->topic_check.acl && !config->topic_check.taboo);
    CU_ASSERT_EQUAL(config->topic_check.listed + config->topic_check.rule_count + config->plugin_count, 0);
    CU_ASSERT_TRUE(config->user == NULL && config->group == NULL && config->seccomp);
    CU_ASSERT_EQUAL(config->log.level, LOG_INFO);
    CU_ASSERT_TRUE(config->log.format == CONFIG_LOG_TEXT && config->log.to == CONFIG_LOG_STDERR);
    CU_ASSERT_TRUE(config->log.peer_burst == 50 && config->log.peer_per_second == 10);
    CU_ASSERT_EQUAL(config->warning_count, 0);
}

static void test_defaults_without_a_file(void)
{
    const struct config *config = NULL;
    char error[CONFIG_ERROR_BYTES];
    CU_ASSERT_EQUAL(config_load(NULL, &config, error, sizeof(error)), 0);
    CU_ASSERT_PTR_NOT_NULL_FATAL(config);
    CU_ASSERT_EQUAL(config->listener_count, 1);
    expect_listener(config, 0, "default", "0.0.0.0", 1883);
    expect_standards(config);
    config_unref(config);
}

static void test_empty_files_hold_the_defaults(void)
{
    static const char *const texts[] = {"",
                                        "\n",
                                        "# nothing\n",
                                        "---\n",
                                        "~\n",
                                        "{}\n",
                                        "auth:\n",
                                        "limits: {}\n",
                                        "topic-check: {enabled: false}\n",
                                        "log:\n",
                                        "plugins: []\n",
                                        "auth: {plugins: }\n",
                                        "persistence: {}\n"};
    for (size_t i = 0; i < COUNT(texts); i++) {
        const struct config *config = good(texts[i]);
        expect_listener(config, 0, "default", "0.0.0.0", 1883);
        if (strncmp(texts[i], "pers", 4) != 0 && strncmp(texts[i], "topic", 5) != 0)
            expect_standards(config);
    }
}

static void test_every_key_is_read(void)
{
    const struct config *config = good(
        "sys_interval: 0\nshards: 5\nmax-qos: 1\nsession_expiry_interval: 60\nuser: mqtt\n\ngroup: 1000\n"
        "seccomp: off\nplugin-directory: /p\n"
        "limits:\n  packet_size_max: 1_000\n  inflight-max: 20\n  receive_buffers: 64\n"
        "log: {level: warning, format: json, to: file, file: /l, peer-burst: 7, peer-per-second: 8}\n");
    CU_ASSERT_EQUAL(config->sys_interval_s, 0);
    CU_ASSERT_EQUAL(config->shard_count, 5);
    CU_ASSERT_EQUAL(config->qos_max, 1);
    CU_ASSERT_EQUAL(config->session_expiry_s, 60);
    expect_text("mqtt", config->user);
    expect_text("1000", config->group);
    CU_ASSERT_TRUE(config->user_line == 5 && config->group_line == 7);
    CU_ASSERT_FALSE(config->seccomp);
    expect_text("/p", config->plugin_directory.path);
    CU_ASSERT_EQUAL(config->limits.packet_size_max, 1000);
    CU_ASSERT_EQUAL(config->limits.inflight_max, 20);
    CU_ASSERT_EQUAL(config->limits.receive_buffers, 64);
    CU_ASSERT_EQUAL(config->log.level, LOG_WARNING);
    CU_ASSERT_TRUE(config->log.format == CONFIG_LOG_JSON && config->log.to == CONFIG_LOG_FILE);
    expect_text("/l", config->log.file.path);
    CU_ASSERT_TRUE(config->log.peer_burst == 7 && config->log.peer_per_second == 8);
    CU_ASSERT_EQUAL(config->warning_count, 0);
    expect_listener(config, 0, "default", "0.0.0.0", 1883);
}

static void test_the_log_goes_to_its_file(void)
{
    const struct config *config = good("log: {file: /l}\n");
    CU_ASSERT_EQUAL(config->log.to, CONFIG_LOG_FILE);
    config = good("log:\n  to: journal\n  file: /l\n");
    CU_ASSERT_EQUAL(config->log.to, CONFIG_LOG_JOURNAL);
    expect_warning(config, "f:3: log.file has no effect, as log.to is not file");
}

static void test_listeners_have_limits_of_their_own(void)
{
    const struct config *config =
        good("listeners:\n"
             "  a: {bind: 1, limits: {packet_size_max: 100}}\n"
             "  default: {limits: {packet-size-max: 200, inflight_max: 3}}\n"
             "  b: {bind: 2}\n"
             "limits: {packet_size_max: 300, inflight_max: 4, topic_levels_max: 5}\n");
    const struct limits *a = &config->listeners[0].limits;
    const struct limits *b = &config->listeners[1].limits;
    CU_ASSERT_TRUE(a->packet_size_max == 100 && b->packet_size_max == 200);
    CU_ASSERT_TRUE(a->inflight_max == 3 && b->inflight_max == 3);
    CU_ASSERT_TRUE(a->topic_levels_max == 5 && b->topic_levels_max == 5); // that of the file
    CU_ASSERT_EQUAL(a->queued_messages_max, 100000);                      // the default
    CU_ASSERT_EQUAL(a->sessions_max, config->limits.sessions_max);
    CU_ASSERT_EQUAL(config->limits.packet_size_max, 300);
    CU_ASSERT_EQUAL(good("limits: {inflight_max: 4}\n")->listeners[0].limits.inflight_max, 4);
    config = good("listeners: {a: {bind: 1, limits: {connections_max: 5}},\n"
                  "  b: {bind: 2, max-connections: 4, limits: {connections_max: 5}}, c: {bind: 3}}\n");
    CU_ASSERT_EQUAL(config->listeners[0].connections_max, 5);
    CU_ASSERT_EQUAL(config->listeners[1].connections_max, 4); // the stricter
    CU_ASSERT_EQUAL(config->listeners[2].connections_max, CONFIG_NEVER);
}

static void test_hyphen_and_underscore_are_the_same(void)
{
    CU_ASSERT_EQUAL(good("sys-interval: 3\n")->sys_interval_s, 3);
    CU_ASSERT_EQUAL(good("limits: {packet-size_max: 99}\n")->limits.packet_size_max, 99);
    CU_ASSERT_FALSE(good("auth: {allow_anonymous: false}\n")->auth.allow_anonymous);
}

static void test_words_for_true_and_false(void)
{
    static const char *const yes[] = {"true", "True", "TRUE", "yes", "on", "ON", "'on'"};
    static const char *const no[] = {"false", "False", "no", "off", "Off", "\"off\""};
    char text[64];
    for (size_t i = 0; i < COUNT(yes); i++) {
        (void)snprintf(text, sizeof(text), "auth: {allow-anonymous: %s}\n", yes[i]);
        CU_ASSERT_TRUE(good(text)->auth.allow_anonymous);
    }
    for (size_t i = 0; i < COUNT(no); i++) {
        (void)snprintf(text, sizeof(text), "auth: {allow-anonymous: %s}\n", no[i]);
        CU_ASSERT_FALSE(good(text)->auth.allow_anonymous);
    }
}

// What a user of the original may have in his file and loses nothing by: one warning each.
static void test_harmless_keys_of_the_original_are_warnings(void)
{
    static const struct fault cases[] = {
        {"timeout-disconnect-delay: 2\n", "f:1: timeout-disconnect-delay has no effect: a client is lost "
                                          "after one and a half times its keep-alive"},
        {"qos1_puback_timeout: 5\n",
         "f:1: qos1_puback_timeout has no effect: a message waits for its client"},
        {"\npersistence:\n  file: x\n", "f:2: persistence has no effect: sessions are kept in memory"},
        {"plugins:\n  - persistence\n",
         "f:2: plugin 'persistence' has no effect: sessions are kept in memory"},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        expect_warning(good(cases[i].text), cases[i].error);
}

static void test_warnings_have_a_ceiling(void)
{
    char text[2048] = "listeners:\n";
    for (int i = 1; i < 40; i++)
        (void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "  l%d: {bind: %d, certfile: c}\n",
                       i, i);
    const struct config *config = good(text);
    CU_ASSERT_EQUAL_FATAL(config->warning_count, CONFIG_WARNINGS_MAX);
    expect_text("f: there are further warnings", config->warnings[CONFIG_WARNINGS_MAX - 1]);
}

static void test_a_configuration_lives_until_its_last_reference(void)
{
    const struct config *config = NULL;
    char error[CONFIG_ERROR_BYTES];
    CU_ASSERT_EQUAL_FATAL(parse("user: somebody\n", &config, error), 0);
    CU_ASSERT_PTR_EQUAL(config_ref(config), config);
    config_unref(config);
    expect_text("somebody", config->user);
    config_unref(config); // the sanitizer sees what is left
    config_unref(NULL);
}

static void test_places_of_messages(void)
{
    const struct config *config = NULL;
    char error[CONFIG_ERROR_BYTES];
    char place[16];
    config_place(good(""), 7, place, sizeof(place));
    expect_text("f:7: ", place);
    CU_ASSERT_EQUAL_FATAL(config_load(NULL, &config, error, sizeof(error)), 0);
    config_place(config, 0, place, sizeof(place));
    expect_text("", place);
    config_unref(config);
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
    {"user: ''\n", "f:1: user: expected a name or a number, seen ''"},
    {"max-qos: 3\n", "f:1: max-qos: expected a whole number from 0 to 2, seen '3'"},
    {"log: {level: loud}\n", "f:1: log.level: expected error, warning, info or debug, seen 'loud'"},
    {"log: {level: '|'}\n", "f:1: log.level: expected error, warning, info or debug, seen '|'"},
    {"log:\n  level: error|warning\n",
     "f:2: log.level: expected error, warning, info or debug, seen 'error|warning'"},
    {"log:\n  to: file\n", "f:2: log.to: file needs the key log.file beside it"},
    {"log: {file: }\n", "f:1: log.file: expected the name of a file, seen nothing"},
    {"listeners:\n  x:\n    bind: 1\n    limits:\n      sessions_max: 4\n",
     "f:5: listeners.x.limits.sessions_max: this is a limit of the whole broker, which belongs into limits"},
    {"listeners: {x: {bind: 1, limits: {inflight_max: 0}}}\n",
     "f:1: listeners.x.limits.inflight_max: expected a whole number from 1 to 32768, seen '0'"},
    {"listeners: {x: {bind: 1, limits: {inflight: 0}}}\n",
     "f:1: unknown key 'inflight' in listeners.x.limits"},
    // not YAML
    {"a: [\n", "f:2: not valid YAML: did not find expected node content while parsing a flow node "
               "(text that begins with [ { * & ! @ or % needs quotes)"},
    {"listeners:\n  x:\n    bind: [::1]:1883\n",
     "f:3: not valid YAML: did not find expected node content while parsing a flow node "
     "(text that begins with [ { * & ! @ or % needs quotes)"},
    {"a: 1\nb: \xff\n", "f:2: not valid YAML: invalid leading UTF-8 octet "
                        "(text that begins with [ { * & ! @ or % needs quotes)"},
    {"shards: 1\n---\nshards: 2\n", "f:3: a second YAML document begins here; the file must hold one"},
};

static void test_faults_name_file_line_key_and_what_was_expected(void)
{
    expect_faults(faults, COUNT(faults));
}

static void test_messages_are_cut_to_the_room_given(void)
{
    const struct config *config = NULL;
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
    const struct config *config = NULL;
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
    const struct config *config = NULL;
    CU_ASSERT_EQUAL(config_load("/nonexistent/hbmqtt.yaml", &config, error, sizeof(error)), -ENOENT);
    expect_text("cannot open /nonexistent/hbmqtt.yaml: No such file or directory", error);
    CU_ASSERT_EQUAL(config_load("/", &config, error, sizeof(error)), -EISDIR);
    expect_text("cannot read /: Is a directory", error);

    int fd = mkstemp(path);
    CU_ASSERT_FATAL(fd >= 0);
    CU_ASSERT_EQUAL(write(fd, "shards: 3\n", 10), 10);
    CU_ASSERT_EQUAL(config_load(path, &config, error, sizeof(error)), 0);
    CU_ASSERT_PTR_NOT_NULL_FATAL(config);
    CU_ASSERT_EQUAL(config->shard_count, 3);
    expect_text(path, config->name);
    config_unref(config);
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

static void test_limits_are_in_their_range(void)
{
#define LIMIT(name, standard, lowest, highest, unit, scope, applied, text)                                   \
    CU_ASSERT_TRUE((standard) <= (highest) && (highest) <= INT64_MAX && (standard) + 1 > (lowest));
#include "server/config/limits.def"
#undef LIMIT
}

int main(void)
{
    static const CU_TestInfo cases[] = {
        {"defaults without a file", test_defaults_without_a_file},
        {"empty files hold the defaults", test_empty_files_hold_the_defaults},
        {"every key is read", test_every_key_is_read},
        {"the log goes to its file", test_the_log_goes_to_its_file},
        {"listeners have limits of their own", test_listeners_have_limits_of_their_own},
        {"hyphen and underscore are the same", test_hyphen_and_underscore_are_the_same},
        {"words for true and false", test_words_for_true_and_false},
        {"harmless keys of the original are warnings", test_harmless_keys_of_the_original_are_warnings},
        {"warnings have a ceiling", test_warnings_have_a_ceiling},
        {"a configuration lives until its last reference",
         test_a_configuration_lives_until_its_last_reference},
        {"places of messages", test_places_of_messages},
        {"faults name file, line, key and what was expected",
         test_faults_name_file_line_key_and_what_was_expected},
        {"messages are cut to the room given", test_messages_are_cut_to_the_room_given},
        {"strange documents do no harm", test_strange_documents_do_no_harm},
        {"files", test_files},
        {"spelling", test_spelling},
        {"limits are in their range", test_limits_are_in_their_range},
    };
    return RUN_TESTS("config", cases);
}
