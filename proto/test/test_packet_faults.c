// SPDX-License-Identifier: MIT
// Everything that one packet alone can do wrong, with the reason that it is refused for.
#include "proto/packet.h"

#include "proto/test/block.h"
#include "proto/test/suite.h"

struct fault {
    const char *versions; // digits
    const char *bytes;
    uint8_t reason;
};

enum {
    MALFORMED = REASON_MALFORMED_PACKET,
    PROTOCOL = REASON_PROTOCOL_ERROR,
    VERSION = REASON_UNSUPPORTED_PROTOCOL_VERSION,
    NAME = REASON_TOPIC_NAME_INVALID,
    FILTER = REASON_TOPIC_FILTER_INVALID,
};

// The version in use does not matter to a CONNECT, which names its own.
static const struct fault connect_faults[] = {
    // protocol name and level [MQTT-3.1.2-1, MQTT-3.1.2-2]
    {"345", "10 0c 00 04 'MQTT' 06 02 00 00 00 00", VERSION},
    {"345", "10 0c 00 04 'MQTT' 00 02 00 00 00 00", VERSION},
    {"345", "10 0c 00 04 'MQTT' 03 02 00 00 00 00", VERSION},
    {"345", "10 0c 00 04 'MQTT' 84 02 00 00 00 00", VERSION}, // a bridge
    {"345", "10 0e 00 06 'MQIsdp' 83 02 00 00 00 00", VERSION},
    {"345", "10 0e 00 06 'MQIsdp' 04 02 00 00 00 00", VERSION},
    {"345", "10 0c 00 04 'MQTt' 04 02 00 00 00 00", VERSION},
    {"345", "10 0c 00 04 'ABCD' 05 02 00 00 00 00", VERSION},
    {"345", "10 0b 00 03 'MQT' 04 02 00 00 00 00", VERSION},
    {"345", "10 08 00 00 04 02 00 00 00 00", VERSION},
    {"345", "10 0c 00 04 'MQT' ff 04 02 00 00 00 00", MALFORMED},
    // flags
    {"4", "10 0c 00 04 'MQTT' 04 03 00 00 00 00", MALFORMED}, // [MQTT-3.1.2-3]
    {"5", "10 0d 00 04 'MQTT' 05 01 00 00 00 00 00", MALFORMED},
    {"4", "10 0c 00 04 'MQTT' 04 0a 00 00 00 00", MALFORMED}, // will QoS without will [MQTT-3.1.2-13]
    {"4", "10 0c 00 04 'MQTT' 04 12 00 00 00 00", MALFORMED},
    {"5", "10 0d 00 04 'MQTT' 05 0a 00 00 00 00 00", MALFORMED},              // 5.0 [MQTT-3.1.2-11]
    {"4", "10 0c 00 04 'MQTT' 04 22 00 00 00 00", MALFORMED},                 // will retain [MQTT-3.1.2-15]
    {"4", "10 11 00 04 'MQTT' 04 1e 00 00 00 00 00 01 't' 00 00", MALFORMED}, // will QoS 3 [MQTT-3.1.2-14]
    {"5", "10 13 00 04 'MQTT' 05 1e 00 00 00 00 00 00 00 01 't' 00 00", MALFORMED},
    {"4", "10 0f 00 04 'MQTT' 04 42 00 00 00 00 00 01 'p'", MALFORMED}, // password alone [MQTT-3.1.2-22]
    {"3", "10 11 00 06 'MQIsdp' 03 42 00 00 00 00 00 01 'p'", MALFORMED},
    // fields that are cut or missing
    {"4", "10 00", MALFORMED},
    {"4", "10 01 00", MALFORMED},
    {"4", "10 06 00 04 'MQTT'", MALFORMED},
    {"4", "10 07 00 04 'MQTT' 04", MALFORMED},
    {"4", "10 08 00 04 'MQTT' 04 02", MALFORMED},
    {"4", "10 09 00 04 'MQTT' 04 02 00", MALFORMED},
    {"4", "10 0a 00 04 'MQTT' 04 02 00 00", MALFORMED}, // [MQTT-3.1.3-3]
    {"5", "10 0a 00 04 'MQTT' 05 02 00 00", MALFORMED}, // [MQTT-2.2.2-1]
    {"5", "10 0b 00 04 'MQTT' 05 02 00 00 00", MALFORMED},
    {"4", "10 0d 00 04 'MQTT' 04 02 00 00 00 02 'i'", MALFORMED},
    {"4", "10 0c 00 04 'MQTT' 04 06 00 00 00 00", MALFORMED}, // no will [MQTT-3.1.2-9]
    {"4", "10 0f 00 04 'MQTT' 04 06 00 00 00 00 00 01 't'", MALFORMED},
    {"4", "10 0c 00 04 'MQTT' 04 82 00 00 00 00", MALFORMED},       // no user name [MQTT-3.1.2-19]
    {"4", "10 0e 00 04 'MQTT' 04 c2 00 00 00 00 00 00", MALFORMED}, // no password [MQTT-3.1.2-21]
    {"3", "10 0f 00 06 'MQIsdp' 03 82 00 00 00 00 00", MALFORMED},  // cut, not left out
    // fields that no flag announces [MQTT-3.1.2-18]
    {"4", "10 0d 00 04 'MQTT' 04 02 00 00 00 00 00", MALFORMED},
    {"4", "10 0f 00 04 'MQTT' 04 02 00 00 00 00 00 01 'u'", MALFORMED},
    {"5", "10 10 00 04 'MQTT' 05 02 00 00 00 00 00 00 01 'u'", MALFORMED},
    // text
    {"4", "10 0d 00 04 'MQTT' 04 02 00 00 00 01 ff", MALFORMED}, // [MQTT-1.5.3-1]
    {"4", "10 0d 00 04 'MQTT' 04 02 00 00 00 01 00", MALFORMED}, // [MQTT-1.5.3-2]
    {"4", "10 0f 00 04 'MQTT' 04 02 00 00 00 03 ed a0 80", MALFORMED},
    {"4", "10 11 00 04 'MQTT' 04 06 00 00 00 00 00 01 ff 00 00", MALFORMED}, // [MQTT-3.1.3-10]
    {"4", "10 0f 00 04 'MQTT' 04 82 00 00 00 00 00 01 ff", MALFORMED},       // [MQTT-3.1.3-11]
    // the topic of the will
    {"4", "10 13 00 04 'MQTT' 04 06 00 00 00 00 00 03 'a/+' 00 00", NAME},
    {"4", "10 11 00 04 'MQTT' 04 06 00 00 00 00 00 01 '#' 00 00", NAME},
    {"4", "10 10 00 04 'MQTT' 04 06 00 00 00 00 00 00 00 00", NAME},
    {"5", "10 12 00 04 'MQTT' 05 06 00 00 00 00 00 00 00 00 00 00", NAME},
    {"5", "10 13 00 04 'MQTT' 05 06 00 00 00 00 00 00 00 01 '+' 00 00", NAME},
    // properties
    {"5", "10 10 00 04 'MQTT' 05 02 00 00 03 21 00 00 00 00", PROTOCOL},
    {"5", "10 0f 00 04 'MQTT' 05 02 00 00 02 01 01 00 00", MALFORMED},
    {"5", "10 10 00 04 'MQTT' 05 02 00 00 03 16 00 00 00 00", PROTOCOL},
    {"5", "10 0d 00 04 'MQTT' 05 02 00 00 09 00 00", MALFORMED},
    {"5", "10 15 00 04 'MQTT' 05 06 00 00 00 00 00 02 17 00 00 01 't' 00 00", MALFORMED},
    {"5", "10 17 00 04 'MQTT' 05 06 00 00 00 00 00 04 08 00 01 '#' 00 01 't' 00 00", PROTOCOL},
};

static const struct fault connack_faults[] = {
    {"345", "20 00", MALFORMED},
    {"345", "20 01 00", MALFORMED},
    {"5", "20 02 00 00", MALFORMED}, // [MQTT-2.2.2-1]
    {"34", "20 03 00 00 00", MALFORMED},
    {"5", "20 04 00 00 00 00", MALFORMED},
    {"34", "20 02 02 00", MALFORMED}, // [MQTT-3.2.2-1]
    {"5", "20 03 80 00 00", MALFORMED},
    {"34", "20 02 00 06", PROTOCOL},
    {"34", "20 02 00 81", PROTOCOL},
    {"5", "20 03 00 01 00", PROTOCOL}, // [MQTT-3.2.2-8]
    {"5", "20 03 00 8e 00", PROTOCOL},
    {"34", "20 02 01 05", PROTOCOL},   // 3.1.1 [MQTT-3.2.2-4]
    {"5", "20 03 01 87 00", PROTOCOL}, // 5.0 [MQTT-3.2.2-6]
    {"5", "20 06 00 00 03 23 00 01", MALFORMED},
    {"5", "20 05 00 00 02 24 02", PROTOCOL},
};

static const struct fault publish_faults[] = {
    {"345", "38 04 00 01 't' 'x'", MALFORMED},       // DUP at QoS 0 [MQTT-3.3.1-2]
    {"345", "36 06 00 01 't' 00 01 'x'", MALFORMED}, // QoS 3 [MQTT-3.3.1-4]
    {"345", "3e 06 00 01 't' 00 01 'x'", MALFORMED},
    {"345", "30 00", MALFORMED},
    {"345", "30 01 00", MALFORMED},
    {"345", "30 02 00 01", MALFORMED}, // [MQTT-3.3.2-1]
    {"345", "30 03 00 02 't'", MALFORMED},
    {"345", "30 03 ff ff 't'", MALFORMED},
    {"345", "32 03 00 01 't'", MALFORMED}, // no identifier
    {"345", "32 04 00 01 't' 00", MALFORMED},
    {"34", "32 05 00 01 't' 00 00", PROTOCOL}, // identifier 0 [MQTT-2.3.1-1]
    {"5", "34 06 00 01 't' 00 00 00", PROTOCOL},
    {"5", "30 03 00 01 't'", MALFORMED}, // [MQTT-2.2.2-1]
    {"5", "30 04 00 01 't' 01", MALFORMED},
    {"345", "30 04 00 01 ff 00", MALFORMED}, // [MQTT-1.5.3-1]
    {"345", "30 04 00 01 00 00", MALFORMED}, // [MQTT-1.5.3-2]
    {"345", "30 06 00 03 ed a0 80 00", MALFORMED},
    {"345", "30 04 00 01 '+' 00", NAME}, // [MQTT-3.3.2-2]
    {"345", "30 06 00 03 'a/#' 00", NAME},
    {"345", "30 0c 00 09 'a/b/c/d/+' 00", NAME},
    {"34", "30 02 00 00", PROTOCOL},   // [MQTT-4.7.3-1]
    {"5", "30 03 00 00 00", PROTOCOL}, // and no alias
    {"5", "30 05 00 00 02 01 01", PROTOCOL},
    {"5", "30 07 00 01 't' 03 23 00 00", REASON_TOPIC_ALIAS_INVALID}, // [MQTT-3.3.2-8]
    {"5", "30 0a 00 01 't' 06 23 00 01 23 00 01", PROTOCOL},
    {"5", "30 06 00 01 't' 02 17 00", MALFORMED},
    {"5", "30 06 00 01 't' 02 01 02", PROTOCOL},
    {"5", "30 09 00 01 't' 05 08 00 02 'a+'", PROTOCOL}, // [MQTT-3.3.2-14]
};

static const struct fault ack_faults[] = {
    {"345", "40 00", MALFORMED},
    {"345", "40 01 00", MALFORMED},
    {"345", "40 02 00 00", PROTOCOL},
    {"345", "50 02 00 00", PROTOCOL},
    {"345", "62 02 00 00", PROTOCOL},
    {"345", "70 02 00 00", PROTOCOL},
    {"34", "40 03 00 01 00", MALFORMED},
    {"34", "70 04 00 01 00 00", MALFORMED},
    {"345", "41 02 00 01", MALFORMED}, // [MQTT-2.2.2-2]
    {"345", "60 02 00 01", MALFORMED}, // [MQTT-3.6.1-1]
    {"345", "63 02 00 01", MALFORMED},
    {"45", "6a 02 00 01", MALFORMED},
    {"5", "40 03 00 01 01", PROTOCOL}, // [MQTT-3.4.2-1]
    {"5", "50 03 00 01 92", PROTOCOL}, // [MQTT-3.5.2-1]
    {"5", "62 03 00 01 10", PROTOCOL}, // [MQTT-3.6.2-1]
    {"5", "70 03 00 01 80", PROTOCOL}, // [MQTT-3.7.2-1]
    {"5", "40 04 00 01 00 01", MALFORMED},
    {"5", "40 05 00 01 00 00 00", MALFORMED},
    {"5", "40 07 00 01 00 03 23 00 01", MALFORMED},
};

static const struct fault subscribe_faults[] = {
    {"345", "80 06 00 01 00 01 't' 00", MALFORMED}, // [MQTT-3.8.1-1]
    {"45", "8a 06 00 01 00 01 't' 00", MALFORMED},
    {"345", "82 00", MALFORMED},
    {"345", "82 01 00", MALFORMED},
    {"34", "82 02 00 01", PROTOCOL}, // 3.1.1 [MQTT-3.8.3-3]
    {"5", "82 02 00 01", MALFORMED},
    {"5", "82 03 00 01 00", PROTOCOL},            // 5.0 [MQTT-3.8.3-2]
    {"34", "82 06 00 00 00 01 't' 00", PROTOCOL}, // [MQTT-2.3.1-1]
    {"5", "82 07 00 00 00 00 01 't' 00", PROTOCOL},
    {"34", "82 05 00 01 00 01 't'", MALFORMED}, // no options
    {"5", "82 06 00 01 00 00 01 't'", MALFORMED},
    {"34", "82 03 00 01 00", MALFORMED},
    {"34", "82 07 00 01 00 01 't' 00 00", MALFORMED},
    {"34", "82 06 00 01 00 02 't' 00", MALFORMED},
    {"34", "82 06 00 01 00 01 't' 03", MALFORMED}, // 3.1.1 [MQTT-3.8.3-4]
    {"34", "82 06 00 01 00 01 't' 04", MALFORMED},
    {"34", "82 06 00 01 00 01 't' 80", MALFORMED},
    {"5", "82 07 00 01 00 00 01 't' 03", PROTOCOL},  // QoS 3
    {"5", "82 07 00 01 00 00 01 't' 30", PROTOCOL},  // retain handling 3
    {"5", "82 07 00 01 00 00 01 't' 40", MALFORMED}, // 5.0 [MQTT-3.8.3-5]
    {"5", "82 07 00 01 00 00 01 't' 80", MALFORMED},
    {"34", "82 06 00 01 00 01 ff 00", MALFORMED}, // [MQTT-3.8.3-1]
    {"34", "82 06 00 01 00 01 00 00", MALFORMED},
    {"34", "82 05 00 01 00 00 00", FILTER}, // [MQTT-4.7.3-1]
    {"5", "82 06 00 01 00 00 00 00", FILTER},
    {"34", "82 07 00 01 00 02 'a#' 00", FILTER}, // 3.1.1 [MQTT-4.7.1-2]
    {"34", "82 07 00 01 00 02 'a+' 00", FILTER}, // 3.1.1 [MQTT-4.7.1-3]
    {"5", "82 08 00 01 00 00 02 '+a' 00", FILTER},
    {"5", "82 0b 00 01 00 00 05 'a/#/b' 00", FILTER},
    {"34", "82 0b 00 01 00 01 't' 00 00 02 '#a' 00", FILTER}, // the second one
    {"5", "82 0e 00 01 00 00 08 '$share/g' 00", FILTER},      // [MQTT-4.8.2-2]
    {"5", "82 0f 00 01 00 00 09 '$share//t' 00", FILTER},     // [MQTT-4.8.2-1]
    {"5", "82 10 00 01 00 00 0a '$share/+/t' 00", FILTER},
    {"5", "82 10 00 01 00 00 0a '$share/g/t' 04", PROTOCOL}, // no local 5.0 [MQTT-3.8.3-4]
    {"5", "82 09 00 01 02 0b 00 00 01 't' 00", PROTOCOL},    // subscription identifier 0
    {"5", "82 0b 00 01 04 0b 01 0b 02 00 01 't' 00", PROTOCOL},
    {"5", "82 09 00 01 02 01 00 00 01 't' 00", MALFORMED},
};

static const struct fault suback_faults[] = {
    {"345", "90 00", MALFORMED},
    {"34", "90 03 00 00 00", PROTOCOL},
    {"34", "90 02 00 01", PROTOCOL},
    {"5", "90 03 00 01 00", PROTOCOL},
    {"34", "90 03 00 01 03", PROTOCOL}, // [MQTT-3.9.3-2]
    {"34", "90 03 00 01 8f", PROTOCOL},
    {"5", "90 04 00 01 00 03", PROTOCOL},
    {"5", "90 05 00 01 00 00 84", PROTOCOL},
    {"5", "90 02 00 01", MALFORMED},
    {"345", "92 04 00 01 00 00", MALFORMED},
};

static const struct fault unsubscribe_faults[] = {
    {"345", "a0 05 00 01 00 01 't'", MALFORMED}, // [MQTT-3.10.1-1]
    {"45", "aa 05 00 01 00 01 't'", MALFORMED},
    {"34", "a2 02 00 01", PROTOCOL}, // [MQTT-3.10.3-2]
    {"5", "a2 03 00 01 00", PROTOCOL},
    {"34", "a2 05 00 00 00 01 't'", PROTOCOL},
    {"34", "a2 03 00 01 00", MALFORMED},
    {"34", "a2 06 00 01 00 01 't' 00", MALFORMED},
    {"34", "a2 05 00 01 00 01 ff", MALFORMED}, // [MQTT-3.10.3-1]
    {"34", "a2 04 00 01 00 00", FILTER},
    {"34", "a2 06 00 01 00 02 'a#'", FILTER},
    {"5", "a2 0e 00 01 00 00 09 '$share/g/'", FILTER},
    {"5", "a2 08 00 01 02 0b 01 00 01 't'", MALFORMED},
    {"345", "b0 00", MALFORMED},
    {"34", "b0 03 00 01 00", MALFORMED},
    {"34", "b0 02 00 00", PROTOCOL},
    {"5", "b0 02 00 01", MALFORMED},
    {"5", "b0 03 00 01 00", PROTOCOL},
    {"5", "b0 04 00 01 00 01", PROTOCOL}, // [MQTT-3.11.3-2]
};

static const struct fault other_faults[] = {
    {"345", "00 00", MALFORMED}, // type 0
    {"34", "f0 00", MALFORMED},  // AUTH
    {"34", "f0 02 18 00", MALFORMED},
    {"345", "c0 01 00", MALFORMED},
    {"345", "d0 01 00", MALFORMED},
    {"345", "c1 00", MALFORMED},
    {"345", "e1 00", MALFORMED}, // [MQTT-3.14.1-1]
    {"34", "e0 01 00", MALFORMED},
    {"5", "e0 01 03", PROTOCOL}, // [MQTT-3.14.2-1]
    {"5", "e0 01 84", PROTOCOL},
    {"5", "e0 02 00 01", MALFORMED},
    {"5", "e0 03 00 00 00", MALFORMED},
    {"5", "e0 05 00 03 21 00 01", MALFORMED},
    {"5", "f1 00", MALFORMED},    // [MQTT-3.15.1-1]
    {"5", "f0 01 00", MALFORMED}, // properties are left out with the reason or not at all
    {"5", "f0 01 18", MALFORMED},
    {"5", "f0 02 01 00", PROTOCOL}, // [MQTT-3.15.2-1]
    {"5", "f0 05 18 03 16 00 00", PROTOCOL},
};

static uint8_t reason_of(struct bytes bytes, uint8_t version)
{
    struct frame frame;
    struct packet packet = {0};
    static const struct packet untouched;
    switch (frame_read(bytes, bytes.length, &frame)) {
    case FRAME_MALFORMED:
        return frame.reason;
    case FRAME_NEED_MORE:
        return REASON_SUCCESS;
    default:
        break;
    }
    uint8_t reason = frame.size == bytes.length ? packet_decode(&frame, version, &packet) : REASON_SUCCESS;
    CU_ASSERT_TRUE(memcmp(&packet, &untouched, sizeof packet) == 0);
    return reason;
}

static void faults_check(const struct fault *faults, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct block block = block_of(faults[i].bytes);
        for (const char *version = faults[i].versions; *version != '\0'; version++) {
            uint8_t reason = reason_of(block_view(block), (uint8_t)(*version - '0'));
            CHECK(reason == faults[i].reason, "version %c: %s: 0x%02x", *version, faults[i].bytes, reason);
        }
        block_destroy(block);
    }
}

static void a_wrong_connect_is_refused(void)
{
    faults_check(connect_faults, COUNT(connect_faults));
}

static void a_wrong_connack_is_refused(void)
{
    faults_check(connack_faults, COUNT(connack_faults));
}

static void a_wrong_publish_is_refused(void)
{
    faults_check(publish_faults, COUNT(publish_faults));
}

static void a_wrong_acknowledgement_is_refused(void)
{
    faults_check(ack_faults, COUNT(ack_faults));
}

static void a_wrong_subscribe_is_refused(void)
{
    faults_check(subscribe_faults, COUNT(subscribe_faults));
}

static void a_wrong_suback_is_refused(void)
{
    faults_check(suback_faults, COUNT(suback_faults));
}

static void a_wrong_unsubscribe_or_unsuback_is_refused(void)
{
    faults_check(unsubscribe_faults, COUNT(unsubscribe_faults));
}

static void a_wrong_packet_of_another_type_is_refused(void)
{
    faults_check(other_faults, COUNT(other_faults));
}

// Framing refuses these before; the decoder does not rely on it.
static void a_frame_with_wrong_flags_is_refused(void)
{
    static const uint8_t headers[] = {0x00, 0x11, 0x36, 0x38, 0x41, 0x60, 0x80, 0xe2, 0xf1};
    for (size_t i = 0; i < COUNT(headers); i++) {
        struct frame frame = {.header = headers[i], .size = 2};
        struct packet packet;
        CHECK(packet_decode(&frame, MQTT_VERSION_5_0, &packet) == MALFORMED, "0x%02x", headers[i]);
    }
}

int main(void)
{
    static const CU_TestInfo cases[] = {
        {"a wrong CONNECT is refused", a_wrong_connect_is_refused},
        {"a wrong CONNACK is refused", a_wrong_connack_is_refused},
        {"a wrong PUBLISH is refused", a_wrong_publish_is_refused},
        {"a wrong acknowledgement is refused", a_wrong_acknowledgement_is_refused},
        {"a wrong SUBSCRIBE is refused", a_wrong_subscribe_is_refused},
        {"a wrong SUBACK is refused", a_wrong_suback_is_refused},
        {"a wrong UNSUBSCRIBE or UNSUBACK is refused", a_wrong_unsubscribe_or_unsuback_is_refused},
        {"a wrong packet of another type is refused", a_wrong_packet_of_another_type_is_refused},
        {"a frame with wrong flags is refused", a_frame_with_wrong_flags_is_refused},
    };
    return RUN_TESTS("packet faults", cases);
}
