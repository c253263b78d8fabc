// SPDX-License-Identifier: MIT
#include "client/tools/config.h"
#include "test/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct config config;
static struct error error;
static char path[64];
static char warnings[512];

static void remember(const char *text)
{
    size_t length = strlen(warnings);
    snprintf(warnings + length, sizeof warnings - length, "%s\n", text);
}

// Reads a file that holds `text`.
static int read_text(const char *text)
{
    strncpy(path, "/tmp/hbmqtt-config-XXXXXX", sizeof path - 1);
    int fd = mkstemp(path);
    CU_ASSERT_FATAL(fd >= 0);
    CU_ASSERT_EQUAL(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    warnings[0] = '\0';
    config_init(&config);
    int status = config_read(&config, path, remember, &error);
    unlink(path);
    return status;
}

static void reads(const char *text)
{
    int status = read_text(text);
    if (status != 0)
        fprintf(stderr, "\n%s\n", error.text);
    CU_ASSERT_EQUAL(status, 0);
}

static void every_key_is_read(void)
{
    reads("keep_alive: 12\n"
          "ping_delay: 2\n"
          "default_qos: 1\n"
          "default_retain: yes\n"
          "auto_reconnect: false\n"
          "reconnect_max_interval: 5\n"
          "reconnect_retries: -1\n"
          "connection_timeout: 7\n"
          "cleansession: off\n"
          "certfile: c\nkeyfile: k\ncheck_hostname: true\nverify_cert: false\n"
          "topics:\n"
          "  /gateway: {qos: 2, retain: true}\n"
          "  plain: {}\n"
          "will: {topic: w, message: 5, qos: 1, retain: on}\n"
          "broker: {uri: 'mqtt://u:p@h', cafile: f, capath: p, cadata: d}\n");
    CU_ASSERT_EQUAL(config.keepalive_s, 12);
    CU_ASSERT_EQUAL(config.ping_delay_s, 2);
    CU_ASSERT_EQUAL(config.default_qos, 1);
    CU_ASSERT_EQUAL(config.default_retain, 1);
    CU_ASSERT_EQUAL(config.auto_reconnect, 0);
    CU_ASSERT_EQUAL(config.connection_timeout_s, 7);
    CU_ASSERT_EQUAL(config.clean_session, 0);
    CU_ASSERT_STRING_EQUAL(config.uri, "mqtt://u:p@h");
    CU_ASSERT_STRING_EQUAL(config.ca_file, "f");
    CU_ASSERT_STRING_EQUAL(config.ca_path, "p");
    CU_ASSERT_STRING_EQUAL(config.ca_data, "d");
    CU_ASSERT_STRING_EQUAL(config.certificate_file, "c");
    CU_ASSERT_STRING_EQUAL(config.key_file, "k");
    CU_ASSERT_EQUAL(config.check_host_name, 1);
    CU_ASSERT_EQUAL(config.verify_certificate, 0);
    CU_ASSERT_STRING_EQUAL(config.will_topic, "w");
    CU_ASSERT_STRING_EQUAL(config.will_message, "5");
    CU_ASSERT_EQUAL(config.will_qos, 1);
    CU_ASSERT_EQUAL(config.will_retain, 1);
    const struct config_topic *topic = config_find_topic(&config, "/gateway");
    CU_ASSERT_FATAL(topic != NULL);
    CU_ASSERT_EQUAL(topic->qos, 2);
    CU_ASSERT_EQUAL(topic->retain, 1);
    topic = config_find_topic(&config, "plain");
    CU_ASSERT_FATAL(topic != NULL);
    CU_ASSERT_EQUAL(topic->qos, CONFIG_UNSET);
    CU_ASSERT_PTR_NULL(config_find_topic(&config, "other"));
    CU_ASSERT_STRING_EQUAL(warnings, "");
    config_finish(&config);
}

static void what_is_left_out_stays_unset(void)
{
    static const char *const texts[] = {"", "# nothing\n",
                                        "keep_alive:\nwill:\ntopics: ~\nbroker: {uri: null}\n"};
    for (size_t i = 0; i < 3; i++) {
        reads(texts[i]);
        CU_ASSERT_EQUAL(config.keepalive_s, CONFIG_UNSET);
        CU_ASSERT_EQUAL(config.default_qos, CONFIG_UNSET);
        CU_ASSERT_EQUAL(config.clean_session, CONFIG_UNSET);
        CU_ASSERT_PTR_NULL(config.uri);
        CU_ASSERT_PTR_NULL(config.will_topic);
        config_finish(&config);
    }
}

static void dashes_and_the_newer_name_mean_the_same(void)
{
    reads("keep-alive: 9\nconnection:\n  uri: mqtt://h\n");
    CU_ASSERT_EQUAL(config.keepalive_s, 9);
    CU_ASSERT_STRING_EQUAL(config.uri, "mqtt://h");
    config_finish(&config);
}

static void the_last_of_two_counts(void)
{
    reads("broker: {uri: a}\nbroker: {uri: b}\ntopics: {t: {qos: 1}, t: {qos: 2}}\n");
    CU_ASSERT_STRING_EQUAL(config.uri, "b");
    CU_ASSERT_EQUAL(config_find_topic(&config, "t")->qos, 2);
    config_finish(&config);
}

static void unknown_keys_are_named_with_their_line(void)
{
    reads("keep_alive: 9\nplugins: []\nwill:\n  topic: w\n  colour: red\ntopics: {t: {size: 1}}\n");
    char expected[512];
    snprintf(expected, sizeof expected,
             "%s:2: unknown key 'plugins' is ignored\n%s:5: unknown key 'colour' is ignored\n"
             "%s:6: unknown key 'size' is ignored\n",
             path, path, path);
    CU_ASSERT_STRING_EQUAL(warnings, expected);
    CU_ASSERT_EQUAL(config.keepalive_s, 9);
    config_finish(&config);
}

static void wrong_types_are_errors_with_their_line(void)
{
    static const struct {
        const char *text;
        const char *part;
    } cases[] = {
        {"keep_alive: soon\n", ":1: 'keep_alive' must be a whole number from 0 to 65535"},
        {"\nkeep_alive: 1.5\n", ":2: 'keep_alive'"},
        {"keep_alive: -1\n", "'keep_alive'"},
        {"keep_alive: [1]\n", "'keep_alive'"},
        {"default_qos: 3\n", "from 0 to 2"},
        {"default_retain: 1\n", "'default_retain' must be true or false"},
        {"cleansession: {}\n", "'cleansession' must be true or false"},
        {"will: text\n", "'will' must be a map"},
        {"will: [a]\n", "'will' must be a map"},
        {"broker: {uri: [a]}\n", "'uri' must be text"},
        {"broker: {uri: \"a\\0b\"}\n", "holds a NUL"},
        {"broker: {cafile: {}}\n", "'cafile' must be text"},
        {"topics: text\n", "'topics' must be a map"},
        {"topics: {t: 1}\n", "'t' must be a map"},
        {"topics: {t: {qos: 7}}\n", "'qos' must be"},
        {"topics: {[a]: {}}\n", "'topics' must be text"},
        {"connection_timeout: 0\n", "from 1 to 86400"},
        {"- a\n- b\n", "'the file' must be a map"},
        {"text\n", "'the file' must be a map"},
        {"a: b: c\n", "not YAML"},
        {"a: [b\n", "not YAML"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CU_ASSERT_EQUAL(read_text(cases[i].text), HBMQTT_ERROR_ARGUMENT);
        if (strstr(error.text, cases[i].part) == NULL)
            fprintf(stderr, "\n%s: '%s' does not hold '%s'\n", cases[i].text, error.text, cases[i].part);
        CU_ASSERT_PTR_NOT_NULL(strstr(error.text, cases[i].part));
        CU_ASSERT_PTR_NOT_NULL(strstr(error.text, path));
        config_finish(&config);
    }
}

static void a_file_that_is_not_there_is_named(void)
{
    config_init(&config);
    CU_ASSERT_EQUAL(config_read(&config, "/nonexistent/hbmqtt.yaml", remember, &error),
                    HBMQTT_ERROR_ARGUMENT);
    CU_ASSERT_STRING_EQUAL(error.text, "cannot read /nonexistent/hbmqtt.yaml: No such file or directory");
    config_finish(&config);
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"every key is read", every_key_is_read},
        {"what is left out stays unset", what_is_left_out_stays_unset},
        {"dashes and the newer name mean the same", dashes_and_the_newer_name_mean_the_same},
        {"the last of two counts", the_last_of_two_counts},
        {"unknown keys are named with their line", unknown_keys_are_named_with_their_line},
        {"wrong types are errors with their line", wrong_types_are_errors_with_their_line},
        {"a file that is not there is named", a_file_that_is_not_there_is_named},
    };
    return RUN_TESTS("config", tests);
}
