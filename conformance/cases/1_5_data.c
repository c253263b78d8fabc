// SPDX-License-Identifier: MIT
// 1.5 Data representations: texts.
#include "conformance/cases/cases.h"

// Each is no text that MQTT allows: a surrogate, a byte that begins nothing, a character that is cut off, one
// that is overlong, one above U+10FFFF.
static const char *const no_texts[] = {"'a' EDA080", "'a' FF", "'a' C3", "C080", "F4908080", "'a' E282 'b'"};

enum { NO_TEXTS = sizeof no_texts / sizeof *no_texts };

// A CONNECT with these as client id, will topic and user name.
static struct bytes connect_with(struct bytes id, struct bytes will_topic, struct bytes user)
{
    struct buffer body = {0};
    buffer_append(&body, hex("0004 'MQTT' 04 86 0000"));
    buffer_put_field(&body, id);
    buffer_put_field(&body, will_topic);
    buffer_put_field(&body, bytes_text("will"));
    buffer_put_field(&body, user);
    struct bytes connect = packet_raw(0x10, buffer_bytes(&body));
    buffer_finish(&body);
    return connect;
}

static struct bytes topic_packet(unsigned first, const char *before, struct bytes topic, const char *behind)
{
    struct buffer body = {0};
    buffer_append(&body, hex(before));
    buffer_put_field(&body, topic);
    buffer_append(&body, hex(behind));
    struct bytes packet = packet_raw(first, buffer_bytes(&body));
    buffer_finish(&body);
    return packet;
}

static void in_connect(struct trial *trial)
{
    struct bytes id = bytes_text(trial_id(trial, "a"));
    struct bytes topic = bytes_text(trial_topic(trial, "t"));
    for (size_t i = 0; i < NO_TEXTS; i++) {
        case_first_is_closed_on(trial, "client id", connect_with(hex(no_texts[i]), topic, id));
        case_first_is_closed_on(trial, "will topic", connect_with(id, hex(no_texts[i]), id));
        case_first_is_closed_on(trial, "user name", connect_with(id, topic, hex(no_texts[i])));
    }
}

static void in_topics(struct trial *trial)
{
    for (size_t i = 0; i < NO_TEXTS; i++) {
        case_is_closed_on(trial, "publish", topic_packet(0x30, "", hex(no_texts[i]), "'x'"));
        case_is_closed_on(trial, "subscribe", topic_packet(0x82, "0001", hex(no_texts[i]), "00"));
        case_is_closed_on(trial, "unsubscribe", topic_packet(0xA2, "0001", hex(no_texts[i]), ""));
    }
}

static void nul_in_connect(struct trial *trial)
{
    struct bytes id = bytes_text(trial_id(trial, "a"));
    struct bytes topic = bytes_text(trial_topic(trial, "t"));
    case_first_is_closed_on(trial, "client id", connect_with(hex("'a' 00 'b'"), topic, id));
    case_first_is_closed_on(trial, "will topic", connect_with(id, hex("'a' 00 'b'"), id));
    case_first_is_closed_on(trial, "user name", connect_with(id, topic, hex("'a' 00 'b'")));
}

static void nul_in_topics(struct trial *trial)
{
    case_is_closed_on(trial, "publish", topic_packet(0x30, "", hex("'a' 00 'b'"), "'x'"));
    case_is_closed_on(trial, "subscribe", topic_packet(0x82, "0001", hex("'a' 00 'b'"), "00"));
    case_is_closed_on(trial, "unsubscribe", topic_packet(0xA2, "0001", hex("'a' 00 'b'"), ""));
}

static void byte_order_mark(struct trial *trial)
{
    const char *marked = trial_topic(trial, "\xEF\xBB\xBFt");
    struct peer *plus = peer_connect(trial, "plus");
    peer_subscribe(plus, trial_topic(trial, "+"), 0);
    struct peer *plain = peer_connect(trial, "plain");
    peer_subscribe(plain, trial_topic(trial, "t"), 0);
    struct peer *publisher = peer_connect(trial, "pub");
    peer_publish(publisher, marked, .qos = 1, .payload = "x");
    peer_expect_publish(plus, marked, .payload = "x");
    peer_expect_nothing(plain);
    const char *first = arena_print("\xEF\xBB\xBF%s", trial->tag); // at the very beginning
    peer_subscribe(plus, first, 0);
    peer_subscribe(plain, trial->tag, 0);
    peer_publish(publisher, first, .qos = 1, .payload = "y");
    peer_expect_publish(plus, first, .payload = "y");
    peer_expect_nothing(plain);
}

static void all_lengths_of_characters(struct trial *trial)
{
    const char *topic = trial_topic(trial, "\xC3\xA9/\xE2\x82\xAC/\xF0\x9F\x98\x80/\xEF\xBF\xBD");
    struct peer *peer = peer_connect(trial, "\xC3\xA9");
    peer_subscribe(peer, topic, 0);
    peer_publish(peer, topic, .payload = "x");
    peer_expect_publish(peer, topic, .payload = "x");
}

static const struct test_case cases[] = {
    {"connect", "MQTT-1.5.3-1 MQTT-3.1.3-4 MQTT-3.1.3-10 MQTT-3.1.3-11",
     "CONNECT with a client id, will topic or user name that is no UTF-8", "closed without CONNACK",
     .run = in_connect},
    {"topics", "MQTT-1.5.3-1 MQTT-3.3.2-1 MQTT-3.8.3-1 MQTT-3.10.3-1",
     "PUBLISH, SUBSCRIBE and UNSUBSCRIBE with a topic or filter that is no UTF-8", "closed without an answer",
     .run = in_topics},
    {"nul-connect", "MQTT-1.5.3-2 MQTT-4.7.3-2", "CONNECT with NUL in the client id, will topic or user name",
     "closed without CONNACK", .run = nul_in_connect},
    {"nul-topics", "MQTT-1.5.3-2 MQTT-4.7.3-2",
     "PUBLISH, SUBSCRIBE and UNSUBSCRIBE with NUL in the topic or filter", "closed without an answer",
     .run = nul_in_topics},
    {"byte-order-mark", "MQTT-1.5.3-3 MQTT-4.7.3-4",
     "publishes to a topic with EF BB BF in it, and at its beginning",
     "delivered with these bytes, and not to the topic without", .run = byte_order_mark},
    {"characters", "MQTT-1.5.3-1 MQTT-4.7.3-4",
     "a client id and a topic with characters of one to four bytes", "accepted and delivered unchanged",
     .run = all_lengths_of_characters},
};

SECTION_OF_CASES(section_1_5_data, "1.5", "Data representations");
