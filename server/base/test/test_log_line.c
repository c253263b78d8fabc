// SPDX-License-Identifier: MIT
#include <string.h>
#include <unistd.h>

#include "server/base/log_line.h"
#include "server/base/test/test_base.h"

static char line[LOG_LINE_BYTES + 1];

// The line of an event, terminated.
static const char *line_of(const struct log_subject *subject, const char *message, enum log_format format,
                           enum log_envelope envelope)
{
    const struct log_event event = {
        .wall_ns = 1700000000123456789, .level = LOG_WARNING, .subject = subject, .message = message};
    size_t length = log_line_write(&event, format, envelope, line);
    CU_ASSERT_TRUE_FATAL(length <= LOG_LINE_BYTES);
    line[length] = '\0';
    CU_ASSERT_EQUAL(strlen(line), length);
    return line;
}

#define TEXT_OF(message) line_of(NULL, message, LOG_TEXT, LOG_ENVELOPE_PLAIN)
#define JSON_OF(message) line_of(NULL, message, LOG_JSON, LOG_ENVELOPE_PLAIN)

#define TEXT_HEAD "2023-11-14T22:13:20.123Z warning: "
#define JSON_HEAD "{\"time\":\"2023-11-14T22:13:20.123Z\",\"level\":\"warning\",\"message\":\""

static void test_text_and_json(void)
{
    CU_ASSERT_STRING_EQUAL(TEXT_OF("it is so"), TEXT_HEAD "it is so\n");
    CU_ASSERT_STRING_EQUAL(JSON_OF("it is so"), JSON_HEAD "it is so\"}\n");
}

static void test_a_subject_has_its_place(void)
{
    const struct log_subject subject = {"me\"ter\n", 7, "[::1]:5"};
    CU_ASSERT_STRING_EQUAL(line_of(&subject, "gone", LOG_TEXT, LOG_ENVELOPE_PLAIN),
                           TEXT_HEAD "client 'me\"ter\\x0a' at [::1]:5: gone\n");
    CU_ASSERT_STRING_EQUAL(
        line_of(&subject, "gone", LOG_JSON, LOG_ENVELOPE_PLAIN),
        "{\"time\":\"2023-11-14T22:13:20.123Z\",\"level\":\"warning\",\"client\":\"me\\\"ter\\u000a\","
        "\"address\":\"[::1]:5\",\"message\":\"gone\"}\n");
    const struct log_subject nowhere = {"meter", 5, ""};
    CU_ASSERT_STRING_EQUAL(line_of(&nowhere, "gone", LOG_TEXT, LOG_ENVELOPE_PLAIN),
                           TEXT_HEAD "client 'meter': gone\n");
    CU_ASSERT_STRING_EQUAL(
        line_of(&nowhere, "gone", LOG_JSON, LOG_ENVELOPE_PLAIN),
        "{\"time\":\"2023-11-14T22:13:20.123Z\",\"level\":\"warning\",\"client\":\"meter\","
        "\"message\":\"gone\"}\n");
}

static void test_envelopes(void)
{
    const struct log_subject subject = {"meter", 5, "[::1]:5"};
    CU_ASSERT_STRING_EQUAL(line_of(NULL, "a", LOG_TEXT, LOG_ENVELOPE_PRIORITY), "<4>a\n");
    CU_ASSERT_STRING_EQUAL(line_of(NULL, "a", LOG_JSON, LOG_ENVELOPE_PRIORITY), "<4>" JSON_HEAD "a\"}\n");
    // The journal gets fields, whatever the format.
    for (int format = LOG_TEXT; format <= LOG_JSON; format++)
        CU_ASSERT_STRING_EQUAL(line_of(&subject, "a\nb", (enum log_format)format, LOG_ENVELOPE_JOURNAL),
                               "PRIORITY=4\nSYSLOG_IDENTIFIER=hbmqtt\nHBMQTT_CLIENT=meter\n"
                               "HBMQTT_ADDRESS=[::1]:5\nMESSAGE=client 'meter' at [::1]:5: a\\x0ab\n");
    char expected[128];
    (void)setenv("TZ", "UTC-1", 1); // syslog has local time
    tzset();
    (void)snprintf(expected, sizeof expected, "<28>Nov 14 23:13:20 hbmqtt[%ld]: a", (long)getpid());
    CU_ASSERT_STRING_EQUAL(line_of(NULL, "a", LOG_TEXT, LOG_ENVELOPE_SYSLOG), expected);
    (void)snprintf(expected, sizeof expected, "<28>Nov 14 23:13:20 hbmqtt[%ld]: " JSON_HEAD "a\"}",
                   (long)getpid());
    CU_ASSERT_STRING_EQUAL(line_of(NULL, "a", LOG_JSON, LOG_ENVELOPE_SYSLOG), expected);
}

static void test_characters(void)
{
    static const struct {
        const char *message;
        const char *text;
        const char *json;
    } cases[] = {
        {"Größe 😀 \\ \"", "Größe 😀 \\ \"", "Größe 😀 \\\\ \\\""},
        {"\x01\x1f \x7f", "\\x01\\x1f \\x7f", "\\u0001\\u001f \\u007f"},
        {"\xc2\x80\xc2\x9b\xc2\x9f\xc2\xa0", "\\u0080\\u009b\\u009f\xc2\xa0",
         "\\u0080\\u009b\\u009f\xc2\xa0"},
        {"\u2027\u2028\u2029\u202e\u202f", "\u2027\\u2028\\u2029\\u202e\u202f",
         "\u2027\\u2028\\u2029\\u202e\u202f"},
        {"\u2065\u2066\u2069\u206a", "\u2065\\u2066\\u2069\u206a", "\u2065\\u2066\\u2069\u206a"},
        // Cut, lone, overlong, a surrogate, too large, and bytes that begin nothing.
        {"\xc3", "\\xc3", "\\ufffd"},
        {"\xe2\x82z", "\\xe2\\x82z", "\\ufffd\\ufffdz"},
        {"\x80", "\\x80", "\\ufffd"},
        {"\xc0\x8a", "\\xc0\\x8a", "\\ufffd\\ufffd"},
        {"\xe0\x80\x8a", "\\xe0\\x80\\x8a", "\\ufffd\\ufffd\\ufffd"},
        {"\xf0\x80\x80\x8a", "\\xf0\\x80\\x80\\x8a", "\\ufffd\\ufffd\\ufffd\\ufffd"},
        {"\xed\xa0\x80", "\\xed\\xa0\\x80", "\\ufffd\\ufffd\\ufffd"},
        {"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80", "\\ufffd\\ufffd\\ufffd\\ufffd"},
        {"\xf4\x8f\xbf\xbf\xf8\xff", "\xf4\x8f\xbf\xbf\\xf8\\xff", "\xf4\x8f\xbf\xbf\\ufffd\\ufffd"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char expected[256];
        (void)snprintf(expected, sizeof expected, TEXT_HEAD "%s\n", cases[i].text);
        CU_ASSERT_STRING_EQUAL(TEXT_OF(cases[i].message), expected);
        (void)snprintf(expected, sizeof expected, JSON_HEAD "%s\"}\n", cases[i].json);
        CU_ASSERT_STRING_EQUAL(JSON_OF(cases[i].message), expected);
    }
}

static bool ends_with(const char *text, const char *ending)
{
    size_t length = strlen(text);
    size_t ending_length = strlen(ending);
    return length >= ending_length && strcmp(text + length - ending_length, ending) == 0;
}

// Each length around the bound, with a character of two, three and four bytes at it: what is cut is cut
// between two characters, and whoever reads it sees that it was.
static void test_a_long_message_is_cut(void)
{
    static const char *const fillers[] = {"x", "ö", "\u20ac", "😀"};
    static char message[LOG_MESSAGE_BYTES];
    for (size_t filler = 0; filler < 4; filler++)
        for (size_t shift = 0; shift < 4; shift++) {
            size_t size = strlen(fillers[filler]);
            size_t length = shift;
            memset(message, '.', shift);
            for (; length + size < LOG_MESSAGE_BYTES; length += size)
                memcpy(message + length, fillers[filler], size);
            message[length] = '\0';
            (void)TEXT_OF(message);
            CU_ASSERT_TRUE(ends_with(line, "...\n"));
            CU_ASSERT_PTR_NULL(strstr(line, "\\x"));
            CU_ASSERT_TRUE(strlen(line) > LOG_MESSAGE_BYTES - 8 && strlen(line) < LOG_MESSAGE_BYTES + 64);
        }
    memset(message, 'x', LOG_MESSAGE_BYTES - 8);
    message[LOG_MESSAGE_BYTES - 8] = '\0';
    (void)TEXT_OF(message);
    CU_ASSERT_TRUE(ends_with(line, "xxx\n"));
}

// Escapes make it longer: the line is cut, and stays one.
static void test_a_long_line_is_cut(void)
{
    static char message[LOG_MESSAGE_BYTES];
    for (size_t length = 2700; length < LOG_MESSAGE_BYTES - 8; length += length < 2760 ? 1 : 1000) {
        memset(message, '\n', length);
        message[length] = '\0';
        bool fits = length < (LOG_LINE_BYTES - 200) / 6;
        (void)JSON_OF(message);
        CU_ASSERT_TRUE(ends_with(line, fits ? "\\u000a\"}\n" : "\"}\n"));
        (void)TEXT_OF(message);
        CU_ASSERT_TRUE(ends_with(line, "\\x0a\n") || ends_with(line, "\\x0a...\n"));
    }
    CU_ASSERT_TRUE(ends_with(JSON_OF(message), "\\u000a...\"}\n"));
}

static void test_a_long_client_id_is_cut(void)
{
    static char id[65535];
    memset(id, '\0', sizeof id);
    const struct log_subject subject = {id, sizeof id, "127.0.0.1:1"};
    (void)line_of(&subject, "the message", LOG_TEXT, LOG_ENVELOPE_PLAIN);
    CU_ASSERT_TRUE(ends_with(line, "\\x00...' at 127.0.0.1:1: the message\n"));
    (void)line_of(&subject, "the message", LOG_JSON, LOG_ENVELOPE_PLAIN);
    CU_ASSERT_TRUE(
        ends_with(line, "\\u0000...\",\"address\":\"127.0.0.1:1\",\"message\":\"the message\"}\n"));
    for (size_t i = 0; i + 3 <= sizeof id; i += 3)
        memcpy(id + i, "\u20ac", 3);
    (void)line_of(&subject, "the message", LOG_TEXT, LOG_ENVELOPE_PLAIN);
    CU_ASSERT_TRUE(ends_with(line, "\u20ac...' at 127.0.0.1:1: the message\n"));
}

// A reader of JSON that knows just enough: one object of strings, no control character, no quote or backslash
// but in an escape.
static bool is_object_of_strings(const char *text)
{
    if (*text++ != '{')
        return false;
    for (bool inside = false; *text != '\0'; text++) {
        if ((unsigned char)*text < 0x20)
            return !inside && strcmp(text, "\n") == 0 && text[-1] == '}';
        if (*text == '"')
            inside = !inside;
        else if (*text == '\\' && (!inside || strchr("\"\\u", *++text) == NULL))
            return false;
        else if (!inside && *text != '"' && strchr(",:}", *text) == NULL)
            return false;
    }
    return false;
}

static bool is_one_line(const char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return strcmp(text, "\n") == 0;
    return false;
}

static void test_any_bytes_are_one_harmless_line(struct random *random)
{
    for (int round = 0; round < 20000; round++) {
        char id[300];
        char message[600];
        size_t lengths[2] = {random_next(random) % sizeof id, random_next(random) % (sizeof message - 1)};
        uint64_t mask = round % 2 == 0 ? 0xff : 0x3f; // any, and mostly characters that need care
        for (size_t i = 0; i < lengths[0]; i++)
            id[i] = (char)(random_next(random) & mask);
        for (size_t i = 0; i < lengths[1]; i++)
            message[i] = (char)((random_next(random) & mask) | 1);
        message[lengths[1]] = '\0';
        const struct log_subject subject = {id, lengths[0], "127.0.0.1:1"};
        CU_ASSERT_TRUE_FATAL(is_object_of_strings(line_of(&subject, message, LOG_JSON, LOG_ENVELOPE_PLAIN)));
        (void)line_of(&subject, message, LOG_TEXT, LOG_ENVELOPE_PLAIN);
        CU_ASSERT_TRUE_FATAL(is_one_line(line));
    }
}

static uint64_t seed;

static void test_random_bytes(void)
{
    struct random random;
    random_seed(&random, seed);
    test_any_bytes_are_one_harmless_line(&random);
}

int main(int argc, char **argv)
{
    seed = test_seed(argc, argv);
    static const CU_TestInfo tests[] = {
        {"text and JSON", test_text_and_json},
        {"a subject has its place", test_a_subject_has_its_place},
        {"envelopes", test_envelopes},
        {"characters", test_characters},
        {"a long message is cut", test_a_long_message_is_cut},
        {"a long line is cut", test_a_long_line_is_cut},
        {"a long client id is cut", test_a_long_client_id_is_cut},
        {"any bytes are one harmless line", test_random_bytes},
    };
    return RUN_TESTS("log line", tests);
}
