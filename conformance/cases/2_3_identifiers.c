// SPDX-License-Identifier: MIT
// 2.3 Packet identifiers.
#include "conformance/cases/cases.h"

static void zero(struct trial *trial)
{
    const char *topic = trial_topic(trial, "t");
    struct peer *witness = peer_connect(trial, "witness");
    peer_subscribe(witness, topic, 0);
    case_is_closed_on(trial, "subscribe", packet_subscribe(0, topic, 0));
    case_is_closed_on(trial, "unsubscribe", packet_unsubscribe(0, topic));
    case_is_closed_on(trial, "qos 1", packet_publish(topic, .qos = 1, .id = 0, .payload = "x"));
    case_is_closed_on(trial, "qos 2", packet_publish(topic, .qos = 2, .id = 0, .payload = "x"));
    peer_expect_nothing(witness);
}

static void distinct(struct trial *trial)
{
    enum { MESSAGES = 10 };
    const char *topic = trial_topic(trial, "t");
    struct peer *peer = peer_connect(trial, "peer", .keep = true);
    peer_subscribe(peer, topic, 2);
    struct peer *publisher = peer_connect(trial, "pub");
    for (unsigned i = 0; i < MESSAGES; i++)
        peer_publish(publisher, topic, .qos = 1 + i % 2, .payload = arena_print("%02u", i));
    unsigned ids[MESSAGES];
    for (int i = 0; i < MESSAGES; i++) {
        ids[i] = peer_expect_type(peer, PACKET_PUBLISH).id; // not 0: every packet is checked for that
        for (int j = 0; j < i; j++)
            trial_require(trial, ids[i] != ids[j], "an identifier that is not in use", "%u twice", ids[i]);
    }
    peer_cut(peer);
    peer = peer_connect(trial, "peer", .keep = true, .expect_present = 1);
    for (unsigned i = 0; i < MESSAGES; i++)
        peer_expect_publish(peer, topic, .qos = 1 + i % 2, .dup = true, .id = ids[i],
                            .payload = arena_print("%02u", i));
}

static void reused(struct trial *trial)
{
    enum { MESSAGES = 300 };
    const char *topic = trial_topic(trial, "t");
    struct peer *peer = peer_connect(trial, "peer");
    peer_subscribe(peer, topic, 1);
    struct peer *publisher = peer_connect(trial, "pub");
    peer_publish(publisher, topic, .qos = 1, .payload = "held");
    unsigned held = peer_expect_publish(peer, topic, .qos = 1, .payload = "held").id;
    for (int i = 0; i < MESSAGES; i++) {
        peer_publish(publisher, topic, .qos = 1, .payload = "x");
        struct packet packet = peer_take(peer, topic, .qos = 1, .payload = "x");
        trial_require(trial, packet.id != held, "no use of an identifier before its PUBACK", "%u again",
                      held);
    }
    peer_send(peer, packet_answer(PACKET_PUBACK, held));
    peer_expect_nothing(peer);
}

static void qos_0_has_none(struct trial *trial)
{
    const char *topic = trial_topic(trial, "t");
    struct peer *peer = peer_connect(trial, "peer");
    peer_subscribe(peer, topic, 2);
    peer_publish(peer, topic, .payload = "exactly this");
    peer_expect_publish(peer, topic, .payload = "exactly this");
}

static void echoed(struct trial *trial)
{
    static const unsigned ids[] = {1, 2, 255, 256, 257, 32767, 32768, 65534, 65535};
    const char *topic = trial_topic(trial, "t");
    struct peer *peer = peer_connect(trial, "peer");
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        peer_publish(peer, topic, .qos = 1, .id = ids[i]);
        peer_publish(peer, topic, .qos = 2, .id = ids[i]);
    }
}

static void subscribe_echoed(struct trial *trial)
{
    enum { COUNT = 4 };
    static const unsigned ids[COUNT] = {1, 256, 65535, 4660};
    const char *topic = trial_topic(trial, "t");
    struct peer *peer = peer_connect(trial, "peer");
    struct bytes all = {0}, answers[2 * COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        all = bytes_join(all,
                         bytes_join(packet_subscribe(ids[i], topic, 1), packet_unsubscribe(ids[i], topic)));
        answers[2 * i] = packet_suback(ids[i], 1);
        answers[2 * i + 1] = packet_answer(PACKET_UNSUBACK, ids[i]);
    }
    peer_send(peer, all);
    if (!peer_expect_all(peer, answers, 2 * COUNT))
        trial_tolerate(
            trial,
            "answers SUBSCRIBE and UNSUBSCRIBE in another order than theirs, which no statement forbids");
    struct peer *publisher = peer_connect(trial, "pub"); // the last of all was UNSUBSCRIBE
    peer_publish(publisher, topic, .qos = 1, .payload = "x");
    peer_expect_nothing(peer);
}

static void directions(struct trial *trial)
{
    const char *topic = trial_topic(trial, "t");
    struct peer *peer = peer_connect(trial, "peer");
    peer_subscribe(peer, topic, 2);
    struct peer *publisher = peer_connect(trial, "pub");
    peer_publish(publisher, topic, .qos = 2, .payload = "in");
    unsigned id = peer_expect_publish(peer, topic, .qos = 2, .payload = "in").id;
    const char *other = trial_topic(trial, "other");
    peer_publish(peer, other, .qos = 2, .id = id,
                 .payload = "out"); // while the broker's exchange of that number is open
    peer_send(peer, packet_answer(PACKET_PUBREC, id));
    peer_expect(peer, packet_answer(PACKET_PUBREL, id));
    peer_send(peer, packet_answer(PACKET_PUBCOMP, id));
    peer_expect_nothing(peer);
}

static const struct test_case cases[] = {
    {"zero", "MQTT-2.3.1-1", "SUBSCRIBE, UNSUBSCRIBE and PUBLISH at QoS 1 and 2 with identifier 0",
     "closed without an answer, nothing delivered", .run = zero},
    {"distinct", "MQTT-2.3.1-1 MQTT-2.3.1-4 MQTT-4.3.2-1 MQTT-4.3.3-1",
     "ten messages without an acknowledgement, then a resumed session",
     "distinct identifiers, and the same ones again", .run = distinct},
    {"reused", "MQTT-2.3.1-4", "acknowledges three hundred messages and one not",
     "its identifier is not used again", .run = reused},
    {"qos-0", "MQTT-2.3.1-5 MQTT-4.3.1-1", "receives a QoS 0 message",
     "the payload begins right behind the topic", .run = qos_0_has_none},
    {"echoed", "MQTT-2.3.1-6 MQTT-4.3.2-2 MQTT-4.3.3-2",
     "publishes at QoS 1 and 2 with identifiers from 1 to 65535", "PUBACK, PUBREC and PUBCOMP with the same",
     .run = echoed},
    {"subscribe-echoed", "MQTT-2.3.1-7 MQTT-3.8.4-2 MQTT-3.10.4-4",
     "SUBSCRIBE and UNSUBSCRIBE, all at once, with several identifiers",
     "SUBACK and UNSUBACK with the same, and no subscription at the end", .run = subscribe_echoed},
    {"directions", "MQTT-2.3.1-4", "uses the identifier of an open exchange of the broker for one of its own",
     "neither disturbs the other", .run = directions},
};

SECTION_OF_CASES(section_2_3_identifiers, "2.3", "Packet identifiers");
