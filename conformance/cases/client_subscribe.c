// SPDX-License-Identifier: MIT
// Clients that subscribe: SUBSCRIBE, UNSUBSCRIBE, what they answer to messages, and what they do on faults of
// the server.
#include <string.h>

#include "conformance/cases/client.h"

// A client that has subscribed.
static struct peer *subscribed(struct trial *trial, const char *action, unsigned qos,
                               struct client **ret_client)
{
    struct client *client = client_do(trial, action, qos);
    struct packet connect;
    struct peer *peer = client_accept(trial, &connect);
    client_grant(peer, qos);
    if (ret_client != NULL)
        *ret_client = client;
    return peer;
}

static void subscribes(struct trial *trial)
{
    for (unsigned qos = 0; qos <= 2; qos++) {
        struct client *client = client_do(trial, "subscribe", qos);
        struct packet connect;
        struct peer *peer = client_accept(trial, &connect);
        struct packet subscribe = client_grant(peer, qos);
        struct bytes wanted = packet_subscribe(subscribe.id, client_value(client, "filter"), qos);
        trial_require(trial, bytes_equal(subscribe.whole, wanted), packet_describe(wanted), "%s",
                      packet_describe(subscribe.whole));
        process_kill(&client->process);
    }
}

static void wildcards(struct trial *trial)
{
    struct client *client = client_do(trial, "subscribe-three", 1);
    struct packet connect, packet = {0};
    struct peer *peer = client_accept(trial, &connect);
    const char *filter = client_value(client, "filter");
    const char *wanted[] = {filter, arena_print("%s/+", filter), arena_print("%s/#", filter)};
    for (size_t next = 0; next < 3;) { // in one SUBSCRIBE or several
        packet = client_grant(peer, 1);
        struct bytes got;
        unsigned qos;
        for (size_t at = 0; packet_next_filter(&packet, &at, &got, &qos); next++)
            trial_require(trial, next < 3 && bytes_equal(got, bytes_text(wanted[next])) && qos == 1,
                          "the three filters in order", "%s", packet_describe(packet.whole));
    }
}

// What a client may not be asked to subscribe to.
static void not_subscribed(struct trial *trial, const char *filter)
{
    struct client *client = client_make(trial);
    client_set(trial, client, "filter", filter);
    client_start(trial, client, "subscribe");
    struct packet packet = {0};
    struct peer *peer = peer_accept_within(trial, "server", 1000);
    if (peer != NULL) {
        peer_expect_type(peer, PACKET_CONNECT);
        peer_send(peer, packet_connack(0, 0));
        while (peer_next(peer, deadline_in_ms(ANSWER_MS), &packet) == PEER_PACKET)
            trial_require(trial, packet.type == PACKET_DISCONNECT, "no SUBSCRIBE", "%s",
                          packet_describe(packet.whole));
    }
    if (process_wait(&client->process, deadline_in_ms(ANSWER_MS)) && client->process.status == 0)
        trial_tolerate(trial, "ends with status 0 though it has done nothing");
}

static void wrong_filters(struct trial *trial)
{
    static const char *const filters[] = {"a#", "a/#/b", "a+", "+a/b", "", "a\xFF"};
    for (size_t i = 0; i < sizeof filters / sizeof *filters; i++)
        not_subscribed(trial, filters[i]);
}

static void unsubscribes(struct trial *trial)
{
    struct client *client = client_make(trial);
    client_set(trial, client, "other", trial_topic(trial, "other/+"));
    client_start(trial, client, "unsubscribe");
    struct packet connect, packet = {0};
    struct peer *peer = client_accept(trial, &connect);
    while (peer_next(peer, deadline_in_ms(ANSWER_MS), &packet) == PEER_PACKET &&
           packet.type == PACKET_SUBSCRIBE)
        peer_send(peer, packet_suback(packet.id, 0));
    struct bytes wanted = packet_unsubscribe(packet.id, client_value(client, "other"));
    trial_require(trial, bytes_equal(packet.whole, wanted), packet_describe(wanted), "%s",
                  packet_describe(packet.whole));
    peer_send(peer, packet_answer(PACKET_UNSUBACK, packet.id));
}

static void acknowledges(struct trial *trial)
{
    static const unsigned ids[] = {1, 256, 65535};
    struct client *client;
    struct peer *peer = subscribed(trial, "subscribe", 2, &client);
    const char *topic = client_value(client, "topic");
    peer_send(peer, packet_publish(topic, .payload = "at 0"));
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        peer_publish(peer, topic, .qos = 1, .id = ids[i], .payload = "at 1");
        peer_publish(peer, topic, .qos = 2, .id = ids[i], .payload = "at 2");
    }
    trial_require(trial,
                  process_wait_output(&client->process, "at 2\nat 1\nat 2\n", deadline_in_ms(ANSWER_MS)),
                  "the messages are printed", "%.300s", process_output(&client->process));
}

static unsigned times(const char *text, const char *what)
{
    unsigned count = 0;
    for (const char *at = text; (at = strstr(at, what)) != NULL; at += strlen(what))
        count++;
    return count;
}

static void qos_1_again(struct trial *trial)
{
    struct client *client;
    struct peer *peer = subscribed(trial, "subscribe", 1, &client);
    const char *topic = client_value(client, "topic");
    peer_publish(peer, topic, .qos = 1, .id = 7, .payload = "first");
    peer_publish(peer, topic, .qos = 1, .id = 7, .dup = true, .payload = "second");
    peer_publish(peer, topic, .qos = 1, .id = 8, .payload = "third");
    trial_require(trial,
                  process_wait_output(&client->process, "first\nsecond\nthird\n", deadline_in_ms(ANSWER_MS)),
                  "three messages", "%.300s", process_output(&client->process));
}

static void qos_2_once(struct trial *trial)
{
    struct client *client;
    struct peer *peer = subscribed(trial, "subscribe", 2, &client);
    const char *topic = client_value(client, "topic");
    peer_send(peer, packet_publish(topic, .qos = 2, .id = 7, .payload = "once"));
    peer_expect(peer, packet_answer(PACKET_PUBREC, 7));
    peer_send(peer, packet_publish(topic, .qos = 2, .id = 7, .dup = true, .payload = "once"));
    peer_expect(peer, packet_answer(PACKET_PUBREC, 7));
    peer_send(peer, packet_answer(PACKET_PUBREL, 7));
    peer_expect(peer, packet_answer(PACKET_PUBCOMP, 7));
    peer_publish(peer, topic, .qos = 2, .id = 7, .payload = "new");
    bool printed = process_wait_output(&client->process, "new\n", deadline_in_ms(ANSWER_MS));
    const char *output = process_output(&client->process);
    trial_require(trial, printed && times(output, "once") == 1, "once, and new", "%.300s", output);
}

static void pubrel_unknown(struct trial *trial)
{
    struct peer *peer = subscribed(trial, "subscribe", 2, NULL);
    peer_send(peer, packet_answer(PACKET_PUBREL, 99));
    peer_expect(peer, packet_answer(PACKET_PUBCOMP, 99));
}

static void in_order(struct trial *trial, unsigned qos)
{
    enum { COUNT = 10 };
    struct client *client;
    struct peer *peer = subscribed(trial, "subscribe", 2, &client);
    struct bytes all = {0};
    for (unsigned i = 0; i < COUNT; i++)
        all = bytes_join(all, packet_publish(client_value(client, "topic"), .qos = qos, .id = 50 - i,
                                             .payload = arena_print("%u", i)));
    peer_send(peer, all);
    for (unsigned i = 0; i < COUNT; i++)
        peer_expect(peer, packet_answer(qos == 1 ? PACKET_PUBACK : PACKET_PUBREC, 50 - i));
}

static void pubacks_in_order(struct trial *trial)
{
    in_order(trial, 1);
}

static void pubrecs_in_order(struct trial *trial)
{
    in_order(trial, 2);
}

static void unwanted(struct trial *trial)
{
    struct peer *peer = subscribed(trial, "subscribe", 2, NULL);
    peer_publish(peer, trial_topic(trial, "never/subscribed"), .qos = 1, .payload = "x");
    peer_publish(peer, trial_topic(trial, "never/subscribed"), .qos = 2, .payload = "x");
}

static void resumed(struct trial *trial)
{
    struct client *client;
    struct peer *peer = subscribed(trial, "subscribe-kept", 2, &client);
    const char *topic = client_value(client, "topic");
    peer_send(peer, packet_publish(topic, .qos = 2, .id = 7, .payload = "once"));
    peer_expect(peer, packet_answer(PACKET_PUBREC, 7));
    peer = client_comes_back(peer);
    peer_send(peer, bytes_join(packet_connack(1, 0),
                               packet_publish(topic, .qos = 2, .id = 7, .dup = true, .payload = "once")));
    bool recorded = false, completed = false;
    struct packet packet;
    while (!completed && peer_next(peer, deadline_in_ms(ANSWER_MS), &packet) == PEER_PACKET) {
        if (packet.type == PACKET_SUBSCRIBE)
            peer_send(peer, packet_suback(packet.id, 2));
        if (packet.type == PACKET_PUBREC && !recorded) {
            recorded = true;
            peer_send(peer, packet_answer(PACKET_PUBREL, 7));
        }
        completed = packet.type == PACKET_PUBCOMP;
    }
    trial_require(trial, completed, "PUBREC and PUBCOMP", "%d and %d", recorded, completed);
    bool printed = process_wait_output(&client->process, "once\n", deadline_in_ms(ANSWER_MS));
    trial_require(trial, printed && times(process_output(&client->process), "once") == 1, "printed once",
                  "%.300s", process_output(&client->process));
}

// The client gets bytes that no server may send, and closes.
static void closes_on(struct trial *trial, struct bytes bytes)
{
    struct client *client;
    struct peer *peer = subscribed(trial, "subscribe", 2, &client);
    peer_send(peer, bytes);
    client_expect_close(peer);
    process_kill(&client->process);
}

static void wrong_flags(struct trial *trial)
{
    closes_on(trial, hex("D1 00"));
    closes_on(trial, hex("41 02 0001"));
    closes_on(trial, hex("60 02 0001"));
}

static void broken_publish(struct trial *trial)
{
    closes_on(trial, packet_publish("t", .qos = 3, .id = 1, .payload = "x"));
    closes_on(trial, packet_publish("t", .qos = 1, .id = 0, .payload = "x"));
    closes_on(trial, packet_publish("", .payload = "x"));
    closes_on(trial, packet_publish("a/#", .payload = "x"));
    closes_on(trial, packet_publish("a/+", .payload = "x"));
}

static void broken_texts(struct trial *trial)
{
    closes_on(trial, hex("30 05 0003 'a' FF 'b'"));
    closes_on(trial, hex("30 06 0003 EDA080 'b'"));
    closes_on(trial, hex("30 05 0003 'a' 00 'b'"));
    closes_on(trial, hex("30 04 0009 'ab'"));
}

static void types_of_clients(struct trial *trial)
{
    closes_on(trial, hex("00 00"));
    closes_on(trial, hex("F0 00"));
    closes_on(trial, packet_connect("x"));
    closes_on(trial, packet_subscribe(1, "a", 0));
    closes_on(trial, hex("30 FF FF FF FF 01"));
}

static const struct test_case cases[] = {
    {"subscribe", "MQTT-3.8.1-1 MQTT-3.8.3-1 MQTT-3.8.3-3 MQTT-2.3.1-1", "subscribes at each QoS",
     "SUBSCRIBE with flags 2, an identifier, the filter and the QoS", .run = subscribes,
     .flags = CASE_CLIENT},
    {"wildcards", "MQTT-4.7.1-2 MQTT-4.7.1-3 MQTT-3.8.3-1", "subscribes to three filters, two with wildcards",
     "these three", .run = wildcards, .flags = CASE_CLIENT},
    {"wrong-filters", "MQTT-4.7.1-2 MQTT-4.7.1-3 MQTT-4.7.3-1 MQTT-3.8.3-1",
     "is asked to subscribe to filters that are none", "sends no SUBSCRIBE and ends with an error",
     .run = wrong_filters, .flags = CASE_CLIENT, .budget_ms = 30000},
    {"unsubscribe", "MQTT-3.10.1-1 MQTT-3.10.3-1 MQTT-3.10.3-2 MQTT-2.3.1-1", "unsubscribes a filter",
     "UNSUBSCRIBE with flags 2, an identifier and the filter", .run = unsubscribes, .flags = CASE_CLIENT},
    {"acknowledges", "MQTT-3.3.4-1 MQTT-2.3.1-6 MQTT-4.3.2-2 MQTT-4.3.3-2", "gets messages at each QoS",
     "nothing, PUBACK, PUBREC and PUBCOMP, under the same identifiers", .run = acknowledges,
     .flags = CASE_CLIENT},
    {"qos-1-again", "MQTT-4.3.2-2", "gets two QoS 1 messages with one identifier, the second with DUP 1",
     "takes both", .run = qos_1_again, .flags = CASE_CLIENT},
    {"qos-2-once", "MQTT-4.3.3-2", "gets a QoS 2 message twice before PUBREL, and a new one after it",
     "takes the first once, and the new one", .run = qos_2_once, .flags = CASE_CLIENT},
    {"pubrel-unknown", "MQTT-4.3.3-2", "gets PUBREL for an identifier that is not in use", "PUBCOMP",
     .run = pubrel_unknown, .flags = CASE_CLIENT},
    {"puback-order", "MQTT-4.6.0-2", "gets ten QoS 1 messages at once", "PUBACKs in their order",
     .run = pubacks_in_order, .flags = CASE_CLIENT},
    {"pubrec-order", "MQTT-4.6.0-3", "gets ten QoS 2 messages at once", "PUBRECs in their order",
     .run = pubrecs_in_order, .flags = CASE_CLIENT},
    {"unwanted", "MQTT-4.5.0-2", "gets messages on a topic that it has not subscribed to",
     "acknowledges them", .run = unwanted, .flags = CASE_CLIENT},
    {"resumed", "MQTT-4.1.0-1 MQTT-4.1.0-2 MQTT-4.3.3-2 MQTT-3.1.2-4",
     "is cut off after PUBREC, connects again, and gets the message again", "takes it once", .run = resumed,
     .flags = CASE_CLIENT, .budget_ms = 20000},
    {"wrong-flags", "MQTT-2.2.2-2 MQTT-3.6.1-1", "gets PINGRESP, PUBACK and PUBREL with wrong flags",
     "closes", .run = wrong_flags, .flags = CASE_CLIENT},
    {"broken-publish", "MQTT-3.3.1-4 MQTT-3.3.2-2 MQTT-4.7.1-1 MQTT-4.7.3-1 MQTT-2.3.1-1",
     "gets PUBLISH at QoS 3, with identifier 0, an empty topic, or a wildcard", "closes",
     .run = broken_publish, .flags = CASE_CLIENT, .budget_ms = 30000},
    {"broken-texts", "MQTT-1.5.3-1 MQTT-1.5.3-2 MQTT-3.3.2-1 MQTT-4.7.3-2",
     "gets PUBLISH with a topic that is no text, or is cut short", "closes", .run = broken_texts,
     .flags = CASE_CLIENT, .budget_ms = 30000},
    {"types", "MQTT-4.8.0-1", "gets packets of types that no server sends, and broken lengths", "closes",
     .run = types_of_clients, .flags = CASE_CLIENT, .budget_ms = 30000},
};

SECTION_OF_CASES(section_client_subscribe, "client.subscribe", "Clients: SUBSCRIBE");
