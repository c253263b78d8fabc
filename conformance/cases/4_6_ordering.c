// SPDX-License-Identifier: MIT
// 4.5 receipt and 4.6 ordering.
#include "conformance/cases/cases.h"

static void every_session(struct trial *trial)
{
    enum { SUBSCRIBERS = 10 };
    const char *topic = trial_topic(trial, "a/b");
    struct peer *subs[SUBSCRIBERS];
    for (unsigned i = 0; i < SUBSCRIBERS; i++) {
        subs[i] = peer_connect(trial, arena_print("s%u", i), .keep = true);
        peer_subscribe(subs[i], i % 2 == 0 ? topic : trial_topic(trial, "a/+"), 1);
    }
    peer_cut(subs[0]);
    peer_disconnect(subs[1]);
    struct peer *peer = peer_connect(trial, "pub");
    peer_publish(peer, topic, .qos = 1, .payload = "x");
    for (unsigned i = 2; i < SUBSCRIBERS; i++)
        peer_take(subs[i], topic, .qos = 1, .payload = "x");
    for (unsigned i = 0; i < 2; i++)
        peer_take(peer_connect(trial, arena_print("s%u", i), .keep = true, .expect_present = 1), topic,
                  .qos = 1, .payload = "x");
}

enum { MESSAGES = 1000, BURST = 10 };

// Publishes numbers as fast as the broker takes them and sees that a subscriber gets them in order.
static void numbers_in_order(struct trial *trial, unsigned qos)
{
    const char *topic = trial_topic(trial, "t");
    struct peer *sub = peer_connect(trial, "sub");
    peer_subscribe(sub, topic, qos);
    struct peer *peer = peer_connect(trial, "pub");
    for (unsigned first = 0; first < MESSAGES; first += BURST) {
        struct bytes burst = {0};
        for (unsigned i = first; i < first + BURST; i++)
            burst = bytes_join(
                burst, packet_publish(topic, .qos = qos, .id = i + 1, .payload = arena_print("%u", i)));
        peer_send(peer, burst);
        for (unsigned i = first; qos > 0 && i < first + BURST; i++)
            peer_expect(peer, packet_answer(qos == 1 ? PACKET_PUBACK : PACKET_PUBREC, i + 1)); // in order
        for (unsigned i = first; qos == 2 && i < first + BURST; i++)
            peer_send(peer, packet_answer(PACKET_PUBREL, i + 1));
        for (unsigned i = first; qos == 2 && i < first + BURST; i++)
            peer_expect(peer, packet_answer(PACKET_PUBCOMP, i + 1));
        struct packet packets[BURST];
        size_t count = peer_collect(sub, packets, BURST);
        for (unsigned i = 0; i < BURST; i++) {
            bool is_right =
                i < count && bytes_equal(packets[i].payload, bytes_text(arena_print("%u", first + i)));
            trial_require(trial, is_right, arena_print("message %u", first + i), "%s",
                          i < count ? packet_describe(packets[i].whole) : "nothing");
        }
    }
}

static void ordered_qos_0(struct trial *trial)
{
    numbers_in_order(trial, 0);
}

static void ordered_qos_1(struct trial *trial)
{
    numbers_in_order(trial, 1);
}

static void ordered_qos_2(struct trial *trial)
{
    numbers_in_order(trial, 2);
}

static void ordered_on_resume(struct trial *trial, unsigned qos)
{
    enum { COUNT = 10 };
    const char *topic = trial_topic(trial, "t");
    struct peer *sub = peer_connect(trial, "sub", .keep = true);
    peer_subscribe(sub, topic, qos);
    struct peer *peer = peer_connect(trial, "pub");
    for (unsigned i = 0; i < COUNT; i++)
        peer_publish(peer, topic, .qos = qos, .payload = arena_print("%02u", i));
    for (unsigned i = 0; i < COUNT; i++)
        peer_expect_publish(sub, topic, .qos = qos, .payload = arena_print("%02u", i));
    peer_cut(sub);
    for (unsigned i = COUNT; i < COUNT + 5; i++)
        peer_publish(peer, topic, .qos = qos, .payload = arena_print("%02u", i));
    sub = peer_connect(trial, "sub", .keep = true, .expect_present = 1);
    struct packet packets[COUNT + 5];
    size_t count = peer_collect(sub, packets, COUNT + 5);
    for (unsigned i = 0; i < COUNT + 5; i++) {
        bool is_right = i < count && bytes_equal(packets[i].payload, bytes_text(arena_print("%02u", i))) &&
                        (packets[i].dup || i >= COUNT);
        trial_require(trial, is_right, arena_print("message %02u%s", i, i < COUNT ? ", with DUP 1" : ""),
                      "%s", i < count ? packet_describe(packets[i].whole) : "nothing");
    }
    peer_expect_nothing(sub);
}

static void resumed_qos_1(struct trial *trial)
{
    ordered_on_resume(trial, 1);
}

static void resumed_qos_2(struct trial *trial)
{
    ordered_on_resume(trial, 2);
}

static void pubrel_in_order(struct trial *trial)
{
    enum { COUNT = 8 };
    static const unsigned order[COUNT] = {3, 0, 7, 1, 6, 2, 5, 4};
    const char *topic = trial_topic(trial, "t");
    struct peer *sub = peer_connect(trial, "sub");
    peer_subscribe(sub, topic, 2);
    struct peer *peer = peer_connect(trial, "pub");
    unsigned ids[COUNT];
    for (unsigned i = 0; i < COUNT; i++) {
        peer_publish(peer, topic, .qos = 2, .payload = "x");
        ids[i] = peer_expect_publish(sub, topic, .qos = 2, .payload = "x").id;
    }
    struct bytes pubrecs = {0};
    for (unsigned i = 0; i < COUNT; i++)
        pubrecs = bytes_join(pubrecs, packet_answer(PACKET_PUBREC, ids[order[i]]));
    peer_send(sub, pubrecs);
    for (unsigned i = 0; i < COUNT; i++)
        peer_expect(sub, packet_answer(PACKET_PUBREL, ids[order[i]]));
}

static void several_publishers(struct trial *trial)
{
    enum { PUBLISHERS = 4, EACH = 50 };
    const char *topic = trial_topic(trial, "t");
    struct peer *sub = peer_connect(trial, "sub");
    peer_subscribe(sub, topic, 1);
    struct peer *peers[PUBLISHERS];
    for (unsigned i = 0; i < PUBLISHERS; i++)
        peers[i] = peer_connect(trial, arena_print("p%u", i));
    for (unsigned j = 0; j < EACH; j++)
        for (unsigned i = 0; i < PUBLISHERS; i++)
            peer_send(peers[i],
                      packet_publish(topic, .qos = 1, .id = j + 1, .payload = arena_print("%u%02u", i, j)));
    unsigned next[PUBLISHERS] = {0};
    struct packet packets[PUBLISHERS * EACH];
    size_t count = peer_collect(sub, packets, PUBLISHERS * EACH);
    trial_require(trial, count == PUBLISHERS * EACH, "200 messages", "%zu", count);
    for (size_t k = 0; k < count; k++) {
        unsigned i = packets[k].payload.data[0] - (unsigned)'0';
        trial_require(trial,
                      i < PUBLISHERS &&
                          bytes_equal(packets[k].payload, bytes_text(arena_print("%u%02u", i, next[i]))),
                      "each publisher's messages in order", "%s", packet_describe(packets[k].whole));
        next[i]++;
    }
}

static const struct test_case cases[] = {
    {"every-session", "MQTT-4.5.0-1 MQTT-3.1.2-5", "publishes to ten sessions, two of whose clients are away",
     "each gets it, these two on return", .run = every_session},
    {"qos-0", "MQTT-4.6.0-5 MQTT-4.6.0-6", "a thousand numbered messages at QoS 0", "delivered in order",
     .run = ordered_qos_0, .budget_ms = 30000},
    {"qos-1", "MQTT-4.6.0-2 MQTT-4.6.0-5 MQTT-4.6.0-6", "a thousand numbered messages at QoS 1",
     "PUBACKs and deliveries in order", .run = ordered_qos_1, .budget_ms = 30000},
    {"qos-2", "MQTT-4.6.0-3 MQTT-4.6.0-5 MQTT-4.6.0-6", "a thousand numbered messages at QoS 2",
     "PUBRECs and deliveries in order", .run = ordered_qos_2, .budget_ms = 30000},
    {"resumed-qos-1", "MQTT-4.6.0-1 MQTT-4.6.0-6 MQTT-4.4.0-1",
     "is cut off with ten QoS 1 messages open and five more queued", "all in order, the open ones with DUP 1",
     .run = resumed_qos_1},
    {"resumed-qos-2", "MQTT-4.6.0-1 MQTT-4.6.0-6 MQTT-4.4.0-1", "the same at QoS 2",
     "all in order, the open ones with DUP 1", .run = resumed_qos_2},
    {"pubrel", "MQTT-4.6.0-4 MQTT-4.6.0-6", "answers eight QoS 2 messages with PUBREC in another order",
     "PUBRELs in the order of the PUBRECs", .run = pubrel_in_order},
    {"publishers", "MQTT-4.6.0-6", "four publishers beside each other on one topic",
     "each one's messages in order", .run = several_publishers},
};

SECTION_OF_CASES(section_4_6_ordering, "4.6", "Receipt, ordering");
