// SPDX-License-Identifier: MIT
// How a CONNECT is answered: the CONNACK byte by byte, or silence where the standard wants it.
#include "server/session/connect.h"

#include "server/session/test/rig.h"

#define PING "c0 00"

static struct client client;

static bool is_accepted(const char *connect, const char *connack)
{
    client_open(&client);
    client_sends(&client, connect);
    bool accepted = client.effect.kind == EFFECT_CONNECT && client.link.state == LINK_OPEN;
    accepted = client_gets(&client, connack) && accepted;
    client_hang_up(&client);
    return accepted;
}

static bool accepts_new(const char *connect)
{
    bool accepted = is_accepted(connect, "20 02 00 00");
    session_destroy(client.session, &rig.turn);
    client.session = NULL;
    return accepted;
}

// The link is to be closed for `reason` after these bytes were sent.
static bool refuses(const char *connect, uint8_t reason, const char *connack)
{
    client_open(&client);
    client_sends(&client, connect);
    bool refused = client.effect.kind == EFFECT_CLOSE && client.effect.reason == reason;
    refused = client.link.session == NULL && client.link.state == LINK_NEW && refused;
    CU_ASSERT_EQUAL(counter_read(&rig.counters.connections_refused), connack[0] != '\0');
    counter_set(&rig.counters.connections_refused, 0);
    refused = client_gets(&client, connack) && refused;
    client_hang_up(&client);
    return refused;
}

static void every_served_version_is_accepted(void)
{
    rig_open();
    CU_ASSERT_TRUE(accepts_new("10 0d 0004 'MQTT' 04 02 000a 0001 'c'"));
    CU_ASSERT_TRUE(accepts_new("10 0f 0006 'MQIsdp' 03 02 000a 0001 'c'"));
    CU_ASSERT_EQUAL(counter_read(&rig.counters.connections_refused), 0);
    rig_close();
}

static void what_connect_says_is_kept(void)
{
    rig_open();
    client_open(&client);
    client_sends(&client, "10 0f 0006 'MQIsdp' 03 02 000a 0001 'c'");
    CU_ASSERT_EQUAL(client.link.version, MQTT_VERSION_3_1);
    CU_ASSERT_EQUAL(client.link.keepalive_ms, 10000);
    CU_ASSERT_TRUE(client.session->clean);
    CU_ASSERT_TRUE(bytes_equal(session_client_id(client.session), bytes_of("c")));
    (void)client_reads(&client);
    client_end(&client);
    rig_close();
}

static void a_session_that_was_present_is_told_of(void)
{
    rig_open();
    CU_ASSERT_TRUE(is_accepted("10 0d 0004 'MQTT' 04 00 0000 0001 'c'", "20 02 00 00"));
    CU_ASSERT_TRUE(is_accepted("10 0d 0004 'MQTT' 04 00 0000 0001 'c'", "20 02 01 00"));
    CU_ASSERT_TRUE(
        is_accepted("10 0f 0006 'MQIsdp' 03 00 0000 0001 'c'", "20 02 00 00")); // 3.1 has no such bit
    session_destroy(client.session, &rig.turn);
    client.session = NULL;
    rig_close();
}

static void every_field_may_be_there(void)
{
    rig_open();
    CU_ASSERT_TRUE(accepts_new("10 1a 0004 'MQTT' 04 ee ffff 0001 'c' 0001 'w' 0002 'hi' 0001 'u' 0001 'p'"));
    CU_ASSERT_TRUE(accepts_new("10 12 0004 'MQTT' 04 06 0000 0001 'c' 0001 'w' 0000")); // an empty will
    rig_close();
}

static void an_empty_client_id_is_for_clean_sessions_of_3_1_1(void)
{
    rig_open();
    CU_ASSERT_TRUE(accepts_new("10 0c 0004 'MQTT' 04 02 0000 0000")); // [MQTT-3.1.3-6]
    CU_ASSERT_TRUE(refuses("10 0c 0004 'MQTT' 04 00 0000 0000", REASON_CLIENT_IDENTIFIER_NOT_VALID,
                           "20 02 00 02")); // [MQTT-3.1.3-8]
    CU_ASSERT_TRUE(
        refuses("10 0e 0006 'MQIsdp' 03 02 0000 0000", REASON_CLIENT_IDENTIFIER_NOT_VALID, "20 02 00 02"));
    rig_close();
}

static void a_client_id_above_the_limit_is_rejected(void)
{
    rig_open();
    rig.limits.client_id_bytes_max = 23;
    CU_ASSERT_TRUE(accepts_new("10 23 0004 'MQTT' 04 02 0000 0017 '12345678901234567890123'"));
    CU_ASSERT_TRUE(refuses("10 24 0004 'MQTT' 04 02 0000 0018 '123456789012345678901234'",
                           REASON_CLIENT_IDENTIFIER_NOT_VALID, "20 02 00 02")); // [MQTT-3.1.3-9]
    rig_close();
}

static void a_level_that_is_not_served_is_told_so(void)
{
    rig_open();
    uint8_t reason = REASON_UNSUPPORTED_PROTOCOL_VERSION;
    CU_ASSERT_TRUE(refuses("10 0d 0004 'MQTT' 06 02 0000 0001 'c'", reason, "20 02 00 01")); // [MQTT-3.1.2-2]
    CU_ASSERT_TRUE(refuses("10 0d 0004 'MQTT' 84 02 0000 0001 'c'", reason, "20 02 00 01")); // of a bridge
    CU_ASSERT_TRUE(refuses("10 0d 0004 'MQTT' 00 02 0000 0001 'c'", reason, "20 02 00 01"));
    CU_ASSERT_TRUE(refuses("10 0f 0006 'MQIsdp' 07 02 0000 0001 'c'", reason, "20 02 00 01"));
    CU_ASSERT_TRUE(refuses("10 0e 0004 'MQTT' 05 02 0000 00 0001 'c'", reason, "20 03 00 84 00"));
    rig_close();
}

static void another_protocol_gets_no_answer(void)
{
    rig_open();
    CU_ASSERT_TRUE(refuses("10 0d 0004 'HTTP' 04 02 0000 0001 'c'", REASON_UNSUPPORTED_PROTOCOL_VERSION, ""));
    CU_ASSERT_TRUE(refuses("10 0d 0004 'mqtt' 04 02 0000 0001 'c'", REASON_UNSUPPORTED_PROTOCOL_VERSION, ""));
    rig_close();
}

static void credentials_decide_without_anonymous_access(void)
{
    rig_open();
    rig.access.allow_anonymous = false;
    CU_ASSERT_TRUE(refuses("10 0d 0004 'MQTT' 04 02 0000 0001 'c'", REASON_NOT_AUTHORIZED, "20 02 00 05"));
    CU_ASSERT_TRUE(refuses("10 13 0004 'MQTT' 04 c2 0000 0001 'c' 0001 'u' 0001 'p'",
                           REASON_BAD_USER_NAME_OR_PASSWORD, "20 02 00 04"));
    CU_ASSERT_TRUE(refuses("10 10 0004 'MQTT' 04 82 0000 0001 'c' 0001 'u'", REASON_BAD_USER_NAME_OR_PASSWORD,
                           "20 02 00 04"));
    rig_close();
}

static void a_link_that_was_judged_elsewhere_is_not_asked_again(void)
{
    rig_open();
    rig.access.allow_anonymous = false;
    client_open(&client);
    client.link.authenticated = true;
    client_sends(&client, "10 0d 0004 'MQTT' 04 02 0000 0001 'c'");
    CU_ASSERT_EQUAL(client.effect.kind, EFFECT_CONNECT);
    CU_ASSERT_TRUE(client_gets(&client, "20 02 00 00"));
    client_end(&client);
    rig_close();
}

static void a_will_that_nobody_could_receive_closes(void)
{
    rig_open();
    rig.limits.topic_levels_max = 3;
    CU_ASSERT_TRUE(accepts_new("10 17 0004 'MQTT' 04 06 0000 0001 'c' 0005 'a/b/c' 0001 'x'"));
    CU_ASSERT_TRUE(refuses("10 19 0004 'MQTT' 04 06 0000 0001 'c' 0007 'a/b/c/d' 0001 'x'",
                           REASON_TOPIC_NAME_INVALID, ""));
    CU_ASSERT_TRUE(
        refuses("10 13 0004 'MQTT' 04 06 0000 0001 'c' 0001 '+' 0001 'x'", REASON_TOPIC_NAME_INVALID, ""));
    rig_close();
}

static void a_faulty_connect_gets_no_answer(void)
{
    static const char *const faulty[] = {
        "10 0d 0004 'MQTT' 04 03 0000 0001 'c'",                   // reserved flag [MQTT-3.1.2-3]
        "10 0d 0004 'MQTT' 04 02 0000 0002 'c'",                   // cut
        "10 0e 0004 'MQTT' 04 02 0000 0001 'cx'",                  // longer than its fields
        "10 0d 0004 'MQTT' 04 0a 0000 0001 'c'",                   // will QoS without will [MQTT-3.1.2-11]
        "10 13 0004 'MQTT' 04 1e 0000 0001 'c' 0001 'w' 0001 'x'", // will QoS 3 [MQTT-3.1.2-14]
        "10 10 0004 'MQTT' 04 42 0000 0001 'c' 0001 'p'", // password without user name [MQTT-3.1.2-22]
        "10 0d 0004 'MQTT' 04 02 0000 0001 ff",           // no UTF-8 [MQTT-3.1.3-4]
        "10 00",
        "10 02 0004",
    };
    rig_open();
    for (size_t i = 0; i < sizeof faulty / sizeof faulty[0]; i++)
        CU_ASSERT_TRUE(refuses(faulty[i], REASON_MALFORMED_PACKET, "") ||
                       client.effect.reason == REASON_PROTOCOL_ERROR);
    rig_close();
}

static void any_other_first_packet_closes_without_answer(void)
{
    static const char *const first[] = {
        "20 02 00 00",
        "30 05 0001 'a' 'hi'",
        "40 02 0001",
        "50 02 0001",
        "62 02 0001",
        "70 02 0001",
        "82 06 0001 0001 'a' 00",
        "90 03 0001 00",
        "a2 05 0001 0001 'a'",
        "b0 02 0001",
        PING,
        "d0 00",
        "e0 00",
    };
    rig_open();
    for (size_t i = 0; i < sizeof first / sizeof first[0]; i++)
        CU_ASSERT_TRUE(refuses(first[i], REASON_PROTOCOL_ERROR, "")); // [MQTT-3.1.0-1]
    rig_close();
}

static void a_second_connect_closes(void)
{
    rig_open();
    client_connects(&client, true);
    client_sends(&client, "10 0d 0004 'MQTT' 04 02 0000 0001 'c'");
    CU_ASSERT_EQUAL(client.effect.kind, EFFECT_CLOSE); // [MQTT-3.1.0-2]
    CU_ASSERT_EQUAL(client.effect.reason, REASON_PROTOCOL_ERROR);
    CU_ASSERT_TRUE(client_gets(&client, ""));
    client_end(&client);
    rig_close();
}

static bool tells(uint8_t version, uint8_t reason, const char *connack)
{
    client_open(&client);
    link_refuse(&client.link, &rig.turn, version, reason);
    CU_ASSERT_EQUAL(client_is_dirty(&client), connack[0] != '\0');
    bool told = client_gets(&client, connack);
    client_hang_up(&client);
    return told;
}

static void the_shard_may_refuse_what_was_accepted_so_far(void)
{
    rig_open();
    CU_ASSERT_TRUE(tells(MQTT_VERSION_3_1, REASON_SERVER_UNAVAILABLE, "20 02 00 03"));
    CU_ASSERT_TRUE(tells(MQTT_VERSION_3_1_1, REASON_SERVER_UNAVAILABLE, "20 02 00 03"));
    CU_ASSERT_TRUE(tells(MQTT_VERSION_5_0, REASON_SERVER_UNAVAILABLE, "20 03 00 88 00"));
    CU_ASSERT_TRUE(tells(MQTT_VERSION_3_1_1, REASON_PACKET_TOO_LARGE, "")); // no code fits [MQTT-3.2.2-6]
    rig_close();
}

static void the_name_of_the_protocol_is_seen_in_any_body(void)
{
    CU_ASSERT_TRUE(connect_names_mqtt(hex_bytes("0004 'MQTT'")));
    CU_ASSERT_TRUE(connect_names_mqtt(hex_bytes("0006 'MQIsdp' 09")));
    CU_ASSERT_FALSE(connect_names_mqtt(hex_bytes("0004 'MQT'")));
    CU_ASSERT_FALSE(connect_names_mqtt(hex_bytes("0005 'MQTTT'")));
    CU_ASSERT_FALSE(connect_names_mqtt(hex_bytes("0000")));
    CU_ASSERT_FALSE(connect_names_mqtt((struct bytes){0}));
}

int main(void)
{
    static const CU_TestInfo cases[] = {
        {"every served version is accepted", every_served_version_is_accepted},
        {"what CONNECT says is kept", what_connect_says_is_kept},
        {"a session that was present is told of", a_session_that_was_present_is_told_of},
        {"every field may be there", every_field_may_be_there},
        {"an empty client id is for clean sessions of 3.1.1",
         an_empty_client_id_is_for_clean_sessions_of_3_1_1},
        {"a client id above the limit is rejected", a_client_id_above_the_limit_is_rejected},
        {"a level that is not served is told so", a_level_that_is_not_served_is_told_so},
        {"another protocol gets no answer", another_protocol_gets_no_answer},
        {"credentials decide without anonymous access", credentials_decide_without_anonymous_access},
        {"a link that was judged elsewhere is not asked again",
         a_link_that_was_judged_elsewhere_is_not_asked_again},
        {"a will that nobody could receive closes", a_will_that_nobody_could_receive_closes},
        {"a faulty CONNECT gets no answer", a_faulty_connect_gets_no_answer},
        {"any other first packet closes without answer", any_other_first_packet_closes_without_answer},
        {"a second CONNECT closes", a_second_connect_closes},
        {"the shard may refuse what was accepted so far", the_shard_may_refuse_what_was_accepted_so_far},
        {"the name of the protocol is seen in any body", the_name_of_the_protocol_is_seen_in_any_body},
    };
    return RUN_TESTS("connect", cases);
}
