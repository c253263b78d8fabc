// SPDX-License-Identifier: MIT
// 3.12 PINGREQ, 3.13 PINGRESP and 3.14 DISCONNECT.
#include "conformance/cases/cases.h"

static void ping(struct trial *trial)
{
    const char *topic = trial_topic(trial, "t");
    struct peer *peer = peer_connect(trial, "peer");
    peer_ping(peer);
    struct bytes burst = {0};
    for (int i = 0; i < 100; i++)
        burst = bytes_join(burst, packet_publish(topic, .payload = "x"));
    peer_send(peer, bytes_join(burst, packet_empty(PACKET_PINGREQ)));
    peer_expect(peer, packet_empty(PACKET_PINGRESP));
}

static void reserved_bits(struct trial *trial)
{
    const char *topic = trial_topic(trial, "will");
    struct peer *witness = peer_connect(trial, "witness");
    peer_subscribe(witness, topic, 0);
    static const char *const packets[] = {"E1 00", "E2 00", "E8 00"};
    for (size_t i = 0; i < sizeof packets / sizeof *packets; i++) {
        struct peer *peer = peer_connect(trial, "peer", .will_topic = topic, .will = "fault");
        peer_send(peer, hex(packets[i]));
        peer_expect_close(peer);
        peer_expect_publish(witness, topic, .payload = "fault");
    }
}

static void nothing_behind(struct trial *trial)
{
    const char *topic = trial_topic(trial, "t");
    struct peer *witness = peer_connect(trial, "witness");
    peer_subscribe(witness, topic, 0);
    struct peer *peer = peer_connect(trial, "peer");
    peer_send(peer, bytes_join(packet_empty(PACKET_DISCONNECT), packet_publish(topic, .payload = "behind")));
    peer_expect_close(peer);
    peer_expect_nothing(witness);
}

static void will_dropped(struct trial *trial)
{
    const char *topic = trial_topic(trial, "will");
    struct peer *witness = peer_connect(trial, "witness");
    peer_subscribe(witness, topic, 0);
    peer_disconnect(peer_connect(trial, "peer", .will_topic = topic, .will = "no"));
    struct peer *peer = peer_connect(trial, "peer", .will_topic = topic, .will = "no");
    peer_send(peer, packet_empty(PACKET_DISCONNECT));
    peer_cut(peer);
    peer_expect_nothing(witness);
}

static void broker_closes(struct trial *trial)
{
    struct peer *peer = peer_connect(trial, "peer");
    peer_send(peer, packet_empty(PACKET_DISCONNECT));
    struct packet packet = {0};
    enum peer_event event = peer_next(peer, deadline_in_ms(1000), &packet);
    trial_require(trial, event != PEER_PACKET, "nothing more", "%s", packet_describe(packet.whole));
    if (event == PEER_SILENT)
        trial_tolerate(trial,
                       "leaves the connection open after DISCONNECT; to close it is the client's duty");
}

static void work_before(struct trial *trial)
{
    const char *topic = trial_topic(trial, "t");
    struct peer *witness = peer_connect(trial, "witness");
    peer_subscribe(witness, topic, 0);
    struct peer *peer = peer_connect(trial, "peer");
    struct bytes burst = {0};
    for (int i = 0; i < 50; i++)
        burst = bytes_join(burst, packet_publish(topic, .payload = arena_print("%d", i)));
    peer_send(peer, bytes_join(burst, packet_empty(PACKET_DISCONNECT)));
    for (int i = 0; i < 50; i++)
        peer_expect_publish(witness, topic, .payload = arena_print("%d", i));
}

static const struct test_case cases[] = {
    {"ping", "MQTT-3.12.4-1", "PINGREQ alone and behind a hundred messages", "PINGRESP", .run = ping},
    {"reserved-bits", "MQTT-3.14.1-1 MQTT-2.2.2-2 MQTT-3.1.2-8",
     "DISCONNECT with reserved bits, on a connection with a will",
     "closed as for a fault: the will is published", .run = reserved_bits},
    {"nothing-behind", "MQTT-3.14.4-2", "PUBLISH behind DISCONNECT in one segment",
     "closed, nothing delivered", .run = nothing_behind},
    {"will-dropped", "MQTT-3.14.4-3 MQTT-3.1.2-10", "DISCONNECT on connections with a will, then FIN or RST",
     "no will", .run = will_dropped},
    {"broker-closes", "MQTT-3.14.4-3", "DISCONNECT, and keeps the connection open",
     "nothing more comes; usually a close", .run = broker_closes},
    {"work-before", "MQTT-4.5.0-1", "fifty messages and DISCONNECT in one segment", "all are delivered",
     .run = work_before},
};

SECTION_OF_CASES(section_3_12_ping_disconnect, "3.12", "PINGREQ, DISCONNECT");
