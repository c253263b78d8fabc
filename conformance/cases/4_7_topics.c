// SPDX-License-Identifier: MIT
// 4.7 Topic names and topic filters.
#include <string.h>

#include "conformance/cases/cases.h"

// A filter that is none: closed on, or refused in the SUBACK, but never granted.
static void never_granted(struct trial *trial, const char *filter)
{
    struct peer *peer = peer_connect(trial, "peer");
    peer_send(peer, packet_subscribe(1, filter, 0));
    struct packet packet = {0};
    enum peer_event event = peer_next(peer, deadline_in_ms(ANSWER_MS), &packet);
    if (event == PEER_PACKET && bytes_equal(packet.whole, packet_suback(1, 0x80)))
        trial_tolerate(trial, "refuses '%s' in the SUBACK, where the connection has to be closed", filter);
    else
        trial_require(trial, event == PEER_END, arena_print("a close on the filter '%s'", filter), "%s",
                      event == PEER_PACKET ? packet_describe(packet.whole) : "nothing");
}

static void hash(struct trial *trial)
{
    static const char *const filters[] = {"a#", "a/#/b", "#/a", "a/b#", "##", "/#/"};
    for (size_t i = 0; i < sizeof filters / sizeof *filters; i++)
        never_granted(trial, filters[i]);
}

static void plus(struct trial *trial)
{
    static const char *const filters[] = {"a+", "a/+b", "+a/b", "++", "a/++/b", "+#"};
    for (size_t i = 0; i < sizeof filters / sizeof *filters; i++)
        never_granted(trial, filters[i]);
}

// Subscribes with wildcards that do not match topics with $, and sees for a while that none comes. Others
// may: what earlier cases retained.
static struct peer *wildcard_subscriber(struct trial *trial)
{
    struct peer *peer = peer_connect(trial, "peer");
    static const struct filter filters[] = {{"#", 0}, {"+/x", 0}, {"+/#", 0}, {"+/broker/#", 0}};
    peer_send(peer, packet_subscribe_all(1, filters, 4));
    return peer;
}

static void no_dollar_comes(struct peer *peer, unsigned ms)
{
    struct deadline deadline = deadline_in_exact_ms(ms);
    struct packet packet;
    while (peer_next(peer, deadline, &packet) == PEER_PACKET)
        trial_require(peer->trial, packet.type != PACKET_PUBLISH || packet.topic.data[0] != '$',
                      "no topic with $", "%s", packet_describe(packet.whole));
}

static void dollar(struct trial *trial)
{
    const char *topic = arena_print("$%s/x", trial->tag);
    struct peer *peer = wildcard_subscriber(trial);
    struct peer *control = peer_connect(trial, "control");
    peer_subscribe(control, arena_print("$%s/#", trial->tag), 0);
    no_dollar_comes(peer, QUIET_MS);
    struct peer *publisher = peer_connect(trial, "pub");
    peer_send(publisher, packet_publish(topic, .payload = "x"));
    struct packet packet;
    enum peer_event event = peer_next(control, deadline_in_ms(500), &packet);
    if (event == PEER_SILENT)
        trial_tolerate(trial, "does not pass on what clients publish to topics with $");
    else
        trial_require(trial, event == PEER_PACKET && bytes_equal(packet.topic, bytes_text(topic)),
                      "the message", "%s", event == PEER_PACKET ? packet_describe(packet.whole) : "a close");
    no_dollar_comes(peer, QUIET_MS);
    peer_ping(peer);
}

static void dollar_sys(struct trial *trial)
{
    struct peer *sys = peer_connect(trial, "sys");
    peer_send(sys, packet_subscribe(1, "$SYS/#", 0));
    struct packet packet = {0};
    for (int i = 0; i < 2 && packet.type != PACKET_PUBLISH; i++)
        if (peer_next(sys, deadline_in_ms(2500), &packet) != PEER_PACKET)
            trial_not_applicable(trial, "the broker publishes nothing below $SYS");
    no_dollar_comes(wildcard_subscriber(trial), 2200); // retained ones at once, and two rounds of new ones
}

static void empty(struct trial *trial)
{
    case_is_closed_on(trial, "publish", packet_publish("", .payload = "x"));
    case_is_closed_on(trial, "publish 1", packet_publish("", .qos = 1, .id = 1, .payload = "x"));
    case_is_closed_on(trial, "unsubscribe", packet_unsubscribe(1, ""));
    never_granted(trial, "");
}

static void longest(struct trial *trial)
{
    struct bytes name = bytes_repeat('x', 65535);
    memcpy((uint8_t *)(uintptr_t)name.data, trial->tag, strlen(trial->tag));
    const char *topic = (const char *)name.data;
    struct peer *peer = peer_connect(trial, "peer");
    peer_subscribe(peer, topic, 0);
    struct peer *publisher = peer_connect(trial, "pub");
    peer_publish(publisher, topic, .payload = "x");
    peer->answer_ms = 20000; // it is not about speed
    peer_expect_publish(peer, topic, .payload = "x");
    peer_publish(publisher, arena_print("%.65534s", topic), .payload = "other");
    peer_expect_nothing(peer);
}

static void as_they_are(struct trial *trial)
{
    static const char *const topics[] = {"t",        "T",         "t/",           "/t",      "t//u",
                                         "t/u",      " t",        "t ",           "%74",     "a b",
                                         "\xC3\xA9", "e\xCC\x81", "\xE2\x84\xAB", "\xC3\x85"};
    enum { COUNT = sizeof topics / sizeof *topics };
    struct peer *peers[COUNT];
    for (unsigned i = 0; i < COUNT; i++) {
        peers[i] = peer_connect(trial, arena_print("s%u", i));
        peer_subscribe(peers[i], trial_topic(trial, topics[i]), 0);
    }
    struct peer *publisher = peer_connect(trial, "pub");
    for (unsigned i = 0; i < COUNT; i++)
        peer_publish(publisher, trial_topic(trial, topics[i]), .qos = 1, .payload = topics[i]);
    for (unsigned i = 0; i < COUNT; i++)
        peer_expect_publish(peers[i], trial_topic(trial, topics[i]), .payload = topics[i]);
    for (unsigned i = 0; i < COUNT; i++)
        peer_ping(peers[i]); // and nothing besides
}

static void levels(struct trial *trial)
{
    static const struct {
        const char *filter, *topic;
        bool matches;
    } pairs[] = {
        {"a/#", "a", true},          {"a/#", "a/", true},   {"a/#", "a/b/c", true},
        {"a/#", "ab", false},        {"+", "a", true},      {"+", "", true},
        {"+", "a/b", false},         {"+/+", "/", true},    {"+/+", "a/b", true},
        {"/+", "/a", true},          {"/+", "a", false},    {"a/+/c", "a//c", true},
        {"a/+/c", "a/b/c/d", false}, {"a/+", "a", false},   {"a/+", "a/", true},
        {"a/+/#", "a/b", true},      {"a/+/#", "a", false}, {"#", "a/b/c", true},
        {"+/#", "a", true},          {"a", "a/", false},
    };
    struct peer *publisher = peer_connect(trial, "pub");
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        struct peer *peer = peer_connect(trial, "peer");
        const char *topic = arena_print("%s%zu/%s", trial->tag, i, pairs[i].topic);
        peer_subscribe(peer, arena_print("%s%zu/%s", trial->tag, i, pairs[i].filter), 1);
        peer_publish(publisher, topic, .qos = 1, .payload = pairs[i].filter);
        if (pairs[i].matches)
            peer_take(peer, topic, .qos = 1, .payload = pairs[i].filter);
        peer_ping(peer);
        peer_disconnect(peer);
    }
}

static const struct test_case cases[] = {
    {"hash", "MQTT-4.7.1-2 MQTT-3.8.3-1", "subscribes with # in places where it must not be",
     "closed (a refusal in the SUBACK is tolerated)", .run = hash},
    {"plus", "MQTT-4.7.1-3 MQTT-3.8.3-1", "subscribes with + beside other characters of a level",
     "closed (a refusal in the SUBACK is tolerated)", .run = plus},
    {"dollar", "MQTT-4.7.2-1", "publishes to a topic with $ where others subscribe with wildcards",
     "not delivered to filters that begin with a wildcard", .run = dollar},
    {"sys", "MQTT-4.7.2-1", "subscribes to # where the broker publishes below $SYS",
     "nothing of it is delivered", .run = dollar_sys},
    {"empty", "MQTT-4.7.3-1", "publishes to, subscribes and unsubscribes the empty string",
     "closed (a refusal in the SUBACK is tolerated)", .run = empty},
    {"longest", "MQTT-4.7.3-3", "publishes to a topic of 65535 bytes, and one of 65534",
     "delivered whole, and only the first", .run = longest},
    {"as-they-are", "MQTT-4.7.3-4",
     "topics that differ in case, slashes, spaces, and how an accent is written",
     "each subscriber gets its own only", .run = as_they_are},
    {"levels", "MQTT-3.3.2-3 MQTT-4.7.1-2 MQTT-4.7.1-3",
     "twenty pairs of a filter and a topic, empty levels among them", "delivered where they match",
     .run = levels},
};

SECTION_OF_CASES(section_4_7_topics, "4.7", "Topics and filters");
