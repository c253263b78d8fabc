// SPDX-License-Identifier: MIT
// What an open link makes of each packet: the effect that the shard is to carry out, and what it answers
// itself.
#include "server/session/test/rig.h"

static struct client client;

static void open_connected(void)
{
    rig_open();
    client_connects(&client, true);
}

static void end_connected(void)
{
    client_end(&client);
    rig_close();
}

static bool effect_is(enum effect_kind kind, uint8_t acknowledge, uint16_t packet_id)
{
    const struct effect *effect = &client.effect;
    return effect->kind == kind && effect->acknowledge == acknowledge &&
           (acknowledge == 0 || effect->packet_id == packet_id);
}

static bool closes(const char *hex, uint8_t reason)
{
    client_sends(&client, hex);
    bool closed = client.effect.kind == EFFECT_CLOSE && client.effect.reason == reason;
    return client_gets(&client, "") && closed;
}

// What may come now.

static void a_new_link_takes_no_more_than_a_connect(void)
{
    rig_open();
    client_open(&client);
    const struct link *link = &client.link;
    CU_ASSERT_EQUAL(link_packet_max(link, &rig.turn), LINK_CONNECT_MAX);
    CU_ASSERT_TRUE(link_out_of_turn(link, PACKET_PUBLISH));
    CU_ASSERT_FALSE(link_out_of_turn(link, PACKET_CONNECT));
    rig.limits.packet_size_max = 100;
    CU_ASSERT_EQUAL(link_packet_max(link, &rig.turn), 100);
    client_hang_up(&client);
    rig_close();
    open_connected();
    CU_ASSERT_EQUAL(link_packet_max(link, &rig.turn), rig.limits.packet_size_max);
    CU_ASSERT_FALSE(link_out_of_turn(link, PACKET_PUBLISH));
    CU_ASSERT_TRUE(link_out_of_turn(link, PACKET_CONNECT));
    end_connected();
}

// Small packets.

static void a_ping_is_answered(void)
{
    open_connected();
    client_sends(&client, "c0 00 c0 00");
    CU_ASSERT_TRUE(effect_is(EFFECT_PING, 0, 0));
    CU_ASSERT_TRUE(client_gets(&client, "d0 00 d0 00")); // [MQTT-3.12.4-1]
    end_connected();
}

static struct message *will_of_client(void)
{
    client.link.will = message_ref(rig_message("w", "gone", 0));
    return client.link.will;
}

static void disconnect_ends_the_link_without_the_will(void)
{
    open_connected();
    struct message *will = will_of_client();
    CU_ASSERT_TRUE(closes("e0 00", REASON_SUCCESS));
    CU_ASSERT_PTR_NULL(client.link.will); // [MQTT-3.14.4-3]
    CU_ASSERT_EQUAL(will->segment.references, 1);
    message_unref(will);
    end_connected();
}

static void any_other_end_leaves_the_will(void)
{
    open_connected();
    struct message *will = will_of_client();
    CU_ASSERT_TRUE(closes("d0 00", REASON_PROTOCOL_ERROR));
    CU_ASSERT_PTR_EQUAL(client.link.will, will);
    client_end(&client); // which gives it back
    CU_ASSERT_EQUAL(will->segment.references, 1);
    message_unref(will);
    rig_close();
}

static void packets_that_only_a_server_sends_close(void)
{
    static const char *const packets[] = {"20 02 00 00", "90 03 0001 00", "b0 02 0001", "d0 00"};
    for (size_t i = 0; i < sizeof packets / sizeof packets[0]; i++) {
        open_connected();
        CU_ASSERT_TRUE(closes(packets[i], REASON_PROTOCOL_ERROR));
        end_connected();
    }
}

static void malformed_packets_close(void)
{
    static const char *const packets[] = {
        "c0 01 00",               // a ping with a body
        "30 01 00",               // a cut topic
        "32 05 0001 'a' 0000",    // packet identifier 0 [MQTT-2.3.1-1]
        "40 01 00",               // a cut identifier
        "82 02 0001",             // no filter [MQTT-3.8.3-3]
        "82 06 0001 0001 'a' 03", // QoS 3 [MQTT-3.8.3-4]
        "a2 02 0001",             // no filter [MQTT-3.10.3-2]
        "f0 00",                  // AUTH is of 5.0
        "e0 01 00",               // and so is a reason
    };
    for (size_t i = 0; i < sizeof packets / sizeof packets[0]; i++) {
        open_connected();
        client_sends(&client, packets[i]);
        CU_ASSERT_EQUAL(client.effect.kind, EFFECT_CLOSE);
        CU_ASSERT_TRUE(client.effect.reason == REASON_MALFORMED_PACKET ||
                       client.effect.reason == REASON_PROTOCOL_ERROR);
        CU_ASSERT_TRUE(client_gets(&client, ""));
        end_connected();
    }
}

static void subscribe_and_unsubscribe_are_the_shards(void)
{
    open_connected();
    client_sends(&client, "82 0a 0007 0001 'a' 01 0001 'b' 02");
    CU_ASSERT_TRUE(effect_is(EFFECT_SUBSCRIBE, 0, 0));
    CU_ASSERT_EQUAL(client.effect.packet.subscribe.packet_id, 7);
    struct bytes entries = client.effect.packet.subscribe.entries;
    struct bytes filter;
    struct subscription_options options;
    CU_ASSERT_TRUE(subscribe_next(&entries, &filter, &options));
    CU_ASSERT_TRUE(bytes_equal(filter, bytes_of("a")) && options.qos == 1);
    CU_ASSERT_TRUE(subscribe_next(&entries, &filter, &options));
    CU_ASSERT_TRUE(bytes_equal(filter, bytes_of("b")) && options.qos == 2);
    CU_ASSERT_FALSE(subscribe_next(&entries, &filter, &options));
    client_sends(&client, "a2 05 0008 0001 'a'");
    CU_ASSERT_TRUE(effect_is(EFFECT_UNSUBSCRIBE, 0, 0));
    CU_ASSERT_EQUAL(client.effect.packet.subscribe.packet_id, 8);
    CU_ASSERT_TRUE(client_gets(&client, ""));

    const struct packet suback = {.type = PACKET_SUBACK,
                                  .suback = {.packet_id = 7, .codes = hex_bytes("01 80")}};
    link_put(&client.link, &rig.turn, &suback);
    CU_ASSERT_TRUE(client_gets(&client, "90 04 0007 01 80"));
    end_connected();
}

// PUBLISH.

static void a_publish_is_routed_with_its_fields(void)
{
    open_connected();
    client_sends(&client, "31 05 0001 'a' 'hi'");
    CU_ASSERT_TRUE(effect_is(EFFECT_PUBLISH, 0, 0));
    const struct packet_publish *publish = &client.effect.packet.publish;
    CU_ASSERT_TRUE(publish->retain);
    CU_ASSERT_EQUAL(publish->qos, 0);
    client_sends(&client, "3a 07 0001 'a' 1234 'hi'");
    CU_ASSERT_TRUE(effect_is(EFFECT_PUBLISH, PACKET_PUBACK, 0x1234));
    CU_ASSERT_EQUAL(publish->qos, 1);
    CU_ASSERT_FALSE(publish->retain);
    client_sends(&client, "34 07 0001 'a' 4321 'hi'");
    CU_ASSERT_TRUE(effect_is(EFFECT_PUBLISH, PACKET_PUBREC, 0x4321));
    CU_ASSERT_EQUAL(publish->qos, 2);
    CU_ASSERT_TRUE(client_gets(&client, "40 02 1234 50 02 4321"));
    CU_ASSERT_EQUAL(counter_read(&rig.counters.publishes_received), 3);
    end_connected();
}

static void qos_1_repeated_is_routed_again(void)
{
    open_connected();
    client_sends(&client, "32 07 0001 'a' 0001 'hi' 3a 07 0001 'a' 0001 'hi'");
    CU_ASSERT_EQUAL(client.routed, 2);
    CU_ASSERT_TRUE(client_gets(&client, "40 02 0001 40 02 0001"));
    end_connected();
}

static void qos_2_repeated_is_only_acknowledged(void)
{
    open_connected();
    client_sends(&client, "34 07 0001 'a' 0001 'hi'");
    client_sends(&client, "3c 07 0001 'a' 0001 'hi'");
    CU_ASSERT_TRUE(effect_is(EFFECT_ACKNOWLEDGE, PACKET_PUBREC, 1));
    client_sends(&client, "34 07 0001 'a' 0001 'hi'"); // whatever its DUP says
    CU_ASSERT_EQUAL(client.routed, 1);                 // [MQTT-4.3.3-2]
    client_sends(&client, "34 07 0001 'a' ffff 'hi'");
    CU_ASSERT_EQUAL(client.routed, 2);
    CU_ASSERT_EQUAL(counter_read(&rig.counters.messages_inflight_in), 2);
    CU_ASSERT_TRUE(client_gets(&client, "50 02 0001 50 02 0001 50 02 0001 50 02 ffff"));
    end_connected();
}

static void a_released_identifier_is_a_new_message(void)
{
    open_connected();
    client_sends(&client, "34 07 0001 'a' 0001 'hi'  62 02 0001  34 07 0001 'a' 0001 'hi'");
    CU_ASSERT_EQUAL(client.routed, 2);
    CU_ASSERT_TRUE(client_gets(&client, "50 02 0001 70 02 0001 50 02 0001"));
    end_connected();
}

static void every_pubrel_is_completed(void)
{
    open_connected();
    client_sends(&client, "62 02 0005"); // nothing was ever received on this link
    CU_ASSERT_TRUE(effect_is(EFFECT_ACKNOWLEDGE, PACKET_PUBCOMP, 5));
    client_sends(&client, "34 07 0001 'a' 0001 'hi' 62 02 0001 62 02 0001 62 02 0002");
    CU_ASSERT_TRUE(client_gets(&client, "70 02 0005 50 02 0001 70 02 0001 70 02 0001 70 02 0002"));
    CU_ASSERT_EQUAL(counter_read(&rig.counters.messages_inflight_in), 0);
    end_connected();
}

// Of QoS 2, what was received is remembered for as long as the session.
static void qos_2_is_remembered_over_connections(void)
{
    rig_open();
    client_connects(&client, false);
    client_sends(&client, "34 07 0001 'a' 0001 'hi'");
    client_hang_up(&client);
    client_connects(&client, false);
    client_sends(&client, "3c 07 0001 'a' 0001 'hi'");
    CU_ASSERT_EQUAL(client.routed, 0);
    client_sends(&client, "62 02 0001");
    CU_ASSERT_TRUE(client_gets(&client, "50 02 0001 70 02 0001"));
    client_hang_up(&client);
    CU_ASSERT_PTR_NULL(client.session->incoming); // an absent session holds no memory for none
    client_connects(&client, false);
    client_sends(&client, "34 07 0001 'a' 0001 'hi'");
    CU_ASSERT_EQUAL(client.routed, 1);
    (void)client_reads(&client);
    end_connected();
}

static void what_clients_publish_on_sys_goes_nowhere(void)
{
    open_connected();
    client_sends(&client, "30 09 0006 '$SYS/a' 'x'");
    CU_ASSERT_TRUE(effect_is(EFFECT_NONE, 0, 0));
    client_sends(&client, "32 09 0004 '$SYS' 0001 'x'");
    CU_ASSERT_TRUE(effect_is(EFFECT_ACKNOWLEDGE, PACKET_PUBACK, 1));
    client_sends(&client, "34 0b 0006 '$SYS/a' 0002 'x'");
    CU_ASSERT_TRUE(effect_is(EFFECT_ACKNOWLEDGE, PACKET_PUBREC, 2));
    CU_ASSERT_EQUAL(client.routed, 0);
    client_sends(&client, "30 07 0004 '$SYX' 'x' 30 08 0005 '$SYSx' 'x' 30 06 0003 '$SY' 'x'");
    CU_ASSERT_EQUAL(client.routed, 3);
    CU_ASSERT_TRUE(client_gets(&client, "40 02 0001 50 02 0002"));
    end_connected();
}

static void a_topic_of_too_many_levels_closes(void)
{
    open_connected();
    rig.limits.topic_levels_max = 3;
    client_sends(&client, "30 08 0005 'a/b/c' 'x'");
    CU_ASSERT_EQUAL(client.routed, 1);
    CU_ASSERT_TRUE(closes("30 0a 0007 'a/b/c/d' 'x'", REASON_TOPIC_NAME_INVALID));
    end_connected();
    open_connected();
    CU_ASSERT_TRUE(closes("30 05 0001 '#' 'hi'", REASON_TOPIC_NAME_INVALID));
    end_connected();
}

// Acknowledgements from the client that nothing waits for.
static void acknowledgements_of_nothing_are_harmless(void)
{
    open_connected();
    client_sends(&client, "40 02 0001 70 02 0001 40 02 ffff");
    CU_ASSERT_TRUE(effect_is(EFFECT_NONE, 0, 0));
    CU_ASSERT_TRUE(client_gets(&client, ""));
    client_sends(&client, "50 02 0001"); // an exchange that was forgotten here can be ended there
    CU_ASSERT_TRUE(client_gets(&client, "62 02 0001"));
    CU_ASSERT_EQUAL(counter_read(&rig.counters.messages_inflight), 0);
    end_connected();
}

// The rest.

static void a_link_is_listed_once_however_much_it_has_to_send(void)
{
    open_connected();
    CU_ASSERT_FALSE(client_is_dirty(&client));
    client_sends(&client, "c0 00 c0 00 c0 00");
    CU_ASSERT_PTR_EQUAL(list_first(&rig.turn.dirty), &client.link.dirty);
    list_remove(&client.link.dirty);
    CU_ASSERT_TRUE(list_empty(&rig.turn.dirty));
    client_sends(&client, "40 02 0001");
    CU_ASSERT_FALSE(client_is_dirty(&client)); // it has nothing new
    (void)client_reads(&client);
    end_connected();
}

static void packets_are_counted(void)
{
    open_connected(); // CONNECT and CONNACK
    client_sends(&client, "c0 00 30 05 0001 'a' 'hi' 32 07 0001 'a' 0001 'hi'");
    (void)client_reads(&client);
    CU_ASSERT_EQUAL(counter_read(&rig.counters.packets_received), 4);
    CU_ASSERT_EQUAL(counter_read(&rig.counters.controls_sent), 3);
    CU_ASSERT_EQUAL(counter_read(&rig.counters.connects_received), 1);
    CU_ASSERT_EQUAL(counter_read(&rig.counters.publishes_received), 2);
    CU_ASSERT_EQUAL(counter_read(&rig.counters.publish_bytes_received), 4);
    CU_ASSERT_EQUAL(counter_read(&rig.counters.publishes_sent), 0);
    end_connected();
}

static void silence_ends_a_link_at_one_and_a_half_keep_alives(void)
{
    rig_open();
    client_open(&client);
    CU_ASSERT_EQUAL(link_silence_deadline_ns(&client.link), TIMER_NEVER);
    client_sends(&client, "10 0d 0004 'MQTT' 04 02 000a 0001 'c'");
    CU_ASSERT_EQUAL(link_silence_deadline_ns(&client.link), RIG_START_NS + 15 * NS_PER_S); // [MQTT-3.1.2-24]
    client.link.received_ns += 7;
    CU_ASSERT_EQUAL(link_silence_deadline_ns(&client.link), RIG_START_NS + 15 * NS_PER_S + 7);
    (void)client_reads(&client);
    client_end(&client);
    client_open(&client);
    client_sends(&client, "10 0d 0004 'MQTT' 04 02 ffff 0001 'c'");
    CU_ASSERT_EQUAL(link_silence_deadline_ns(&client.link), RIG_START_NS + 65535 * NS_PER_S / 2 * 3);
    (void)client_reads(&client);
    client_end(&client);
    client_connects(&client, true);
    CU_ASSERT_EQUAL(link_silence_deadline_ns(&client.link), TIMER_NEVER); // a keep-alive of 0
    client_end(&client);
    rig_close();
}

int main(void)
{
    static const CU_TestInfo cases[] = {
        {"a new link takes no more than a CONNECT", a_new_link_takes_no_more_than_a_connect},
        {"a ping is answered", a_ping_is_answered},
        {"DISCONNECT ends the link without the will", disconnect_ends_the_link_without_the_will},
        {"any other end leaves the will", any_other_end_leaves_the_will},
        {"packets that only a server sends close", packets_that_only_a_server_sends_close},
        {"malformed packets close", malformed_packets_close},
        {"SUBSCRIBE and UNSUBSCRIBE are the shard's", subscribe_and_unsubscribe_are_the_shards},
        {"a PUBLISH is routed with its fields", a_publish_is_routed_with_its_fields},
        {"QoS 1 repeated is routed again", qos_1_repeated_is_routed_again},
        {"QoS 2 repeated is only acknowledged", qos_2_repeated_is_only_acknowledged},
        {"a released identifier is a new message", a_released_identifier_is_a_new_message},
        {"every PUBREL is completed", every_pubrel_is_completed},
        {"QoS 2 is remembered over connections", qos_2_is_remembered_over_connections},
        {"what clients publish on $SYS goes nowhere", what_clients_publish_on_sys_goes_nowhere},
        {"a topic of too many levels closes", a_topic_of_too_many_levels_closes},
        {"acknowledgements of nothing are harmless", acknowledgements_of_nothing_are_harmless},
        {"a link is listed once, however much it has to send",
         a_link_is_listed_once_however_much_it_has_to_send},
        {"packets are counted", packets_are_counted},
        {"silence ends a link at one and a half keep-alives",
         silence_ends_a_link_at_one_and_a_half_keep_alives},
    };
    return RUN_TESTS("link", cases);
}
