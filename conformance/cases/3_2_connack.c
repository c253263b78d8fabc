// SPDX-License-Identifier: MIT
// 3.2 CONNACK.
#include "conformance/cases/cases.h"

static void comes_first(struct trial *trial)
{
    const char *topic = trial_topic(trial, "t");
    struct peer *peer = peer_open(trial, "hasty");
    struct bytes rest = bytes_join(packet_subscribe(1, topic, 0), packet_empty(PACKET_PINGREQ));
    peer_send(peer, bytes_join(packet_connect(trial_id(trial, "hasty")), rest));
    peer_expect(peer, packet_connack(0, 0));
    peer_expect_all(peer, (const struct bytes[]){packet_suback(1, 0), packet_empty(PACKET_PINGRESP)}, 2);
}

static void before_queued(struct trial *trial)
{
    const char *topic = trial_topic(trial, "t");
    struct peer *peer = peer_connect(trial, "peer", .keep = true);
    peer_subscribe(peer, topic, 1);
    peer_cut(peer);
    struct peer *publisher = peer_connect(trial, "pub");
    peer_publish(publisher, topic, .qos = 1, .payload = "queued");
    peer =
        peer_connect(trial, "peer", .keep = true, .expect_present = 1); // takes CONNACK as the first packet
    peer_take(peer, topic, .qos = 1, .payload = "queued");
}

static void present(struct trial *trial)
{
    peer_disconnect(peer_connect(trial, "peer", .keep = true, .expect_present = 0)); // never used
    peer_disconnect(peer_connect(trial, "peer", .keep = true, .expect_present = 1)); // stored
    peer_disconnect(peer_connect(trial, "peer", .expect_present = 0));               // wiped
    peer_disconnect(peer_connect(trial, "peer", .keep = true, .expect_present = 0)); // so there is none
}

static void refused_present(struct trial *trial)
{
    peer_disconnect(peer_connect(trial, "peer", .keep = true));
    struct peer *peer = peer_open(trial, "peer");
    peer_send(peer, packet_connect(trial_id(trial, "peer"), .keep = true, .level = 9));
    peer_expect_last(peer, packet_connack(0, 1));
    peer_connect(trial, "peer", .keep = true, .expect_present = 1); // and the session is unharmed
}

static void anonymous_refused(struct trial *trial)
{
    trial_own_broker(trial, "no-anonymous");
    struct peer *peer = peer_open(trial, "nobody");
    peer_send(peer, packet_connect("nobody"));
    struct packet connack = peer_expect_type(peer, PACKET_CONNACK);
    trial_require(trial, connack.code == 4 || connack.code == 5, "CONNACK 4 or 5", "%s",
                  packet_describe(connack.whole));
    peer_expect_close(peer);
    // The broker that is asked at the end whether it lives is this one, which lets nobody in.
    peer = peer_open(trial, "nobody");
    peer_send(peer, packet_connect("nobody"));
    peer_expect_last(peer, connack.whole);
    trial_end_without_proof(trial);
}

static const struct test_case cases[] = {
    {"first", "MQTT-3.2.0-1", "CONNECT, SUBSCRIBE and PINGREQ at once", "CONNACK before all else",
     .run = comes_first},
    {"before-queued", "MQTT-3.2.0-1", "resumes a session with a queued message", "CONNACK before the message",
     .run = before_queued},
    {"session-present", "MQTT-3.2.2-1 MQTT-3.2.2-2 MQTT-3.2.2-3",
     "connects with a session that is new, stored, and wiped", "session present 0, 1, 0, 0", .run = present},
    {"refused-present", "MQTT-3.2.2-4 MQTT-3.2.2-5 MQTT-3.2.2-6",
     "is refused under a client id that has a session", "session present 0, and the session stays",
     .run = refused_present},
    {"anonymous-refused", "MQTT-3.2.2-4 MQTT-3.2.2-5 MQTT-3.2.2-6",
     "connects without a user name where that is forbidden", "CONNACK 4 or 5, then closed",
     .run = anonymous_refused},
};

SECTION_OF_CASES(section_3_2_connack, "3.2", "CONNACK");
