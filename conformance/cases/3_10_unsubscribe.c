// SPDX-License-Identifier: MIT
// 3.10 UNSUBSCRIBE and 3.11 UNSUBACK.
#include "conformance/cases/cases.h"

static void wrong_flags(struct trial *trial)
{
    static const char *const firsts[] = {"A0", "A1", "A3", "AA"};
    struct bytes unsubscribe = packet_unsubscribe(1, trial_topic(trial, "t"));
    for (size_t i = 0; i < sizeof firsts / sizeof *firsts; i++)
        case_is_closed_on(trial, firsts[i],
                          bytes_join(hex(firsts[i]), bytes_slice(unsubscribe, 1, unsubscribe.length)));
}

static void empty(struct trial *trial)
{
    case_is_closed_on(trial, "none", hex("A2 02 0001"));
    case_is_closed_on(trial, "no id", hex("A2 00"));
    case_is_closed_on(trial, "cut", hex("A2 06 0001 0009 'ab'"));
}

static void literal(struct trial *trial)
{
    const char *topic = trial_topic(trial, "a/b");
    const char *others[] = {topic, trial_topic(trial, "A/+"), trial_topic(trial, "a/#"),
                            trial_topic(trial, "#"), trial_topic(trial, "a/+/")};
    struct peer *peer = peer_connect(trial, "peer");
    struct peer *publisher = peer_connect(trial, "pub");
    peer_subscribe(peer, trial_topic(trial, "a/+"), 0);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        peer_unsubscribe(peer, others[i]);
        peer_publish(publisher, topic, .qos = 1, .payload = "still");
        peer_expect_publish(peer, topic, .payload = "still");
    }
    peer_unsubscribe(peer, trial_topic(trial, "a/+"));
    peer_publish(publisher, topic, .qos = 1, .payload = "no more");
    peer_expect_nothing(peer);
}

static void no_new_ones(struct trial *trial)
{
    const char *topic = trial_topic(trial, "t");
    struct peer *peer = peer_connect(trial, "peer");
    struct peer *publisher = peer_connect(trial, "pub");
    for (unsigned qos = 0; qos <= 2; qos++) {
        peer_subscribe(peer, topic, qos);
        peer_unsubscribe(peer, topic);
        peer_publish(publisher, topic, .qos = 2, .payload = "x");
        peer_expect_nothing(peer);
    }
}

static void begun_are_finished(struct trial *trial)
{
    const char *topic = trial_topic(trial, "t");
    struct peer *peer = peer_connect(trial, "peer", .keep = true);
    peer_subscribe(peer, topic, 2);
    struct peer *publisher = peer_connect(trial, "pub");
    peer_publish(publisher, topic, .qos = 2, .payload = "two");
    struct packet two = peer_expect_publish(peer, topic, .qos = 2, .payload = "two");
    peer_publish(publisher, topic, .qos = 1, .payload = "one");
    struct packet one = peer_expect_publish(peer, topic, .qos = 1, .payload = "one");
    peer_unsubscribe(peer, topic);
    peer_acknowledge(peer, &two);
    peer_ping(peer); // the broker has the PUBCOMP
    peer_cut(peer);
    peer = peer_connect(trial, "peer", .keep = true, .expect_present = 1);
    peer_take(peer, topic, .qos = 1, .id = one.id, .dup = true, .payload = "one");
    peer_expect_nothing(peer);
}

static void identifiers(struct trial *trial)
{
    struct peer *peer = peer_connect(trial, "peer");
    static const unsigned ids[] = {1, 256, 65535};
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        peer_send(peer, packet_unsubscribe(ids[i], trial_topic(trial, "t")));
        peer_expect(peer, packet_answer(PACKET_UNSUBACK, ids[i]));
    }
}

static void unknown(struct trial *trial)
{
    struct peer *peer = peer_connect(trial, "peer");
    peer_unsubscribe(peer, trial_topic(trial, "never"));
    peer_unsubscribe(peer, trial_topic(trial, "never/#"));
}

static void several(struct trial *trial)
{
    const char *topics[4];
    struct peer *peer = peer_connect(trial, "peer");
    for (unsigned i = 0; i < 4; i++) {
        topics[i] = trial_topic(trial, arena_print("%u", i));
        peer_subscribe(peer, topics[i], 1);
    }
    peer_send(peer, packet_unsubscribe_all(50, topics, 3));
    peer_expect(peer, packet_answer(PACKET_UNSUBACK, 50));
    struct peer *publisher = peer_connect(trial, "pub");
    for (unsigned i = 0; i < 4; i++)
        peer_publish(publisher, topics[i], .qos = 1, .payload = "x");
    peer_take(peer, topics[3], .qos = 1, .payload = "x");
    peer_expect_nothing(peer);
}

static void others_stay(struct trial *trial)
{
    const char *topic = trial_topic(trial, "t");
    struct peer *one = peer_connect(trial, "one");
    struct peer *two = peer_connect(trial, "two");
    peer_subscribe(one, topic, 0);
    peer_subscribe(two, topic, 0);
    peer_unsubscribe(one, topic);
    peer_publish(two, topic, .payload = "x");
    peer_expect_publish(two, topic, .payload = "x");
    peer_expect_nothing(one);
}

static const struct test_case cases[] = {
    {"wrong-flags", "MQTT-3.10.1-1 MQTT-2.2.2-2", "UNSUBSCRIBE with other flags than 2",
     "closed without UNSUBACK", .run = wrong_flags},
    {"empty", "MQTT-3.10.3-2 MQTT-4.8.0-1", "UNSUBSCRIBE without a filter, and with one that is cut short",
     "closed without UNSUBACK", .run = empty},
    {"literal", "MQTT-3.10.4-1",
     "unsubscribes filters that match the topic, but are not the one that was subscribed",
     "delivered until it is that one", .run = literal},
    {"no-new-ones", "MQTT-3.10.4-2", "unsubscribes, and then it is published", "nothing delivered",
     .run = no_new_ones},
    {"begun", "MQTT-3.10.4-3", "unsubscribes while a QoS 1 and a QoS 2 delivery are open, and resumes",
     "both are finished", .run = begun_are_finished},
    {"identifiers", "MQTT-3.10.4-4", "UNSUBSCRIBE with several identifiers", "UNSUBACK with the same",
     .run = identifiers},
    {"unknown", "MQTT-3.10.4-5", "unsubscribes what was never subscribed", "UNSUBACK", .run = unknown},
    {"several", "MQTT-3.10.4-6", "three of four filters in one UNSUBSCRIBE",
     "one UNSUBACK, the fourth still delivers", .run = several},
    {"others-stay", "MQTT-3.10.4-2", "one of two subscribers unsubscribes",
     "the other still gets its messages", .run = others_stay},
};

SECTION_OF_CASES(section_3_10_unsubscribe, "3.10", "UNSUBSCRIBE");
