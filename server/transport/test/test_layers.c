// SPDX-License-Identifier: MIT
// PROXY and WebSocket as layers of a connection, cut at every byte in both directions. TLS has its own tests;
// that it stacks is shown by those with the real programs.
#include "server/transport/layers.h"

#include <string.h>

#include "test/suite.h"

static const char request[] =
    "GET /mqtt HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: mqtt\r\n"
    "Sec-WebSocket-Version: 13\r\nOrigin: https://example.com\r\n\r\n";
static const char accepted[] = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";

static struct listener_terms terms;
static struct layers *layers;
static uint8_t scratch[LAYERS_SCRATCH];

// What MQTT got, and what the peer got.
static uint8_t got[65536];
static uint32_t got_length;
static uint8_t sent[1 << 20];
static uint32_t sent_length;

static void open_layers(struct listener_layers wanted)
{
    bool failed = true;
    terms = (struct listener_terms){.layers = wanted};
    layers = layers_create(&terms, NULL, &failed);
    CU_ASSERT_FALSE(failed);
    got_length = sent_length = 0;
}

static void open_websocket(void)
{
    open_layers((struct listener_layers){.websocket = true});
}

static void close_layers(void)
{
    layers_destroy(layers);
    layers = NULL;
}

static void receive(const void *bytes, size_t length)
{
    static uint8_t buffer[65536];
    memcpy(buffer, bytes, length);
    layers_receive(layers, (struct iovec){buffer, length});
    for (struct bytes piece; layers_next(layers, scratch, &piece);) {
        CU_ASSERT_TRUE_FATAL(piece.length > 0 && got_length + piece.length <= sizeof got);
        memcpy(got + got_length, piece.data, piece.length);
        got_length += (uint32_t)piece.length;
    }
}

// Sends MQTT and whatever else waits, of which each send takes `most` bytes.
static void send_mqtt(const char *mqtt, uint32_t most)
{
    uint32_t left = (uint32_t)strlen(mqtt);
    for (;;) {
        struct iovec spans[LAYERS_SPANS_MAX] = {{(void *)(uintptr_t)mqtt, left}};
        uint32_t room = layers_room(layers);
        if (spans[0].iov_len > room)
            spans[0].iov_len = room;
        bool taken = false;
        uint32_t count = layers_wrap(layers, spans, spans[0].iov_len > 0, &taken);
        CU_ASSERT_FALSE(taken);
        if (count == 0)
            return;
        uint32_t length = 0;
        for (uint32_t i = 0; i < count; i++)
            for (size_t at = 0; at < spans[i].iov_len && length < most; at++, length++)
                sent[sent_length++] = ((const uint8_t *)spans[i].iov_base)[at];
        uint32_t gone = layers_sent(layers, length);
        mqtt += gone;
        left -= gone;
    }
}

static bool peer_got(const void *bytes, uint32_t length)
{
    bool same = sent_length == length && memcmp(sent, bytes, length) == 0;
    sent_length = 0;
    return same;
}

static void upgrade(void)
{
    receive(request, sizeof request - 1);
    send_mqtt("", UINT32_MAX);
    sent[sent_length] = '\0';
    CU_ASSERT_PTR_EQUAL(strstr((char *)sent, "HTTP/1.1 101 "), (char *)sent);
    CU_ASSERT_PTR_NOT_NULL(strstr((char *)sent, accepted));
    CU_ASSERT_PTR_NOT_NULL(strstr((char *)sent, "Sec-WebSocket-Protocol: mqtt\r\n"));
    sent_length = 0;
}

// A binary frame that says "ab", masked with 1, 2, 3, 4.
static const uint8_t frame_ab[] = {0x82, 0x82, 1, 2, 3, 4, 'a' ^ 1, 'b' ^ 2};
static const uint8_t ping_x[] = {0x89, 0x81, 0, 0, 0, 0, 'x'};
static const uint8_t pong_x[] = {0x8a, 0x01, 'x'};

static void nothing_wanted_is_no_layers(void)
{
    bool failed = true;
    terms = (struct listener_terms){0};
    CU_ASSERT_PTR_NULL(layers_create(&terms, NULL, &failed));
    CU_ASSERT_FALSE(failed);
}

static void an_upgrade_is_answered_wherever_it_is_cut(void)
{
    for (uint32_t cut = 0; cut < sizeof request; cut++) {
        open_websocket();
        receive(request, cut);
        CU_ASSERT_EQUAL(layers_room(layers) > 0, cut == sizeof request - 1);
        receive(request + cut, sizeof request - 1 - cut);
        CU_ASSERT_EQUAL(layers_status(layers), LAYERS_GOING);
        CU_ASSERT_TRUE(layers_waiting(layers) && layers_room(layers) > 0);
        close_layers();
    }
}

static void frames_behind_the_request_are_not_lost(void)
{
    uint8_t all[sizeof request + sizeof frame_ab];
    memcpy(all, request, sizeof request - 1);
    memcpy(all + sizeof request - 1, frame_ab, sizeof frame_ab);
    uint32_t length = sizeof request - 1 + sizeof frame_ab;
    for (uint32_t cut = 0; cut <= length; cut++) {
        open_websocket();
        receive(all, cut);
        receive(all + cut, length - cut);
        CU_ASSERT_TRUE(got_length == 2 && memcmp(got, "ab", 2) == 0);
        close_layers();
    }
}

static void what_is_sent_is_one_frame_however_it_leaves(void)
{
    static char mqtt[301];
    memset(mqtt, 'm', sizeof mqtt - 1);
    uint8_t expected[4 + 300] = {0x82, 126, 300 >> 8, 300 & 0xff};
    memset(expected + 4, 'm', 300);
    for (uint32_t most = 1; most <= 305; most++) {
        open_websocket();
        upgrade();
        send_mqtt(mqtt, most);
        CU_ASSERT_TRUE(peer_got(expected, sizeof expected));
        send_mqtt("12", most);
        CU_ASSERT_TRUE(peer_got("\x82\x02"
                                "12",
                                4));
        close_layers();
    }
}

// A ping that comes while a frame is under way is answered behind it.
static void answers_never_cut_a_frame(void)
{
    for (uint32_t most = 1; most < 6; most++) {
        open_websocket();
        upgrade();
        struct iovec spans[8] = {{(void *)(uintptr_t) "1234", 4}};
        bool taken;
        CU_ASSERT_EQUAL(layers_wrap(layers, spans, 1, &taken), 2);
        receive(ping_x, sizeof ping_x);
        memcpy(sent,
               "\x82\x04"
               "1234",
               6);
        sent_length = most;
        uint32_t gone = layers_sent(layers, most);
        CU_ASSERT_EQUAL(gone, most > 2 ? most - 2 : 0);
        CU_ASSERT_EQUAL(layers_room(layers), 4 - gone);
        send_mqtt(&"1234"[gone], UINT32_MAX);
        CU_ASSERT_TRUE(peer_got("\x82\x04"
                                "1234\x8a\x01x",
                                9));
        close_layers();
    }
}

static void who_pings_without_reading_is_answered_within_bounds(void)
{
    open_websocket();
    upgrade();
    for (int i = 0; i < 10000; i++)
        receive(ping_x, sizeof ping_x);
    CU_ASSERT_EQUAL(layers_status(layers), LAYERS_GOING);
    layers_end(layers, 1000);
    send_mqtt("", UINT32_MAX);
    CU_ASSERT_TRUE(sent_length < 1100 && memcmp(sent, pong_x, sizeof pong_x) == 0);
    CU_ASSERT_EQUAL(memcmp(sent + sent_length - 4, "\x88\x02\x03\xe8", 4), 0);
    close_layers();
}

static void a_close_is_answered_with_its_code_and_ends(void)
{
    static const uint8_t close_going_away[] = {0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe9};
    open_websocket();
    upgrade();
    receive(close_going_away, sizeof close_going_away);
    CU_ASSERT_EQUAL(layers_status(layers), LAYERS_ENDED);
    CU_ASSERT_EQUAL(layers_room(layers), 0);
    layers_end(layers, 1002); // said already
    send_mqtt("late", UINT32_MAX);
    CU_ASSERT_TRUE(peer_got("\x88\x02\x03\xe9", 4));
    close_layers();
}

static void a_fault_in_a_frame_is_told_and_fails(void)
{
    static const uint8_t text[] = {0x81, 0x81, 0, 0, 0, 0, 't'};
    open_websocket();
    upgrade();
    receive(text, sizeof text);
    CU_ASSERT_EQUAL(layers_status(layers), LAYERS_FAILED);
    CU_ASSERT_PTR_NOT_NULL(layers_why(layers));
    send_mqtt("late", UINT32_MAX);
    CU_ASSERT_TRUE(peer_got("\x88\x02\x03\xeb", 4)); // 1003
    receive(frame_ab, sizeof frame_ab);
    CU_ASSERT_EQUAL(got_length, 0);
    close_layers();
}

static void refused(const char *text, struct listener_layers wanted, const char *status)
{
    open_layers(wanted);
    receive(text, strlen(text));
    CU_ASSERT_EQUAL(layers_status(layers), LAYERS_FAILED);
    CU_ASSERT_PTR_NOT_NULL(layers_why(layers));
    layers_end(layers, 1008);
    send_mqtt("late", 7);
    sent[sent_length] = '\0';
    CU_ASSERT_PTR_EQUAL(strstr((char *)sent, status), (char *)sent);
    CU_ASSERT_EQUAL(got_length, 0);
    close_layers();
}

static void wrong_requests_are_refused(void)
{
    static char long_request[10000];
    memset(long_request, 'x', sizeof long_request - 1);
    memcpy(long_request, "GET / HTTP/1.1\r\nX: ", 19);
    const struct listener_layers any = {.websocket = true};
    const struct listener_layers path = {.websocket = true, .paths = {bytes_of("/other")}, .path_count = 1};
    const struct listener_layers origin = {
        .websocket = true, .origins = {bytes_of("https://other.example")}, .origin_count = 1};
    refused("GET / HTTP/1.1\r\nHost: a\r\n\r\n", any, "HTTP/1.1 426 ");
    refused(long_request, any, "HTTP/1.1 431 ");
    refused(request, path, "HTTP/1.1 404 ");
    refused(request, origin, "HTTP/1.1 403 ");
}

static void rules_let_through_what_they_name(void)
{
    open_layers((struct listener_layers){.websocket = true,
                                         .paths = {bytes_of("/other"), bytes_of("/mqtt")},
                                         .path_count = 2,
                                         .origins = {bytes_of("https://example.com")},
                                         .origin_count = 1});
    upgrade();
    receive(frame_ab, sizeof frame_ab);
    CU_ASSERT_EQUAL(got_length, 2);
    close_layers();
}

static void a_proxy_header_names_the_peer_wherever_it_is_cut(void)
{
    static const char stream[] = "PROXY TCP4 192.0.2.1 198.51.100.7 40000 1883\r\nmqtt";
    for (uint32_t cut = 0; cut < sizeof stream; cut++) {
        open_layers((struct listener_layers){.proxy_protocol = true});
        receive(stream, cut);
        receive(stream + cut, sizeof stream - 1 - cut);
        CU_ASSERT_STRING_EQUAL(layers_peer(layers), "192.0.2.1:40000");
        CU_ASSERT_TRUE(got_length == 4 && memcmp(got, "mqtt", 4) == 0);
        send_mqtt("plain", 2);
        CU_ASSERT_TRUE(peer_got("plain", 5));
        close_layers();
    }
}

// A client over TLS with a certificate for `ann`; `verify` is what the proxy thinks of it, 0 being good.
static void receive_proxy_header_of_ann(bool wanted, uint8_t verify)
{
    uint8_t header[] = "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x1a\xc0\0\2\1\xc6\x33\x64\7\x9c\x40\7\x5b"
                       "\x20\0\x0b\7\0\0\0\0\x22\0\3ann";
    header[35] = verify;
    open_layers((struct listener_layers){.proxy_protocol = true, .proxy_common_name = wanted});
    receive(header, sizeof header - 1);
    CU_ASSERT_EQUAL(layers_status(layers), LAYERS_GOING);
    CU_ASSERT_STRING_EQUAL(layers_peer(layers), "192.0.2.1:40000");
}

static void a_certificate_that_the_proxy_found_good_is_a_user_name(void)
{
    receive_proxy_header_of_ann(true, 0);
    CU_ASSERT_STRING_EQUAL(layers_user_name(layers), "ann");
    close_layers();
    receive_proxy_header_of_ann(true, 1);
    CU_ASSERT_STRING_EQUAL(layers_user_name(layers), "");
    close_layers();
    receive_proxy_header_of_ann(false, 0);
    CU_ASSERT_STRING_EQUAL(layers_user_name(layers), "");
    close_layers();
}

static void no_proxy_header_where_there_must_be_one_fails(void)
{
    open_layers((struct listener_layers){.proxy_protocol = true});
    receive("\x10\x0c\0\4MQTT\4\2\0\0\0\0", 14);
    CU_ASSERT_EQUAL(layers_status(layers), LAYERS_FAILED);
    CU_ASSERT_EQUAL(got_length, 0);
    close_layers();
}

static void websocket_behind_a_proxy_header(void)
{
    static char stream[sizeof request + 64];
    (void)snprintf(stream, sizeof stream, "PROXY TCP6 2001:db8::1 2001:db8::2 1 2\r\n%s", request);
    for (uint32_t cut = 0; cut < strlen(stream); cut++) {
        open_layers((struct listener_layers){.proxy_protocol = true, .websocket = true});
        receive(stream, cut);
        receive(stream + cut, strlen(stream) - cut);
        CU_ASSERT_STRING_EQUAL(layers_peer(layers), "[2001:db8::1]:1");
        receive(frame_ab, sizeof frame_ab);
        CU_ASSERT_EQUAL(got_length, 2);
        close_layers();
    }
}

int main(void)
{
    static const CU_TestInfo cases[] = {
        {"nothing wanted is no layers", nothing_wanted_is_no_layers},
        {"an upgrade is answered wherever it is cut", an_upgrade_is_answered_wherever_it_is_cut},
        {"frames behind the request are not lost", frames_behind_the_request_are_not_lost},
        {"what is sent is one frame however it leaves", what_is_sent_is_one_frame_however_it_leaves},
        {"answers never cut a frame", answers_never_cut_a_frame},
        {"who pings without reading is answered within bounds",
         who_pings_without_reading_is_answered_within_bounds},
        {"a close is answered with its code and ends", a_close_is_answered_with_its_code_and_ends},
        {"a fault in a frame is told and fails", a_fault_in_a_frame_is_told_and_fails},
        {"wrong requests are refused", wrong_requests_are_refused},
        {"rules let through what they name", rules_let_through_what_they_name},
        {"a PROXY header names the peer wherever it is cut",
         a_proxy_header_names_the_peer_wherever_it_is_cut},
        {"a certificate that the proxy found good is a user name",
         a_certificate_that_the_proxy_found_good_is_a_user_name},
        {"no PROXY header where there must be one fails", no_proxy_header_where_there_must_be_one_fails},
        {"WebSocket behind a PROXY header", websocket_behind_a_proxy_header},
    };
    return RUN_TESTS("layers", cases);
}
