// SPDX-License-Identifier: MIT
// 6 WebSocket. What a broker has to take is sent by libwebsockets; what is broken, in bytes of our own.
#include <errno.h>
#include <string.h>

#include "conformance/cases/cases.h"

// A connection below the WebSocket.
static struct stream *below(struct trial *trial)
{
    const struct address *address = trial_address(trial);
    const char *why = "";
    int descriptor = socket_connect(address->host, address->port, deadline_in_ms(OPEN_MS));
    struct stream *stream = descriptor < 0 ? NULL : stream_of_socket(descriptor);
    if (descriptor >= 0 && transport_is_encrypted(trial->transport))
        stream = stream_tls_open(descriptor, address->host, deadline_in_ms(OPEN_MS), &why);
    if (stream == NULL)
        trial_fail(trial, "a connection", "%s", why);
    return stream;
}

static const char *ask(struct trial *trial, struct stream *stream, const char *protocols, struct buffer *rest)
{
    const char *why = "";
    const char *head = websocket_ask(stream, "/mqtt", protocols, deadline_in_ms(OPEN_MS), rest, &why);
    if (head == NULL)
        trial_fail(trial, "an answer to the upgrade", "%s", why);
    trial_note(trial, "offers %s; the answer: %s", protocols == NULL ? "no subprotocol" : protocols, head);
    return head;
}

static bool is_accepted(const char *head)
{
    return strncmp(head, "HTTP/1.1 101", 12) == 0;
}

static void text_frame(struct trial *trial)
{
    struct peer *peer = peer_open(trial, "text");
    peer_send_frame(peer, packet_connect(trial_id(trial, "text")), FRAME_TEXT);
    peer_expect_close(peer);
    peer = peer_connect(trial, "later");
    peer_send_frame(peer, packet_empty(PACKET_PINGREQ), FRAME_TEXT);
    peer_expect_close(peer);
}

static void across_frames(struct trial *trial)
{
    const char *topic = trial_topic(trial, "t");
    struct peer *peer = peer_open(trial, "peer");
    peer_send_pieces(peer, packet_connect(trial_id(trial, "peer")), 9);
    peer_expect(peer, packet_connack(0, 0));
    peer_send(peer, bytes_join(packet_subscribe(1, topic, 0), packet_empty(PACKET_PINGREQ)));
    peer_expect_all(peer, (const struct bytes[]){packet_suback(1, 0), packet_empty(PACKET_PINGRESP)}, 2);
    struct bytes both =
        bytes_join(packet_publish(topic, .payload = "one"), packet_publish(topic, .payload = "two"));
    peer_send(peer, bytes_slice(both, 0, both.length - 5)); // one and a half packets
    peer_send(peer, bytes_slice(both, both.length - 5, 5));
    peer_expect_publish(peer, topic, .payload = "one");
    peer_expect_publish(peer, topic, .payload = "two");
}

static void fragments(struct trial *trial)
{
    struct peer *peer = peer_open(trial, "peer");
    struct bytes connect = packet_connect(trial_id(trial, "peer"));
    peer_send_frame(peer, bytes_slice(connect, 0, 4), FRAME_FIRST_OF_SEVERAL);
    peer_send_frame(peer, bytes_slice(connect, 4, 7), FRAME_CONTINUATION);
    peer_send_frame(peer, bytes_slice(connect, 11, connect.length), FRAME_LAST);
    peer_expect(peer, packet_connack(0, 0));
    peer_ping(peer);
}

static void chosen_protocol(struct trial *trial)
{
    static const char *const offers[] = {"mqtt", "foo, mqtt", "mqtt, foo"};
    for (size_t i = 0; i < sizeof offers / sizeof *offers; i++) {
        struct stream *stream = below(trial);
        struct buffer rest = {0};
        const char *head = ask(trial, stream, offers[i], &rest);
        const char *chosen = websocket_header(head, "Sec-WebSocket-Protocol");
        trial_require(trial, is_accepted(head) && chosen != NULL && strcmp(chosen, "mqtt") == 0,
                      "101 with Sec-WebSocket-Protocol: mqtt", "%s", head);
        stream_close(stream);
        buffer_finish(&rest);
    }
}

static void other_protocol(struct trial *trial)
{
    static const char *const offers[] = {"foo", NULL};
    for (size_t i = 0; i < sizeof offers / sizeof *offers; i++) {
        struct stream *stream = below(trial);
        struct buffer rest = {0};
        const char *why = "";
        const char *head = websocket_ask(stream, "/mqtt", offers[i], deadline_in_ms(OPEN_MS), &rest, &why);
        trial_note(trial, "offers %s; the answer: %s", offers[i] == NULL ? "no subprotocol" : offers[i],
                   head == NULL ? why : head);
        const char *chosen = head == NULL ? NULL : websocket_header(head, "Sec-WebSocket-Protocol");
        trial_require(trial, chosen == NULL || strcmp(chosen, "mqtt") == 0, "no subprotocol but mqtt",
                      "another");
        if (head != NULL && is_accepted(head))
            trial_tolerate(trial, "accepts an upgrade that does not offer mqtt");
        stream_close(stream);
        buffer_finish(&rest);
    }
}

// Upgrades, sends these bytes, and sees the connection end without a packet.
static void closed_on_frame(struct trial *trial, struct bytes frame)
{
    struct stream *stream = below(trial);
    struct buffer rest = {0};
    const char *head = ask(trial, stream, "mqtt", &rest);
    trial_require(trial, is_accepted(head), "101", "%s", head);
    timeline_add(&trial->record->timeline, TIMELINE_SENT, "raw", "a frame", frame);
    (void)stream_send(stream, frame, deadline_in_ms(ANSWER_MS)); // the broker may close on its beginning
    struct websocket_frame answer;
    int result;
    while ((result = websocket_read(stream, &rest, deadline_in_ms(ANSWER_MS), &answer)) == 1) {
        if ((answer.first & 0x0F) == OPCODE_CLOSE)
            break; // it waits for ours, which the end of the connection stands for
        timeline_add(&trial->record->timeline, TIMELINE_RECEIVED, "raw", "a frame", answer.payload);
        trial_require(trial, (answer.first & 0x0F) != OPCODE_BINARY, "no packet", "%s",
                      packet_describe(answer.payload));
    }
    trial_require(trial, result != -ETIMEDOUT, "the connection is closed", "it stays open");
    stream_close(stream);
    buffer_finish(&rest);
}

static void broken_frames(struct trial *trial)
{
    struct bytes connect = packet_connect(trial_id(trial, "raw"));
    closed_on_frame(trial, websocket_frame(0xC2, true, connect));       // a reserved bit
    closed_on_frame(trial, websocket_frame(0x83, true, connect));       // an opcode that is none
    closed_on_frame(trial, websocket_frame(0x80, true, connect));       // continues nothing
    closed_on_frame(trial, websocket_frame(0x09, true, hex("'ping'"))); // a control frame in fragments
    closed_on_frame(trial, websocket_frame(0x89, true, bytes_repeat('x', 126))); // one that is too long
}

static void not_masked(struct trial *trial)
{
    closed_on_frame(trial, websocket_frame(0x82, false, packet_connect(trial_id(trial, "raw"))));
}

// A connection that has been upgraded, on which `packet` was sent and a first frame has come.
static struct stream *answered(struct trial *trial, struct bytes frame, struct buffer *rest,
                               struct websocket_frame *ret_answer)
{
    struct stream *stream = below(trial);
    trial_require(trial, is_accepted(ask(trial, stream, "mqtt", rest)), "101", "it was refused");
    trial_require(trial, stream_send(stream, frame, deadline_in_ms(ANSWER_MS)) == 0, "the frame can be sent",
                  "it cannot");
    int result = websocket_read(stream, rest, deadline_in_ms(ANSWER_MS), ret_answer);
    trial_require(trial, result == 1 && !ret_answer->masked, "a frame that is not masked", "%d", result);
    return stream;
}

static void ping_and_close(struct trial *trial)
{
    struct buffer rest = {0};
    struct websocket_frame answer = {0};
    struct stream *stream = answered(trial, websocket_frame(0x89, true, hex("'ping'")), &rest, &answer);
    trial_require(trial, answer.first == 0x8A && bytes_equal(answer.payload, hex("'ping'")), "a pong",
                  "first byte %02X", answer.first);
    int result = stream_send(stream, websocket_frame(0x88, true, hex("03E8")), deadline_in_ms(ANSWER_MS));
    trial_require(trial, result == 0, "the close frame can be sent", "%s", strerror(-result));
    result = websocket_read(stream, &rest, deadline_in_ms(ANSWER_MS), &answer);
    trial_require(trial, result == 1 && answer.first == 0x88, "a close frame", "%d, first byte %02X", result,
                  answer.first);
    result = websocket_read(stream, &rest, deadline_in_ms(ANSWER_MS), &answer);
    trial_require(trial, result != 1 && result != -ETIMEDOUT, "the end of the connection", "%s",
                  result == 1 ? "a frame" : "it stays open");
}

static void close_publishes_will(struct trial *trial)
{
    const char *topic = trial_topic(trial, "will");
    struct peer *witness = peer_connect(trial, "witness");
    peer_subscribe(witness, topic, 0);
    struct buffer rest = {0};
    struct websocket_frame answer = {0};
    struct bytes connect = packet_connect(trial_id(trial, "raw"), .will_topic = topic, .will = "closed");
    struct stream *stream = answered(trial, websocket_frame(0x82, true, connect), &rest, &answer);
    trial_require(trial, bytes_equal(answer.payload, packet_connack(0, 0)), "CONNACK 0", "%s",
                  packet_describe(answer.payload));
    int result = stream_send(stream, websocket_frame(0x88, true, hex("03E8")), deadline_in_ms(ANSWER_MS));
    trial_require(trial, result == 0, "the close frame can be sent", "%s", strerror(-result));
    while (websocket_read(stream, &rest, deadline_in_ms(ANSWER_MS), &answer) == 1)
        continue; // to the end of the connection
    stream_close(stream);
    peer_expect_publish(witness, topic, .payload = "closed");
}

static const struct test_case cases[] = {
    {"text-frame", "MQTT-6.0.0-1", "sends CONNECT, and later PINGREQ, in a text frame", "closed",
     .run = text_frame, .flags = CASE_WEBSOCKET},
    {"across-frames", "MQTT-6.0.0-2",
     "CONNECT in several frames, then two packets in one, then one and a half", "as if there were no frames",
     .run = across_frames, .flags = CASE_WEBSOCKET},
    {"fragments", "MQTT-6.0.0-2", "CONNECT in one message of three fragments", "CONNACK", .run = fragments,
     .flags = CASE_WEBSOCKET},
    {"chosen-protocol", "MQTT-6.0.0-4", "offers mqtt alone and beside others", "mqtt is chosen",
     .run = chosen_protocol, .flags = CASE_WEBSOCKET},
    {"other-protocol", "MQTT-6.0.0-3 MQTT-6.0.0-4", "offers another subprotocol, or none",
     "refused, or mqtt all the same", .run = other_protocol, .flags = CASE_WEBSOCKET},
    {"broken-frames", "", "frames that RFC 6455 forbids to clients", "closed, with no packet",
     .run = broken_frames, .flags = CASE_WEBSOCKET, .budget_ms = 30000},
    {"not-masked", "", "a frame that is not masked, which RFC 6455 wants of clients",
     "closed, with no packet", .run = not_masked, .flags = CASE_WEBSOCKET},
    {"ping-and-close", "", "a WebSocket ping, then a close frame", "a pong, a close frame, the end",
     .run = ping_and_close, .flags = CASE_WEBSOCKET},
    {"close-is-no-disconnect", "MQTT-3.1.2-8", "connects with a will and sends a close frame",
     "the will is published", .run = close_publishes_will, .flags = CASE_WEBSOCKET},
};

SECTION_OF_CASES(section_6_websocket, "6", "WebSocket");
