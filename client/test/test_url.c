// SPDX-License-Identifier: MIT
#include "client/url.h"
#include "test/run.h"

#include <stdio.h>
#include <string.h>

static bool text_equal(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static void parts_are_found(void)
{
    static const struct {
        const char *text;
        struct url url;
        const char *description;
    } cases[] = {
        {"mqtt://host", {URL_SCHEME_MQTT, 1883, false, "host", NULL, NULL, "", NULL}, "mqtt://host:1883"},
        {"MQTT://host", {URL_SCHEME_MQTT, 1883, false, "host", NULL, NULL, "", NULL}, "mqtt://host:1883"},
        {"mqtts://host", {URL_SCHEME_MQTTS, 8883, false, "host", NULL, NULL, "", NULL}, "mqtts://host:8883"},
        {"ws://host", {URL_SCHEME_WS, 80, false, "host", NULL, NULL, "", NULL}, "ws://host:80"},
        {"wss://h/mqtt?a=b#c",
         {URL_SCHEME_WSS, 443, false, "h", NULL, NULL, "/mqtt?a=b", NULL},
         "wss://h:443"},
        {"mqtt://h:1/", {URL_SCHEME_MQTT, 1, false, "h", NULL, NULL, "/", NULL}, "mqtt://h:1"},
        {"mqtt://h:65535", {URL_SCHEME_MQTT, 65535, false, "h", NULL, NULL, "", NULL}, "mqtt://h:65535"},
        {"mqtt://[::1]", {URL_SCHEME_MQTT, 1883, true, "::1", NULL, NULL, "", NULL}, "mqtt://[::1]:1883"},
        {"mqtt://[::1]:7", {URL_SCHEME_MQTT, 7, true, "::1", NULL, NULL, "", NULL}, "mqtt://[::1]:7"},
        {"mqtt://[fe80::1%25lo]",
         {URL_SCHEME_MQTT, 1883, true, "fe80::1%lo", NULL, NULL, "", NULL},
         "mqtt://[fe80::1%lo]:1883"},
        {"mqtt://u@h", {URL_SCHEME_MQTT, 1883, false, "h", "u", NULL, "", NULL}, "mqtt://h:1883"},
        {"mqtt://@h", {URL_SCHEME_MQTT, 1883, false, "h", NULL, NULL, "", NULL}, "mqtt://h:1883"},
        {"mqtt://u:@h", {URL_SCHEME_MQTT, 1883, false, "h", "u", "", "", NULL}, "mqtt://h:1883"},
        {"mqtt://u:p@h:9", {URL_SCHEME_MQTT, 9, false, "h", "u", "p", "", NULL}, "mqtt://h:9"},
        {"mqtt://u:p:q@h", {URL_SCHEME_MQTT, 1883, false, "h", "u", "p:q", "", NULL}, "mqtt://h:1883"},
        {"mqtt://u:p@q@h", {URL_SCHEME_MQTT, 1883, false, "h", "u", "p@q", "", NULL}, "mqtt://h:1883"},
        {"mqtt://u%40x:%3a%2F%25@h",
         {URL_SCHEME_MQTT, 1883, false, "h", "u@x", ":/%", "", NULL},
         "mqtt://h:1883"},
        {"mqtt://u:p@[::1]:9/x", {URL_SCHEME_MQTT, 9, true, "::1", "u", "p", "/x", NULL}, "mqtt://[::1]:9"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct url url;
        struct error error;
        char description[64];
        const struct url *expected = &cases[i].url;
        CU_ASSERT_EQUAL_FATAL(url_parse(cases[i].text, &url, &error), 0);
        CU_ASSERT_EQUAL(url.scheme, expected->scheme);
        CU_ASSERT_EQUAL(url.port, expected->port);
        CU_ASSERT_EQUAL(url.bracketed, expected->bracketed);
        CU_ASSERT(text_equal(url.host, expected->host));
        CU_ASSERT(text_equal(url.user_name, expected->user_name));
        CU_ASSERT(text_equal(url.password, expected->password));
        CU_ASSERT(text_equal(url.path, expected->path));
        url_describe(&url, description, sizeof description);
        CU_ASSERT_STRING_EQUAL(description, cases[i].description);
        url_finish(&url);
    }
}

static void faults_are_told_in_one_line(void)
{
    static const char *const cases[] = {
        "",
        "host",
        "host:1883",
        "http://host",
        "mqtt:host",
        "mqtt:/host",
        "mqtt://",
        "mqtt:///path",
        "mqtt://:1883",
        "mqtt://u:p@",
        "mqtt://h:",
        "mqtt://h:0",
        "mqtt://h:65536",
        "mqtt://h:+1",
        "mqtt://h:12a",
        "mqtt://h:999999999999",
        "mqtt://::1",
        "mqtt://[::1",
        "mqtt://[]",
        "mqtt://[::1]x",
        "mqtt://[::1%]",
        "mqtt://u%@h",
        "mqtt://u%4@h",
        "mqtt://u%zz@h",
        "mqtt://u:p%00@h",
        "mqtt://:secret@h",
        "ws://h/a b",
        "ws://h/a\tb",
        "ws://h/a\r\nX: y",
        "ws://h?\x7f",
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct url url = {.port = 7};
        struct error error = {0};
        CU_ASSERT_EQUAL(url_parse(cases[i], &url, &error), HBMQTT_ERROR_ARGUMENT);
        CU_ASSERT(strlen(error.text) > 10 && strchr(error.text, '\n') == NULL);
        CU_ASSERT_PTR_NULL(strstr(error.text, "secret"));
        CU_ASSERT_EQUAL(url.port, 7); // untouched
    }
}

static void upgrades_ask_for_path_and_host(void)
{
    static const struct {
        const char *text;
        const char *target;
        const char *host;
    } cases[] = {
        {"ws://h", "/mqtt", "h"},
        {"ws://h#f", "/mqtt", "h"},
        {"ws://h/", "/", "h"},
        {"ws://h/a/b%20c?d=e&f#g", "/a/b%20c?d=e&f", "h"},
        {"ws://h?d=/e", "/?d=/e", "h"},
        {"ws://u:p@h:80/", "/", "h"},
        {"wss://h:443/", "/", "h"},
        {"ws://h:443/", "/", "h:443"},
        {"wss://[::1]", "/mqtt", "[::1]"},
        {"wss://[fe80::1%25lo]:9/", "/", "[fe80::1]:9"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct url url;
        struct error error;
        char target[64];
        char host[64];
        CU_ASSERT_EQUAL_FATAL(url_parse(cases[i].text, &url, &error), 0);
        CU_ASSERT_EQUAL(url_request_target(&url, target, sizeof target), strlen(cases[i].target));
        CU_ASSERT_STRING_EQUAL(target, cases[i].target);
        CU_ASSERT_EQUAL(url_request_target(&url, target, 2), strlen(cases[i].target));
        url_request_host(&url, host, sizeof host);
        CU_ASSERT_STRING_EQUAL(host, cases[i].host);
        url_finish(&url);
    }
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"parts are found", parts_are_found},
        {"upgrades ask for path and host", upgrades_ask_for_path_and_host},
        {"faults are told in one line", faults_are_told_in_one_line},
    };
    return RUN_TESTS("url", tests);
}
