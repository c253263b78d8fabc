// SPDX-License-Identifier: MIT
// 2.2 Fixed header: flags and the remaining length.
#include "conformance/cases/cases.h"

static void own_flags(struct trial *trial)
{
    const char *topic = trial_topic(trial, "t");
    struct peer *peer = peer_connect(trial, "peer"); // CONNACK
    peer_subscribe(peer, topic, 2);                  // SUBACK
    struct peer *publisher = peer_connect(trial, "pub");
    peer_publish(publisher, topic, .qos = 1); // PUBACK
    peer_take(peer, topic, .qos = 1);
    peer_publish(publisher, topic, .qos = 2); // PUBREC, PUBCOMP
    peer_take(peer, topic, .qos = 2);         // PUBREL
    peer_unsubscribe(peer, topic);            // UNSUBACK
    peer_ping(peer);                          // PINGRESP
}

static void wrong_flags(struct trial *trial)
{
    const char *topic = trial_topic(trial, "t");
    struct bytes subscribe = packet_subscribe(1, topic, 0), unsubscribe = packet_unsubscribe(1, topic);
    struct bytes rest = bytes_slice(subscribe, 1, subscribe.length),
                 other = bytes_slice(unsubscribe, 1, unsubscribe.length);
    case_is_closed_on(trial, "pingreq C1", hex("C1 00"));
    case_is_closed_on(trial, "pingreq C8", hex("C8 00"));
    case_is_closed_on(trial, "puback 41", hex("41 02 0001"));
    case_is_closed_on(trial, "pubrec 52", hex("52 02 0001"));
    case_is_closed_on(trial, "pubcomp 74", hex("74 02 0001"));
    case_is_closed_on(trial, "subscribe 80", bytes_join(hex("80"), rest));
    case_is_closed_on(trial, "unsubscribe A1", bytes_join(hex("A1"), other));
    case_is_closed_on(trial, "disconnect E1", hex("E1 00"));
}

static void broken_lengths(struct trial *trial)
{
    case_is_closed_on(trial, "five bytes", hex("C0 80 80 80 80 00"));
    case_is_closed_on(trial, "all ones", hex("30 FF FF FF FF FF"));
    case_is_closed_on(trial, "pingreq 01", hex("C0 01 00"));
    case_is_closed_on(trial, "puback 03", hex("40 03 000100"));
    case_is_closed_on(trial, "puback 01", hex("40 01 00"));
    case_is_closed_on(trial, "disconnect 01", hex("E0 01 00"));
}

static void in_pieces(struct trial *trial)
{
    const char *topic = trial_topic(trial, "t");
    struct peer *peer = peer_connect(trial, "peer");
    peer_send_pieces(peer, packet_subscribe(1, topic, 1), 1);
    peer_expect(peer, packet_suback(1, 1));
    struct bytes data = bytes_repeat('x', 300);
    peer_send_pieces(peer, packet_publish(topic, .qos = 1, .id = 9, .data = data), 7);
    for (int i = 0; i < 2; i++) {
        struct packet packet = {0};
        enum peer_event event = peer_next(peer, deadline_in_ms(ANSWER_MS), &packet);
        trial_require(
            trial,
            event == PEER_PACKET && (packet.type == PACKET_PUBACK || bytes_equal(packet.payload, data)),
            "PUBACK and the message", "%s", event == PEER_PACKET ? packet_describe(packet.whole) : "neither");
    }
}

static void many_at_once(struct trial *trial)
{
    struct peer *peer = peer_connect(trial, "peer");
    struct bytes all = packet_empty(PACKET_PINGREQ);
    for (int i = 0; i < 8; i++)
        all = bytes_join(all, all);
    peer_send(peer, all);
    for (int i = 0; i < 256; i++)
        peer_expect(peer, packet_empty(PACKET_PINGRESP));
}

static const struct test_case cases[] = {
    {"own-flags", "MQTT-2.2.2-1 MQTT-3.6.1-1", "has the broker send each of its packets",
     "each with the flags that the table gives it", .run = own_flags},
    {"wrong-flags", "MQTT-2.2.2-2", "sends packets with other flags than the table gives them",
     "closed without an answer", .run = wrong_flags},
    {"broken-lengths", "MQTT-4.8.0-1",
     "sends remaining lengths of five bytes, and such as do not fit the packet", "closed without an answer",
     .run = broken_lengths},
    {"in-pieces", "MQTT-4.8.0-1", "sends packets byte by byte and in pieces of seven",
     "answered and delivered", .run = in_pieces},
    {"many-at-once", "MQTT-3.12.4-1", "sends 256 packets in one piece", "each is answered",
     .run = many_at_once},
};

SECTION_OF_CASES(section_2_2_fixed_header, "2.2", "Fixed header");
