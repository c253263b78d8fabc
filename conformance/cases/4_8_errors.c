// SPDX-License-Identifier: MIT
// 4.8 Handling errors.
#include "conformance/cases/cases.h"

static void types_of_servers(struct trial *trial)
{
    struct peer *other = peer_connect(trial, "other");
    case_is_closed_on(trial, "type 0", hex("00 00"));
    case_is_closed_on(trial, "type 15", hex("F0 00"));
    case_is_closed_on(trial, "connack", packet_connack(0, 0));
    case_is_closed_on(trial, "suback", packet_suback(1, 0));
    case_is_closed_on(trial, "unsuback", packet_answer(PACKET_UNSUBACK, 1));
    case_is_closed_on(trial, "pingresp", packet_empty(PACKET_PINGRESP));
    peer_ping(other);
}

static void answers_to_nothing(struct trial *trial)
{
    static const enum packet_type types[] = {PACKET_PUBACK, PACKET_PUBREC, PACKET_PUBCOMP};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        struct peer *peer = peer_connect(trial, packet_type_name(types[i]));
        peer_send(peer, packet_answer(types[i], 777));
        struct packet packet = {0};
        enum peer_event event = peer_next(peer, deadline_in_exact_ms(QUIET_MS), &packet);
        if (event == PEER_END)
            trial_tolerate(trial, "closes on %s for a message that it never sent",
                           packet_type_name(types[i]));
        else if (event == PEER_PACKET)
            trial_require(trial,
                          types[i] == PACKET_PUBREC &&
                              bytes_equal(packet.whole, packet_answer(PACKET_PUBREL, 777)),
                          "nothing, a close, or PUBREL on PUBREC", "%s", packet_describe(packet.whole));
        else
            peer_ping(peer);
    }
}

static void others_unharmed(struct trial *trial)
{
    const char *topic = trial_topic(trial, "t");
    struct peer *sub = peer_connect(trial, "sub");
    peer_subscribe(sub, topic, 1);
    struct peer *publisher = peer_connect(trial, "pub");
    for (int i = 0; i < 20; i++) {
        struct bytes noise = bytes_repeat(0, 64);
        for (size_t j = 0; j < noise.length; j++)
            ((uint8_t *)(uintptr_t)noise.data)[j] = (uint8_t)random_next(&trial->random);
        struct peer *peer = peer_open(trial, "noise");
        peer_send_anyway(peer, noise);
        peer_cut(peer);
        peer_publish(publisher, topic, .qos = 1, .payload = "x");
        peer_take(sub, topic, .qos = 1, .payload = "x");
    }
}

static void cut_packets(struct trial *trial)
{
    const char *topic = trial_topic(trial, "t");
    struct peer *witness = peer_connect(trial, "witness");
    peer_subscribe(witness, trial_topic(trial, "#"), 0);
    struct bytes publish = packet_publish(topic, .qos = 1, .id = 1, .retain = true, .payload = "never whole");
    for (size_t length = 1; length < publish.length; length += 3) {
        struct peer *peer = peer_connect(trial, arena_print("p%zu", length));
        peer_send(peer, bytes_slice(publish, 0, length));
        if (length % 2 == 0)
            peer_cut(peer);
        else
            peer_hang_up(peer);
    }
    peer_expect_nothing(witness);
}

static void nothing_behind_a_fault(struct trial *trial)
{
    const char *topic = trial_topic(trial, "t");
    struct peer *witness = peer_connect(trial, "witness");
    peer_subscribe(witness, topic, 0);
    struct peer *peer = peer_connect(trial, "peer");
    peer_send_anyway(peer, bytes_join(packet_publish(topic, .qos = 3, .id = 1),
                                      packet_publish(topic, .payload = "behind")));
    peer_expect_close(peer);
    peer_expect_nothing(witness);
}

static void mutated_packets(struct trial *trial)
{
    const char *topic = trial_topic(trial, "t");
    for (int i = 0; i < 60; i++) {
        struct bytes packets[] = {
            packet_subscribe(1, topic, 1), packet_publish(topic, .qos = 2, .id = 2, .payload = "x"),
            packet_unsubscribe(3, topic), packet_connect(trial_id(trial, "m"), .user = "u", .password = "p")};
        unsigned which = random_below(&trial->random, 4);
        uint8_t *data = (uint8_t *)(uintptr_t)packets[which].data;
        for (unsigned changes = 1 + random_below(&trial->random, 3); changes > 0; changes--)
            data[random_below(&trial->random, (uint32_t)packets[which].length)] ^=
                (uint8_t)(1U << random_below(&trial->random, 8));
        struct peer *peer = which == 3 ? peer_open(trial, "mutant") : peer_connect(trial, "mutant");
        peer_send_anyway(peer, packets[which]);
        struct packet packet;
        (void)peer_next(peer, deadline_in_exact_ms(10), &packet); // whatever comes has to be right in itself
        peer_cut(peer);
    }
}

static const struct test_case cases[] = {
    {"types", "MQTT-4.8.0-1", "packets of types 0 and 15, and such as only servers send",
     "closed; another connection is unharmed", .run = types_of_servers},
    {"answers-to-nothing", "MQTT-4.8.0-1", "PUBACK, PUBREC and PUBCOMP for what was never sent",
     "ignored, or closed", .run = answers_to_nothing},
    {"others-unharmed", "MQTT-4.8.0-1", "noise on new connections while others exchange messages",
     "these lose nothing", .run = others_unharmed},
    {"cut-packets", "MQTT-4.8.0-1", "ends the connection within a PUBLISH, at many places",
     "nothing delivered", .run = cut_packets},
    {"nothing-behind", "MQTT-4.8.0-1 MQTT-3.3.1-4", "PUBLISH behind one of QoS 3, in one segment",
     "closed, nothing delivered", .run = nothing_behind_a_fault},
    {"mutants", "MQTT-4.8.0-1", "sixty packets with random bits turned over",
     "right answers or a close, and the broker lives", .run = mutated_packets, .budget_ms = 60000},
};

SECTION_OF_CASES(section_4_8_errors, "4.8", "Errors");
