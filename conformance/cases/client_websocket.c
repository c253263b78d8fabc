// SPDX-License-Identifier: MIT
// Clients over WebSocket. The server's side is in bytes of our own: it takes no upgrade that does not offer
// mqtt, and no frames but masked binary ones.
#include "conformance/cases/client.h"

static void publishes(struct trial *trial)
{
    struct client *client = client_do(trial, "publish", 1);
    struct packet connect;
    struct peer *peer = client_accept(trial, &connect);
    struct packet publish =
        peer_expect_publish(peer, client_value(client, "topic"), .qos = 1, .payload = "message");
    peer_send(peer, packet_answer(PACKET_PUBACK, publish.id));
    client_expect_end(trial, client, peer);
}

static void frame_borders(struct trial *trial)
{
    struct client *client = client_do(trial, "subscribe", 1);
    struct peer *peer = peer_accept(trial, "server");
    peer_expect_type(peer, PACKET_CONNECT);
    peer_send_pieces(peer, packet_connack(0, 0), 1);
    client_grant(peer, 1);
    const char *topic = client_value(client, "topic");
    struct bytes both = bytes_join(packet_publish(topic, .qos = 1, .id = 1, .payload = "one"),
                                   packet_publish(topic, .qos = 1, .id = 2, .payload = "two"));
    peer_send_frame(peer, bytes_slice(both, 0, 30), FRAME_FIRST_OF_SEVERAL);
    peer_send_frame(peer, bytes_slice(both, 30, both.length), FRAME_LAST);
    peer_expect(peer, packet_answer(PACKET_PUBACK, 1));
    peer_expect(peer, packet_answer(PACKET_PUBACK, 2));
}

static void text_frame(struct trial *trial)
{
    client_do(trial, "subscribe", 1);
    struct packet connect;
    struct peer *peer = client_accept(trial, &connect);
    client_grant(peer, 1);
    peer_send_frame(peer, packet_publish("t", .qos = 1, .id = 5, .payload = "text"), FRAME_TEXT);
    client_expect_close(peer);
}

static const struct test_case cases[] = {
    {"publish", "MQTT-6.0.0-1 MQTT-6.0.0-3 MQTT-7.1.2-1", "publishes over WebSocket",
     "offers mqtt, and sends binary frames", .run = publishes, .flags = CASE_CLIENT | CASE_WEBSOCKET},
    {"frame-borders", "MQTT-6.0.0-2", "gets packets in pieces of frames and several in one",
     "as if there were no frames", .run = frame_borders, .flags = CASE_CLIENT | CASE_WEBSOCKET},
    {"text-frame", "MQTT-6.0.0-1", "gets a packet in a text frame", "closes", .run = text_frame,
     .flags = CASE_CLIENT | CASE_WEBSOCKET},
};

SECTION_OF_CASES(section_client_websocket, "client.websocket", "Clients: WebSocket");
