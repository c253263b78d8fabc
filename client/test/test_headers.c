// SPDX-License-Identifier: MIT
#include "client/tools/headers.h"
#include "test/run.h"

#include <stdio.h>
#include <string.h>

static struct headers headers;
static struct error error;

static void objects_become_headers(void)
{
    CU_ASSERT_EQUAL_FATAL(
        headers_parse(&headers, "{\"X-One\":\"1\",\n \"X-Two\" : \"a\\\"b\\/\\u00e9\" }", &error), 0);
    CU_ASSERT_EQUAL(headers.count, 2);
    CU_ASSERT_STRING_EQUAL(headers.list[0].name, "X-One");
    CU_ASSERT_STRING_EQUAL(headers.list[0].value, "1");
    CU_ASSERT_STRING_EQUAL(headers.list[1].name, "X-Two");
    CU_ASSERT_STRING_EQUAL(headers.list[1].value, "a\"b/\xc3\xa9");
    headers_finish(&headers);
}

static void nothing_becomes_no_headers(void)
{
    static const char *const cases[] = {NULL, "{}", " { } ", "{\n}"};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CU_ASSERT_EQUAL(headers_parse(&headers, cases[i], &error), 0);
        CU_ASSERT_EQUAL(headers.count, 0);
        headers_finish(&headers);
    }
}

static void anything_else_is_a_fault(void)
{
    static const char *const cases[] = {
        "",
        " ",
        "X-One: 1",
        "\"X-One\": \"1\"",
        "[]",
        "5",
        "null",
        "{",
        "{\"a\"",
        "{\"a\": ",
        "{\"a\": \"b\"",
        "{\"a\": \"b\",",
        "{\"a\"}",
        "{\"a\": 5}",
        "{\"a\": true}",
        "{\"a\": null}",
        "{\"a\": [\"b\"]}",
        "{\"a\": {\"b\": \"c\"}}",
        "{a: \"b\"}",
        "{\"a\": b}",
        "{'a': 'b'}",
        "{\"a\": \"b\"} x",
        "{\"a\": \"b\"}\n---\n{}",
        "{\"a\": \"b\\u0000c\"}",
        "{\"a\": *b}",
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CU_ASSERT_EQUAL(headers_parse(&headers, cases[i], &error), HBMQTT_ERROR_ARGUMENT);
        CU_ASSERT(strstr(error.text, "--extra-headers") != NULL && strchr(error.text, '\n') == NULL);
        CU_ASSERT_EQUAL(headers.count, 0);
    }
}

static void more_than_can_be_sent_is_a_fault(void)
{
    char json[4096] = "{";
    for (unsigned i = 0; i <= HBMQTT_HEADERS_MAX; i++) {
        size_t length = strlen(json);
        snprintf(json + length, sizeof json - length, "%s\"n%u\": \"v\"", i == 0 ? "" : ", ", i);
    }
    strncat(json, "}", sizeof json - strlen(json) - 1);
    CU_ASSERT_EQUAL(headers_parse(&headers, json, &error), HBMQTT_ERROR_ARGUMENT);
    CU_ASSERT_EQUAL(headers.count, 0);
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"objects become headers", objects_become_headers},
        {"nothing becomes no headers", nothing_becomes_no_headers},
        {"anything else is a fault", anything_else_is_a_fault},
        {"more than can be sent is a fault", more_than_can_be_sent_is_a_fault},
    };
    return RUN_TESTS("headers", tests);
}
