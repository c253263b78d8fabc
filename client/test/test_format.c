// SPDX-License-Identifier: MIT
// What hbmqtt_sub prints, and the line of progress.
#include "client/tools/format.h"
#include "client/tools/progress.h"
#include "test/run.h"

#include <stdlib.h>
#include <string.h>

static const struct timespec when = {.tv_sec = 1700000000, .tv_nsec = 123456789};

static void expect(const char *format, const char *topic, const void *payload, size_t length,
                   const char *wanted)
{
    struct hbmqtt_message message = {.size = sizeof message,
                                     .topic = topic,
                                     .payload = payload,
                                     .payload_length = length,
                                     .qos = 1,
                                     .retain = true};
    struct error error;
    char text[512];
    CU_ASSERT_EQUAL(format_check(format, &error), 0);
    FILE *out = fmemopen(text, sizeof text, "w");
    CU_ASSERT_FATAL(out != NULL);
    CU_ASSERT_TRUE(format_print(format, &message, &when, out));
    putc('\0', out);
    fclose(out);
    if (strcmp(text, wanted) != 0)
        fprintf(stderr, "\n%s: '%s', expected '%s'\n", format, text, wanted);
    CU_ASSERT_STRING_EQUAL(text, wanted);
}

static void conversions_print_the_parts_of_a_message(void)
{
    expect("%t: %p (%l bytes, QoS %q, %r%d) 100%%", "a/b", "hi", 2, "a/b: hi (2 bytes, QoS 1, 10) 100%");
    expect("%x %X", "a", "\x00\xab\xff", 3, "00abff 00ABFF");
    expect("[%p]", "a", "", 0, "[]");
    expect("\\t%p\\n\\\\", "a", "x", 1, "\tx\n\\");
}

static void times_are_printed_in_the_zone_of_the_user(void)
{
    expect("%U @s.@N", "a", "", 0, "1700000000.123456789 1700000000.123456789");
    expect("%I", "a", "", 0, "2023-11-14T22:13:20.123456+0000");
    expect("@Y-@m-@d @H:@M:@S @z @@", "a", "", 0, "2023-11-14 22:13:20 +0000 @");
}

static void json_is_escaped_and_binary_payloads_are_base64(void)
{
    static const char head[] = "{\"tst\":\"2023-11-14T22:13:20.123456+0000\",";
    char wanted[256];
    snprintf(
        wanted, sizeof wanted, "%s%s", head,
        "\"topic\":\"q\\\"t\",\"qos\":1,\"retain\":1,\"payloadlen\":4,\"payload\":\"a\\\\\\u000a\\\"\"}");
    expect("%j", "q\"t", "a\\\n\"", 4, wanted);
    snprintf(wanted, sizeof wanted, "%s%s", head,
             "\"topic\":\"t\",\"qos\":1,\"retain\":1,\"payloadlen\":4,\"payload_base64\":\"/wD+AQ==\"}");
    expect("%j", "t", "\xff\x00\xfe\x01", 4, wanted);
    snprintf(wanted, sizeof wanted, "%s%s", head,
             "\"topic\":\"t\",\"qos\":1,\"retain\":1,\"payloadlen\":7,\"payload\":{\"a\":1}}");
    expect("%J", "t", "{\"a\":1}", 7, wanted);
    snprintf(wanted, sizeof wanted, "%s%s", head,
             "\"topic\":\"t\",\"qos\":1,\"retain\":1,\"payloadlen\":0,\"payload\":\"\"}");
    expect("%j", "t", "", 0, wanted);
}

static void wrong_formats_are_refused(void)
{
    static const char *const wrong[] = {"%", "%k", "a%p%", "@", "@k", "\\", "\\q"};
    struct error error;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        CU_ASSERT_EQUAL(format_check(wrong[i], &error), HBMQTT_ERROR_ARGUMENT);
}

static void progress_tells_rate_and_time_left(void)
{
    struct progress progress = {.begun_ms = 1000, .bytes_total = 4000};
    char text[PROGRESS_TEXT_BYTES];
    progress_text(&progress, 500, 1000, 3000, text);
    CU_ASSERT_STRING_EQUAL(text, "500 messages, 250/s, 25%, 0:00:06 left");
    progress.bytes_total = 0;
    progress_text(&progress, 500, 1000, 3000, text);
    CU_ASSERT_STRING_EQUAL(text, "500 messages, 250/s");
    progress_text(&progress, 0, 0, 1000, text); // at once
    CU_ASSERT_STRING_EQUAL(text, "0 messages, 0/s");
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"conversions print the parts of a message", conversions_print_the_parts_of_a_message},
        {"times are printed in the zone of the user", times_are_printed_in_the_zone_of_the_user},
        {"JSON is escaped, and binary payloads are base64", json_is_escaped_and_binary_payloads_are_base64},
        {"wrong formats are refused", wrong_formats_are_refused},
        {"progress tells rate and time left", progress_tells_rate_and_time_left},
    };
    setenv("TZ", "UTC", 1);
    return RUN_TESTS("format", tests);
}
