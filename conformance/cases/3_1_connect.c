// SPDX-License-Identifier: MIT
// 3.1 CONNECT: the fixed part, the flags, and who may send it when. What lies behind the flags is in
// 3_1_payload.c.
#include "conformance/cases/cases.h"

static void first_packet(struct trial *trial)
{
    case_first_is_closed_on(trial, "ping", packet_empty(PACKET_PINGREQ));
    case_first_is_closed_on(trial, "publish", packet_publish(trial_topic(trial, "t"), .payload = "x"));
    case_first_is_closed_on(trial, "subscribe", packet_subscribe(1, trial_topic(trial, "t"), 0));
    case_first_is_closed_on(trial, "disconnect", packet_empty(PACKET_DISCONNECT));
}

static void early_publish(struct trial *trial)
{
    const char *topic = trial_topic(trial, "t");
    struct peer *witness = peer_connect(trial, "witness");
    peer_subscribe(witness, topic, 0);
    case_first_is_closed_on(trial, "early", packet_publish(topic, .payload = "early", .retain = true));
    peer_expect_nothing(witness);
}

static void second_connect(struct trial *trial)
{
    const char *topic = trial_topic(trial, "will");
    struct peer *witness = peer_connect(trial, "witness");
    peer_subscribe(witness, topic, 0);
    struct peer *peer = peer_connect(trial, "peer", .will_topic = topic, .will = "gone");
    peer_send(peer, packet_connect(trial_id(trial, "peer")));
    peer_expect_close(peer);
    peer_expect_publish(witness, topic, .payload = "gone");
}

static void protocol_name(struct trial *trial)
{
    case_first_is_closed_on(trial, "case", packet_connect("a", .protocol = "MQTt"));
    case_first_is_closed_on(trial, "other", packet_connect("a", .protocol = "ABCD"));
    case_first_is_closed_on(trial, "empty", packet_connect("a", .protocol = ""));
    case_first_is_closed_on(trial, "long", packet_connect("a", .protocol = "MQTTMQTT"));
}

static void protocol_level(struct trial *trial)
{
    static const unsigned levels[] = {6, 127, 255};
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
        struct peer *peer = peer_open(trial, "level");
        peer_send(peer, packet_connect(trial_id(trial, "a"), .level = levels[i]));
        peer_expect_last(peer, packet_connack(0, 1));
    }
}

static void protocol_level_zero(struct trial *trial)
{
    struct peer *peer = peer_open(trial, "zero");
    struct bytes connect = packet_connect(trial_id(trial, "a"));
    ((uint8_t *)(uintptr_t)connect.data)[8] = 0;
    peer_send(peer, connect);
    peer_expect_last(peer, packet_connack(0, 1));
}

static void reserved_flag(struct trial *trial)
{
    case_first_is_closed_on(trial, "reserved", packet_connect(trial_id(trial, "a"), .flags_flip = 0x01));
}

static void kept_session(struct trial *trial)
{
    const char *topic = trial_topic(trial, "t");
    struct peer *peer = peer_connect(trial, "peer", .keep = true);
    peer_subscribe(peer, topic, 1);
    peer_disconnect(peer);
    struct peer *publisher = peer_connect(trial, "pub");
    peer_publish(publisher, topic, .qos = 1, .payload = "while away");
    peer = peer_connect(trial, "peer", .keep = true, .expect_present = 1);
    peer_take(peer, topic, .qos = 1, .payload = "while away");
    peer_publish(publisher, topic, .qos = 1, .payload = "live");
    peer_take(peer, topic, .qos = 1, .payload = "live");
}

static void queued_messages(struct trial *trial)
{
    const char *topic = trial_topic(trial, "t");
    struct peer *peer = peer_connect(trial, "peer", .keep = true);
    peer_subscribe(peer, topic, 2);
    peer_cut(peer);
    struct peer *publisher = peer_connect(trial, "pub");
    for (int i = 0; i < 20; i++)
        peer_publish(publisher, topic, .qos = 1 + i % 2, .payload = arena_print("%d", i));
    peer = peer_connect(trial, "peer", .keep = true, .expect_present = 1);
    struct packet packets[20];
    size_t count = peer_collect(peer, packets, 20);
    trial_require(trial, count == 20, "20 messages", "%zu", count);
    bool seen[20] = {false};
    for (int i = 0; i < 20; i++) {
        struct bytes payload = packets[i].payload;
        unsigned number = payload.length == 1 ? payload.data[0] - 48U : payload.data[1] - 38U; // 0 to 19
        trial_require(trial, number < 20 && !seen[number] && packets[i].qos == 1 + number % 2,
                      "each message once, at its QoS", "%s", packet_describe(packets[i].whole));
        seen[number] = true;
    }
    peer_expect_nothing(peer);
}

static void clean_session(struct trial *trial)
{
    const char *topic = trial_topic(trial, "t");
    struct peer *peer = peer_connect(trial, "peer", .keep = true);
    peer_subscribe(peer, topic, 1);
    peer_disconnect(peer);
    struct peer *publisher = peer_connect(trial, "pub");
    peer_publish(publisher, topic, .qos = 1, .payload = "old");
    peer = peer_connect(trial, "peer");
    peer_expect_nothing(peer);
    peer_publish(publisher, topic, .qos = 1, .payload = "unsubscribed");
    peer_expect_nothing(peer);
    peer_disconnect(peer);
    peer_publish(publisher, topic, .qos = 1, .payload = "older");
    peer = peer_connect(trial, "peer", .keep = true, .expect_present = 0);
    peer_expect_nothing(peer);
}

static void clean_session_ends(struct trial *trial)
{
    const char *topic = trial_topic(trial, "t");
    struct peer *peer = peer_connect(trial, "peer");
    peer_subscribe(peer, topic, 1);
    peer_disconnect(peer);
    struct peer *publisher = peer_connect(trial, "pub");
    peer_publish(publisher, topic, .qos = 1, .payload = "nobody");
    peer = peer_connect(trial, "peer", .keep = true, .expect_present = 0);
    peer_publish(publisher, topic, .qos = 1, .payload = "still nobody");
    peer_expect_nothing(peer);
}

static void retained_stays(struct trial *trial)
{
    const char *topic = trial_topic(trial, "t");
    struct peer *publisher = peer_connect(trial, "pub");
    peer_publish(publisher, topic, .qos = 1, .retain = true, .payload = "kept");
    peer_disconnect(publisher);
    struct peer *peer = peer_connect(trial, "late");
    peer_subscribe(peer, topic, 0);
    peer_expect_publish(peer, topic, .retain = true, .payload = "kept");
}

static void username_flag(struct trial *trial)
{
    struct bytes id = bytes_text(trial_id(trial, "a"));
    struct buffer body = {0};
    buffer_append(&body, hex("0004 'MQTT' 04 82 0000"));
    buffer_put_field(&body, id);
    case_first_is_closed_on(trial, "lacks", packet_raw(0x10, buffer_bytes(&body)));
    body.length = 0;
    buffer_append(&body, hex("0004 'MQTT' 04 02 0000"));
    buffer_put_field(&body, id);
    buffer_put_field(&body, bytes_text("user"));
    case_first_is_closed_on(trial, "extra", packet_raw(0x10, buffer_bytes(&body)));
    buffer_finish(&body);
}

static void password_flag(struct trial *trial)
{
    struct bytes id = bytes_text(trial_id(trial, "a"));
    struct buffer body = {0};
    buffer_append(&body, hex("0004 'MQTT' 04 C2 0000"));
    buffer_put_field(&body, id);
    buffer_put_field(&body, bytes_text("user"));
    case_first_is_closed_on(trial, "lacks", packet_raw(0x10, buffer_bytes(&body)));
    body.length = 0;
    buffer_append(&body, hex("0004 'MQTT' 04 82 0000"));
    buffer_put_field(&body, id);
    buffer_put_field(&body, bytes_text("user"));
    buffer_put_field(&body, bytes_text("password"));
    case_first_is_closed_on(trial, "extra", packet_raw(0x10, buffer_bytes(&body)));
    buffer_finish(&body);
}

static void password_alone(struct trial *trial)
{
    case_first_is_closed_on(trial, "alone", packet_connect(trial_id(trial, "a"), .password = "secret"));
}

static void credentials_in_full(struct trial *trial)
{
    struct peer *peer = peer_connect(trial, "peer", .user = "user", .password = "secret");
    peer_ping(peer);
    peer = peer_connect(trial, "nopass", .user = "user");
    peer_ping(peer);
}

static void keep_alive_silence(struct trial *trial)
{
    const char *topic = trial_topic(trial, "will");
    struct peer *witness = peer_connect(trial, "witness");
    peer_subscribe(witness, topic, 0);
    struct peer *peer = peer_connect(trial, "silent", .keepalive_s = 1, .will_topic = topic, .will = "gone");
    uint64_t begin = clock_now_ns();
    peer_expect_silence(peer, 950);
    struct packet packet;
    enum peer_event event = peer_next(peer, deadline_in_ms(6000), &packet);
    uint64_t ms = (clock_now_ns() - begin) / 1000000;
    trial_require(trial, event == PEER_END, "the connection is closed after 1.5 s of silence",
                  "it was not, after %llu ms", (unsigned long long)ms);
    peer_expect_publish(witness, topic, .payload = "gone");
    // The clock of the broker may be coarse. What takes much longer than it should is told.
    if (ms < 1400 || ms > 2600)
        trial_tolerate(trial, "closed after %llu ms of silence, where 1500 ms were asked for",
                       (unsigned long long)ms);
}

static void keep_alive_kept(struct trial *trial)
{
    struct peer *peer = peer_connect(trial, "pings", .keepalive_s = 1);
    for (int i = 0; i < 4; i++) {
        peer_expect_silence(peer, 500);
        peer_ping(peer);
    }
    const char *topic = trial_topic(trial, "t");
    for (int i = 0; i < 3; i++) {
        peer_expect_silence(peer, 500);
        peer_send(peer, packet_publish(topic, .payload = "x"));
    }
    peer_ping(peer);
}

static void keep_alive_zero(struct trial *trial)
{
    struct peer *peer = peer_connect(trial, "peer", .keepalive_s = 0);
    peer_expect_silence(peer, 3000);
    peer_ping(peer);
}

static void malformed(struct trial *trial)
{
    struct bytes connect = packet_connect(trial_id(trial, "a"));
    struct bytes body = bytes_slice(connect, 2, connect.length);
    case_first_is_closed_on(trial, "trailing", packet_raw(0x10, bytes_join(body, hex("00"))));
    for (size_t length = 0; length < body.length; length += length < 12 ? 1 : 5)
        case_first_is_closed_on(trial, "cut", packet_raw(0x10, bytes_slice(body, 0, length)));
    case_first_is_closed_on(trial, "id too long", packet_raw(0x10, hex("0004 'MQTT' 04 02 0000 00FF 'abc'")));
    case_first_is_closed_on(trial, "flags", packet_raw(0x11, body));
    case_first_is_closed_on(trial, "length", hex("10 FF FF FF FF 01"));
}

static void takeover(struct trial *trial)
{
    const char *topic = trial_topic(trial, "will");
    struct peer *witness = peer_connect(trial, "witness");
    peer_subscribe(witness, topic, 0);
    struct peer *first = peer_connect(trial, "twice", .will_topic = topic, .will = "taken over");
    struct peer *second = peer_connect(trial, "twice");
    peer_expect_close(first);
    peer_expect_publish(witness, topic, .payload = "taken over");
    peer_ping(second);
}

static void accepts(struct trial *trial)
{
    struct peer *peer = peer_open(trial, "peer");
    peer_send(peer, packet_connect(trial_id(trial, "peer")));
    peer_expect(peer, packet_connack(0, 0));
    peer_ping(peer);
    peer_disconnect(peer);
}

static void nothing_after_refusal(struct trial *trial)
{
    const char *topic = trial_topic(trial, "t");
    struct peer *witness = peer_connect(trial, "witness");
    peer_subscribe(witness, topic, 0);
    struct peer *peer = peer_open(trial, "refused");
    peer_send(peer, bytes_join(packet_connect("", .keep = true),
                               packet_publish(topic, .retain = true, .payload = "x")));
    peer_expect_last(peer, packet_connack(0, 2));
    peer_expect_nothing(witness);
    struct peer *late = peer_connect(trial, "late");
    peer_subscribe(late, topic, 0);
    peer_expect_nothing(late);
}

static void in_pieces(struct trial *trial)
{
    struct peer *peer = peer_open(trial, "pieces");
    peer_send_pieces(peer, packet_connect(trial_id(trial, "pieces"), .user = "user", .password = "secret"),
                     1);
    peer_expect(peer, packet_connack(0, 0));
    peer_ping(peer);
}

static const struct test_case cases[] = {
    {"first-packet", "MQTT-3.1.0-1",
     "opens with PINGREQ, PUBLISH, SUBSCRIBE or DISCONNECT in place of CONNECT",
     "each is closed without an answer", .run = first_packet},
    {"early-publish", "MQTT-3.1.0-1", "opens with a PUBLISH while another client subscribes to its topic",
     "nothing is delivered", .run = early_publish},
    {"second-connect", "MQTT-3.1.0-2 MQTT-3.1.2-8",
     "sends CONNECT a second time on one connection, which has a will",
     "closed without a second CONNACK, will published", .run = second_connect},
    {"protocol-name", "MQTT-3.1.2-1", "CONNECT with other protocol names", "closed without CONNACK",
     .run = protocol_name},
    {"protocol-level", "MQTT-3.1.2-2 MQTT-3.2.2-5 MQTT-3.2.2-4", "CONNECT with level 6, 127 and 255",
     "CONNACK 1, then closed", .run = protocol_level},
    {"protocol-level-zero", "MQTT-3.1.2-2", "CONNECT with level 0", "CONNACK 1, then closed",
     .run = protocol_level_zero},
    {"reserved-flag", "MQTT-3.1.2-3 MQTT-3.1.4-1", "CONNECT with bit 0 of the connect flags set",
     "closed without CONNACK", .run = reserved_flag},
    {"kept-session", "MQTT-3.1.2-4 MQTT-3.1.4-3 MQTT-3.2.2-2 MQTT-4.1.0-1",
     "subscribes with Clean Session 0, leaves, is published to, and comes back",
     "session present, the queued message, and live ones", .run = kept_session},
    {"queued-messages", "MQTT-3.1.2-5 MQTT-4.5.0-1",
     "twenty messages at QoS 1 and 2 for a session whose client is away", "each once, at its QoS",
     .run = queued_messages},
    {"clean-session", "MQTT-3.1.2-6 MQTT-3.1.4-3 MQTT-3.2.2-1",
     "connects with Clean Session 1 where a session is stored", "nothing of it is left, now or afterwards",
     .run = clean_session},
    {"clean-session-ends", "MQTT-3.1.2-6 MQTT-3.2.2-3",
     "subscribes with Clean Session 1, leaves, and comes back with 0", "no session, no subscription",
     .run = clean_session_ends},
    {"retained-stays", "MQTT-3.1.2-7", "publishes retained with Clean Session 1 and leaves",
     "a later subscriber gets it", .run = retained_stays},
    {"username-flag", "MQTT-3.1.2-18 MQTT-3.1.2-19",
     "a user name that no flag announces, and a flag without one", "closed without CONNACK",
     .run = username_flag},
    {"password-flag", "MQTT-3.1.2-20 MQTT-3.1.2-21",
     "a password that no flag announces, and a flag without one", "closed without CONNACK",
     .run = password_flag},
    {"password-alone", "MQTT-3.1.2-22", "CONNECT with a password and no user name", "closed without CONNACK",
     .run = password_alone},
    {"credentials", "MQTT-3.1.2-19 MQTT-3.1.2-21",
     "CONNECT with user name and password, and with a user name alone", "CONNACK 0",
     .run = credentials_in_full},
    {"keep-alive-silence", "MQTT-3.1.2-24 MQTT-3.1.2-8", "Keep Alive 1 with a will, then silence",
     "closed after 1.5 s, not within 0.95 s; will published", .run = keep_alive_silence},
    {"keep-alive-kept", "MQTT-3.1.2-24", "Keep Alive 1 with a packet every 0.5 s, pings and others",
     "the connection stays", .run = keep_alive_kept},
    {"keep-alive-zero", "MQTT-3.1.2-24", "Keep Alive 0, then three seconds of silence",
     "the connection stays", .run = keep_alive_zero},
    {"malformed", "MQTT-3.1.4-1 MQTT-3.1.3-3",
     "CONNECT that is cut short at many places, too long, or with wrong flags", "closed without CONNACK",
     .run = malformed},
    {"takeover", "MQTT-3.1.4-2 MQTT-3.1.2-8", "connects twice with one client id",
     "the first is closed, its will published, the second works", .run = takeover},
    {"accepts", "MQTT-3.1.4-4 MQTT-7.1.1-1", "a right CONNECT", "CONNACK 0", .run = accepts},
    {"nothing-after-refusal", "MQTT-3.1.4-5 MQTT-3.1.3-8",
     "a CONNECT that is refused and a retained PUBLISH in one segment",
     "only the refusal; nothing delivered or kept", .run = nothing_after_refusal},
    {"in-pieces", "MQTT-3.1.4-4", "a CONNECT byte by byte", "CONNACK 0", .run = in_pieces},
};

SECTION_OF_CASES(section_3_1_connect, "3.1", "CONNECT");
