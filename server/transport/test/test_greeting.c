// SPDX-License-Identifier: MIT
// What the first bytes of a stream are taken for, and what is answered.
#include <string.h>

#include "server/transport/greeting.h"
#include "test/run.h"

static enum greeting of(const char *text)
{
    return greeting_of(bytes_of(text));
}

static void test_whole_beginnings(void)
{
    CU_ASSERT_EQUAL(of("\x10\x0d"), GREETING_MQTT);
    CU_ASSERT_EQUAL(of("\x16\x03\x01\x02"), GREETING_TLS);
    CU_ASSERT_EQUAL(of("\x15\x03\x03"), GREETING_TLS);
    CU_ASSERT_EQUAL(of("GET / HTTP/1.1\r\n"), GREETING_HTTP);
    CU_ASSERT_EQUAL(of("CONNECT example.com:443 HTTP/1.1\r\n"), GREETING_HTTP);
    CU_ASSERT_EQUAL(of("PROXY TCP4 1.2.3.4"), GREETING_PROXY);
    CU_ASSERT_EQUAL(of("\r\n\r\n"), GREETING_PROXY);
    CU_ASSERT_EQUAL(of("SSH-2.0"), GREETING_OTHER);
}

// One byte tells MQTT and TLS; of text two must have come.
static void test_cut_beginnings(void)
{
    CU_ASSERT_EQUAL(of("\x10"), GREETING_MQTT);
    CU_ASSERT_EQUAL(of("\x16"), GREETING_TLS);
    CU_ASSERT_EQUAL(of("GE"), GREETING_HTTP);
    CU_ASSERT_EQUAL(of("G"), GREETING_OTHER);
    CU_ASSERT_EQUAL(of("P"), GREETING_OTHER); // POST, PUT, PROXY, or a PUBREC
}

// Packets of MQTT that begin with the same byte as others.
static void test_what_only_resembles(void)
{
    CU_ASSERT_EQUAL(of("\x16\x0c"), GREETING_OTHER); // a CONNECT with flags
    CU_ASSERT_EQUAL(of("\x47\x02"), GREETING_OTHER); // a PUBACK with flags, G
    CU_ASSERT_EQUAL(of("\x50\x02"), GREETING_OTHER); // a PUBREC, P
    CU_ASSERT_EQUAL(of("GETTER"), GREETING_OTHER);
}

static struct bytes answer_to(enum greeting greeting)
{
    static uint8_t room[GREETING_ANSWER_MAX];
    struct writer writer = writer_of(room, sizeof room);
    greeting_answer(greeting, "Another port", &writer);
    CU_ASSERT_FALSE(writer.overflow);
    return (struct bytes){room, (size_t)(writer.at - room)};
}

static void test_answers(void)
{
    static const uint8_t alert[] = {21, 3, 3, 0, 2, 2, 10};
    struct bytes answer = answer_to(GREETING_TLS);
    CU_ASSERT_TRUE(answer.length == sizeof alert && memcmp(answer.data, alert, sizeof alert) == 0);
    answer = answer_to(GREETING_HTTP);
    CU_ASSERT_TRUE(bytes_begin_with(answer, bytes_of("HTTP/1.1 400 Bad Request\r\n")));
    CU_ASSERT_PTR_NOT_NULL(memmem(answer.data, answer.length, "\r\n\r\nAnother port\n", 17));
    CU_ASSERT_EQUAL(answer_to(GREETING_MQTT).length, 0);
    CU_ASSERT_EQUAL(answer_to(GREETING_PROXY).length, 0);
    CU_ASSERT_EQUAL(answer_to(GREETING_OTHER).length, 0);
    for (enum greeting greeting = GREETING_MQTT; greeting <= GREETING_PROXY; greeting++)
        CU_ASSERT_PTR_NOT_NULL(greeting_why(greeting));
    CU_ASSERT_PTR_NULL(greeting_why(GREETING_OTHER));
}

int main(void)
{
    static const CU_TestInfo cases[] = {
        {"whole beginnings", test_whole_beginnings},
        {"cut beginnings", test_cut_beginnings},
        {"what only resembles", test_what_only_resembles},
        {"answers", test_answers},
    };
    return RUN_TESTS("transport/greeting", cases);
}
