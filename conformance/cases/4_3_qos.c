// SPDX-License-Identifier: MIT
// 3.6 PUBREL, 4.1 session state, 4.3 QoS and 4.4 redelivery.
#include "conformance/cases/cases.h"

// A subscriber at QoS 2, who keeps its session.
static struct peer *subscriber(struct trial *trial, const char *topic)
{
    struct peer *peer = peer_connect(trial, "sub", .keep = true);
    peer_subscribe(peer, topic, 2);
    return peer;
}

static void pubrel_flags(struct trial *trial)
{
    static const char *const firsts[] = {"60", "61", "63", "6F"};
    const char *topic = trial_topic(trial, "t");
    for (size_t i = 0; i < sizeof firsts / sizeof *firsts; i++) {
        struct peer *peer = peer_connect(trial, firsts[i]);
        peer_send(peer, packet_publish(topic, .qos = 2, .id = 5, .payload = "x"));
        peer_expect(peer, packet_answer(PACKET_PUBREC, 5));
        peer_send(peer, bytes_join(hex(firsts[i]), hex("02 0005")));
        peer_expect_close(peer);
    }
}

static void qos_1_same_id(struct trial *trial)
{
    const char *topic = trial_topic(trial, "t");
    struct peer *sub = subscriber(trial, topic);
    struct peer *peer = peer_connect(trial, "pub");
    peer_publish(peer, topic, .qos = 1, .id = 7, .payload = "first");
    peer_publish(peer, topic, .qos = 1, .id = 7, .dup = true, .payload = "second");
    peer_take(sub, topic, .qos = 1, .payload = "first");
    peer_take(sub, topic, .qos = 1, .payload = "second");
}

static void qos_1_repeated(struct trial *trial)
{
    const char *topic = trial_topic(trial, "t");
    struct peer *sub = subscriber(trial, topic);
    struct peer *peer = peer_connect(trial, "pub");
    struct bytes publish = packet_publish(topic, .qos = 1, .id = 7, .payload = "x");
    peer_send(peer, bytes_join(publish, publish));
    peer_expect(peer, packet_answer(PACKET_PUBACK, 7));
    peer_expect(peer, packet_answer(PACKET_PUBACK, 7));
    peer_take(sub, topic, .qos = 1, .payload = "x");
}

static void qos_1_resent(struct trial *trial)
{
    const char *topic = trial_topic(trial, "t");
    struct peer *sub = subscriber(trial, topic);
    struct peer *peer = peer_connect(trial, "pub");
    peer_publish(peer, topic, .qos = 1, .payload = "x");
    unsigned id = peer_expect_publish(sub, topic, .qos = 1, .payload = "x").id;
    for (int i = 0; i < 3; i++) {
        if (i % 2 == 0)
            peer_cut(sub);
        else
            peer_hang_up(sub);
        sub = peer_connect(trial, "sub", .keep = true, .expect_present = 1);
        peer_expect_publish(sub, topic, .qos = 1, .id = id, .dup = true, .payload = "x");
    }
    peer_send(sub, packet_answer(PACKET_PUBACK, id));
    peer_ping(sub);
    peer_cut(sub);
    sub = peer_connect(trial, "sub", .keep = true, .expect_present = 1);
    peer_expect_nothing(sub);
}

static void qos_2_before_pubrec(struct trial *trial)
{
    const char *topic = trial_topic(trial, "t");
    struct peer *sub = subscriber(trial, topic);
    struct peer *peer = peer_connect(trial, "pub");
    peer_publish(peer, topic, .qos = 2, .payload = "x");
    unsigned id = peer_expect_publish(sub, topic, .qos = 2, .payload = "x").id;
    peer_cut(sub);
    sub = peer_connect(trial, "sub", .keep = true, .expect_present = 1);
    peer_take(sub, topic, .qos = 2, .id = id, .dup = true, .payload = "x");
    peer_expect_nothing(sub);
}

static void qos_2_after_pubrec(struct trial *trial)
{
    const char *topic = trial_topic(trial, "t");
    struct peer *sub = subscriber(trial, topic);
    struct peer *peer = peer_connect(trial, "pub");
    peer_publish(peer, topic, .qos = 2, .payload = "x");
    unsigned id = peer_expect_publish(sub, topic, .qos = 2, .payload = "x").id;
    peer_send(sub, packet_answer(PACKET_PUBREC, id));
    peer_expect(sub, packet_answer(PACKET_PUBREL, id));
    for (int i = 0; i < 2; i++) {
        peer_cut(sub);
        sub = peer_connect(trial, "sub", .keep = true, .expect_present = 1);
        peer_expect(sub, packet_answer(PACKET_PUBREL, id)); // and not PUBLISH
    }
    peer_send(sub, packet_answer(PACKET_PUBCOMP, id));
    peer_expect_nothing(sub);
    peer_cut(sub);
    sub = peer_connect(trial, "sub", .keep = true, .expect_present = 1);
    peer_expect_nothing(sub);
}

static void qos_2_receiver(struct trial *trial)
{
    const char *topic = trial_topic(trial, "t");
    struct peer *sub = subscriber(trial, topic);
    struct peer *peer = peer_connect(trial, "pub");
    peer_send(peer, packet_publish(topic, .qos = 2, .id = 9, .payload = "one"));
    peer_expect(peer, packet_answer(PACKET_PUBREC, 9));
    peer_send(peer, packet_publish(topic, .qos = 2, .id = 9, .dup = true, .payload = "one"));
    peer_expect(peer, packet_answer(PACKET_PUBREC, 9));
    peer_send(peer, packet_answer(PACKET_PUBREL, 9));
    peer_expect(peer, packet_answer(PACKET_PUBCOMP, 9));
    peer_publish(peer, topic, .qos = 2, .id = 9, .payload = "two");
    struct packet packets[2] = {0};
    size_t count = peer_collect(sub, packets, 2);
    bool is_right = count == 2 && bytes_equal(packets[0].payload, bytes_text("one")) &&
                    bytes_equal(packets[1].payload, bytes_text("two"));
    trial_require(trial, is_right, "one, then two", "%zu messages", count);
    peer_expect_nothing(sub);
}

static void pubrel_unknown(struct trial *trial)
{
    struct peer *peer = peer_connect(trial, "pub");
    peer_send(peer, packet_answer(PACKET_PUBREL, 4711));
    peer_expect(peer, packet_answer(PACKET_PUBCOMP, 4711));
}

static void qos_2_across_reconnect(struct trial *trial)
{
    const char *topic = trial_topic(trial, "t");
    struct peer *sub = subscriber(trial, topic);
    struct peer *peer = peer_connect(trial, "pub", .keep = true);
    peer_send(peer, packet_publish(topic, .qos = 2, .id = 9, .payload = "one"));
    peer_expect(peer, packet_answer(PACKET_PUBREC, 9));
    peer_cut(peer);
    peer = peer_connect(trial, "pub", .keep = true, .expect_present = 1);
    peer_send(peer, packet_publish(topic, .qos = 2, .id = 9, .dup = true,
                                   .payload = "one")); // as if PUBREC had been lost
    peer_expect(peer, packet_answer(PACKET_PUBREC, 9));
    peer_send(peer, packet_answer(PACKET_PUBREL, 9));
    peer_expect(peer, packet_answer(PACKET_PUBCOMP, 9));
    peer_take(sub, topic, .qos = 2, .payload = "one");
    peer_expect_nothing(sub);
}

static void pubrel_across_reconnect(struct trial *trial)
{
    const char *topic = trial_topic(trial, "t");
    struct peer *sub = subscriber(trial, topic);
    struct peer *peer = peer_connect(trial, "pub", .keep = true);
    peer_send(peer, packet_publish(topic, .qos = 2, .id = 9, .payload = "one"));
    peer_expect(peer, packet_answer(PACKET_PUBREC, 9));
    peer_send(peer, packet_answer(PACKET_PUBREL, 9));
    peer_cut(peer);
    peer = peer_connect(trial, "pub", .keep = true, .expect_present = 1);
    peer_send(peer, packet_answer(PACKET_PUBREL, 9));
    peer_expect(peer, packet_answer(PACKET_PUBCOMP, 9));
    peer_take(sub, topic, .qos = 2, .payload = "one");
    peer_expect_nothing(sub);
}

static void all_stages(struct trial *trial)
{
    const char *topic = trial_topic(trial, "t");
    struct peer *sub = subscriber(trial, topic);
    struct peer *peer = peer_connect(trial, "pub");
    unsigned ids[4];
    for (unsigned i = 0; i < 4; i++) {
        peer_publish(peer, topic, .qos = i == 0 ? 1 : 2, .payload = arena_print("%u", i));
        ids[i] = peer_expect_type(sub, PACKET_PUBLISH).id;
    }
    peer_send(sub, packet_answer(PACKET_PUBREC, ids[2])); // its PUBREL comes, its PUBCOMP does not
    peer_expect(sub, packet_answer(PACKET_PUBREL, ids[2]));
    peer_send(sub, packet_answer(PACKET_PUBREC, ids[3])); // this one is finished
    peer_expect(sub, packet_answer(PACKET_PUBREL, ids[3]));
    peer_send(sub, packet_answer(PACKET_PUBCOMP, ids[3]));
    peer_ping(sub);
    peer_cut(sub);
    sub = peer_connect(trial, "sub", .keep = true, .expect_present = 1);
    bool publish_1 = false, publish_2 = false, pubrel = false;
    for (int i = 0; i < 3; i++) {
        struct packet packet = {0};
        if (peer_next(sub, deadline_in_ms(ANSWER_MS), &packet) != PEER_PACKET)
            break;
        publish_1 = publish_1 || bytes_equal(packet.whole, packet_publish(topic, .qos = 1, .id = ids[0],
                                                                          .dup = true, .payload = "0"));
        publish_2 = publish_2 || bytes_equal(packet.whole, packet_publish(topic, .qos = 2, .id = ids[1],
                                                                          .dup = true, .payload = "1"));
        pubrel = pubrel || bytes_equal(packet.whole, packet_answer(PACKET_PUBREL, ids[2]));
    }
    trial_require(trial, publish_1 && publish_2 && pubrel, "both unacknowledged PUBLISH and the PUBREL again",
                  "PUBLISH QoS 1 %d, QoS 2 %d, PUBREL %d", publish_1, publish_2, pubrel);
    peer_expect_nothing(sub);
}

static void not_without_cut(struct trial *trial)
{
    const char *topic = trial_topic(trial, "t");
    struct peer *sub = subscriber(trial, topic);
    struct peer *peer = peer_connect(trial, "pub");
    peer_publish(peer, topic, .qos = 1, .payload = "x");
    peer_expect_publish(sub, topic, .qos = 1, .payload = "x");
    struct packet packet;
    if (peer_next(sub, deadline_in_exact_ms(1500), &packet) == PEER_PACKET) {
        trial_require(trial, packet.dup, "DUP 1 on what is sent again", "%s", packet_describe(packet.whole));
        trial_tolerate(trial, "sends again within a connection, which 3.1.1 allows and advises against");
    }
}

static void clean_forgets(struct trial *trial)
{
    const char *topic = trial_topic(trial, "t");
    struct peer *sub = subscriber(trial, topic);
    struct peer *peer = peer_connect(trial, "pub");
    peer_publish(peer, topic, .qos = 1, .payload = "x");
    peer_expect_publish(sub, topic, .qos = 1, .payload = "x");
    peer_cut(sub);
    sub = peer_connect(trial, "sub");
    peer_expect_nothing(sub);
    peer_publish(sub, topic, .qos = 2, .id = 3, .payload = "y");
}

static void long_session(struct trial *trial)
{
    const char *topic = trial_topic(trial, "t");
    struct peer *sub = subscriber(trial, topic);
    struct peer *peer = peer_connect(trial, "pub");
    peer_send(peer, packet_publish(topic, .qos = 2, .id = 30, .payload = "half done"));
    peer_expect(peer, packet_answer(PACKET_PUBREC, 30));
    for (int i = 0; i < 4; i++) {
        peer_expect_silence(peer, 400);
        peer_ping(peer);
    }
    peer_send(peer, packet_answer(PACKET_PUBREL, 30));
    peer_expect(peer, packet_answer(PACKET_PUBCOMP, 30));
    peer_take(sub, topic, .qos = 2, .payload = "half done");
}

static const struct test_case cases[] = {
    {"pubrel-flags", "MQTT-3.6.1-1 MQTT-2.2.2-2", "PUBREL with other flags than 2 within an exchange",
     "closed without PUBCOMP", .run = pubrel_flags},
    {"qos-1-same-id", "MQTT-4.3.2-2",
     "publishes twice with one identifier, each after the other's PUBACK, the second with DUP 1",
     "two messages delivered", .run = qos_1_same_id},
    {"qos-1-repeated", "MQTT-4.3.2-2 MQTT-3.3.4-1", "the same QoS 1 PUBLISH twice at once", "two PUBACKs",
     .run = qos_1_repeated},
    {"qos-1-resent", "MQTT-4.3.2-1 MQTT-4.4.0-1 MQTT-3.3.1-1 MQTT-4.1.0-1",
     "leaves a QoS 1 message without PUBACK over three connections", "again each time, until PUBACK",
     .run = qos_1_resent},
    {"qos-2-before-pubrec", "MQTT-4.3.3-1 MQTT-4.4.0-1", "is cut off before PUBREC and resumes",
     "PUBLISH again with DUP 1", .run = qos_2_before_pubrec},
    {"qos-2-after-pubrec", "MQTT-4.3.3-1 MQTT-4.4.0-1", "is cut off after PUBREC and resumes, twice",
     "PUBREL again, and no PUBLISH", .run = qos_2_after_pubrec},
    {"qos-2-receiver", "MQTT-4.3.3-2",
     "publishes with an identifier twice before PUBREL and once after PUBCOMP",
     "PUBREC each time, two messages delivered", .run = qos_2_receiver},
    {"pubrel-unknown", "MQTT-4.3.3-2", "PUBREL for an identifier that is not in use", "PUBCOMP",
     .run = pubrel_unknown},
    {"qos-2-across-reconnect", "MQTT-4.3.3-2 MQTT-4.1.0-1",
     "is cut off after PUBREC and sends the PUBLISH again", "PUBREC, and one message delivered",
     .run = qos_2_across_reconnect},
    {"pubrel-across-reconnect", "MQTT-4.3.3-2 MQTT-4.1.0-1", "is cut off after PUBREL and sends it again",
     "PUBCOMP, and one message delivered", .run = pubrel_across_reconnect},
    {"all-stages", "MQTT-4.4.0-1 MQTT-4.1.0-1", "leaves exchanges at each stage, is cut off and resumes",
     "both PUBLISH and the PUBREL again under their identifiers", .run = all_stages},
    {"not-without-cut", "MQTT-4.4.0-1 MQTT-3.3.1-1", "does not acknowledge, and stays",
     "nothing is sent again, or only with DUP 1", .run = not_without_cut},
    {"clean-forgets", "MQTT-3.1.2-6", "leaves a message unacknowledged and comes back with Clean Session 1",
     "nothing is sent again", .run = clean_forgets},
    {"long-session", "MQTT-4.1.0-2", "leaves a QoS 2 exchange half done for a while on one connection",
     "it can be finished", .run = long_session},
};

SECTION_OF_CASES(section_4_3_qos, "4.3", "QoS, redelivery");
