// SPDX-License-Identifier: MIT
// Messages on their way to a client that is connected: at which QoS, in which order, and what happens at the
// ceilings.
#include "server/session/session.h"

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

static uint64_t gauge(const _Atomic uint64_t *counter)
{
    return counter_read(counter);
}

#define INFLIGHT gauge(&rig.counters.messages_inflight)
#define QUEUED   gauge(&rig.counters.messages_queued)
#define DROPPED  gauge(&rig.counters.publishes_dropped)

// One message.

static void qos_0_leaves_as_it_is(void)
{
    open_connected();
    client_is_sent(&client, "a", "hi", 0, 0);
    CU_ASSERT_TRUE(client_is_dirty(&client));
    CU_ASSERT_TRUE(client_gets(&client, "30 05 0001 'a' 'hi'"));
    CU_ASSERT_EQUAL(gauge(&rig.counters.publishes_sent), 1);
    CU_ASSERT_EQUAL(INFLIGHT, 0);
    end_connected();
}

static void qos_1_ends_with_puback(void)
{
    open_connected();
    client_is_sent(&client, "a", "hi", 1, 1);
    CU_ASSERT_TRUE(client_gets(&client, "32 07 0001 'a' 0001 'hi'"));
    CU_ASSERT_EQUAL(INFLIGHT, 1);
    client_sends(&client, "40 02 0001");
    CU_ASSERT_EQUAL(INFLIGHT, 0);
    CU_ASSERT_TRUE(client_gets(&client, ""));
    CU_ASSERT_EQUAL(gauge(&rig.counters.publishes_sent), 1);
    end_connected();
}

static void qos_2_goes_through_its_four_packets(void)
{
    open_connected();
    client_is_sent(&client, "a", "hi", 2, 2);
    CU_ASSERT_TRUE(client_gets(&client, "34 07 0001 'a' 0001 'hi'"));
    client_sends(&client, "50 02 0001");
    CU_ASSERT_TRUE(client_gets(&client, "62 02 0001"));
    CU_ASSERT_EQUAL(INFLIGHT, 1);
    client_sends(&client, "70 02 0001");
    CU_ASSERT_EQUAL(INFLIGHT, 0);
    CU_ASSERT_TRUE(client_gets(&client, ""));
    end_connected();
}

// From PUBREC on only PUBREL is ever sent: nobody needs the message any more. [MQTT-4.3.3-6]
static void the_message_goes_with_pubrec(void)
{
    open_connected();
    client_is_sent(&client, "a", "hi", 2, 2);
    const struct segment_pool *pool = &rig.messages.by_size[0];
    CU_ASSERT_EQUAL(pool->idle_count, 0);
    client_sends(&client, "50 02 0001");
    CU_ASSERT_EQUAL(pool->idle_count, 1);
    (void)client_reads(&client);
    client_sends(&client, "70 02 0001");
    end_connected();
}

static void the_lower_qos_counts(void)
{
    static const char *const first_byte[3][3] = {{"30", "30", "30"}, {"30", "32", "32"}, {"30", "32", "34"}};
    open_connected();
    uint32_t identifier = 0;
    for (uint8_t published = 0; published <= 2; published++)
        for (uint8_t granted = 0; granted <= 2; granted++) {
            bool numbered = published > 0 && granted > 0;
            identifier += numbered;
            char expected[64];
            (void)snprintf(expected, sizeof expected,
                           numbered ? "%s 07 0001 'a' %04x 'hi'" : "%s 05 0001 'a' 'hi'",
                           first_byte[published][granted], identifier);
            client_is_sent(&client, "a", "hi", published, granted);
            CU_ASSERT_TRUE(client_gets(&client, expected)); // [MQTT-3.8.4-6]
        }
    end_connected();
}

static void deliver_retained(uint8_t qos, bool as_published, uint32_t audience)
{
    struct publication publication = {
        .topic = bytes_of("a"), .payload = bytes_of("hi"), .qos = qos, .retain = true, .audience = audience};
    session_deliver(client.session, &rig.turn, &publication,
                    (struct subscription_options){.qos = qos, .retain_as_published = as_published}, 0);
    publication_finish(&publication);
}

static void a_live_message_is_marked_retained_only_if_asked_for(void)
{
    open_connected();
    for (uint32_t audience = 1; audience <= RIG_MANY; audience += RIG_MANY - 1) {
        deliver_retained(0, false, audience); // [MQTT-3.3.1-9]
        deliver_retained(1, false, audience);
        deliver_retained(0, true, audience);
        deliver_retained(1, true, audience);
    }
    CU_ASSERT_TRUE(client_gets(&client, "30 05 0001 'a' 'hi'  32 07 0001 'a' 0001 'hi'"
                                        "31 05 0001 'a' 'hi'  33 07 0001 'a' 0002 'hi'"
                                        "30 05 0001 'a' 'hi'  32 07 0001 'a' 0003 'hi'"
                                        "31 05 0001 'a' 'hi'  33 07 0001 'a' 0004 'hi'"));
    end_connected();
}

static void large_payloads_are_shared_among_sessions(void)
{
    static char payload[20001];
    memset(payload, 'x', sizeof payload - 1);
    static struct client other;
    open_connected();
    client_connects(&other, true);
    struct publication publication = {.topic = bytes_of("a"), .payload = bytes_of(payload), .qos = 1};
    struct subscription_options options = {.qos = 1};
    session_deliver(client.session, &rig.turn, &publication, options, 0);
    session_deliver(other.session, &rig.turn, &publication, options, 0);
    struct message *message = publication_keep(&publication);
    CU_ASSERT_EQUAL(message->segment.references, 5); // two windows, two outboxes, the publication
    publication_finish(&publication);
    struct bytes got = client_reads(&client);
    CU_ASSERT_EQUAL(got.length, 20009);
    CU_ASSERT_EQUAL(memcmp(got.data, hex_bytes("32 a59c01 0001 'a' 0001 'x'").data, 10), 0);
    (void)client_reads(&other);
    CU_ASSERT_EQUAL(message->segment.references, 2);
    client_sends(&client, "40 02 0001");
    uint64_t blocks = heap_blocks();
    client_sends(&other, "40 02 0001");
    CU_ASSERT_EQUAL(heap_blocks(), blocks - 1);
    client_end(&other);
    end_connected();
}

// One of many.

static void a_message_for_many_is_as_one_for_this_client(void)
{
    open_connected();
    client_is_sent_as_many(&client, "a", "1", 1, 1);
    client_is_sent_as_many(&client, "a", "2", 2, 2);
    client_is_sent_as_many(&client, "a", "3", 2, 1);
    client_is_sent_as_many(&client, "a", "4", 2, 0);
    client_is_sent(&client, "a", "5", 1, 1);
    CU_ASSERT_TRUE(client_gets(&client,
                               "32 06 0001 'a' 0001 '1' 34 06 0001 'a' 0002 '2' 32 06 0001 'a' 0003 '3'"
                               "30 04 0001 'a' '4' 32 06 0001 'a' 0004 '5'"));
    CU_ASSERT_EQUAL(INFLIGHT, 4);
    CU_ASSERT_EQUAL(gauge(&rig.counters.publishes_sent), 5);
    client_sends(&client, "50 02 0002 70 02 0002 40 02 0001 40 02 0003 40 02 0004");
    CU_ASSERT_EQUAL(INFLIGHT, 0);
    (void)client_reads(&client);
    end_connected();
}

static void a_small_message_for_many_is_encoded_once(void)
{
    static struct client other;
    open_connected();
    client_connects(&other, true);
    struct publication publication = {
        .topic = bytes_of("a"), .payload = bytes_of("hi"), .qos = 2, .audience = RIG_MANY};
    struct subscription_options options = {.qos = 1};
    session_deliver(client.session, &rig.turn, &publication, options, 0);
    CU_ASSERT_EQUAL(rig.wirelog.current->used, 9);
    session_deliver(other.session, &rig.turn, &publication, options, 0);
    CU_ASSERT_EQUAL(rig.wirelog.current->used, 9);
    options.qos = 2;
    session_deliver(client.session, &rig.turn, &publication, options, 0);
    CU_ASSERT_EQUAL(rig.wirelog.current->used, 18);
    publication_finish(&publication);
    CU_ASSERT_EQUAL(rig.wirelog.current->references, 1); // the copies do not hold the log
    CU_ASSERT_TRUE(client_gets(&client, "32 07 0001 'a' 0001 'hi' 34 07 0001 'a' 0002 'hi'"));
    CU_ASSERT_TRUE(client_gets(&other, "32 07 0001 'a' 0001 'hi'"));
    client_end(&other);
    end_connected();
}

static void a_message_for_few_is_encoded_for_each(void)
{
    open_connected();
    client_is_sent(&client, "a", "hi", 1, 1);
    CU_ASSERT_PTR_NULL(rig.wirelog.current); // one encoding and no copy
    CU_ASSERT_TRUE(client_gets(&client, "32 07 0001 'a' 0001 'hi'"));
    end_connected();
}

static void a_large_message_for_many_is_shared(void)
{
    static char payload[601];
    memset(payload, 'x', sizeof payload - 1);
    open_connected();
    client_is_sent_as_many(&client, "a", payload, 1, 1);
    CU_ASSERT_PTR_NULL(rig.wirelog.current);
    CU_ASSERT_EQUAL(client_reads(&client).length, 608);
    end_connected();
}

static void one_of_many_waits_for_window_and_outbox_too(void)
{
    rig_open();
    rig.limits.outbox_bytes_max = 20;
    client_connects(&client, true);
    for (char i = '1'; i <= '4'; i++)
        client_is_sent_as_many(&client, "a", (char[]){i, '\0'}, 1, 1);
    CU_ASSERT_EQUAL(INFLIGHT, 2);
    CU_ASSERT_EQUAL(QUEUED, 2);
    CU_ASSERT_TRUE(client_gets(&client, "32 06 0001 'a' 0001 '1' 32 06 0001 'a' 0002 '2'"));
    rig.limits.inflight_max = 2;
    client_pumps(&client);
    CU_ASSERT_EQUAL(QUEUED, 2);
    client_sends(&client, "40 02 0001");
    client_is_sent_as_many(&client, "a", "5", 1, 1); // behind those that wait
    CU_ASSERT_TRUE(client_gets(&client, "32 06 0001 'a' 0003 '3'"));
    client_sends(&client, "40 02 0002 40 02 0003");
    CU_ASSERT_TRUE(client_gets(&client, "32 06 0001 'a' 0004 '4' 32 06 0001 'a' 0005 '5'"));
    rig.limits.inflight_max = 2;
    client_is_sent_as_many(&client, "a", "6", 1, 1);
    CU_ASSERT_EQUAL(QUEUED, 1);
    end_connected();
}

// The window.

static void a_full_window_lets_later_messages_wait(void)
{
    open_connected();
    rig.limits.inflight_max = 2;
    client_is_sent(&client, "a", "1", 1, 1);
    client_is_sent(&client, "a", "2", 2, 2);
    client_is_sent(&client, "a", "3", 1, 1);
    client_is_sent(&client, "a", "4", 2, 2);
    CU_ASSERT_TRUE(client_gets(&client, "32 06 0001 'a' 0001 '1' 34 06 0001 'a' 0002 '2'"));
    CU_ASSERT_EQUAL(INFLIGHT, 2);
    CU_ASSERT_EQUAL(QUEUED, 2);
    CU_ASSERT_TRUE(session_waiting(client.session));
    client_sends(&client, "40 02 0001");
    CU_ASSERT_TRUE(client_gets(&client, "32 06 0001 'a' 0003 '3'"));
    CU_ASSERT_EQUAL(QUEUED, 1);
    client_sends(&client, "50 02 0002"); // QoS 2 keeps its place up to PUBCOMP
    CU_ASSERT_TRUE(client_gets(&client, "62 02 0002"));
    client_sends(&client, "70 02 0002");
    CU_ASSERT_TRUE(client_gets(&client, "34 06 0001 'a' 0004 '4'"));
    CU_ASSERT_EQUAL(INFLIGHT, 2);
    CU_ASSERT_EQUAL(QUEUED, 0);
    CU_ASSERT_FALSE(session_waiting(client.session));
    end_connected();
}

static void a_new_message_never_overtakes_one_that_waits(void)
{
    open_connected();
    rig.limits.inflight_max = 1;
    client_is_sent(&client, "a", "1", 1, 1);
    client_is_sent(&client, "a", "2", 1, 1);
    rig.limits.inflight_max = 10; // there is room now, but 2 waits
    client_is_sent(&client, "a", "3", 1, 1);
    client_sends(&client, "40 02 0001");
    CU_ASSERT_TRUE(
        client_gets(&client, "32 06 0001 'a' 0001 '1' 32 06 0001 'a' 0002 '2' 32 06 0001 'a' 0003 '3'"));
    end_connected();
}

static void acknowledgements_may_come_in_any_order(void)
{
    open_connected();
    rig.limits.inflight_max = 4;
    for (int i = 0; i < 4; i++)
        client_is_sent(&client, "a", "x", 1, 1);
    (void)client_reads(&client);
    client_sends(&client, "40 02 0003");
    client_is_sent(&client, "a", "y", 1, 1);
    CU_ASSERT_TRUE(client_gets(&client, "32 06 0001 'a' 0005 'y'"));
    client_sends(&client, "40 02 0002 40 02 0005 40 02 0001 40 02 0004");
    CU_ASSERT_EQUAL(INFLIGHT, 0);
    client_sends(&client, "40 02 0003"); // and again, of what has ended
    CU_ASSERT_EQUAL(INFLIGHT, 0);
    end_connected();
}

static void an_acknowledgement_of_the_wrong_kind_ends_nothing(void)
{
    open_connected();
    client_is_sent(&client, "a", "1", 1, 1);
    client_is_sent(&client, "a", "2", 2, 2);
    (void)client_reads(&client);
    client_sends(&client, "70 02 0001 70 02 0002 40 02 0002");
    CU_ASSERT_EQUAL(INFLIGHT, 2);
    CU_ASSERT_TRUE(client_gets(&client, ""));
    client_sends(&client, "40 02 0001 50 02 0002 70 02 0002");
    CU_ASSERT_EQUAL(INFLIGHT, 0);
    (void)client_reads(&client);
    end_connected();
}

static void a_repeated_pubrec_gets_pubrel_again(void)
{
    open_connected();
    client_is_sent(&client, "a", "1", 2, 2);
    (void)client_reads(&client);
    client_sends(&client, "50 02 0001 50 02 0001");
    CU_ASSERT_TRUE(client_gets(&client, "62 02 0001 62 02 0001"));
    CU_ASSERT_EQUAL(INFLIGHT, 1);
    client_sends(&client, "70 02 0001");
    end_connected();
}

static void acknowledge(uint16_t packet_id)
{
    uint8_t puback[] = {0x40, 2, (uint8_t)(packet_id >> 8), (uint8_t)packet_id};
    client_sends_bytes(&client, (struct bytes){puback, sizeof puback});
}

static void identifiers_wrap_without_0(void)
{
    open_connected();
    rig.limits.inflight_max = 3;
    for (uint32_t i = 0; i < 65535 + 10; i++) {
        uint16_t identifier = (uint16_t)(i % 65535 + 1);
        client_is_sent(&client, "a", "x", 1, 1);
        struct bytes got = client_reads(&client);
        CU_ASSERT_EQUAL_FATAL(got.length, 8);
        CU_ASSERT_EQUAL_FATAL((uint32_t)(got.data[5] << 8 | got.data[6]), identifier);
        acknowledge(identifier);
    }
    CU_ASSERT_EQUAL(INFLIGHT, 0);
    end_connected();
}

// One message that is never acknowledged, while those behind it are: the window grows over the holes, and
// when it cannot any more, what is new waits.
static void a_message_never_acknowledged_holds_the_window_in_the_end(void)
{
    open_connected();
    rig.limits.inflight_max = 2;
    client_is_sent(&client, "a", "x", 1, 1);
    uint32_t sent = 1;
    for (; sent < 40000; sent++) {
        client_is_sent(&client, "a", "x", 1, 1);
        if (client_reads(&client).length == 0)
            break;
        acknowledge((uint16_t)(sent + 1));
    }
    CU_ASSERT_EQUAL(sent, INFLIGHT_SLOTS_MAX);
    CU_ASSERT_EQUAL(QUEUED, 1);
    acknowledge(1);
    CU_ASSERT_EQUAL(client_reads(&client).length, 8);
    CU_ASSERT_EQUAL(QUEUED, 0);
    end_connected();
}

// Ceilings.

static void at_the_ceilings_of_the_queue_the_newest_is_dropped(void)
{
    open_connected();
    rig.limits.inflight_max = 1;
    rig.limits.queued_messages_max = 2;
    for (char i = '1'; i <= '5'; i++)
        client_is_sent(&client, "a", (char[]){i, '\0'}, 1, 1);
    CU_ASSERT_EQUAL(QUEUED, 2);
    CU_ASSERT_EQUAL(DROPPED, 2);
    CU_ASSERT_EQUAL(client.link.dropped, 2);
    (void)client_reads(&client);
    acknowledge(1);
    acknowledge(2);
    CU_ASSERT_TRUE(client_gets(&client, "32 06 0001 'a' 0002 '2' 32 06 0001 'a' 0003 '3'"));
    acknowledge(3);
    client_is_sent(&client, "a", "6", 1, 1);
    CU_ASSERT_TRUE(client_gets(&client, "32 06 0001 'a' 0004 '6'"));
    end_connected();
}

static void at_the_ceiling_of_queued_bytes_the_newest_is_dropped(void)
{
    open_connected();
    rig.limits.inflight_max = 1;
    rig.limits.queued_bytes_max = 10;
    client_is_sent(&client, "a", "1234", 1, 1);
    client_is_sent(&client, "a", "1234", 1, 1);
    client_is_sent(&client, "a", "1234", 1, 1);
    client_is_sent(&client, "a", "1234", 1, 1);
    CU_ASSERT_EQUAL(QUEUED, 2);
    CU_ASSERT_EQUAL(DROPPED, 1);
    (void)client_reads(&client);
    end_connected();
}

// Opens a client whose outbox takes 100 bytes.
static void open_narrow(void)
{
    rig_open();
    rig.limits.outbox_bytes_max = 100;
    client_connects(&client, true);
}

static void at_the_ceiling_of_the_outbox_qos_0_is_dropped(void)
{
    open_narrow();
    for (int i = 0; i < 20; i++)
        client_is_sent(&client, "a", "12345", 0, 0);
    CU_ASSERT_EQUAL(DROPPED, 10);
    CU_ASSERT_EQUAL(client.link.dropped, 10);
    CU_ASSERT_EQUAL(client_reads(&client).length, 100);
    client_is_sent(&client, "a", "12345", 0, 0);
    CU_ASSERT_EQUAL(client_reads(&client).length, 10);
    CU_ASSERT_EQUAL(DROPPED, 10);
    end_connected();
}

// The shard tells of slow consumers: it has to see those that only drop.
// Four messages of six bytes each that lie in the log one behind the other.
static struct span four_in_the_log(void)
{
    struct span span = {0};
    for (char i = '1'; i <= '4'; i++) {
        struct publication publication = {.topic = bytes_of("a"), .payload = bytes_of((char[]){i, '\0'})};
        struct span one = wirelog_publish(&rig.wirelog, &publication, WIRE_3);
        if (span.segment == NULL)
            span = (struct span){segment_ref(one.segment), one.offset, 0};
        span.length += one.length;
        publication_finish(&publication);
    }
    return span;
}

static void messages_that_lie_together_leave_together(void)
{
    open_connected();
    struct span span = four_in_the_log();
    session_deliver_span(client.session, &rig.turn, span, 4, 4);
    segment_unref(span.segment);
    CU_ASSERT_EQUAL(client.link.outbox.tail - client.link.outbox.head, 1);
    CU_ASSERT_EQUAL(gauge(&rig.counters.publishes_sent), 4);
    CU_ASSERT_EQUAL(gauge(&rig.counters.publish_bytes_sent), 4);
    CU_ASSERT_TRUE(client_is_dirty(&client));
    CU_ASSERT_TRUE(
        client_gets(&client, "30 04 0001 'a' '1' 30 04 0001 'a' '2' 30 04 0001 'a' '3' 30 04 0001 'a' '4'"));
    end_connected();
}

static void of_messages_that_lie_together_as_many_leave_as_have_room(void)
{
    rig_open();
    rig.limits.outbox_bytes_max = 18;
    client_connects(&client, true);
    client_is_sent(&client, "a", "0", 0, 0);
    struct span span = four_in_the_log();
    session_deliver_span(client.session, &rig.turn, span, 4, 4);
    segment_unref(span.segment);
    CU_ASSERT_EQUAL(DROPPED, 2);
    CU_ASSERT_EQUAL(client.link.dropped, 2);
    CU_ASSERT_EQUAL(gauge(&rig.counters.publishes_sent), 3);
    CU_ASSERT_EQUAL(gauge(&rig.counters.publish_bytes_sent), 3);
    CU_ASSERT_TRUE(client_gets(&client, "30 04 0001 'a' '0' 30 04 0001 'a' '1' 30 04 0001 'a' '2'"));
    end_connected();
}

static void a_link_that_drops_is_listed(void)
{
    open_narrow();
    for (int i = 0; i < 10; i++)
        client_is_sent(&client, "a", "12345", 0, 0);
    list_remove(&client.link.dirty);
    client_is_sent(&client, "a", "12345", 0, 0);
    CU_ASSERT_TRUE(client_is_dirty(&client));
    (void)client_reads(&client);
    end_connected();
}

static void at_the_ceiling_of_the_outbox_qos_1_waits(void)
{
    open_narrow();
    for (int i = 0; i < 20; i++)
        client_is_sent(&client, "a", "123", 1, 1);
    CU_ASSERT_EQUAL(DROPPED, 0);
    CU_ASSERT_EQUAL(INFLIGHT + QUEUED, 20);
    CU_ASSERT_TRUE(QUEUED >= 9);
    uint32_t total = 0;
    for (int i = 0; i < 5; i++) {
        total += client_reads(&client).length;
        client_pumps(&client);
    }
    CU_ASSERT_EQUAL(total, 20 * 10);
    CU_ASSERT_EQUAL(QUEUED, 0);
    CU_ASSERT_EQUAL(INFLIGHT, 20);
    end_connected();
}

static void an_outbox_that_is_empty_takes_what_is_larger_than_it(void)
{
    static char payload[1001];
    memset(payload, 'x', sizeof payload - 1);
    open_narrow();
    client_is_sent(&client, "a", payload, 0, 0);
    CU_ASSERT_EQUAL(client_reads(&client).length, 6 + 1000);
    client_is_sent(&client, "a", payload, 1, 1);
    CU_ASSERT_EQUAL(client_reads(&client).length, 8 + 1000);
    CU_ASSERT_EQUAL(DROPPED, 0);
    end_connected();
}

// QoS 0 does not wait behind QoS 1: it is another order. [MQTT-4.6.0-6]
static void qos_0_passes_qos_1_that_waits(void)
{
    open_connected();
    rig.limits.inflight_max = 1;
    client_is_sent(&client, "a", "1", 1, 1);
    client_is_sent(&client, "a", "2", 1, 1);
    client_is_sent(&client, "a", "3", 0, 0);
    CU_ASSERT_TRUE(client_gets(&client, "32 06 0001 'a' 0001 '1' 30 04 0001 'a' '3'"));
    end_connected();
}

// Retained messages.

static void take_replay(uint8_t granted, const char *first, const char *second, uint8_t qos)
{
    struct message *messages[] = {rig_message("r", first, qos), rig_message("r", second, qos)};
    session_take_replay(client.session, &rig.turn, rig_batch(messages, 2, granted));
}

static void retained_messages_come_marked_and_at_the_lower_qos(void)
{
    open_connected();
    take_replay(1, "1", "2", 2);
    CU_ASSERT_TRUE(client_gets(&client, "33 06 0001 'r' 0001 '1' 33 06 0001 'r' 0002 '2'")); // [MQTT-3.3.1-8]
    take_replay(0, "3", "4", 2);
    CU_ASSERT_TRUE(client_gets(&client, "31 04 0001 'r' '3' 31 04 0001 'r' '4'"));
    CU_ASSERT_FALSE(session_waiting(client.session));
    end_connected();
}

static void live_messages_wait_behind_retained_ones(void)
{
    open_connected();
    rig.limits.inflight_max = 1;
    take_replay(1, "1", "2", 1);
    client_is_sent(&client, "r", "3", 1, 1);
    client_is_sent(&client, "r", "4", 0, 0);
    CU_ASSERT_TRUE(client_gets(&client, "33 06 0001 'r' 0001 '1'"));
    acknowledge(1);
    CU_ASSERT_TRUE(client_gets(&client, "33 06 0001 'r' 0002 '2'"));
    acknowledge(2);
    CU_ASSERT_TRUE(client_gets(&client, "32 06 0001 'r' 0003 '3' 30 04 0001 'r' '4'"));
    CU_ASSERT_EQUAL(QUEUED, 0);
    end_connected();
}

// What was told to wait behind retained messages must not be overtaken once those are through, as long as the
// window holds it back.
static void qos_0_that_waits_is_not_overtaken_by_qos_0(void)
{
    open_connected();
    rig.limits.inflight_max = 1;
    take_replay(1, "1", "2", 1);
    client_is_sent(&client, "r", "3", 1, 1);
    client_is_sent(&client, "r", "4", 0, 0);
    acknowledge(1); // the last retained one leaves; 3 and 4 wait for the window
    client_is_sent(&client, "r", "5", 0, 0);
    CU_ASSERT_TRUE(client_gets(&client, "33 06 0001 'r' 0001 '1' 33 06 0001 'r' 0002 '2'"));
    acknowledge(2);
    CU_ASSERT_TRUE(client_gets(&client, "32 06 0001 'r' 0003 '3' 30 04 0001 'r' '4' 30 04 0001 'r' '5'"));
    acknowledge(3);
    client_is_sent(&client, "r", "6", 0, 0);
    CU_ASSERT_TRUE(client_gets(&client, "30 04 0001 'r' '6'"));
    end_connected();
}

static void the_retained_messages_of_two_subscriptions_come_one_after_the_other(void)
{
    open_narrow();
    static char payload[98];
    memset(payload, 'x', sizeof payload - 1);
    take_replay(0, payload, "1", 0);
    take_replay(0, "2", "3", 0);
    CU_ASSERT_EQUAL(client_reads(&client).length, 102);
    client_pumps(&client);
    CU_ASSERT_TRUE(client_gets(&client, "31 04 0001 'r' '1' 31 04 0001 'r' '2' 31 04 0001 'r' '3'"));
    end_connected();
}

static void a_retained_message_that_was_replaced_meanwhile_is_not_sent(void)
{
    open_connected();
    rig.limits.inflight_max = 1;
    struct message *messages[] = {rig_message("r", "1", 1), rig_message("r", "2", 1)};
    struct message *second = message_ref(messages[1]);
    session_take_replay(client.session, &rig.turn, rig_batch(messages, 2, 1));
    second->superseded = true;
    client_is_sent(&client, "r", "3", 1, 1); // the one that replaced it
    message_unref(second);
    acknowledge(1);
    CU_ASSERT_TRUE(client_gets(&client, "33 06 0001 'r' 0001 '1' 32 06 0001 'r' 0002 '3'"));
    end_connected();
}

// Without memory.

static void a_message_that_cannot_be_kept_is_dropped_and_counted(void)
{
    open_connected();
    heap_fail_after(0);
    client_is_sent(&client, "a", "1", 1, 1);
    CU_ASSERT_TRUE(heap_recover());
    CU_ASSERT_EQUAL(DROPPED, 1);
    wirelog_finish(&rig.wirelog); // as it is before the first message
    segment_pool_finish(&rig.log_segments);
    heap_fail_after(0);
    client_is_sent(&client, "a", "2", 0, 0);
    CU_ASSERT_TRUE(heap_recover());
    CU_ASSERT_EQUAL(DROPPED, 2);
    CU_ASSERT_TRUE(client_gets(&client, ""));
    end_connected();
}

static void without_a_slot_a_message_waits(void)
{
    open_connected();
    heap_fail_after(1); // behind the message: the slots of the window
    client_is_sent(&client, "a", "1", 1, 1);
    CU_ASSERT_TRUE(heap_recover());
    CU_ASSERT_EQUAL(QUEUED, 1);
    client_pumps(&client);
    CU_ASSERT_TRUE(client_gets(&client, "32 06 0001 'a' 0001 '1'"));
    end_connected();
}

static void any_allocation_may_fail_and_nothing_leaks(void)
{
    bool failed = true;
    for (uint64_t passed = 0; failed; passed++) {
        open_connected();
        heap_fail_after(passed);
        for (int i = 0; i < 20; i++) {
            client_is_sent(&client, "a", "1", 1, 1);
            client_is_sent_as_many(&client, "a", "1", 1, 1);
            client_is_sent(&client, "a", "1", 0, 0);
        }
        failed = heap_recover();
        CU_ASSERT_TRUE(failed || (DROPPED == 0 && !client.link.outbox.failed));
        end_connected();
    }
}

int main(void)
{
    static const CU_TestInfo cases[] = {
        {"QoS 0 leaves as it is", qos_0_leaves_as_it_is},
        {"QoS 1 ends with PUBACK", qos_1_ends_with_puback},
        {"QoS 2 goes through its four packets", qos_2_goes_through_its_four_packets},
        {"the message goes with PUBREC", the_message_goes_with_pubrec},
        {"the lower QoS counts", the_lower_qos_counts},
        {"a live message is marked retained only if asked for",
         a_live_message_is_marked_retained_only_if_asked_for},
        {"large payloads are shared among sessions", large_payloads_are_shared_among_sessions},
        {"a message for many is as one for this client", a_message_for_many_is_as_one_for_this_client},
        {"a small message for many is encoded once", a_small_message_for_many_is_encoded_once},
        {"a message for few is encoded for each", a_message_for_few_is_encoded_for_each},
        {"a large message for many is shared", a_large_message_for_many_is_shared},
        {"one of many waits for window and outbox too", one_of_many_waits_for_window_and_outbox_too},
        {"a full window lets later messages wait", a_full_window_lets_later_messages_wait},
        {"a new message never overtakes one that waits", a_new_message_never_overtakes_one_that_waits},
        {"acknowledgements may come in any order", acknowledgements_may_come_in_any_order},
        {"an acknowledgement of the wrong kind ends nothing",
         an_acknowledgement_of_the_wrong_kind_ends_nothing},
        {"a repeated PUBREC gets PUBREL again", a_repeated_pubrec_gets_pubrel_again},
        {"identifiers wrap without 0", identifiers_wrap_without_0},
        {"a message never acknowledged holds the window in the end",
         a_message_never_acknowledged_holds_the_window_in_the_end},
        {"at the ceiling of queued messages the newest is dropped",
         at_the_ceilings_of_the_queue_the_newest_is_dropped},
        {"at the ceiling of queued bytes the newest is dropped",
         at_the_ceiling_of_queued_bytes_the_newest_is_dropped},
        {"at the ceiling of the outbox QoS 0 is dropped", at_the_ceiling_of_the_outbox_qos_0_is_dropped},
        {"messages that lie together leave together", messages_that_lie_together_leave_together},
        {"of messages that lie together as many leave as have room",
         of_messages_that_lie_together_as_many_leave_as_have_room},
        {"a link that drops is listed", a_link_that_drops_is_listed},
        {"at the ceiling of the outbox QoS 1 waits", at_the_ceiling_of_the_outbox_qos_1_waits},
        {"an outbox that is empty takes what is larger than it",
         an_outbox_that_is_empty_takes_what_is_larger_than_it},
        {"QoS 0 passes QoS 1 that waits", qos_0_passes_qos_1_that_waits},
        {"retained messages come marked and at the lower QoS",
         retained_messages_come_marked_and_at_the_lower_qos},
        {"live messages wait behind retained ones", live_messages_wait_behind_retained_ones},
        {"QoS 0 that waits is not overtaken by QoS 0", qos_0_that_waits_is_not_overtaken_by_qos_0},
        {"the retained messages of two subscriptions come one after the other",
         the_retained_messages_of_two_subscriptions_come_one_after_the_other},
        {"a retained message that was replaced meanwhile is not sent",
         a_retained_message_that_was_replaced_meanwhile_is_not_sent},
        {"a message that cannot be kept is dropped and counted",
         a_message_that_cannot_be_kept_is_dropped_and_counted},
        {"without a slot a message waits", without_a_slot_a_message_waits},
        {"any allocation may fail and nothing leaks", any_allocation_may_fail_and_nothing_leaks},
    };
    return RUN_TESTS("session", cases);
}
