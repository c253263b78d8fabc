// SPDX-License-Identifier: MIT
// 3.1 CONNECT: the will and the client id.
#include "conformance/cases/cases.h"

static void will_on_reset(struct trial *trial)
{
    const char *topic = trial_topic(trial, "will");
    struct peer *witness = peer_connect(trial, "witness");
    peer_subscribe(witness, topic, 2);
    for (unsigned qos = 0; qos <= 2; qos++) {
        struct peer *peer = peer_connect(trial, "peer", .will_topic = topic, .will = "gone", .will_qos = qos);
        peer_cut(peer);
        peer_take(witness, topic, .qos = qos, .payload = "gone");
    }
    peer_expect_nothing(witness);
}

static void will_on_end(struct trial *trial)
{
    const char *topic = trial_topic(trial, "will");
    struct peer *witness = peer_connect(trial, "witness");
    peer_subscribe(witness, topic, 0);
    struct peer *peer = peer_connect(trial, "peer", .will_topic = topic, .will = "hung up");
    peer_hang_up(peer);
    peer_expect_publish(witness, topic, .payload = "hung up");
    peer = peer_connect(trial, "peer", .will_topic = topic, .will = "broken");
    peer_send(peer, hex("F0 00"));
    peer_expect_close(peer);
    peer_expect_publish(witness, topic, .payload = "broken");
    peer_expect_nothing(witness);
}

static void will_empty(struct trial *trial)
{
    const char *topic = trial_topic(trial, "will");
    struct peer *witness = peer_connect(trial, "witness");
    peer_subscribe(witness, topic, 0);
    peer_cut(peer_connect(trial, "peer", .will_topic = topic, .will = ""));
    peer_expect_publish(witness, topic);
}

static void will_without_fields(struct trial *trial)
{
    struct bytes id = bytes_text(trial_id(trial, "a"));
    static const char *const rests[] = {"", "0001 't'", "0001 't' 0005 'ab'"};
    for (size_t i = 0; i < sizeof rests / sizeof *rests; i++) {
        struct buffer body = {0};
        buffer_append(&body, hex("0004 'MQTT' 04 06 0000"));
        buffer_put_field(&body, id);
        buffer_append(&body, hex(rests[i]));
        case_first_is_closed_on(trial, "will", packet_raw(0x10, buffer_bytes(&body)));
        buffer_finish(&body);
    }
}

static void will_removed(struct trial *trial)
{
    const char *topic = trial_topic(trial, "will");
    struct peer *witness = peer_connect(trial, "witness");
    peer_subscribe(witness, topic, 0);
    struct peer *peer = peer_connect(trial, "peer", .keep = true, .will_topic = topic, .will = "no");
    peer_disconnect(peer);
    peer_cut(peer_connect(trial, "peer", .keep = true, .expect_present = 1));
    peer_expect_nothing(witness);
}

static void will_once(struct trial *trial)
{
    const char *topic = trial_topic(trial, "will");
    struct peer *witness = peer_connect(trial, "witness");
    peer_subscribe(witness, topic, 0);
    peer_cut(peer_connect(trial, "peer", .keep = true, .will_topic = topic, .will = "once"));
    peer_expect_publish(witness, topic, .payload = "once");
    peer_cut(peer_connect(trial, "peer", .keep = true, .expect_present = 1));
    peer_expect_nothing(witness);
}

static void will_bits(struct trial *trial)
{
    const char *id = trial_id(trial, "a");
    case_first_is_closed_on(trial, "qos 1", packet_connect(id, .flags_flip = 0x08));
    case_first_is_closed_on(trial, "qos 2", packet_connect(id, .flags_flip = 0x10));
    case_first_is_closed_on(trial, "retain", packet_connect(id, .flags_flip = 0x20));
}

static void will_qos_3(struct trial *trial)
{
    const char *topic = trial_topic(trial, "will");
    struct bytes connect =
        packet_connect(trial_id(trial, "a"), .will_topic = topic, .will = "x", .will_qos = 3);
    case_first_is_closed_on(trial, "qos 3", connect);
}

static void no_will(struct trial *trial)
{
    struct peer *witness = peer_connect(trial, "witness");
    peer_send(witness, packet_subscribe(1, "#", 0));
    struct packet packet;
    while (peer_next(witness, deadline_in_exact_ms(QUIET_MS), &packet) == PEER_PACKET)
        continue; // SUBACK, and what earlier cases retained
    peer_cut(peer_connect(trial, "peer"));
    peer_expect_nothing(witness);
}

static void will_not_retained(struct trial *trial)
{
    const char *topic = trial_topic(trial, "will");
    struct peer *witness = peer_connect(trial, "witness");
    peer_subscribe(witness, topic, 0);
    peer_cut(peer_connect(trial, "peer", .will_topic = topic, .will = "gone"));
    peer_expect_publish(witness, topic, .payload = "gone");
    struct peer *late = peer_connect(trial, "late");
    peer_subscribe(late, topic, 0);
    peer_expect_nothing(late);
}

static void will_retained(struct trial *trial)
{
    const char *topic = trial_topic(trial, "will");
    struct peer *witness = peer_connect(trial, "witness");
    peer_subscribe(witness, topic, 0);
    peer_cut(
        peer_connect(trial, "peer", .will_topic = topic, .will = "kept", .will_qos = 1, .will_retain = true));
    peer_expect_publish(witness, topic, .payload = "kept");
    struct peer *late = peer_connect(trial, "late");
    peer_subscribe(late, topic, 2);
    peer_take(late, topic, .qos = 1, .retain = true, .payload = "kept");
}

static void will_topic_wildcard(struct trial *trial)
{
    const char *id = trial_id(trial, "a");
    case_first_is_closed_on(trial, "hash",
                            packet_connect(id, .will_topic = trial_topic(trial, "#"), .will = "x"));
    case_first_is_closed_on(trial, "plus",
                            packet_connect(id, .will_topic = trial_topic(trial, "+/a"), .will = "x"));
}

static void all_fields(struct trial *trial)
{
    const char *topic = trial_topic(trial, "will");
    struct peer *witness = peer_connect(trial, "witness");
    peer_subscribe(witness, topic, 1);
    struct peer *peer = peer_connect(trial, "all", .keep = true, .will_topic = topic, .will = "message",
                                     .will_qos = 1, .user = "name", .password = "word");
    peer_cut(peer);
    peer_take(witness, topic, .qos = 1, .payload = "message");
    peer_connect(trial, "all", .keep = true, .expect_present = 1);
}

static void id_is_key(struct trial *trial)
{
    const char *one = trial_topic(trial, "1"), *two = trial_topic(trial, "2");
    struct peer *first = peer_connect(trial, "one", .keep = true);
    struct peer *second = peer_connect(trial, "One", .keep = true);
    peer_subscribe(first, one, 1);
    peer_subscribe(second, two, 1);
    peer_disconnect(first);
    peer_disconnect(second);
    struct peer *publisher = peer_connect(trial, "pub");
    peer_publish(publisher, one, .qos = 1, .payload = "1");
    peer_publish(publisher, two, .qos = 1, .payload = "2");
    first = peer_connect(trial, "one", .keep = true, .expect_present = 1);
    second = peer_connect(trial, "One", .keep = true, .expect_present = 1);
    peer_take(first, one, .qos = 1, .payload = "1");
    peer_take(second, two, .qos = 1, .payload = "2");
    peer_expect_nothing(first);
    peer_expect_nothing(second);
}

static void plain_ids(struct trial *trial)
{
    static const char *const ids[] = {"0123456789", "abcdefghijklmnopqrstuvw", "ABCDEFGHIJKLMNOPQRSTUVW",
                                      "xyzXYZ", "a"};
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        struct peer *peer = peer_open(trial, "id");
        peer_send(peer, packet_connect(ids[i]));
        peer_expect(peer, packet_connack(0, 0));
        peer_disconnect(peer);
    }
}

static void empty_id(struct trial *trial)
{
    struct peer *peers[2];
    for (int i = 0; i < 2; i++) {
        peers[i] = peer_open(trial, "nameless");
        peer_send(peers[i], packet_connect(""));
        struct packet connack = peer_expect_type(peers[i], PACKET_CONNACK);
        if (connack.code == 2) {
            peer_expect_close(peers[i]);
            trial_not_applicable(trial, "the broker allows no empty client ids");
        }
        trial_require(trial, connack.code == 0, "CONNACK 0 or 2", "%u", connack.code);
    }
    peer_ping(peers[0]);
    peer_ping(peers[1]);
}

static void empty_id_kept(struct trial *trial)
{
    struct peer *peer = peer_open(trial, "nameless");
    peer_send(peer, packet_connect("", .keep = true));
    peer_expect_last(peer, packet_connack(0, 2));
}

static void rejected_id(struct trial *trial)
{
    trial_own_broker(trial, "short-ids");
    struct peer *peer = peer_open(trial, "long");
    peer_send(peer, packet_connect("abcdefghijklmnopqrstuvwxyz0123456789"));
    peer_expect_last(peer, packet_connack(0, 2));
}

static const struct test_case cases[] = {
    {"will-reset", "MQTT-3.1.2-8", "connects with a will at each QoS and resets the connection",
     "the will once, at its QoS", .run = will_on_reset},
    {"will-end", "MQTT-3.1.2-8 MQTT-4.8.0-1", "connects with a will, then FIN alone, then a broken packet",
     "the will each time", .run = will_on_end},
    {"will-empty", "MQTT-3.1.2-8", "a will with an empty message", "published as it is", .run = will_empty},
    {"will-lacks", "MQTT-3.1.2-9",
     "sets the Will Flag and leaves out the topic, the message, or a part of it", "closed without CONNACK",
     .run = will_without_fields},
    {"will-removed", "MQTT-3.1.2-10 MQTT-3.14.4-3",
     "leaves with DISCONNECT, returns without a will and is cut off", "no will", .run = will_removed},
    {"will-once", "MQTT-3.1.2-10", "is cut off with a will, returns without one and is cut off again",
     "one will", .run = will_once},
    {"will-bits", "MQTT-3.1.2-11 MQTT-3.1.2-13 MQTT-3.1.2-15", "Will QoS or Will Retain without Will Flag",
     "closed without CONNACK", .run = will_bits},
    {"will-qos-3", "MQTT-3.1.2-14", "a will of QoS 3", "closed without CONNACK", .run = will_qos_3},
    {"no-will", "MQTT-3.1.2-12", "is cut off without a will", "nothing is published", .run = no_will},
    {"will-not-retained", "MQTT-3.1.2-16", "a will with Will Retain 0",
     "published, and not kept for later subscribers", .run = will_not_retained},
    {"will-retained", "MQTT-3.1.2-17", "a will with Will Retain 1", "kept for later subscribers",
     .run = will_retained},
    {"will-wildcard", "MQTT-4.7.1-1 MQTT-3.1.3-10", "a will topic with a wildcard", "closed without CONNACK",
     .run = will_topic_wildcard},
    {"all-fields", "MQTT-3.1.3-1", "CONNECT with all five fields", "each takes effect", .run = all_fields},
    {"id-is-key", "MQTT-3.1.3-2", "two sessions whose client ids differ in case",
     "each gets its own messages", .run = id_is_key},
    {"plain-ids", "MQTT-3.1.3-5", "client ids of 1 to 23 digits and letters", "accepted", .run = plain_ids,
     .flags = CASE_PLAIN},
    {"empty-id", "MQTT-3.1.3-6", "two clients with an empty client id and Clean Session 1",
     "both are accepted and stay (or CONNACK 2)", .run = empty_id},
    {"empty-id-kept", "MQTT-3.1.3-8 MQTT-3.2.2-5", "an empty client id with Clean Session 0",
     "CONNACK 2, then closed", .run = empty_id_kept},
    {"rejected-id", "MQTT-3.1.3-9 MQTT-3.2.2-5", "a client id that the broker's configuration refuses",
     "CONNACK 2, then closed", .run = rejected_id},
};

SECTION_OF_CASES(section_3_1_payload, "3.1.3", "CONNECT payload");
