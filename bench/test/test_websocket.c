// SPDX-License-Identifier: MIT
// WebSocket as a client of MQTT has it: the examples of RFC 6455, cut everywhere, and what must be refused.
#include <errno.h>
#include <string.h>

#include "bench/websocket.h"
#include "bench/wire.h"
#include "test/run.h"

#define KEY    "dGhlIHNhbXBsZSBub25jZQ==" // section 1.3
#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
#define ROOM   200000u

#define STATUS     "HTTP/1.1 101 Switching Protocols\r\n"
#define UPGRADE    "Upgrade: websocket\r\n"
#define CONNECTION "Connection: Upgrade\r\n"
#define ACCEPTED   "Sec-WebSocket-Accept: " ACCEPT "\r\n"
#define PROTOCOL   "Sec-WebSocket-Protocol: mqtt\r\n"

// ---- The upgrade ----

static void key_is_the_nonce_in_base64(void)
{
    char key[WEBSOCKET_KEY_SIZE];
    websocket_make_key((const uint8_t *)"the sample nonce", key);
    CU_ASSERT_STRING_EQUAL(key, KEY);
}

static void accept_is_that_of_the_standard(void)
{
    char accept[WEBSOCKET_ACCEPT_SIZE];
    websocket_make_accept(KEY, accept);
    CU_ASSERT_STRING_EQUAL(accept, ACCEPT);
}

static void request_asks_for_mqtt(void)
{
    static const char expected[] = "GET /mqtt HTTP/1.1\r\n"
                                   "Host: broker:8080\r\n"
                                   "Upgrade: websocket\r\n"
                                   "Connection: Upgrade\r\n"
                                   "Sec-WebSocket-Key: " KEY "\r\n"
                                   "Sec-WebSocket-Version: 13\r\n"
                                   "Sec-WebSocket-Protocol: mqtt\r\n"
                                   "\r\n";
    struct websocket_request request = {"broker:8080", "/mqtt", KEY};
    char text[WEBSOCKET_REQUEST_MAX];
    size_t length = websocket_put_request(text, &request);
    CU_ASSERT_EQUAL_FATAL(length, strlen(expected));
    CU_ASSERT_EQUAL(memcmp(text, expected, length), 0);
}

static void request_that_does_not_fit_is_none(void)
{
    char path[WEBSOCKET_REQUEST_MAX + 1] = "/";
    char text[WEBSOCKET_REQUEST_MAX];
    struct websocket_request request = {"broker", path, KEY};
    memset(path + 1, 'p', sizeof(path) - 2);
    CU_ASSERT_EQUAL(websocket_put_request(text, &request), 0);
}

static void answer_ends_where_frames_begin(void)
{
    static const char answer[] = STATUS UPGRADE CONNECTION ACCEPTED PROTOCOL "\r\n\x82";
    int head = (int)sizeof(answer) - 2;
    const char *why = NULL;
    for (int length = 0; length < head; length++)
        CU_ASSERT_EQUAL(websocket_check_answer(answer, (size_t)length, KEY, &why), -EAGAIN);
    CU_ASSERT_EQUAL(websocket_check_answer(answer, (size_t)head, KEY, &why), head);
    CU_ASSERT_EQUAL(websocket_check_answer(answer, (size_t)head + 1, KEY, &why), head);
    CU_ASSERT_PTR_NULL(why);
}

static void answer_may_be_written_otherwise(void)
{
    static const char answer[] = "HTTP/1.1 101\r\n"
                                 "server: some broker: 1.0\r\n"
                                 "SEC-WEBSOCKET-PROTOCOL:mqtt\r\n"
                                 "upgrade: \t WebSocket \r\n"
                                 "connection: keep-alive , upgrade\r\n"
                                 "sec-websocket-accept: " ACCEPT "\r\n\r\n";
    const char *why = NULL;
    CU_ASSERT_EQUAL(websocket_check_answer(answer, strlen(answer), KEY, &why), (int)strlen(answer));
}

static void check_refused(const char *answer, const char *word)
{
    const char *why = "";
    CU_ASSERT_EQUAL(websocket_check_answer(answer, strlen(answer), KEY, &why), -EPROTO);
    CU_ASSERT_PTR_NOT_NULL(strstr(why, word));
}

static void bad_answers_are_refused(void)
{
    static const char *const refusals[] = {
        "HTTP/1.1 404 Not Found\r\n\r\n",
        "HTTP/1.1 200 OK\r\n" UPGRADE CONNECTION ACCEPTED PROTOCOL "\r\n",
        "HTTP/1.1 1011 No\r\n" UPGRADE CONNECTION ACCEPTED PROTOCOL "\r\n",
        "HTTP/1.0 101 Switching Protocols\r\n" UPGRADE CONNECTION ACCEPTED PROTOCOL "\r\n",
        "HTTP/1.1 10\r\n\r\n",
        "\r\n\r\n",
    };
    static const char *const incomplete[] = {
        STATUS CONNECTION ACCEPTED PROTOCOL "\r\n",
        STATUS UPGRADE ACCEPTED PROTOCOL "\r\n",
        STATUS UPGRADE CONNECTION PROTOCOL "\r\n",
        STATUS UPGRADE CONNECTION ACCEPTED "\r\n",
        STATUS "Upgrade: h2c\r\n" CONNECTION ACCEPTED PROTOCOL "\r\n",
        STATUS UPGRADE "Connection: close\r\n" ACCEPTED PROTOCOL "\r\n",
        STATUS UPGRADE "Connection: upgraded\r\n" ACCEPTED PROTOCOL "\r\n",
        STATUS "\r\n",
    };
    for (size_t index = 0; index < sizeof(refusals) / sizeof(*refusals); index++)
        check_refused(refusals[index], "refused");
    for (size_t index = 0; index < sizeof(incomplete) / sizeof(*incomplete); index++)
        check_refused(incomplete[index], "not complete");
}

static void wrong_fields_are_refused(void)
{
    check_refused(STATUS UPGRADE CONNECTION "Sec-WebSocket-Accept: S3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" PROTOCOL
                                            "\r\n",
                  "another Sec-WebSocket-Accept");
    check_refused(STATUS UPGRADE CONNECTION ACCEPTED "Sec-WebSocket-Protocol: mqttv3.1\r\n\r\n",
                  "subprotocol");
    check_refused(STATUS UPGRADE CONNECTION ACCEPTED PROTOCOL
                  "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n",
                  "extensions");
}

static void answer_without_end_is_refused(void)
{
    static char answer[WEBSOCKET_ANSWER_MAX];
    const char *why = NULL;
    memset(answer, 'x', sizeof(answer));
    CU_ASSERT_EQUAL(websocket_check_answer(answer, sizeof(answer) - 1, KEY, &why), -EAGAIN);
    CU_ASSERT_EQUAL(websocket_check_answer(answer, sizeof(answer), KEY, &why), -EPROTO);
    CU_ASSERT_PTR_NOT_NULL(why);
}

// ---- Frames to send ----

static void check_header(uint64_t length, const uint8_t *expected, uint32_t size)
{
    uint8_t header[WEBSOCKET_HEADER_MAX];
    CU_ASSERT_EQUAL_FATAL(websocket_put_header(header, WEBSOCKET_BINARY, length), size);
    CU_ASSERT_EQUAL(memcmp(header, expected, size), 0);
}

static void header_has_the_shortest_length(void)
{
    check_header(0, (const uint8_t[]){0x82, 0x80, 0, 0, 0, 0}, 6);
    check_header(125, (const uint8_t[]){0x82, 0xfd, 0, 0, 0, 0}, 6);
    check_header(126, (const uint8_t[]){0x82, 0xfe, 0, 126, 0, 0, 0, 0}, 8);
    check_header(256, (const uint8_t[]){0x82, 0xfe, 1, 0, 0, 0, 0, 0}, 8);
    check_header(65535, (const uint8_t[]){0x82, 0xfe, 255, 255, 0, 0, 0, 0}, 8);
    check_header(65536, (const uint8_t[]){0x82, 0xff, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0}, 14);
    check_header(0x0102030405060708, (const uint8_t[]){0x82, 0xff, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0}, 14);
}

static void header_names_its_kind(void)
{
    uint8_t header[WEBSOCKET_HEADER_MAX];
    websocket_put_header(header, WEBSOCKET_PONG, 5);
    CU_ASSERT_EQUAL(header[0], 0x8a);
    websocket_put_header(header, WEBSOCKET_CLOSE, 2);
    CU_ASSERT_EQUAL(header[0], 0x88);
}

// ---- Frames that come ----

// What came out of a stream of frames: data as "abc", a ping as "<ping:abc>", a close as "<close:abc>".
struct outcome {
    char text[ROOM];
    size_t length;
    const char *why;
};

static void outcome_add(struct outcome *outcome, const void *bytes, size_t length)
{
    CU_ASSERT_FATAL(outcome->length + length < ROOM);
    memcpy(outcome->text + outcome->length, bytes, length);
    outcome->length += length;
}

static void outcome_add_payload(struct outcome *outcome, const char *before, struct websocket_span payload)
{
    outcome_add(outcome, before, strlen(before));
    outcome_add(outcome, payload.at, (size_t)(payload.end - payload.at));
    if (*before != '\0')
        outcome_add(outcome, ">", 1);
}

static void feed(struct websocket *websocket, uint8_t *bytes, size_t length, struct outcome *outcome)
{
    struct websocket_span span = {bytes, bytes + length};
    struct websocket_span payload;
    for (;;) {
        switch (websocket_next(websocket, &span, &payload)) {
        case WEBSOCKET_DATA:
            CU_ASSERT_FATAL(payload.at >= bytes && payload.end <= bytes + length); // where it lies
            CU_ASSERT_FATAL(payload.at < payload.end);
            outcome_add_payload(outcome, "", payload);
            break;
        case WEBSOCKET_PINGED:
            outcome_add_payload(outcome, "<ping:", payload);
            break;
        case WEBSOCKET_CLOSED:
            outcome_add_payload(outcome, "<close:", payload);
            break;
        case WEBSOCKET_FAILED:
            outcome->why = websocket->why;
            return;
        case WEBSOCKET_MORE:
            CU_ASSERT_PTR_EQUAL(span.at, span.end);
            return;
        }
    }
}

// Feeds the bytes in pieces of `piece`, each in memory of its own so that a sanitizer sees a step beyond it.
static const struct outcome *outcome_of(const uint8_t *bytes, size_t length, size_t piece)
{
    static struct outcome outcome;
    static uint8_t room[ROOM];
    struct websocket websocket = {.left = 0};
    outcome = (struct outcome){.length = 0};
    CU_ASSERT_FATAL(piece <= ROOM);
    for (size_t at = 0; at < length && outcome.why == NULL; at += piece) {
        size_t step = length - at < piece ? length - at : piece;
        uint8_t *end_of_room = room + ROOM - step;
        memcpy(end_of_room, bytes + at, step);
        feed(&websocket, end_of_room, step, &outcome);
    }
    return &outcome;
}

static void check_frames(const uint8_t *bytes, size_t length, const char *expected)
{
    for (size_t piece = 1; piece <= length; piece++) {
        const struct outcome *outcome = outcome_of(bytes, length, piece);
        CU_ASSERT_PTR_NULL(outcome->why);
        CU_ASSERT_EQUAL_FATAL(outcome->length, strlen(expected));
        CU_ASSERT_EQUAL(memcmp(outcome->text, expected, outcome->length), 0);
    }
}

#define CHECK_FRAMES(expected, ...)                                                                          \
    check_frames((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}), expected)

// Section 5.7, with binary frames where the examples have text.
static void frames_of_the_standard_are_read(void)
{
    CHECK_FRAMES("Hello", 0x82, 0x05, 'H', 'e', 'l', 'l', 'o');
    CHECK_FRAMES("Hello", 0x02, 0x03, 'H', 'e', 'l', 0x80, 0x02, 'l', 'o');
    CHECK_FRAMES("<ping:Hello>", 0x89, 0x05, 'H', 'e', 'l', 'l', 'o');
    CHECK_FRAMES("", 0x8a, 0x05, 'H', 'e', 'l', 'l', 'o'); // an unsolicited pong
    CHECK_FRAMES("<close:Hello>", 0x88, 0x05, 'H', 'e', 'l', 'l', 'o');
}

static void control_frames_come_between_others(void)
{
    CHECK_FRAMES("Hel<ping:?>lo", 0x02, 0x03, 'H', 'e', 'l', 0x89, 0x01, '?', 0x80, 0x02, 'l', 'o');
    CHECK_FRAMES("ab<close:>", 0x82, 0x01, 'a', 0x8a, 0x00, 0x82, 0x01, 'b', 0x88, 0x00);
    CHECK_FRAMES("a<ping:x><ping:>b", 0x02, 0x01, 'a', 0x89, 0x01, 'x', 0x89, 0x00, 0x80, 0x01, 'b');
}

static void empty_frames_are_nothing(void)
{
    CHECK_FRAMES("ab", 0x02, 0x00, 0x00, 0x01, 'a', 0x00, 0x00, 0x80, 0x00, 0x82, 0x00, 0x82, 0x01, 'b');
}

static void longer_forms_of_a_length_are_let_pass(void)
{
    CHECK_FRAMES("ab", 0x82, 126, 0, 1, 'a', 0x82, 127, 0, 0, 0, 0, 0, 0, 0, 1, 'b');
}

static void check_long(size_t length, const uint8_t *header, size_t header_size)
{
    static uint8_t bytes[ROOM];
    static const size_t pieces[] = {1, 2, 3, 7, 1000, 4096, ROOM};
    memcpy(bytes, header, header_size);
    for (size_t index = 0; index < length; index++)
        bytes[header_size + index] = (uint8_t)(index * 7);
    for (size_t index = 0; index < sizeof(pieces) / sizeof(*pieces); index++) {
        const struct outcome *outcome = outcome_of(bytes, header_size + length, pieces[index]);
        CU_ASSERT_PTR_NULL(outcome->why);
        CU_ASSERT_EQUAL_FATAL(outcome->length, length);
        CU_ASSERT_EQUAL(memcmp(outcome->text, bytes + header_size, length), 0);
    }
}

static void long_frames_of_the_standard_are_read(void)
{
    check_long(256, (const uint8_t[]){0x82, 0x7e, 0x01, 0x00}, 4);
    check_long(65535, (const uint8_t[]){0x82, 0x7e, 0xff, 0xff}, 4);
    check_long(65536, (const uint8_t[]){0x82, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0}, 10);
    check_long(65537, (const uint8_t[]){0x82, 0x7f, 0, 0, 0, 0, 0, 1, 0, 1}, 10);
}

static void longest_control_frame_is_read(void)
{
    uint8_t bytes[2 + WEBSOCKET_CONTROL_MAX] = {0x89, WEBSOCKET_CONTROL_MAX};
    char expected[WEBSOCKET_CONTROL_MAX + 8] = "<ping:";
    memset(bytes + 2, 'p', WEBSOCKET_CONTROL_MAX);
    memset(expected + 6, 'p', WEBSOCKET_CONTROL_MAX);
    expected[6 + WEBSOCKET_CONTROL_MAX] = '>';
    check_frames(bytes, sizeof(bytes), expected);
}

static void check_fails(const uint8_t *bytes, size_t length, const char *word)
{
    for (size_t piece = 1; piece <= length; piece++) {
        const struct outcome *outcome = outcome_of(bytes, length, piece);
        CU_ASSERT_PTR_NOT_NULL_FATAL(outcome->why);
        CU_ASSERT_PTR_NOT_NULL(strstr(outcome->why, word));
        CU_ASSERT_EQUAL(outcome->length, 0);
    }
}

#define CHECK_FAILS(word, ...)                                                                               \
    check_fails((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}), word)

static void broken_rules_fail(void)
{
    CHECK_FAILS("not binary", 0x81, 0x05, 'H', 'e', 'l', 'l', 'o');
    CHECK_FAILS("not binary", 0x83, 0x00);
    CHECK_FAILS("not binary", 0x8b, 0x00);
    CHECK_FAILS("reserved", 0xc2, 0x01, 'a');
    CHECK_FAILS("reserved", 0x92, 0x01, 'a');
    CHECK_FAILS("masked", 0x82, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58);
    CHECK_FAILS("had not begun", 0x80, 0x02, 'l', 'o');
    CHECK_FAILS("within another", 0x02, 0x00, 0x82, 0x01, 'a');
    CHECK_FAILS("control", 0x09, 0x01, 'a');
    CHECK_FAILS("control", 0x89, 0x7e, 0, 126, 'a');
    CHECK_FAILS("control", 0x88, 0x7f, 0, 0, 0, 0, 0, 0, 0, 1, 'a');
    CHECK_FAILS("impossible", 0x82, 0x7f, 0x80, 0, 0, 0, 0, 0, 0, 1, 'a');
}

static void failure_lasts(void)
{
    struct websocket websocket = {.left = 0};
    uint8_t bytes[] = {0x81, 0x00, 0x82, 0x01, 'a'};
    struct websocket_span span = {bytes, bytes + sizeof(bytes)};
    struct websocket_span payload;
    CU_ASSERT_EQUAL(websocket_next(&websocket, &span, &payload), WEBSOCKET_FAILED);
    CU_ASSERT_EQUAL(websocket_next(&websocket, &span, &payload), WEBSOCKET_FAILED);
}

// ---- Packets in frames ----

#define PUBLISHES 20u

// Cuts bytes into frames of `size` bytes of payload; all of them are one message. Returns the length of it
// all.
static size_t cut_into_frames(uint8_t *frames, const uint8_t *bytes, size_t length, size_t size)
{
    uint8_t *to = frames;
    for (size_t at = 0; at < length; at += size) {
        size_t step = length - at < size ? length - at : size;
        CU_ASSERT_FATAL(step <= 0xff);
        *to++ = (uint8_t)((at == 0 ? WEBSOCKET_BINARY : WEBSOCKET_CONTINUATION) |
                          (at + step == length ? 0x80 : 0));
        *to++ = 126;
        *to++ = 0;
        *to++ = (uint8_t)step;
        memcpy(to, bytes + at, step);
        to += step;
    }
    return (size_t)(to - frames);
}

// Receives frames in pieces, as a connection does: the splitter writes what it has kept in front of each
// piece of payload. Returns how many PUBLISH packets came, in their order.
static uint32_t count_publishes(const struct publish_form *form, const uint8_t *frames, size_t length,
                                size_t piece)
{
    static uint8_t room[WIRE_HEAD_MAX + ROOM];
    struct websocket websocket = {.left = 0};
    struct splitter splitter;
    struct wire_packet packet;
    uint32_t count = 0;
    splitter_init(&splitter);
    for (size_t at = 0; at < length; at += piece) {
        size_t step = length - at < piece ? length - at : piece;
        uint8_t *data = room + WIRE_HEAD_MAX;
        memcpy(data, frames + at, step);
        struct websocket_span span = {data, data + step};
        struct websocket_span payload;
        while (websocket_next(&websocket, &span, &payload) == WEBSOCKET_DATA) {
            splitter_give(&splitter, payload.at, (size_t)(payload.end - payload.at));
            while (splitter_next(&splitter, form, &packet))
                count += packet.type == WIRE_PUBLISH && packet.tag.sequence == count;
        }
    }
    return count;
}

static void packets_may_span_frames(void)
{
    static uint8_t bytes[PUBLISHES * 128];
    static uint8_t frames[5 * sizeof(bytes)];
    uint8_t topic[WIRE_TOPIC_BYTES];
    struct publish_form form;
    CU_ASSERT_EQUAL_FATAL(publish_form_init(&form, 40, 1), 0);
    wire_put_topic(topic, 7);
    for (uint32_t number = 0; number < PUBLISHES; number++)
        publish_form_put(&form, topic, 1, (struct wire_tag){0, number, 0}, bytes + number * form.size);
    for (size_t size = 1; size <= 2 * form.size; size++) {
        size_t length = cut_into_frames(frames, bytes, PUBLISHES * form.size, size);
        for (size_t piece = 1; piece <= 200; piece++)
            CU_ASSERT_EQUAL(count_publishes(&form, frames, length, piece), PUBLISHES);
        CU_ASSERT_EQUAL(count_publishes(&form, frames, length, length), PUBLISHES);
    }
    publish_form_finish(&form);
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"key is the nonce in base64", key_is_the_nonce_in_base64},
        {"accept is that of the standard", accept_is_that_of_the_standard},
        {"request asks for mqtt", request_asks_for_mqtt},
        {"request that does not fit is none", request_that_does_not_fit_is_none},
        {"answer ends where frames begin", answer_ends_where_frames_begin},
        {"answer may be written otherwise", answer_may_be_written_otherwise},
        {"bad answers are refused", bad_answers_are_refused},
        {"wrong fields are refused", wrong_fields_are_refused},
        {"answer without end is refused", answer_without_end_is_refused},
        {"header has the shortest length", header_has_the_shortest_length},
        {"header names its kind", header_names_its_kind},
        {"frames of the standard are read", frames_of_the_standard_are_read},
        {"control frames come between others", control_frames_come_between_others},
        {"empty frames are nothing", empty_frames_are_nothing},
        {"longer forms of a length are let pass", longer_forms_of_a_length_are_let_pass},
        {"long frames of the standard are read", long_frames_of_the_standard_are_read},
        {"longest control frame is read", longest_control_frame_is_read},
        {"broken rules fail", broken_rules_fail},
        {"failure lasts", failure_lasts},
        {"packets may span frames", packets_may_span_frames},
    };
    return RUN_TESTS("bench/websocket", tests);
}
