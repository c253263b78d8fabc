// SPDX-License-Identifier: MIT
// 3.3 PUBLISH: its flags, its topic, and what comes of it. Retained messages are in 3_3_retain.c.
#include "conformance/cases/cases.h"

static void redelivery(struct trial *trial)
{
    const char *topic = trial_topic(trial, "t");
    struct peer *peer = peer_connect(trial, "peer", .keep = true);
    peer_subscribe(peer, topic, 2);
    struct peer *publisher = peer_connect(trial, "pub");
    peer_publish(publisher, topic, .qos = 1, .payload = "one");
    struct packet one = peer_expect_publish(peer, topic, .qos = 1, .payload = "one");
    peer_publish(publisher, topic, .qos = 2, .payload = "two");
    struct packet two = peer_expect_publish(peer, topic, .qos = 2, .payload = "two");
    peer_cut(peer);
    peer = peer_connect(trial, "peer", .keep = true, .expect_present = 1);
    peer_take(peer, topic, .qos = 1, .id = one.id, .dup = true, .payload = "one");
    peer_take(peer, topic, .qos = 2, .id = two.id, .dup = true, .payload = "two");
    peer_expect_nothing(peer);
}

static void qos_0_dup(struct trial *trial)
{
    const char *topic = trial_topic(trial, "t");
    struct peer *peer = peer_connect(trial, "peer");
    peer_subscribe(peer, topic, 2);
    struct peer *publisher = peer_connect(trial, "pub");
    peer_publish(publisher, topic, .payload = "x");
    peer_expect_publish(peer, topic, .payload = "x");
    peer_send(publisher, packet_publish(topic, .dup = true, .payload = "dup"));
    struct packet packet;
    if (peer_next(publisher, deadline_in_exact_ms(QUIET_MS * 3), &packet) == PEER_END)
        return;
    peer_expect_publish(peer, topic, .payload = "dup"); // with DUP 0: every packet is checked for that
    trial_tolerate(trial, "took a PUBLISH with QoS 0 and DUP 1, and passed it on with DUP 0");
}

static void dup_not_passed_on(struct trial *trial)
{
    const char *topic = trial_topic(trial, "t");
    struct peer *peer = peer_connect(trial, "peer");
    peer_subscribe(peer, topic, 2);
    struct peer *publisher = peer_connect(trial, "pub");
    peer_publish(publisher, topic, .qos = 1, .dup = true, .payload = "one");
    peer_take(peer, topic, .qos = 1, .payload = "one");
    peer_publish(publisher, topic, .qos = 2, .dup = true, .payload = "two");
    peer_take(peer, topic, .qos = 2, .payload = "two");
}

static void qos_3(struct trial *trial)
{
    const char *topic = trial_topic(trial, "t");
    struct peer *witness = peer_connect(trial, "witness");
    peer_subscribe(witness, topic, 0);
    case_is_closed_on(trial, "three", packet_publish(topic, .qos = 3, .id = 1, .payload = "x"));
    peer_expect_nothing(witness);
}

static void broken_topics(struct trial *trial)
{
    case_is_closed_on(trial, "no text", hex("30 05 0003 'a' FF 'b'"));
    case_is_closed_on(trial, "too short", hex("30 04 0005 'ab'"));
    case_is_closed_on(trial, "no length", hex("30 01 00"));
    case_is_closed_on(trial, "no id", hex("32 03 0001 'a'"));
    case_is_closed_on(trial, "nothing", hex("30 00"));
}

static void wildcard_topic(struct trial *trial)
{
    static const char *const topics[] = {"a/+", "a/#", "#", "+", "a+", "a#b"};
    struct peer *witness = peer_connect(trial, "witness");
    peer_subscribe(witness, trial_topic(trial, "#"), 0);
    for (size_t i = 0; i < sizeof topics / sizeof *topics; i++)
        case_is_closed_on(trial, "wildcard", packet_publish(trial_topic(trial, topics[i]), .payload = "x"));
    peer_expect_nothing(witness);
}

static void delivered_topic(struct trial *trial)
{
    struct peer *peer = peer_connect(trial, "peer");
    peer_subscribe(peer, trial_topic(trial, "+/b/#"), 0);
    struct peer *publisher = peer_connect(trial, "pub");
    static const char *const topics[] = {"a/b", "x/c/b", "a/b/c", "/b/", "b/a", "q/b/c/d"};
    static const bool matches[] = {true, false, true, true, false, true};
    for (size_t i = 0; i < sizeof topics / sizeof *topics; i++)
        peer_publish(publisher, trial_topic(trial, topics[i]), .payload = "x");
    peer_ping(publisher);
    for (size_t i = 0; i < sizeof topics / sizeof *topics; i++)
        if (matches[i])
            peer_expect_publish(peer, trial_topic(trial, topics[i]), .payload = "x");
    peer_expect_nothing(peer);
}

static void answers(struct trial *trial)
{
    const char *topic = trial_topic(trial, "t");
    struct peer *peer = peer_connect(trial, "peer");
    peer_send(peer, packet_publish(topic, .payload = "0"));
    peer_expect_nothing(peer);
    peer_publish(peer, topic, .qos = 1, .payload = "1");
    peer_publish(peer, topic, .qos = 2, .payload = "2");
    peer_publish(peer, topic, .qos = 1);
}

// Three filters match; `qos` are those of the subscriptions in turn.
static void overlap(struct trial *trial, const char *name, const unsigned qos[3])
{
    const char *topic = trial_topic(trial, arena_print("%s/b", name));
    const char *filters[] = {trial_topic(trial, arena_print("%s/#", name)), topic, trial_topic(trial, "+/b")};
    struct peer *peer = peer_connect(trial, name);
    for (int i = 0; i < 3; i++)
        peer_subscribe(peer, filters[i], qos[i]);
    struct peer *publisher = peer_connect(trial, arena_print("p%s", name));
    peer_publish(publisher, topic, .qos = 2, .payload = "x");
    unsigned copies[3] = {0};
    struct packet packet;
    while (peer_next(peer, deadline_in_ms(300), &packet) == PEER_PACKET) {
        trial_require(trial, packet.type == PACKET_PUBLISH, "copies of the message", "%s",
                      packet_describe(packet.whole));
        copies[packet.qos]++;
        peer_acknowledge(peer, &packet);
    }
    peer_ping(peer);
    trial_require(trial, copies[2] == 1 && copies[1] <= 1 && copies[0] <= 1,
                  "one copy at QoS 2, and at most one for each other subscription",
                  "%u at QoS 2, %u at QoS 1, %u at QoS 0", copies[2], copies[1], copies[0]);
}

static void overlapping(struct trial *trial)
{
    overlap(trial, "one", (const unsigned[]){0, 2, 1});
    overlap(trial, "two", (const unsigned[]){2, 1, 0});
    overlap(trial, "three", (const unsigned[]){1, 0, 2});
}

static void empty_payload(struct trial *trial)
{
    const char *topic = trial_topic(trial, "t");
    struct peer *peer = peer_connect(trial, "peer");
    peer_subscribe(peer, topic, 2);
    struct peer *publisher = peer_connect(trial, "pub");
    for (unsigned qos = 0; qos <= 2; qos++) {
        peer_publish(publisher, topic, .qos = qos);
        peer_take(peer, topic, .qos = qos);
    }
}

static void large_payload(struct trial *trial)
{
    const char *topic = trial_topic(trial, "t");
    struct peer *peer = peer_connect(trial, "peer");
    peer_subscribe(peer, topic, 2);
    struct peer *publisher = peer_connect(trial, "pub");
    static const size_t sizes[] = {100, 127, 128, 16383, 16384, 70000, 2097152};
    size_t count = sizeof sizes / sizeof *sizes;
    if (transport_is_websocket(trial->transport))
        count--; // there are brokers whose WebSocket takes a minute for so much
    peer->answer_ms = publisher->answer_ms = 20000; // it is not about speed
    for (size_t i = 0; i < count; i++) {
        struct bytes data = bytes_repeat((uint8_t)('a' + i), sizes[i]);
        peer_publish(publisher, topic, .qos = 1, .data = data);
        peer_take(peer, topic, .qos = 1, .data = data);
    }
}

static void denied(struct trial *trial)
{
    trial_own_broker(trial, "denied");
    struct peer *witness = peer_connect(trial, "witness");
    peer_subscribe(witness, "denied/#", 0);
    struct peer *peer = peer_connect(trial, "peer");
    peer_send(peer, packet_publish("denied/t", .qos = 1, .id = 5, .payload = "x"));
    struct packet packet = {0};
    enum peer_event event = peer_next(peer, deadline_in_ms(ANSWER_MS), &packet);
    trial_require(trial,
                  event == PEER_END ||
                      (event == PEER_PACKET && bytes_equal(packet.whole, packet_answer(PACKET_PUBACK, 5))),
                  "PUBACK or a close", "%s",
                  event == PEER_PACKET ? packet_describe(packet.whole) : "nothing");
    peer_expect_nothing(witness);
}

static const struct test_case cases[] = {
    {"redelivery", "MQTT-3.3.1-1 MQTT-4.4.0-1 MQTT-2.3.1-4",
     "leaves a QoS 1 and a QoS 2 message unacknowledged, is cut off and resumes",
     "both again, with DUP 1 and the same identifiers", .run = redelivery},
    {"qos-0-dup", "MQTT-3.3.1-2", "publishes at QoS 0 with DUP 1", "closed, or passed on with DUP 0",
     .run = qos_0_dup},
    {"dup-not-passed-on", "MQTT-3.3.1-3", "publishes at QoS 1 and 2 with DUP 1 the first time",
     "delivered with DUP 0", .run = dup_not_passed_on},
    {"qos-3", "MQTT-3.3.1-4", "publishes at QoS 3", "closed, nothing delivered", .run = qos_3},
    {"broken-topics", "MQTT-3.3.2-1 MQTT-1.5.3-1",
     "PUBLISH with a topic that is no UTF-8, is cut short, or lacks", "closed", .run = broken_topics},
    {"wildcard-topic", "MQTT-3.3.2-2 MQTT-4.7.1-1", "publishes to topics with wildcards",
     "closed, nothing delivered", .run = wildcard_topic},
    {"delivered-topic", "MQTT-3.3.2-3", "publishes to six topics, four of which a filter matches",
     "these four are delivered, under their names", .run = delivered_topic},
    {"answers", "MQTT-3.3.4-1", "publishes at QoS 0, 1 and 2", "nothing, PUBACK, PUBREC", .run = answers},
    {"overlapping", "MQTT-3.3.5-1", "subscribes with three filters at QoS 0, 2 and 1 that match one topic",
     "a copy at QoS 2, no more than one for each other", .run = overlapping},
    {"empty-payload", "MQTT-3.3.4-1", "publishes an empty payload at each QoS", "delivered as it is",
     .run = empty_payload},
    {"large-payload", "MQTT-3.3.2-3",
     "publishes payloads up to 2 MiB, at the borders of the remaining length", "delivered whole",
     .run = large_payload, .budget_ms = 60000},
    {"denied", "MQTT-3.3.5-2", "publishes where the broker's rules deny it",
     "PUBACK or a close, and nothing delivered", .run = denied},
};

SECTION_OF_CASES(section_3_3_publish, "3.3", "PUBLISH");
