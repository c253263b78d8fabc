// SPDX-License-Identifier: MIT
// Clients that publish.
#include <string.h>
#include <unistd.h>

#include "conformance/cases/client.h"

static void qos_0(struct trial *trial)
{
    struct client *client = client_do(trial, "publish", 0);
    struct packet connect;
    struct peer *peer = client_accept(trial, &connect);
    peer_expect_publish(peer, client_value(client, "topic"), .payload = "message");
    client_expect_end(trial, client, peer);
}

static void qos_1(struct trial *trial)
{
    struct client *client = client_do(trial, "publish", 1);
    struct packet connect;
    struct peer *peer = client_accept(trial, &connect);
    struct packet publish =
        peer_expect_publish(peer, client_value(client, "topic"), .qos = 1, .payload = "message");
    peer_expect_silence(peer, 300); // it waits
    peer_send(peer, packet_answer(PACKET_PUBACK, publish.id));
    client_expect_end(trial, client, peer);
}

static void qos_2(struct trial *trial)
{
    struct client *client = client_do(trial, "publish", 2);
    struct packet connect;
    struct peer *peer = client_accept(trial, &connect);
    struct packet publish =
        peer_expect_publish(peer, client_value(client, "topic"), .qos = 2, .payload = "message");
    peer_send(peer, packet_answer(PACKET_PUBREC, publish.id));
    peer_expect(peer, packet_answer(PACKET_PUBREL, publish.id));
    peer_expect_silence(peer, 300);
    peer_send(peer, packet_answer(PACKET_PUBCOMP, publish.id));
    client_expect_end(trial, client, peer);
}

static void retained(struct trial *trial)
{
    struct client *client = client_do(trial, "publish-retained", 1);
    struct packet connect;
    struct peer *peer = client_accept(trial, &connect);
    struct packet publish = peer_expect_publish(peer, client_value(client, "topic"), .qos = 1, .retain = true,
                                                .payload = "message");
    peer_send(peer, packet_answer(PACKET_PUBACK, publish.id));
    client_expect_end(trial, client, peer);
}

static void mark_in_topic(struct trial *trial)
{
    struct client *client = client_make(trial);
    client_set(trial, client, "topic", trial_topic(trial, "\xEF\xBB\xBFt\xC3\xA9"));
    client_start(trial, client, "publish");
    struct packet connect;
    struct peer *peer = client_accept(trial, &connect);
    peer_expect_publish(peer, client_value(client, "topic"), .payload = "message");
}

// Has the client publish lines by this action, all but the answers to them withheld, and takes them.
static struct peer *take_lines(struct trial *trial, const char *action, struct client **ret_client,
                               unsigned qos, unsigned *ret_ids, unsigned count)
{
    struct client *client = client_do(trial, action, qos);
    struct packet connect;
    struct peer *peer = client_accept(trial, &connect);
    for (unsigned i = 0; i < count; i++) {
        const char *line = arena_print("%u\n", i);
        trial_require(trial, write(client->process.input, line, strlen(line)) == (ssize_t)strlen(line),
                      "the client reads lines", "it does not");
    }
    for (unsigned i = 0; i < count; i++) {
        ret_ids[i] = peer_expect_publish(peer, client_value(client, "topic"), .qos = qos,
                                         .payload = arena_print("%u", i))
                         .id;
        for (unsigned j = 0; j < i; j++)
            trial_require(trial, ret_ids[i] != ret_ids[j], "an identifier that is not in use", "%u twice",
                          ret_ids[i]);
    }
    *ret_client = client;
    return peer;
}

static void distinct(struct trial *trial)
{
    enum { COUNT = 10 };
    unsigned ids[COUNT];
    struct client *client;
    struct peer *peer = take_lines(trial, "publish-lines", &client, 1, ids, COUNT);
    for (unsigned i = 0; i < COUNT; i++)
        peer_send(peer, packet_answer(PACKET_PUBACK, ids[i]));
}

static void pubrel_order(struct trial *trial)
{
    enum { COUNT = 6 };
    static const unsigned order[COUNT] = {3, 0, 5, 1, 4, 2};
    unsigned ids[COUNT];
    struct client *client;
    struct peer *peer = take_lines(trial, "publish-lines", &client, 2, ids, COUNT);
    struct bytes pubrecs = {0};
    for (unsigned i = 0; i < COUNT; i++)
        pubrecs = bytes_join(pubrecs, packet_answer(PACKET_PUBREC, ids[order[i]]));
    peer_send(peer, pubrecs);
    for (unsigned i = 0; i < COUNT; i++)
        peer_expect(peer, packet_answer(PACKET_PUBREL, ids[order[i]]));
    for (unsigned i = 0; i < COUNT; i++)
        peer_send(peer, packet_answer(PACKET_PUBCOMP, ids[order[i]]));
}

// Cuts a client off within an exchange, and lets it go on with its session.
static struct peer *resumes(struct peer *peer)
{
    peer = client_comes_back(peer);
    peer_send(peer, packet_connack(1, 0));
    return peer;
}

static void resent(struct trial *trial)
{
    struct client *client = client_do(trial, "publish-kept", 1);
    struct packet connect;
    struct peer *peer = client_accept(trial, &connect);
    unsigned id = peer_expect_publish(peer, client_value(client, "topic"), .qos = 1, .payload = "message").id;
    peer = resumes(peer);
    peer_expect_publish(peer, client_value(client, "topic"), .qos = 1, .dup = true, .id = id,
                        .payload = "message");
    peer_send(peer, packet_answer(PACKET_PUBACK, id));
    client_expect_end(trial, client, peer);
}

static void pubrel_resent(struct trial *trial)
{
    struct client *client = client_do(trial, "publish-kept", 2);
    struct packet connect;
    struct peer *peer = client_accept(trial, &connect);
    unsigned id = peer_expect_publish(peer, client_value(client, "topic"), .qos = 2, .payload = "message").id;
    peer_send(peer, packet_answer(PACKET_PUBREC, id));
    peer_expect(peer, packet_answer(PACKET_PUBREL, id));
    peer = resumes(peer);
    peer_expect(peer, packet_answer(PACKET_PUBREL, id));
    peer_send(peer, packet_answer(PACKET_PUBCOMP, id));
    client_expect_end(trial, client, peer);
}

static void resent_in_order(struct trial *trial)
{
    enum { COUNT = 5 };
    unsigned ids[COUNT];
    struct client *client;
    struct peer *peer = take_lines(trial, "publish-lines-kept", &client, 1, ids, COUNT);
    peer = resumes(peer);
    for (unsigned i = 0; i < COUNT; i++)
        peer_expect_publish(peer, client_value(client, "topic"), .qos = 1, .dup = true, .id = ids[i],
                            .payload = arena_print("%u", i));
}

// What a client may not be asked to publish to: it says so and sends nothing of it.
static void not_published(struct trial *trial, const char *topic)
{
    struct client *client = client_make(trial);
    client_set(trial, client, "topic", topic);
    client_start(trial, client, "publish");
    struct peer *peer = peer_accept_within(trial, "server", 1000);
    struct packet packet = {0};
    if (peer != NULL) {
        peer_expect_type(peer, PACKET_CONNECT);
        peer_send(peer, packet_connack(0, 0));
        while (peer_next(peer, deadline_in_ms(ANSWER_MS), &packet) == PEER_PACKET)
            trial_require(trial, packet.type == PACKET_DISCONNECT, "no PUBLISH", "%s",
                          packet_describe(packet.whole));
    }
    if (process_wait(&client->process, deadline_in_ms(ANSWER_MS)) && client->process.status == 0)
        trial_tolerate(trial, "ends with status 0 though it has done nothing");
}

static void wrong_topics(struct trial *trial)
{
    not_published(trial, "a/+");
    not_published(trial, "a/#");
    not_published(trial, "");
    not_published(trial, "a\xFF");
    not_published(trial, "\xED\xA0\x80");
}

static void long_topic(struct trial *trial)
{
    struct client *client = client_make(trial);
    struct bytes name = bytes_repeat('x', 65535);
    client_set(trial, client, "topic", (const char *)name.data);
    client_start(trial, client, "publish");
    struct packet connect;
    struct peer *peer = client_accept(trial, &connect);
    peer_expect_publish(peer, (const char *)name.data, .payload = "message");
    not_published(trial, arena_print("%sx", (const char *)name.data));
}

static const struct test_case cases[] = {
    {"qos-0", "MQTT-2.3.1-5 MQTT-3.3.1-2 MQTT-4.3.1-1 MQTT-3.3.2-1 MQTT-2.2.2-1", "publishes at QoS 0",
     "PUBLISH with DUP 0 and no identifier", .run = qos_0, .flags = CASE_CLIENT},
    {"qos-1", "MQTT-2.3.1-1 MQTT-4.3.2-1", "publishes at QoS 1",
     "PUBLISH with DUP 0 and an identifier; it waits for PUBACK", .run = qos_1, .flags = CASE_CLIENT},
    {"qos-2", "MQTT-2.3.1-1 MQTT-2.3.1-6 MQTT-3.6.1-1 MQTT-4.3.3-1", "publishes at QoS 2",
     "PUBLISH, PUBREL, each once; it waits for PUBREC and PUBCOMP", .run = qos_2, .flags = CASE_CLIENT},
    {"retained", "MQTT-2.2.2-1", "publishes retained", "RETAIN 1", .run = retained, .flags = CASE_CLIENT},
    {"byte-order-mark", "MQTT-1.5.3-1 MQTT-1.5.3-3", "publishes to a topic with EF BB BF in it",
     "these bytes are in the topic", .run = mark_in_topic, .flags = CASE_CLIENT},
    {"distinct", "MQTT-2.3.1-2", "publishes ten messages whose PUBACKs are withheld", "ten identifiers",
     .run = distinct, .flags = CASE_CLIENT},
    {"pubrel-order", "MQTT-4.6.0-4", "gets PUBRECs for six messages in another order",
     "PUBRELs in the order of the PUBRECs", .run = pubrel_order, .flags = CASE_CLIENT},
    {"resent", "MQTT-2.3.1-3 MQTT-3.3.1-1 MQTT-4.4.0-1 MQTT-4.1.0-1",
     "is cut off before PUBACK and connects again", "the same PUBLISH with DUP 1", .run = resent,
     .flags = CASE_CLIENT},
    {"pubrel-resent", "MQTT-4.3.3-1 MQTT-4.4.0-1", "is cut off before PUBCOMP and connects again",
     "PUBREL again, and no PUBLISH", .run = pubrel_resent, .flags = CASE_CLIENT},
    {"resent-in-order", "MQTT-4.6.0-1 MQTT-4.4.0-1", "is cut off with five messages open and connects again",
     "all again, in order, with DUP 1", .run = resent_in_order, .flags = CASE_CLIENT},
    {"wrong-topics", "MQTT-3.3.2-2 MQTT-4.7.1-1 MQTT-4.7.3-1 MQTT-1.5.3-1",
     "is asked to publish to topics that are none", "sends no PUBLISH and ends with an error",
     .run = wrong_topics, .flags = CASE_CLIENT, .budget_ms = 30000},
    {"long-topic", "MQTT-4.7.3-3", "is asked to publish to topics of 65535 and 65536 bytes",
     "the first whole, the other not", .run = long_topic, .flags = CASE_CLIENT},
};

SECTION_OF_CASES(section_client_publish, "client.publish", "Clients: PUBLISH");
