// SPDX-License-Identifier: MIT
// 3.3.1.3 RETAIN.
#include "conformance/cases/cases.h"

// A new client that subscribes to a filter at QoS 2.
static struct peer *late(struct trial *trial, const char *filter)
{
    struct peer *peer = peer_connect(trial, arena_print("late%u", trial->made++));
    peer_subscribe(peer, filter, 2);
    return peer;
}

static void stored_with_qos(struct trial *trial)
{
    struct peer *publisher = peer_connect(trial, "pub");
    for (unsigned qos = 0; qos <= 2; qos++) {
        const char *topic = trial_topic(trial, arena_print("t/%u", qos));
        peer_publish(publisher, topic, .qos = qos, .retain = true, .payload = "kept");
    }
    peer_ping(publisher);
    for (unsigned qos = 0; qos <= 2; qos++) {
        const char *topic = trial_topic(trial, arena_print("t/%u", qos));
        peer_take(late(trial, topic), topic, .qos = qos, .retain = true, .payload = "kept");
    }
}

static void latest_of_each(struct trial *trial)
{
    struct peer *publisher = peer_connect(trial, "pub");
    for (unsigned round = 0; round < 2; round++)
        for (unsigned i = 0; i < 3; i++)
            peer_publish(publisher, trial_topic(trial, arena_print("t/%u", i)), .qos = 1, .retain = true,
                         .payload = arena_print("%u of round %u", i, round));
    struct peer *peer = late(trial, trial_topic(trial, "t/+"));
    struct packet packets[3];
    size_t count = peer_collect(peer, packets, 3);
    trial_require(trial, count == 3, "three retained messages", "%zu", count);
    for (unsigned i = 0; i < 3; i++) {
        struct bytes wanted = packet_publish(trial_topic(trial, arena_print("t/%u", i)), .qos = 1,
                                             .retain = true, .payload = arena_print("%u of round 1", i));
        bool found = false;
        for (size_t j = 0; j < count; j++) {
            struct bytes topic = bytes_text(trial_topic(trial, arena_print("t/%u", i)));
            found = found || (bytes_equal(packets[j].topic, topic) && packets[j].retain &&
                              packets[j].whole.length == wanted.length &&
                              bytes_equal(packets[j].payload, bytes_text(arena_print("%u of round 1", i))));
        }
        trial_require(trial, found, packet_describe(wanted), "%s", "it is not among what came");
    }
    peer_expect_nothing(peer);
}

static void qos_0_replaces(struct trial *trial)
{
    const char *topic = trial_topic(trial, "t");
    struct peer *publisher = peer_connect(trial, "pub");
    peer_publish(publisher, topic, .qos = 1, .retain = true, .payload = "A");
    peer_publish(publisher, topic, .retain = true, .payload = "B");
    peer_ping(publisher);
    struct peer *peer = late(trial, topic);
    struct packet packet;
    enum peer_event event = peer_next(peer, deadline_in_ms(500), &packet);
    if (event == PEER_SILENT)
        trial_tolerate(trial, "a retained message of QoS 0 ousts the earlier one and is not kept itself");
    else
        trial_require(trial, event == PEER_PACKET && bytes_equal(packet.payload, bytes_text("B")),
                      "B, or nothing", "%s", event == PEER_END ? "a close" : packet_describe(packet.whole));
}

static void flag_for_new(struct trial *trial)
{
    const char *topic = trial_topic(trial, "t");
    struct peer *publisher = peer_connect(trial, "pub");
    peer_publish(publisher, topic, .qos = 1, .retain = true, .payload = "kept");
    struct peer *peer = late(trial, topic);
    peer_take(peer, topic, .qos = 1, .retain = true, .payload = "kept");
    peer_publish(publisher, topic, .qos = 1, .payload = "live");
    peer_take(peer, topic, .qos = 1, .payload = "live");
}

static void flag_for_standing(struct trial *trial)
{
    const char *topic = trial_topic(trial, "t");
    struct peer *peer = late(trial, topic);
    struct peer *publisher = peer_connect(trial, "pub");
    for (unsigned qos = 0; qos <= 2; qos++) {
        peer_publish(publisher, topic, .qos = qos, .retain = true, .payload = "kept");
        peer_take(peer, topic, .qos = qos, .payload = "kept");
    }
}

static void erased(struct trial *trial)
{
    const char *topic = trial_topic(trial, "t");
    struct peer *live = late(trial, topic);
    struct peer *publisher = peer_connect(trial, "pub");
    peer_publish(publisher, topic, .qos = 1, .retain = true, .payload = "kept");
    peer_take(live, topic, .qos = 1, .payload = "kept");
    peer_publish(publisher, topic, .qos = 1, .retain = true);
    peer_take(live, topic, .qos = 1);
    peer_expect_nothing(late(trial, topic));
}

static void empty_not_kept(struct trial *trial)
{
    const char *topic = trial_topic(trial, "t");
    struct peer *publisher = peer_connect(trial, "pub");
    for (unsigned qos = 0; qos <= 2; qos++)
        peer_publish(publisher, topic, .qos = qos, .retain = true);
    peer_expect_nothing(late(trial, topic));
}

static void others_do_not_touch(struct trial *trial)
{
    const char *topic = trial_topic(trial, "t");
    struct peer *publisher = peer_connect(trial, "pub");
    peer_publish(publisher, topic, .qos = 1, .payload = "never kept");
    peer_expect_nothing(late(trial, topic));
    peer_publish(publisher, topic, .qos = 1, .retain = true, .payload = "kept");
    peer_publish(publisher, topic, .qos = 1, .payload = "other");
    peer_publish(publisher, topic, .qos = 1);
    struct peer *peer = late(trial, topic);
    peer_take(peer, topic, .qos = 1, .retain = true, .payload = "kept");
    peer_expect_nothing(peer);
}

static void granted_qos(struct trial *trial)
{
    const char *topic = trial_topic(trial, "t");
    struct peer *publisher = peer_connect(trial, "pub");
    peer_publish(publisher, topic, .qos = 2, .retain = true, .payload = "kept");
    for (unsigned qos = 0; qos <= 2; qos++) {
        struct peer *peer = peer_connect(trial, arena_print("q%u", qos));
        peer_subscribe(peer, topic, qos);
        peer_take(peer, topic, .qos = qos, .retain = true, .payload = "kept");
    }
}

static void for_exact_topic_alone(struct trial *trial)
{
    struct peer *publisher = peer_connect(trial, "pub");
    peer_publish(publisher, trial_topic(trial, "a/b"), .qos = 1, .retain = true, .payload = "kept");
    peer_expect_nothing(late(trial, trial_topic(trial, "a")));
    peer_expect_nothing(late(trial, trial_topic(trial, "a/b/c")));
    peer_take(late(trial, trial_topic(trial, "a/#")), trial_topic(trial, "a/b"), .qos = 1, .retain = true,
              .payload = "kept");
}

static const struct test_case cases[] = {
    {"stored-with-qos", "MQTT-3.3.1-5 MQTT-3.3.1-8", "retains at QoS 0, 1 and 2, then subscribes at 2",
     "each with RETAIN 1 at its QoS", .run = stored_with_qos},
    {"latest-of-each", "MQTT-3.3.1-6 MQTT-3.3.1-5",
     "retains twice on three topics, then subscribes with a wildcard", "the latest of each, once",
     .run = latest_of_each},
    {"qos-0-replaces", "MQTT-3.3.1-7", "retains A at QoS 1, then B at QoS 0",
     "a later subscriber gets B or nothing", .run = qos_0_replaces},
    {"flag-for-new", "MQTT-3.3.1-8 MQTT-3.3.1-9",
     "subscribes where something is retained, then it is published to", "RETAIN 1, then RETAIN 0",
     .run = flag_for_new},
    {"flag-for-standing", "MQTT-3.3.1-9", "publishes with RETAIN 1 to a standing subscription",
     "delivered with RETAIN 0", .run = flag_for_standing},
    {"erased", "MQTT-3.3.1-10", "retains, then sends an empty retained message",
     "the standing subscriber gets both, a later one nothing", .run = erased},
    {"empty-not-kept", "MQTT-3.3.1-11", "sends empty retained messages to a new topic",
     "a later subscriber gets nothing", .run = empty_not_kept},
    {"not-touched", "MQTT-3.3.1-12",
     "publishes with RETAIN 0, also an empty payload, where something is retained",
     "a later subscriber gets what was retained", .run = others_do_not_touch},
    {"granted-qos", "MQTT-3.3.1-5 MQTT-3.8.4-6", "retains at QoS 2, then subscribes at 0, 1 and 2",
     "delivered at the granted QoS", .run = granted_qos},
    {"exact", "MQTT-3.3.1-6", "retains on one topic, then subscribes to its neighbours",
     "only what matches is delivered", .run = for_exact_topic_alone},
};

SECTION_OF_CASES(section_3_3_retain, "3.3.1", "RETAIN");
