// SPDX-License-Identifier: MIT
// Flows: messages from end to end with the connection lost at every step, and over networks that split, join
// and delay.
#include <string.h>

#include "conformance/cases/cases.h"
#include "conformance/cases/courier.h"

enum { MESSAGES = 3 };

static void counts_check(struct trial *trial, const unsigned *counts, unsigned qos, const char *where)
{
    for (unsigned i = 0; i < MESSAGES; i++)
        trial_require(trial, counts[i] == 1 || (qos == 1 && counts[i] > 1),
                      qos == 1 ? "each message at least once" : "each message exactly once",
                      "message %u came %u times, with the loss %s", i, counts[i], where);
}

// How many bytes pass in both directions when nothing is lost: the steps. TLS and WebSocket put theirs around
// them; steps in between are cuts within records and frames.
static void bytes_of_exchange(struct trial *trial, const char *topic, unsigned qos, size_t *ret_up,
                              size_t *ret_down)
{
    size_t publish = packet_publish(topic, .qos = qos, .id = 1, .payload = "0").length;
    size_t extra = transport_is_encrypted(trial->transport) ? 700 : 0;
    extra += transport_is_websocket(trial->transport) ? 200 : 0;
    *ret_up = extra + packet_connect(trial_id(trial, "pub"), .keep = true).length +
              MESSAGES * (publish + (qos == 2 ? 4 : 0));
    *ret_down = extra + 4 + MESSAGES * (qos == 2 ? 8U : 4U);
}

static void publisher_loses(struct trial *trial, unsigned qos)
{
    size_t up, down;
    bytes_of_exchange(trial, trial_topic(trial, "t00"), qos, &up, &down);
    size_t steps = 0;
    for (int direction = PROXY_TO_BROKER; direction <= PROXY_TO_CLIENT; direction++) {
        size_t last = direction == PROXY_TO_BROKER ? up : down;
        size_t stride = direction == PROXY_TO_CLIENT && last < 100 ? 2 : last / 20 + 1;
        for (size_t at = 2; at <= last; at += stride, steps++) {
            const char *topic = trial_topic(trial, arena_print("t%zu", steps));
            struct peer *sub = peer_connect(trial, arena_print("sub%zu", steps));
            peer_subscribe(sub, topic, qos);
            struct proxy_fault fault = {PROXY_RESET, 0, (enum proxy_direction)direction, at, 0, 0, 0};
            struct address address = proxy_start(trial, trial_address(trial), &fault, 1);
            courier_publish(trial, arena_print("p%zu", steps), &address, topic, qos, MESSAGES);
            unsigned counts[MESSAGES] = {0};
            struct packet packets[2 * MESSAGES];
            size_t count = peer_collect(sub, packets, MESSAGES);
            struct packet packet;
            while (peer_next(sub, deadline_in_exact_ms(30), &packet) == PEER_PACKET && count < 2 * MESSAGES) {
                peer_acknowledge(sub, &packet);
                packets[count++] = packet;
            }
            for (size_t i = 0; i < count; i++)
                if (packets[i].payload.length == 1 && packets[i].payload.data[0] - '0' < MESSAGES)
                    counts[packets[i].payload.data[0] - '0']++;
            counts_check(trial, counts, qos,
                         arena_print("%s at byte %zu",
                                     direction == PROXY_TO_BROKER ? "to the broker" : "to the client", at));
            peer_disconnect(sub);
        }
    }
}

static void publisher_loses_1(struct trial *trial)
{
    publisher_loses(trial, 1);
}

static void publisher_loses_2(struct trial *trial)
{
    publisher_loses(trial, 2);
}

static void subscriber_loses(struct trial *trial, unsigned qos)
{
    struct peer *publisher = peer_connect(trial, "pub");
    size_t up, down, steps = 0;
    bytes_of_exchange(trial, trial_topic(trial, "t00"), qos, &up, &down);
    for (int direction = PROXY_TO_BROKER; direction <= PROXY_TO_CLIENT; direction++) {
        size_t last =
            direction == PROXY_TO_CLIENT ? up : down + 40; // the other way round, and with a longer CONNECT
        for (size_t at = 2; at <= last; at += last / 10 + 1, steps++) {
            const char *topic = trial_topic(trial, arena_print("t%zu", steps));
            const char *name = arena_print("s%zu", steps);
            struct peer *sub = peer_connect(trial, arena_print("%s", name), .keep = true);
            peer_subscribe(sub, topic, qos);
            peer_disconnect(sub);
            for (unsigned i = 0; i < MESSAGES; i++)
                peer_publish(publisher, topic, .qos = qos, .payload = arena_print("%u", i));
            struct proxy_fault fault = {PROXY_RESET, 0, (enum proxy_direction)direction, at, 0, 0, 0};
            struct address address = proxy_start(trial, trial_address(trial), &fault, 1);
            unsigned counts[MESSAGES] = {0};
            courier_take(trial, name, &address, topic, counts, MESSAGES);
            counts_check(trial, counts, qos,
                         arena_print("%s at byte %zu",
                                     direction == PROXY_TO_BROKER ? "to the broker" : "to the client", at));
        }
    }
}

static void subscriber_loses_1(struct trial *trial)
{
    subscriber_loses(trial, 1);
}

static void subscriber_loses_2(struct trial *trial)
{
    subscriber_loses(trial, 2);
}

static void qos_0_loss(struct trial *trial)
{
    const char *topic = trial_topic(trial, "t");
    struct peer *sub = peer_connect(trial, "sub");
    peer_subscribe(sub, topic, 0);
    size_t connect = packet_connect(trial_id(trial, "p0")).length;
    size_t whole = packet_publish(topic, .payload = "x").length;
    for (size_t at = 1; at <= whole; at++) {
        struct proxy_fault fault = {PROXY_RESET, 0, PROXY_TO_BROKER, connect + at, 0, 0, 0};
        struct address address = proxy_start(trial, trial_address(trial), &fault, 1);
        struct peer *peer = peer_connect_at(trial, &(struct connect){.id = "p0"}, &address);
        peer_send_anyway(peer, packet_publish(topic, .payload = "x"));
        peer_cut(peer);
    }
    struct packet packet;
    unsigned count = 0;
    while (peer_next(sub, deadline_in_exact_ms(QUIET_MS), &packet) == PEER_PACKET) {
        bool is_right = packet.type == PACKET_PUBLISH && bytes_equal(packet.payload, bytes_text("x"));
        trial_require(trial, is_right && ++count <= whole, "whole messages, each at most once", "%s",
                      packet_describe(packet.whole));
    }
    peer_ping(sub);
}

static void rough_network(struct trial *trial)
{
    enum { COUNT = 120, FAULTS = 40 };
    struct proxy_fault faults[FAULTS];
    proxy_random(&trial->random, 3, faults, FAULTS);
    struct address address = proxy_start(trial, trial_address(trial), faults, FAULTS);
    const char *topic = trial_topic(trial, "t");
    struct peer *sub = peer_connect_at(trial, &(struct connect){.id = "sub"}, &address);
    peer_subscribe(sub, topic, 2);
    struct peer *pubs[2];
    for (unsigned i = 0; i < 2; i++)
        pubs[i] = peer_connect_at(trial, &(struct connect){.id = arena_print("p%u", i)}, &address);
    unsigned next[2][3] = {{0}};
    for (unsigned i = 0; i < COUNT; i++) {
        unsigned pub = random_below(&trial->random, 2), qos = random_below(&trial->random, 3);
        peer_publish(pubs[pub], topic, .qos = qos,
                     .payload = arena_print("%u%u%03u", pub, qos, next[pub][qos]++),
                     .data = bytes_repeat('x', random_below(&trial->random, 500)));
    }
    struct packet packets[COUNT];
    size_t count = peer_collect(sub, packets, COUNT);
    trial_require(trial, count == COUNT, "120 messages", "%zu", count);
    unsigned seen[2][3] = {{0}};
    for (size_t i = 0; i < count; i++) {
        unsigned pub = packets[i].payload.data[0] - (unsigned)'0',
                 qos = packets[i].payload.data[1] - (unsigned)'0';
        bool is_next =
            pub < 2 && qos < 3 && packets[i].qos == qos &&
            bytes_equal(packets[i].payload, bytes_text(arena_print("%u%u%03u", pub, qos, seen[pub][qos]++)));
        trial_require(trial, is_next, "each publisher's messages of each QoS in order", "%s",
                      packet_describe(packets[i].whole));
    }
}

static void half_closed(struct trial *trial)
{
    const char *topic = trial_topic(trial, "t");
    struct peer *sub = peer_connect(trial, "sub");
    peer_subscribe(sub, topic, 0);
    struct peer *peer = peer_connect(trial, "peer", .will_topic = topic, .will = "half closed");
    stream_half_close(peer->stream);
    peer_expect_close(peer);
    peer_expect_publish(sub, topic, .payload = "half closed");
}

static void dropped_bytes(struct trial *trial)
{
    const char *topic = trial_topic(trial, "t");
    struct peer *sub = peer_connect(trial, "sub");
    peer_subscribe(sub, topic, 0);
    for (size_t at = 1; at < 40; at += 3) {
        size_t connect = packet_connect(trial_id(trial, "p")).length;
        struct proxy_fault fault = {PROXY_DROP, 0, PROXY_TO_BROKER, connect + at, 1 + at % 4, 0, 0};
        struct address address = proxy_start(trial, trial_address(trial), &fault, 1);
        struct peer *peer = peer_connect_at(trial, &(struct connect){.id = "p"}, &address);
        for (int i = 0; i < 5; i++)
            peer_send_anyway(peer, packet_publish(topic, .payload = "0123456789"));
        peer_cut(peer);
    }
    struct packet packet;
    while (peer_next(sub, deadline_in_exact_ms(QUIET_MS), &packet) == PEER_PACKET)
        continue; // whatever the broker made of it: every packet is checked for being right in itself
    peer_ping(sub);
}

static const struct test_case cases[] = {
    {"publisher-1", "MQTT-4.3.2-2 MQTT-4.4.0-1",
     "publishes at QoS 1 and is cut off at every step, once for each", "each message at least once",
     .run = publisher_loses_1, .budget_ms = 60000},
    {"publisher-2", "MQTT-4.3.3-2 MQTT-4.4.0-1",
     "publishes at QoS 2 and is cut off at every step, once for each", "each message exactly once",
     .run = publisher_loses_2, .budget_ms = 60000},
    {"subscriber-1", "MQTT-4.3.2-1 MQTT-4.4.0-1", "subscribes at QoS 1 and is cut off at every step",
     "each message at least once", .run = subscriber_loses_1, .budget_ms = 60000},
    {"subscriber-2", "MQTT-4.3.3-1 MQTT-4.4.0-1", "subscribes at QoS 2 and is cut off at every step",
     "each message exactly once", .run = subscriber_loses_2, .budget_ms = 60000},
    {"qos-0", "MQTT-4.3.1-1", "publishes at QoS 0 and is cut off at every byte",
     "whole messages, each at most once", .run = qos_0_loss, .flags = CASE_PLAIN},
    {"rough-network", "",
     "three clients over a network that delays, splits, joins and reorders between connections",
     "every message, in order", .run = rough_network, .budget_ms = 30000},
    {"half-closed", "", "ends its sending side alone", "the broker closes, and publishes the will",
     .run = half_closed, .flags = CASE_PLAIN},
    {"dropped-bytes", "MQTT-4.8.0-1", "bytes are lost within packets",
     "right packets or a close, and the broker lives", .run = dropped_bytes, .flags = CASE_PLAIN},
};

SECTION_OF_CASES(section_flow_loss, "flow.loss", "Loss and repair");
