// SPDX-License-Identifier: MIT
// 3.8 SUBSCRIBE and 3.9 SUBACK.
#include "conformance/cases/cases.h"

static void wrong_flags(struct trial *trial)
{
    static const char *const firsts[] = {"80", "81", "83", "86", "8A"};
    struct bytes subscribe = packet_subscribe(1, trial_topic(trial, "t"), 0);
    for (size_t i = 0; i < sizeof firsts / sizeof *firsts; i++)
        case_is_closed_on(trial, firsts[i],
                          bytes_join(hex(firsts[i]), bytes_slice(subscribe, 1, subscribe.length)));
}

static void empty(struct trial *trial)
{
    case_is_closed_on(trial, "none", hex("82 02 0001"));
    case_is_closed_on(trial, "no id", hex("82 00"));
    case_is_closed_on(trial, "half", hex("82 05 0001 0001 'a'"));
    case_is_closed_on(trial, "cut", hex("82 06 0001 0009 'ab'"));
}

static void wrong_options(struct trial *trial)
{
    static const unsigned options[] = {0x03, 0x04, 0x08, 0x40, 0x80, 0xFF};
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        case_is_closed_on(trial, "options", packet_subscribe(1, trial_topic(trial, "t"), options[i]));
}

static void wildcards(struct trial *trial)
{
    struct peer *peer = peer_connect(trial, "peer");
    const char *filters[] = {trial_topic(trial, "a/+"), trial_topic(trial, "#"), "+/+/+", "#"};
    for (unsigned i = 0; i < sizeof filters / sizeof *filters; i++) {
        peer_send(peer, packet_subscribe(i + 1, filters[i], 0));
        struct packet suback = {0};
        while (peer_next(peer, deadline_in_ms(ANSWER_MS), &suback) == PEER_PACKET &&
               suback.type == PACKET_PUBLISH)
            continue; // what earlier cases retained
        trial_require(trial, suback.type == PACKET_SUBACK && suback.id == i + 1 && suback.list.length == 1,
                      "SUBACK with one code", "%s", packet_describe(suback.whole));
        if (suback.list.data[0] == 0x80)
            trial_tolerate(trial, "refuses the filter %s", filters[i]);
    }
}

static void answered(struct trial *trial)
{
    struct peer *peer = peer_connect(trial, "peer");
    peer_send(peer, packet_subscribe(10, trial_topic(trial, "t"), 1));
    peer_expect(peer, packet_suback(10, 1));
}

static void resubscribed(struct trial *trial)
{
    const char *topic = trial_topic(trial, "t");
    struct peer *publisher = peer_connect(trial, "pub");
    peer_publish(publisher, topic, .qos = 1, .retain = true, .payload = "kept");
    struct peer *peer = peer_connect(trial, "peer");
    peer_subscribe(peer, topic, 0);
    peer_expect_publish(peer, topic, .retain = true, .payload = "kept");
    peer_publish(publisher, topic, .qos = 1, .payload = "at 0");
    peer_expect_publish(peer, topic, .payload = "at 0");
    peer_subscribe(peer, topic, 1);
    peer_take(peer, topic, .qos = 1, .retain = true, .payload = "kept");
    peer_publish(publisher, topic, .qos = 1, .payload = "at 1");
    peer_take(peer, topic, .qos = 1, .payload = "at 1");
    peer_expect_nothing(peer); // one copy: it replaced the earlier one
}

static void no_gap(struct trial *trial)
{
    enum { MESSAGES = 200 };
    const char *topic = trial_topic(trial, "t");
    struct peer *peer = peer_connect(trial, "peer");
    peer_subscribe(peer, topic, 0);
    struct peer *publisher = peer_connect(trial, "pub");
    unsigned subacks = 0, next = 0;
    for (unsigned i = 0; i < MESSAGES; i++) {
        peer_send(publisher, packet_publish(topic, .payload = arena_print("%u", i)));
        if (i % 20 == 10) {
            peer_ping(publisher); // what was published up to here is with the broker
            peer_send(peer, packet_subscribe(100 + i, topic, 0));
        }
    }
    while (next < MESSAGES || subacks < MESSAGES / 20) {
        struct packet packet = {0};
        enum peer_event event = peer_next(peer, deadline_in_ms(ANSWER_MS), &packet);
        const char *what = event == PEER_PACKET ? packet_describe(packet.whole)
                           : event == PEER_END  ? "a close"
                                                : "nothing";
        if (event == PEER_PACKET && packet.type == PACKET_SUBACK)
            subacks++;
        else {
            bool is_next = event == PEER_PACKET && packet.type == PACKET_PUBLISH &&
                           bytes_equal(packet.payload, bytes_text(arena_print("%u", next)));
            trial_require(trial, is_next, arena_print("message %u, or a SUBACK", next), "%s", what);
            next++;
        }
    }
}

static void several(struct trial *trial)
{
    const char *first = trial_topic(trial, "1"), *second = trial_topic(trial, "2");
    struct peer *peer = peer_connect(trial, "peer");
    peer_send(peer, packet_subscribe_all(3, (struct filter[]){{first, 0}, {second, 1}, {first, 2}}, 3));
    peer_expect(peer, packet_suback_all(3, hex("00 01 02")));
    struct peer *publisher = peer_connect(trial, "pub");
    peer_publish(publisher, first, .qos = 2, .payload = "x");
    peer_take(peer, first, .qos = 2, .payload = "x"); // the later of both
    peer_publish(publisher, second, .qos = 2, .payload = "y");
    peer_take(peer, second, .qos = 1, .payload = "y");
    peer_expect_nothing(peer);
}

static void code_for_each(struct trial *trial)
{
    static const size_t counts[] = {1, 2, 10, 100};
    struct peer *peer = peer_connect(trial, "peer");
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        struct filter filters[100];
        uint8_t codes[100];
        for (size_t j = 0; j < counts[i]; j++) {
            codes[j] = (uint8_t)(j % 3);
            filters[j] = (struct filter){trial_topic(trial, arena_print("%zu", j)), codes[j]};
        }
        peer_send(peer, packet_subscribe_all((unsigned)i + 1, filters, counts[i]));
        peer_expect(peer, packet_suback_all((unsigned)i + 1, (struct bytes){codes, counts[i]}));
    }
}

static void lower_of_both(struct trial *trial)
{
    struct peer *publisher = peer_connect(trial, "pub");
    for (unsigned granted = 0; granted <= 2; granted++) {
        const char *topic = trial_topic(trial, arena_print("g%u", granted));
        struct peer *peer = peer_connect(trial, arena_print("g%u", granted));
        peer_subscribe(peer, topic, granted);
        for (unsigned qos = 0; qos <= 2; qos++) {
            peer_publish(publisher, topic, .qos = qos, .payload = "x");
            peer_take(peer, topic, .qos = qos < granted ? qos : granted, .payload = "x");
        }
    }
}

static void in_order(struct trial *trial)
{
    const struct filter filters[] = {{trial_topic(trial, "c"), 2},
                                     {trial_topic(trial, "a"), 0},
                                     {trial_topic(trial, "b/#"), 1},
                                     {trial_topic(trial, "+"), 2}};
    struct peer *peer = peer_connect(trial, "peer");
    peer_send(peer, packet_subscribe_all(77, filters, 4));
    peer_expect(peer, packet_suback_all(77, hex("02 00 01 02")));
}

static void never_missed(struct trial *trial)
{
    enum { ROUNDS = 30 };
    struct peer *publisher = peer_connect(trial, "pub");
    for (unsigned i = 0; i < ROUNDS; i++) {
        const char *topic = trial_topic(trial, arena_print("t%u", i));
        struct peer *peer = peer_connect(trial, arena_print("s%u", i));
        peer_subscribe(peer, topic, 0);
        peer_send(publisher, packet_publish(topic, .payload = "after SUBACK"));
        peer_expect_publish(peer, topic, .payload = "after SUBACK");
        peer_disconnect(peer);
    }
}

static const struct test_case cases[] = {
    {"wrong-flags", "MQTT-3.8.1-1 MQTT-2.2.2-2", "SUBSCRIBE with other flags than 2", "closed without SUBACK",
     .run = wrong_flags},
    {"empty", "MQTT-3.8.3-3 MQTT-4.8.0-1", "SUBSCRIBE without a filter, and with one that is cut short",
     "closed without SUBACK", .run = empty},
    {"wrong-options", "MQTT-3.8.3-4", "SUBSCRIBE at QoS 3 and with reserved bits", "closed without SUBACK",
     .run = wrong_options},
    {"wildcards", "MQTT-3.8.3-2 MQTT-3.9.3-2", "subscribes with wildcards", "granted, or refused with 80",
     .run = wildcards},
    {"answered", "MQTT-3.8.4-1 MQTT-3.8.4-2", "SUBSCRIBE", "SUBACK with its identifier", .run = answered},
    {"again", "MQTT-3.8.4-3", "subscribes to the same filter at QoS 0, then 1, where something is retained",
     "the new QoS, one copy, retained again", .run = resubscribed},
    {"no-gap", "MQTT-3.8.4-3 MQTT-4.6.0-6", "subscribes again and again while messages flow",
     "each message once, in order", .run = no_gap},
    {"several", "MQTT-3.8.4-4 MQTT-3.8.4-5", "three filters in one SUBSCRIBE, one of them twice",
     "one SUBACK with three codes, the later entry holds", .run = several},
    {"codes", "MQTT-3.8.4-5 MQTT-3.9.3-1", "1, 2, 10 and 100 filters in one SUBSCRIBE", "a code for each",
     .run = code_for_each},
    {"lower-qos", "MQTT-3.8.4-6", "publishes at each QoS to subscriptions of each QoS",
     "delivered at the lower of both", .run = lower_of_both},
    {"order", "MQTT-3.9.3-1 MQTT-3.9.3-2", "filters at QoS 2, 0, 1, 2", "codes in that order",
     .run = in_order},
    {"never-missed", "MQTT-3.8.4-1 MQTT-4.5.0-1", "publishes as soon as the SUBACK has come, thirty times",
     "delivered every time", .run = never_missed},
};

SECTION_OF_CASES(section_3_8_subscribe, "3.8", "SUBSCRIBE");
