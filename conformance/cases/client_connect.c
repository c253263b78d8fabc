// SPDX-License-Identifier: MIT
// Clients: CONNECT, keep alive and DISCONNECT. Each packet of the client is checked for being right in
// itself, whatever a case looks at besides.
#include "conformance/cases/client.h"

static void first(struct trial *trial)
{
    struct client *client = client_do(trial, "publish", 0);
    struct packet connect;
    struct peer *peer = client_accept(trial, &connect);
    trial_require(trial, bytes_equal(connect.client_id, bytes_text(client_value(client, "id"))),
                  "the client id that was asked for", "%s", packet_describe(connect.whole));
    trial_require(trial, (connect.connect_flags & ~0x02U) == 0, "no flags but Clean Session", "%02X",
                  connect.connect_flags);
    peer_expect_publish(peer, client_value(client, "topic"), .payload = "message");
    client_expect_end(trial, client, peer);
}

static void clean_flag(struct trial *trial)
{
    client_do(trial, "publish", 1);
    struct packet connect;
    client_accept(trial, &connect);
    trial_require(trial, (connect.connect_flags & 0x02) != 0, "Clean Session 1", "flags %02X",
                  connect.connect_flags);
    client_do(trial, "publish-kept", 1);
    client_accept(trial, &connect);
    trial_require(trial, (connect.connect_flags & 0x02) == 0, "Clean Session 0", "flags %02X",
                  connect.connect_flags);
}

static void will(struct trial *trial)
{
    for (unsigned qos = 0; qos <= 2; qos++) {
        struct client *client = client_make(trial);
        client_set(trial, client, "will_topic", trial_topic(trial, "will"));
        client_set(trial, client, "will", "gone");
        client_set(trial, client, "qos", arena_print("%u", qos));
        client_start(trial, client, "publish-will");
        struct packet connect;
        client_accept(trial, &connect);
        trial_require(trial, (connect.connect_flags & 0x3C) == (0x24U | qos << 3),
                      "Will Flag, Will QoS and Will Retain", "flags %02X", connect.connect_flags);
        trial_require(trial,
                      bytes_equal(connect.will_topic, bytes_text(client_value(client, "will_topic"))) &&
                          bytes_equal(connect.will, bytes_text("gone")),
                      "topic and message of the will", "%s", packet_describe(connect.whole));
        process_kill(&client->process);
    }
}

static void user(struct trial *trial)
{
    struct client *client = client_make(trial);
    client_set(trial, client, "user", "name");
    client_set(trial, client, "password", "word");
    client_start(trial, client, "publish-user");
    struct packet connect;
    client_accept(trial, &connect);
    bool is_right = (connect.connect_flags & 0xC0) == 0xC0 && bytes_equal(connect.user, bytes_text("name")) &&
                    bytes_equal(connect.password, bytes_text("word"));
    trial_require(trial, is_right, "both flags, the user name, then the password", "%s",
                  packet_describe(connect.whole));
}

static void nameless(struct trial *trial)
{
    client_do(trial, "publish-nameless", 0);
    struct packet connect;
    client_accept(trial, &connect);
    if (connect.client_id.length > 0)
        trial_not_applicable(trial, "the client makes a client id of its own");
    trial_require(trial, (connect.connect_flags & 0x02) != 0, "Clean Session 1", "flags %02X",
                  connect.connect_flags);
}

static void keep_alive(struct trial *trial)
{
    struct client *client = client_make(trial);
    client_set(trial, client, "keepalive", "5"); // the least that mosquitto_sub takes
    client_start(trial, client, "subscribe");
    struct packet connect, packet = {0};
    struct peer *peer = client_accept(trial, &connect);
    trial_require(trial, connect.keepalive_s == 5, "Keep Alive 5", "%u", connect.keepalive_s);
    client_grant(peer, 0);
    for (int i = 0; i < 2; i++) {
        enum peer_event event =
            peer_next(peer, deadline_in_exact_ms(6000), &packet); // the client may be slow
        trial_require(trial, event == PEER_PACKET && packet.type == PACKET_PINGREQ,
                      "PINGREQ within the Keep Alive period", "%s",
                      event == PEER_PACKET ? packet_describe(packet.whole)
                      : event == PEER_END  ? "a close"
                                           : "nothing in 6 s");
        peer_send(peer, packet_empty(PACKET_PINGRESP));
    }
}

static void unanswered_ping(struct trial *trial)
{
    struct client *client = client_make(trial);
    client_set(trial, client, "keepalive", "5");
    client_start(trial, client, "subscribe");
    struct packet connect;
    struct peer *peer = client_accept(trial, &connect);
    client_grant(peer, 0);
    peer->answer_ms = 7000;
    peer_expect(peer, packet_empty(PACKET_PINGREQ));
    struct packet packet;
    if (peer_next(peer, deadline_in_ms(9000), &packet) != PEER_END)
        trial_tolerate(trial,
                       "stays though its PINGREQ was not answered for 9 s, which the standard leaves to it");
}

static void refused(struct trial *trial)
{
    for (unsigned code = 1; code <= 5; code++) {
        struct client *client = client_do(trial, "publish", 0);
        struct peer *peer = peer_accept(trial, "server");
        peer->answer_ms = 5000;
        peer_expect_type(peer, PACKET_CONNECT);
        peer_send(peer, packet_connack(0, code));
        client_expect_close(peer);
        bool ended = process_wait(&client->process, deadline_in_ms(ANSWER_MS));
        trial_require(trial, ended && client->process.status != 0,
                      "the client ends with a status that is not 0", "it %s",
                      process_state_text(&client->process));
    }
}

static void session_present(struct trial *trial)
{
    client_do(trial, "publish", 0);
    struct peer *peer = peer_accept(trial, "server");
    peer->answer_ms = 5000;
    peer_expect_type(peer, PACKET_CONNECT);
    peer_send(peer, packet_connack(1, 0)); // impossible for a clean session
    struct packet packet = {0};
    if (peer_next(peer, deadline_in_ms(2000), &packet) != PEER_END)
        trial_tolerate(trial, "goes on with a session present that it has not asked for");
}

static void not_connack(struct trial *trial)
{
    client_do(trial, "publish", 0);
    struct peer *peer = peer_accept(trial, "server");
    peer->answer_ms = 5000;
    peer_expect_type(peer, PACKET_CONNECT);
    peer_send(peer, packet_empty(PACKET_PINGRESP));
    client_expect_close(peer);
}

static const struct test_case cases[] = {
    {"first",
     "MQTT-3.1.0-1 MQTT-3.1.2-11 MQTT-3.1.2-13 MQTT-3.1.2-15 MQTT-3.1.2-18 MQTT-3.1.2-20 MQTT-3.1.2-22 "
     "MQTT-3.1.3-2 MQTT-3.1.3-3 MQTT-3.1.3-4 MQTT-3.14.4-1 MQTT-3.14.4-2 MQTT-7.1.2-1 MQTT-7.0.0-2",
     "publishes a message with a plain connection",
     "CONNECT first, no flags for what it has not, DISCONNECT last, then it closes", .run = first,
     .flags = CASE_CLIENT},
    {"clean-session", "MQTT-3.1.2-4 MQTT-3.1.2-6",
     "connects with a session that is to be clean, and with one that is to be kept", "Clean Session 1 and 0",
     .run = clean_flag, .flags = CASE_CLIENT},
    {"will", "MQTT-3.1.2-9 MQTT-3.1.2-14 MQTT-3.1.3-1 MQTT-3.1.3-10", "connects with a will at each QoS",
     "flags, topic and message are in CONNECT", .run = will, .flags = CASE_CLIENT},
    {"user", "MQTT-3.1.2-19 MQTT-3.1.2-21 MQTT-3.1.2-22 MQTT-3.1.3-1 MQTT-3.1.3-11",
     "connects with user name and password", "both flags and both fields", .run = user, .flags = CASE_CLIENT},
    {"nameless", "MQTT-3.1.3-7", "connects without a client id", "an empty one goes with Clean Session 1",
     .run = nameless, .flags = CASE_CLIENT},
    {"keep-alive", "MQTT-3.1.2-23", "is connected with Keep Alive 5 and has nothing to say",
     "PINGREQ within each period", .run = keep_alive, .flags = CASE_CLIENT, .budget_ms = 30000},
    {"unanswered-ping", "MQTT-3.1.2-23", "its PINGREQ is not answered", "it closes after a while",
     .run = unanswered_ping, .flags = CASE_CLIENT, .budget_ms = 40000},
    {"refused", "MQTT-4.8.0-1", "is refused with each return code", "it closes and says so", .run = refused,
     .flags = CASE_CLIENT, .budget_ms = 30000},
    {"impossible-session", "MQTT-4.8.0-1", "gets session present 1 for a clean session", "it closes",
     .run = session_present, .flags = CASE_CLIENT},
    {"not-connack", "MQTT-4.8.0-1", "gets PINGRESP in place of CONNACK", "it closes", .run = not_connack,
     .flags = CASE_CLIENT},
};

SECTION_OF_CASES(section_client_connect, "client.connect", "Clients: CONNECT");
