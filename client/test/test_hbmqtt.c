// SPDX-License-Identifier: MIT
// The public interface over loopback, against a peer in a thread that plays a broker from a script of bytes.
#include "client/test/scripted_peer.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

// Connecting.

static void script_all_fields(int fd)
{
    EXPECT("\x10\x24\x00\x04MQTT\x04\xec\x00\x0a\x00\x02id\x00\x02wt\x00\x02wm\x00\x04"
           "u@ri\x00\x06s:cret");
    SEND(CONNACK);
    EXPECT(DISCONNECT);
    peer_expect_end(fd);
}

static void connect_carries_every_field_in_order(void) // [MQTT-3.1.3-1]
{
    struct hbmqtt_message will = message_of("wt", "wm", 1);
    struct hbmqtt_options options = options_usual();
    char url[128];
    will.retain = true;
    options.client_id = "id";
    options.clean_session = false;
    options.will = &will;
    options.user_name = "overridden";
    options.password = "too";
    options.password_length = 3;
    peer_begin(script_all_fields);
    struct hbmqtt_client *client = client_make(&options);
    snprintf(url, sizeof url, "mqtt://u%%40ri:s:cret@%s/ignored", peer.url + strlen("mqtt://"));
    CU_ASSERT_EQUAL(hbmqtt_connect(client, url, NULL), 0);
    CU_ASSERT_EQUAL(hbmqtt_connect(client, url, NULL), HBMQTT_ERROR_ARGUMENT);
    CU_ASSERT_EQUAL(hbmqtt_disconnect(client, NULL), 0);
    CU_ASSERT_FALSE(hbmqtt_is_connected(client));
    CU_ASSERT_EQUAL(hbmqtt_disconnect(client, NULL), 0);
    hbmqtt_destroy(client);
    peer_end();
}

static void script_refuse(int fd)
{
    EXPECT(CONNECT);
    SEND("\x20\x02\x00\x05");
    peer_expect_end(fd);
}

static void a_refusal_is_told_with_its_code(void)
{
    peer_begin(script_refuse);
    struct hbmqtt_client *client = client_make(NULL);
    CU_ASSERT_EQUAL(hbmqtt_connect(client, peer.url, NULL), HBMQTT_ERROR_REFUSED);
    CU_ASSERT_EQUAL(hbmqtt_refusal_code(client), 5);
    CU_ASSERT_EQUAL(hbmqtt_reason_code(client), 5);
    CU_ASSERT_EQUAL(hbmqtt_last_result(client)->error, HBMQTT_ERROR_REFUSED);
    CU_ASSERT_STRING_EQUAL(hbmqtt_last_result(client)->text, hbmqtt_error_text(client));
    expect_text(client, peer.url);
    expect_text(client, "not authorized (code 5)");
    hbmqtt_destroy(client);
    peer_end();
}

static void nobody_listening_is_unreachable(void)
{
    char url[64];
    int fd = listen_somewhere(url, sizeof url); // bound, and not listening
    struct hbmqtt_client *client = client_make(NULL);
    CU_ASSERT_EQUAL(hbmqtt_connect(client, url, NULL), HBMQTT_ERROR_UNREACHABLE);
    expect_text(client, "Connection refused");
    hbmqtt_destroy(client);
    close(fd);
}

static void script_silent(int fd)
{
    EXPECT(CONNECT);
    peer_expect_end(fd);
}

static void no_connack_is_a_time_out(void)
{
    struct hbmqtt_options options = options_usual();
    options.connect_timeout_ms = 50;
    peer_begin(script_silent);
    struct hbmqtt_client *client = client_make(&options);
    CU_ASSERT_EQUAL(hbmqtt_connect(client, peer.url, NULL), HBMQTT_ERROR_TIMEOUT);
    expect_text(client, "no CONNACK within 50 ms");
    CU_ASSERT_FALSE(hbmqtt_is_connected(client));
    hbmqtt_destroy(client);
    peer_end();
}

static void script_close_at_once(int fd)
{
    EXPECT(CONNECT);
}

static void an_end_before_connack_is_a_loss(void)
{
    peer_begin(script_close_at_once);
    struct hbmqtt_client *client = client_make(NULL);
    CU_ASSERT_EQUAL(hbmqtt_connect(client, peer.url, NULL), HBMQTT_ERROR_LOST);
    expect_text(client, "before CONNACK");
    hbmqtt_destroy(client);
    peer_end();
}

static void other_schemes_are_refused_in_one_line(void)
{
    static const char *const urls[] = {"nonsense", "http://h", "ws://h/a b", "wss://h/\r\nX: y"};
    struct hbmqtt_client *client = client_make(NULL);
    for (size_t i = 0; i < 4; i++) {
        CU_ASSERT_EQUAL(hbmqtt_connect(client, urls[i], NULL), HBMQTT_ERROR_ARGUMENT);
        expect_text(client, "bad URL");
    }
    hbmqtt_destroy(client);
}

static void files_of_tls_are_judged_before_anything_is_sent(void)
{
    struct hbmqtt_options options[6];
    static const char *const texts[] = {
        "CA file '/nowhere'", "CA path '/dev/null'",          "the CA data",
        "CA file '/'",        "certificate file '/dev/null'", "key file '/dev/null'"};
    for (size_t i = 0; i < 6; i++)
        options[i] = options_usual();
    options[0].ca_file = "/nowhere";
    options[1].ca_path = "/dev/null";
    options[2].ca_data = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    options[3].ca_file = "/";
    options[4].certificate_file = "/dev/null";
    options[5].key_file = "/dev/null";
    for (size_t i = 0; i < 6; i++) {
        struct hbmqtt_client *client = client_make(&options[i]);
        CU_ASSERT_EQUAL(hbmqtt_connect(client, "mqtts://127.0.0.1:1", NULL), HBMQTT_ERROR_ARGUMENT);
        expect_text(client, texts[i]);
        CU_ASSERT_EQUAL(hbmqtt_connect(client, "mqtt://127.0.0.1:1", NULL), HBMQTT_ERROR_UNREACHABLE);
        hbmqtt_destroy(client);
    }
}

static void wrong_headers_are_refused_before_anything_is_sent(void)
{
    static const struct hbmqtt_header headers[] = {
        {"", "v"},   {NULL, "v"},   {"a b", "v"},     {"a:", "v"},         {"a", "v\r\nb: c"},
        {"a", NULL}, {"Host", "v"}, {"upgrade", "v"}, {"Connection", "v"}, {"Sec-WebSocket-Key", "v"},
    };
    struct hbmqtt_options options = options_usual();
    options.header_count = 1;
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        options.headers = &headers[i];
        struct hbmqtt_client *client = client_make(&options);
        CU_ASSERT_EQUAL(hbmqtt_connect(client, "ws://127.0.0.1:1", NULL), HBMQTT_ERROR_ARGUMENT);
        hbmqtt_destroy(client);
    }
    options.header_count = HBMQTT_HEADERS_MAX + 1;
    struct hbmqtt_client *client = client_make(&options);
    CU_ASSERT_EQUAL(hbmqtt_connect(client, "ws://127.0.0.1:1", NULL), HBMQTT_ERROR_ARGUMENT);
    hbmqtt_destroy(client);
}

static void script_close_upgrade(int fd)
{
    EXPECT("GET /mqtt HTTP/1.1\r\n");
}

// libwebsockets would have the process ignore SIGPIPE.
static void websocket_leaves_signals_alone(void)
{
    struct sigaction pipe;
    char url[80];
    signal(SIGPIPE, SIG_DFL);
    peer_begin(script_close_upgrade);
    snprintf(url, sizeof url, "ws%s", strchr(peer.url, ':'));
    struct hbmqtt_client *client = client_make(NULL);
    CU_ASSERT_EQUAL(hbmqtt_connect(client, url, NULL), HBMQTT_ERROR_UNREACHABLE);
    expect_text(client, "WebSocket upgrade");
    CU_ASSERT_EQUAL(sigaction(SIGPIPE, NULL, &pipe), 0);
    CU_ASSERT(pipe.sa_handler == SIG_DFL);
    hbmqtt_destroy(client);
    peer_end();
}

// A program that was built when the options ended with `trace_context` gets the defaults for what came later.
static void programs_of_the_first_release_still_work(void)
{
    struct hbmqtt_options options = options_usual();
    options.size = offsetof(struct hbmqtt_options, ca_file);
    options.ca_file = "/nowhere"; // not a part of that structure
    struct hbmqtt_client *client = client_make(&options);
    CU_ASSERT_EQUAL(hbmqtt_connect(client, "mqtts://127.0.0.1:1", NULL), HBMQTT_ERROR_UNREACHABLE);
    hbmqtt_destroy(client);
}

// Arguments.

static void wrong_options_are_refused_before_anything_is_sent(void)
{
    struct hbmqtt_message wild = message_of("a/#", "", 0);
    struct hbmqtt_options options[9];
    struct {
        struct hbmqtt_options options;
        char newer;
    } grown = {options_usual(), 1};
    for (size_t i = 0; i < 9; i++)
        options[i] = options_usual();
    options[0].clean_session = false; // without a client id [MQTT-3.1.3-7]
    options[1].password = "p";        // without a user name [MQTT-3.1.2-22]
    options[2].user_name = "\xff";
    options[3].inflight_max = 0;
    options[4].inbox_bytes_max = 0;
    options[5].will = &wild;
    options[6].size -= 1;
    options[7].size = 12; // ends within a pointer
    options[8].size = SIZE_MAX;
    grown.options.size = sizeof grown;
    for (size_t i = 0; i < 9; i++) {
        struct hbmqtt_client *client = client_make(&options[i]);
        CU_ASSERT_EQUAL(hbmqtt_connect(client, "mqtt://127.0.0.1:1", NULL), HBMQTT_ERROR_ARGUMENT);
        hbmqtt_destroy(client);
    }
    struct hbmqtt_client *client = client_make(&grown.options);
    CU_ASSERT_EQUAL(hbmqtt_connect(client, "mqtt://127.0.0.1:1", NULL), HBMQTT_ERROR_ARGUMENT);
    hbmqtt_destroy(client);
    hbmqtt_destroy(NULL);
}

static void script_nothing_more(int fd)
{
    ACCEPT_CLIENT;
    EXPECT(DISCONNECT);
    peer_expect_end(fd);
}

static void wrong_requests_are_refused_and_send_nothing(void)
{
    struct hbmqtt_subscription wild = {.filter = "a/#/b"};
    struct hbmqtt_subscription quality = {.filter = "a", .qos = 3};
    const char *empty = "";
    peer_begin(script_nothing_more);
    struct hbmqtt_client *client = client_connected(NULL);
    struct hbmqtt_message messages[] = {message_of("a/+", "", 0), message_of("", "", 0),
                                        message_of("a", "", 3),   message_of("\xc0", "", 0),
                                        message_of("a", "", 0),   message_of("a", "", 0)};
    messages[4].size = 0;
    messages[5].payload_length = 268435455;
    for (size_t i = 0; i < 6; i++)
        CU_ASSERT_EQUAL(hbmqtt_publish(client, &messages[i], NULL), HBMQTT_ERROR_ARGUMENT);
    CU_ASSERT_EQUAL(hbmqtt_subscribe(client, &wild, 1, NULL), HBMQTT_ERROR_ARGUMENT);
    expect_text(client, "'a/#/b' is not a topic filter");
    CU_ASSERT_EQUAL(hbmqtt_subscribe(client, &quality, 1, NULL), HBMQTT_ERROR_ARGUMENT);
    CU_ASSERT_EQUAL(hbmqtt_subscribe(client, NULL, 0, NULL), HBMQTT_ERROR_ARGUMENT);
    CU_ASSERT_EQUAL(hbmqtt_unsubscribe(client, &empty, 1, NULL), HBMQTT_ERROR_ARGUMENT);
    CU_ASSERT_EQUAL(hbmqtt_wait_readable(client, -1, 0), HBMQTT_ERROR_ARGUMENT);
    CU_ASSERT_EQUAL(hbmqtt_disconnect(client, NULL), 0);
    hbmqtt_destroy(client);
    peer_end();
}

static void without_a_connection_every_call_says_so(void)
{
    const struct hbmqtt_message *taken = NULL;
    struct hbmqtt_message message = message_of("a", "", 0);
    struct hbmqtt_subscription subscription = {.filter = "a"};
    struct hbmqtt_client *client = client_make(NULL);
    CU_ASSERT_EQUAL(hbmqtt_publish(client, &message, NULL), HBMQTT_ERROR_NOT_CONNECTED);
    CU_ASSERT_EQUAL(hbmqtt_subscribe(client, &subscription, 1, NULL), HBMQTT_ERROR_NOT_CONNECTED);
    CU_ASSERT_EQUAL(hbmqtt_flush(client), HBMQTT_ERROR_NOT_CONNECTED);
    CU_ASSERT_EQUAL(hbmqtt_ping(client, NULL), HBMQTT_ERROR_NOT_CONNECTED);
    CU_ASSERT_EQUAL(hbmqtt_deliver(client, -1, &taken), HBMQTT_ERROR_NOT_CONNECTED);
    CU_ASSERT_EQUAL(hbmqtt_wait_readable(client, 0, -1), HBMQTT_ERROR_NOT_CONNECTED);
    CU_ASSERT_STRING_EQUAL(hbmqtt_error_name(HBMQTT_ERROR_NOT_CONNECTED), "not connected");
    CU_ASSERT_STRING_EQUAL(hbmqtt_error_name(-1000), "unknown error");
    hbmqtt_destroy(client);
}

// Publishing and subscribing.

static void script_each_quality(int fd)
{
    ACCEPT_CLIENT;
    EXPECT("\x30\x04\x00\x01"
           "ax\x33\x06\x00\x01"
           "b\x00\x01y");
    SEND("\x40\x02\x00\x01");
    EXPECT("\x34\x06\x00\x01"
           "c\x00\x02z");
    SEND("\x50\x02\x00\x02");
    EXPECT("\x62\x02\x00\x02");
    SEND("\x70\x02\x00\x02");
    EXPECT("\xc0\x00");
    SEND("\xd0\x00");
    EXPECT(DISCONNECT);
}

static void publish_waits_for_what_its_quality_asks(void)
{
    struct hbmqtt_message messages[] = {message_of("a", "x", 0), message_of("b", "y", 1),
                                        message_of("c", "z", 2)};
    messages[1].retain = true;
    peer_begin(script_each_quality);
    struct hbmqtt_client *client = client_connected(NULL);
    for (size_t i = 0; i < 3; i++)
        CU_ASSERT_EQUAL(hbmqtt_publish(client, &messages[i], NULL), 0);
    CU_ASSERT_EQUAL(hbmqtt_ping(client, NULL), 0);
    CU_ASSERT_EQUAL(hbmqtt_disconnect(client, NULL), 0);
    hbmqtt_destroy(client);
    peer_end();
}

#define PIPELINED 500

// Acknowledges ten at a time, so that a client which waited for each would never see an end.
static void script_pipeline(int fd)
{
    ACCEPT_CLIENT;
    for (unsigned id = 1; id <= PIPELINED; id++) {
        const char publish[] = {0x32, 6, 0, 1, 'a', (char)(id >> 8), (char)id, 'x'};
        peer_expect(fd, publish, sizeof publish);
        for (unsigned past = id - 9; id % 10 == 0 && past <= id; past++) {
            const char puback[] = {0x40, 2, (char)(past >> 8), (char)past};
            peer_send(fd, puback, sizeof puback);
        }
    }
    EXPECT(DISCONNECT);
}

static void started_publishes_share_round_trips(void)
{
    struct hbmqtt_options options = options_usual();
    struct hbmqtt_message message = message_of("a", "x", 1);
    options.inflight_max = 10;
    peer_begin(script_pipeline);
    struct hbmqtt_client *client = client_connected(&options);
    for (unsigned i = 0; i < PIPELINED; i++)
        CU_ASSERT_EQUAL_FATAL(hbmqtt_publish_start(client, &message, NULL), 0);
    CU_ASSERT_EQUAL(hbmqtt_flush(client), 0);
    CU_ASSERT_EQUAL(hbmqtt_disconnect(client, NULL), 0);
    hbmqtt_destroy(client);
    peer_end();
}

static void peer_expect_publishes(int fd, char first, char last)
{
    for (char id = first; id <= last; id++) {
        const char publish[] = {0x32, 6, 0, 1, 'a', 0, id, 'x'};
        peer_expect(fd, publish, sizeof publish);
    }
}

static void peer_acknowledge(int fd, char first, char last)
{
    char pubacks[256 * 4];
    size_t size = 0;
    for (char id = first; id <= last; id++, size += 4)
        memcpy(pubacks + size, (char[]){0x40, 2, 0, id}, 4);
    peer_send(fd, pubacks, size);
}

// It acknowledges less than the eighth of the window that is worth a system call, and waits.
static void script_wait_for_more(int fd)
{
    ACCEPT_CLIENT;
    peer_expect_publishes(fd, 1, 80);
    peer_acknowledge(fd, 1, 20);
    peer_expect_publishes(fd, 81, 100);
    peer_acknowledge(fd, 21, 25);
    peer_expect_publishes(fd, 101, 105);
    peer_acknowledge(fd, 26, 105);
    EXPECT(DISCONNECT);
}

static void a_broker_that_waits_for_more_gets_it(void)
{
    struct hbmqtt_options options = options_usual();
    struct hbmqtt_message message = message_of("a", "x", 1);
    options.inflight_max = 80;
    peer_begin(script_wait_for_more);
    struct hbmqtt_client *client = client_connected(&options);
    for (unsigned i = 0; i < 105; i++)
        CU_ASSERT_EQUAL_FATAL(hbmqtt_publish_start(client, &message, NULL), 0);
    CU_ASSERT_EQUAL(hbmqtt_flush(client), 0);
    CU_ASSERT_EQUAL(hbmqtt_disconnect(client, NULL), 0);
    hbmqtt_destroy(client);
    peer_end();
}

static void script_acknowledge_nothing(int fd)
{
    ACCEPT_CLIENT;
    peer_expect_publishes(fd, 1, 1);
    EXPECT(DISCONNECT);
}

static void a_full_window_is_waited_for_as_long_as_an_answer(void)
{
    struct hbmqtt_options options = options_usual();
    struct hbmqtt_message message = message_of("a", "x", 1);
    options.inflight_max = 1;
    options.answer_timeout_ms = 50;
    peer_begin(script_acknowledge_nothing);
    struct hbmqtt_client *client = client_connected(&options);
    CU_ASSERT_EQUAL(hbmqtt_publish_start(client, &message, NULL), 0);
    CU_ASSERT_EQUAL(hbmqtt_publish_start(client, &message, NULL), HBMQTT_ERROR_TIMEOUT);
    CU_ASSERT_EQUAL(hbmqtt_disconnect(client, NULL), 0);
    hbmqtt_destroy(client);
    peer_end();
}

static void script_die_in_publish(int fd)
{
    ACCEPT_CLIENT;
    EXPECT("\x34\x06\x00\x01"
           "a\x00\x01x");
}

static void a_loss_in_the_middle_is_told_again_and_again(void)
{
    struct hbmqtt_message message = message_of("a", "x", 2);
    const struct hbmqtt_message *taken = NULL;
    peer_begin(script_die_in_publish);
    struct hbmqtt_client *client = client_connected(NULL);
    CU_ASSERT_EQUAL(hbmqtt_publish(client, &message, NULL), HBMQTT_ERROR_LOST);
    expect_text(client, "connection lost: the broker closed it");
    CU_ASSERT_EQUAL(hbmqtt_publish(client, &message, NULL), HBMQTT_ERROR_LOST);
    CU_ASSERT_EQUAL(hbmqtt_deliver(client, 0, &taken), HBMQTT_ERROR_LOST);
    CU_ASSERT_EQUAL(hbmqtt_flush(client), HBMQTT_ERROR_LOST);
    hbmqtt_destroy(client);
    peer_end();
}

// Delivery.

static void script_deliver_and_die(int fd)
{
    ACCEPT_CLIENT;
    SEND("\x30\x04\x00\x01"
         "ax\x33\x06\x00\x01"
         "b\x00\x07y");
    EXPECT("\x40\x02\x00\x07");
    SEND("\x30\x03\x00\x01"
         "c");
}

static void messages_are_delivered_before_the_loss_is(void)
{
    const struct hbmqtt_message *message = NULL;
    peer_begin(script_deliver_and_die);
    struct hbmqtt_client *client = client_connected(NULL);
    CU_ASSERT_EQUAL_FATAL(hbmqtt_deliver(client, -1, &message), 0);
    CU_ASSERT_STRING_EQUAL(message->topic, "a");
    CU_ASSERT_FALSE(message->retain);
    CU_ASSERT_EQUAL_FATAL(hbmqtt_deliver(client, -1, &message), 0);
    CU_ASSERT_STRING_EQUAL(message->topic, "b");
    CU_ASSERT_TRUE(message->retain);
    CU_ASSERT_EQUAL_FATAL(hbmqtt_deliver(client, -1, &message), 0);
    CU_ASSERT_EQUAL(message->payload_length, 0);
    CU_ASSERT_EQUAL(hbmqtt_deliver(client, -1, &message), HBMQTT_ERROR_LOST);
    hbmqtt_destroy(client);
    peer_end();
}

static void deliver_waits_as_long_as_it_is_told(void)
{
    const struct hbmqtt_message *message = NULL;
    peer_begin(script_nothing_more);
    struct hbmqtt_client *client = client_connected(NULL);
    CU_ASSERT_EQUAL(hbmqtt_deliver(client, 0, &message), HBMQTT_ERROR_TIMEOUT);
    CU_ASSERT_EQUAL(hbmqtt_deliver(client, 30, &message), HBMQTT_ERROR_TIMEOUT);
    CU_ASSERT_PTR_NULL(message);
    CU_ASSERT_EQUAL(hbmqtt_disconnect(client, NULL), 0);
    hbmqtt_destroy(client);
    peer_end();
}

static void script_fill_inbox(int fd)
{
    ACCEPT_CLIENT;
    SEND("\x30\x04\x00\x01"
         "ax\x30\x04\x00\x01"
         "by");
    EXPECT("\x32\x06\x00\x01"
           "c\x00\x01z");
    SEND("\x40\x02\x00\x01");
    EXPECT(DISCONNECT);
}

static void a_full_inbox_is_told_and_can_be_emptied(void)
{
    struct hbmqtt_options options = options_usual();
    struct hbmqtt_message message = message_of("c", "z", 1);
    const struct hbmqtt_message *taken = NULL;
    options.inbox_bytes_max = 1;
    peer_begin(script_fill_inbox);
    struct hbmqtt_client *client = client_connected(&options);
    CU_ASSERT_EQUAL(hbmqtt_publish(client, &message, NULL), HBMQTT_ERROR_FULL);
    CU_ASSERT_EQUAL(hbmqtt_deliver(client, -1, &taken), 0);
    CU_ASSERT_EQUAL(hbmqtt_deliver(client, -1, &taken), 0);
    CU_ASSERT_EQUAL(hbmqtt_flush(client), 0); // the message had gone out
    CU_ASSERT_EQUAL(hbmqtt_disconnect(client, NULL), 0);
    hbmqtt_destroy(client);
    peer_end();
}

static void script_expect_ping(int fd)
{
    EXPECT("\x10\x0c\x00\x04MQTT\x04\x02\x00\x01\x00\x00");
    SEND(CONNACK);
    EXPECT("\xc0\x00");
    SEND("\xd0\x00\x30\x04\x00\x01"
         "ax");
    EXPECT(DISCONNECT);
}

static void waiting_keeps_the_connection_alive(void) // [MQTT-3.1.2-23]
{
    struct hbmqtt_options options = options_usual();
    const struct hbmqtt_message *message = NULL;
    options.keepalive_s = 1;
    options.ping_delay_ms = 950;
    peer_begin(script_expect_ping);
    struct hbmqtt_client *client = client_connected(&options);
    CU_ASSERT_EQUAL(hbmqtt_deliver(client, -1, &message), 0);
    CU_ASSERT_EQUAL(hbmqtt_disconnect(client, NULL), 0);
    hbmqtt_destroy(client);
    peer_end();
}

static void script_never_pong(int fd)
{
    EXPECT("\x10\x0c\x00\x04MQTT\x04\x02\x00\x01\x00\x00");
    SEND(CONNACK);
    EXPECT("\xc0\x00");
    peer_expect_end(fd);
}

static void a_broker_that_fell_silent_is_lost(void)
{
    struct hbmqtt_options options = options_usual();
    const struct hbmqtt_message *message = NULL;
    options.keepalive_s = 1;
    options.ping_delay_ms = 990;
    peer_begin(script_never_pong);
    struct hbmqtt_client *client = client_connected(&options);
    CU_ASSERT_EQUAL(hbmqtt_deliver(client, -1, &message), HBMQTT_ERROR_LOST);
    expect_text(client, "did not answer PINGREQ");
    hbmqtt_destroy(client);
    peer_end();
}

// Interruptions and other descriptors.

static void *interrupt_soon(void *client)
{
    (void)poll(NULL, 0, 30); // usually long enough that the other thread waits already; right in either case
    hbmqtt_interrupt(client);
    return NULL;
}

static void an_interruption_ends_the_wait_and_not_the_connection(void)
{
    const struct hbmqtt_message *message = NULL;
    pthread_t thread;
    peer_begin(script_nothing_more);
    struct hbmqtt_client *client = client_connected(NULL);
    hbmqtt_interrupt(client); // before the wait
    CU_ASSERT_EQUAL(hbmqtt_deliver(client, -1, &message), HBMQTT_ERROR_INTERRUPTED);
    CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, interrupt_soon, client), 0);
    CU_ASSERT_EQUAL(hbmqtt_deliver(client, -1, &message), HBMQTT_ERROR_INTERRUPTED);
    pthread_join(thread, NULL);
    CU_ASSERT_TRUE(hbmqtt_is_connected(client));
    CU_ASSERT_EQUAL(hbmqtt_deliver(client, 0, &message), HBMQTT_ERROR_TIMEOUT); // only once
    CU_ASSERT_EQUAL(hbmqtt_disconnect(client, NULL), 0);
    hbmqtt_destroy(client);
    peer_end();
}

static void an_interruption_ends_connecting(void)
{
    peer_begin(script_silent);
    struct hbmqtt_client *client = client_make(NULL);
    pthread_t thread;
    CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, interrupt_soon, client), 0);
    CU_ASSERT_EQUAL(hbmqtt_connect(client, peer.url, NULL), HBMQTT_ERROR_INTERRUPTED);
    pthread_join(thread, NULL);
    hbmqtt_destroy(client);
    peer_end();
}

static void another_descriptor_can_be_waited_for(void)
{
    int ends[2];
    CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
    peer_begin(script_nothing_more);
    struct hbmqtt_client *client = client_connected(NULL);
    CU_ASSERT_EQUAL(hbmqtt_wait_readable(client, ends[0], 10), HBMQTT_ERROR_TIMEOUT);
    CU_ASSERT_EQUAL(write(ends[1], "x", 1), 1);
    CU_ASSERT_EQUAL(hbmqtt_wait_readable(client, ends[0], -1), 0);
    close(ends[1]);
    CU_ASSERT_EQUAL(hbmqtt_wait_readable(client, ends[0], -1), 0); // an end counts
    CU_ASSERT_EQUAL(hbmqtt_disconnect(client, NULL), 0);
    hbmqtt_destroy(client);
    close(ends[0]);
    peer_end();
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"CONNECT carries every field in order", connect_carries_every_field_in_order},
        {"a refusal is told with its code", a_refusal_is_told_with_its_code},
        {"nobody listening is unreachable", nobody_listening_is_unreachable},
        {"no CONNACK is a time-out", no_connack_is_a_time_out},
        {"an end before CONNACK is a loss", an_end_before_connack_is_a_loss},
        {"other schemes are refused in one line", other_schemes_are_refused_in_one_line},
        {"files of TLS are judged before anything is sent", files_of_tls_are_judged_before_anything_is_sent},
        {"wrong headers are refused before anything is sent",
         wrong_headers_are_refused_before_anything_is_sent},
        {"WebSocket leaves signals alone", websocket_leaves_signals_alone},
        {"programs of the first release still work", programs_of_the_first_release_still_work},
        {"wrong options are refused before anything is sent",
         wrong_options_are_refused_before_anything_is_sent},
        {"wrong requests are refused and send nothing", wrong_requests_are_refused_and_send_nothing},
        {"without a connection every call says so", without_a_connection_every_call_says_so},
        {"publish waits for what its quality asks", publish_waits_for_what_its_quality_asks},
        {"started publishes share round trips", started_publishes_share_round_trips},
        {"a broker that waits for more gets it", a_broker_that_waits_for_more_gets_it},
        {"a full window is waited for as long as an answer",
         a_full_window_is_waited_for_as_long_as_an_answer},
        {"a loss in the middle is told again and again", a_loss_in_the_middle_is_told_again_and_again},
        {"messages are delivered before the loss is", messages_are_delivered_before_the_loss_is},
        {"deliver waits as long as it is told", deliver_waits_as_long_as_it_is_told},
        {"a full inbox is told and can be emptied", a_full_inbox_is_told_and_can_be_emptied},
        {"waiting keeps the connection alive", waiting_keeps_the_connection_alive},
        {"a broker that fell silent is lost", a_broker_that_fell_silent_is_lost},
        {"an interruption ends the wait and not the connection",
         an_interruption_ends_the_wait_and_not_the_connection},
        {"an interruption ends connecting", an_interruption_ends_connecting},
        {"another descriptor can be waited for", another_descriptor_can_be_waited_for},
    };
    return RUN_TESTS("hbmqtt", tests);
}
