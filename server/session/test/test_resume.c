// SPDX-License-Identifier: MIT
// A session that outlives its connection: what waits for the client, and what it gets when it comes back.
#include "server/session/session.h"

#include "server/session/test/rig.h"

static struct client client;

static void open_connected(void)
{
    rig_open();
    client_connects(&client, false);
}

static void end_connected(void)
{
    client_end(&client);
    rig_close();
}

// The session ends while its client is absent.
static void end_absent(void)
{
    session_destroy(client.session, &rig.turn);
    client.session = NULL;
    rig_close();
}

#define INFLIGHT counter_read(&rig.counters.messages_inflight)
#define QUEUED   counter_read(&rig.counters.messages_queued)
#define DROPPED  counter_read(&rig.counters.publishes_dropped)

static void a_publish_not_acknowledged_comes_again_as_a_duplicate(void)
{
    open_connected();
    client_is_sent(&client, "a", "1", 1, 1);
    client_is_sent(&client, "a", "2", 2, 2);
    (void)client_reads(&client);
    client_hang_up(&client);
    client_comes(&client, false);
    CU_ASSERT_TRUE(client_gets(&client, "20 02 01 00 3a 06 0001 'a' 0001 '1' 3c 06 0001 'a' 0002 '2'"));
    client_sends(&client, "40 02 0001 50 02 0002 70 02 0002");
    CU_ASSERT_EQUAL(INFLIGHT, 0);
    (void)client_reads(&client);
    end_connected();
}

static void a_message_whose_bytes_never_left_comes_again_too(void)
{
    open_connected();
    client_is_sent(&client, "a", "1", 1, 1);
    client_hang_up(&client); // with it in the outbox
    client_comes(&client, false);
    CU_ASSERT_TRUE(client_gets(&client, "20 02 01 00 3a 06 0001 'a' 0001 '1'")); // [MQTT-4.4.0-1]
    end_connected();
}

static void behind_pubrec_only_pubrel_comes_again(void)
{
    open_connected();
    client_is_sent(&client, "a", "1", 2, 2);
    client_sends(&client, "50 02 0001");
    (void)client_reads(&client);
    for (int i = 0; i < 3; i++) {
        client_hang_up(&client);
        client_comes(&client, false);
        CU_ASSERT_TRUE(client_gets(&client, "20 02 01 00 62 02 0001")); // [MQTT-4.3.3-6]
    }
    client_sends(&client, "70 02 0001");
    CU_ASSERT_EQUAL(INFLIGHT, 0);
    client_hang_up(&client);
    client_connects(&client, false);
    end_connected();
}

static void what_is_sent_again_keeps_its_order_and_identifiers(void)
{
    open_connected();
    for (char i = '1'; i <= '6'; i++)
        client_is_sent(&client, "a", (char[]){i, '\0'}, 2, i % 2 ? 1 : 2);
    client_sends(&client, "40 02 0003 50 02 0002 50 02 0006 70 02 0006");
    (void)client_reads(&client);
    client_hang_up(&client);
    client_comes(&client, false);
    CU_ASSERT_TRUE(client_gets(&client,
                               "20 02 01 00 3a 06 0001 'a' 0001 '1' 62 02 0002 3c 06 0001 'a' 0004 '4'"
                               "3a 06 0001 'a' 0005 '5'")); // [MQTT-4.6.0-1]
    CU_ASSERT_EQUAL(INFLIGHT, 4);
    end_connected();
}

static void what_waited_comes_behind_what_is_sent_again(void)
{
    open_connected();
    rig.limits.inflight_max = 2;
    for (char i = '1'; i <= '4'; i++)
        client_is_sent(&client, "a", (char[]){i, '\0'}, 1, 1);
    client_sends(&client, "40 02 0002");
    (void)client_reads(&client); // 1 and 3 are not acknowledged, 4 waits
    client_hang_up(&client);
    client_is_sent(&client, "a", "5", 1, 1);
    CU_ASSERT_EQUAL(QUEUED, 2);
    rig.limits.inflight_max = 10;
    client_comes(&client, false);
    CU_ASSERT_TRUE(client_gets(&client, "20 02 01 00 3a 06 0001 'a' 0001 '1' 3a 06 0001 'a' 0003 '3'"
                                        "32 06 0001 'a' 0004 '4' 32 06 0001 'a' 0005 '5'"));
    CU_ASSERT_EQUAL(QUEUED, 0);
    end_connected();
}

static bool is_not_secret(void *context, const struct message *message)
{
    return !bytes_equal(message->topic, bytes_of("s"));
}

static void what_is_not_to_be_sent_any_more_is_dropped(void)
{
    open_connected();
    client_is_sent(&client, "s", "1", 1, 1);
    client_is_sent(&client, "a", "2", 1, 1);
    client_is_sent(&client, "s", "3", 2, 2);
    client_is_sent(&client, "s", "4", 2, 2);
    client_sends(&client, "50 02 0004"); // the fourth is the client's already
    (void)client_reads(&client);
    client_hang_up(&client);
    struct message *messages[] = {rig_message("s", "5", 1), rig_message("r", "6", 1)};
    session_take_replay(client.session, &rig.turn, rig_batch(messages, 2, 1));
    client_is_sent(&client, "s", "7", 1, 1);
    client_is_sent(&client, "a", "8", 1, 1);
    session_sift(client.session, &rig.turn, is_not_secret, NULL);
    CU_ASSERT_EQUAL(QUEUED, 1);
    CU_ASSERT_EQUAL(INFLIGHT, 3);
    CU_ASSERT_EQUAL(DROPPED, 4);
    client_comes(&client, false);
    CU_ASSERT_TRUE(client_gets(&client, "20 02 01 00 3a 06 0001 'a' 0002 '2' 62 02 0003 62 02 0004"
                                        "33 06 0001 'r' 0005 '6' 32 06 0001 'a' 0006 '8'"));
    client_sends(&client, "40 02 0002 70 02 0003 70 02 0004 40 02 0005 40 02 0006");
    CU_ASSERT_EQUAL(INFLIGHT, 0);
    end_connected();
}

static void a_retained_mark_and_the_lower_qos_are_kept(void)
{
    open_connected();
    struct message *messages[] = {rig_message("r", "1", 2)};
    session_take_replay(client.session, &rig.turn, rig_batch(messages, 1, 1));
    client_hang_up(&client);
    client_comes(&client, false);
    CU_ASSERT_TRUE(client_gets(&client, "20 02 01 00 3b 06 0001 'r' 0001 '1'"));
    end_connected();
}

static void a_large_payload_is_shared_again(void)
{
    static char payload[2001];
    memset(payload, 'x', sizeof payload - 1);
    open_connected();
    client_is_sent(&client, "a", payload, 1, 1);
    client_hang_up(&client);
    uint64_t blocks = heap_blocks();
    client_comes(&client, false);
    CU_ASSERT_EQUAL(client_reads(&client).length, 4 + 8 + 2000);
    CU_ASSERT_TRUE(heap_blocks() <= blocks + 1); // the spans: no copy
    end_connected();
}

// What the outbox holds is no reason to keep back what was sent once: the window is its ceiling.
static void sending_again_is_not_held_back_by_the_outbox(void)
{
    open_connected();
    for (int i = 0; i < 50; i++)
        client_is_sent(&client, "a", "1", 1, 1);
    client_hang_up(&client);
    rig.limits.outbox_bytes_max = 100;
    client_comes(&client, false);
    CU_ASSERT_EQUAL(client_reads(&client).length, 4 + 50 * 8);
    end_connected();
}

// The client is away.

static void only_qos_1_and_2_wait_for_an_absent_client(void)
{
    open_connected();
    client_hang_up(&client);
    client_is_sent(&client, "a", "0", 0, 2);
    client_is_sent(&client, "a", "0", 2, 0);
    client_is_sent(&client, "a", "1", 1, 2);
    client_is_sent(&client, "a", "2", 2, 2);
    CU_ASSERT_EQUAL(QUEUED, 2);
    CU_ASSERT_EQUAL(DROPPED, 0); // QoS 0 is not lost: it was never to be kept [MQTT-3.1.2-5]
    client_comes(&client, false);
    CU_ASSERT_TRUE(client_gets(&client, "20 02 01 00 32 06 0001 'a' 0001 '1' 34 06 0001 'a' 0002 '2'"));
    end_connected();
}

// The original sent queued messages with RETAIN set.
static void what_waited_is_not_marked_retained(void)
{
    open_connected();
    client_hang_up(&client);
    struct publication publication = {
        .topic = bytes_of("a"), .payload = bytes_of("1"), .qos = 1, .retain = true};
    session_deliver(client.session, &rig.turn, &publication, (struct subscription_options){.qos = 1}, 0);
    publication_finish(&publication);
    client_comes(&client, false);
    CU_ASSERT_TRUE(client_gets(&client, "20 02 01 00 32 06 0001 'a' 0001 '1'"));
    end_connected();
}

static void a_message_that_waits_is_kept_once_for_all_sessions(void)
{
    static struct client other;
    open_connected();
    client_connects(&other, false);
    client_hang_up(&client);
    client_hang_up(&other);
    struct publication publication = {.topic = bytes_of("a"), .payload = bytes_of("1"), .qos = 1};
    struct subscription_options options = {.qos = 1};
    session_deliver(client.session, &rig.turn, &publication, options, 0);
    session_deliver(other.session, &rig.turn, &publication, options, 0);
    CU_ASSERT_PTR_EQUAL(queue_first(&client.session->queue)->message,
                        queue_first(&other.session->queue)->message);
    publication_finish(&publication);
    session_destroy(other.session, &rig.turn);
    other.session = NULL;
    end_absent();
}

static void the_ceilings_hold_for_absent_clients(void)
{
    open_connected();
    client_hang_up(&client);
    rig.limits.queued_messages_max = 3;
    for (char i = '1'; i <= '5'; i++)
        client_is_sent(&client, "a", (char[]){i, '\0'}, 1, 1);
    CU_ASSERT_EQUAL(QUEUED, 3);
    CU_ASSERT_EQUAL(DROPPED, 2);
    CU_ASSERT_EQUAL(client.session->dropped, 2);
    rig.limits.queued_messages_max = 100;
    rig.limits.queued_bytes_max = 9; // the topic and the payload of each
    client_is_sent(&client, "a", "6", 1, 1);
    client_is_sent(&client, "a", "7", 1, 1);
    CU_ASSERT_EQUAL(QUEUED, 4);
    CU_ASSERT_EQUAL(client.session->dropped, 3);
    client_comes(&client, false);
    CU_ASSERT_TRUE(client_gets(&client, "20 02 01 00 32 06 0001 'a' 0001 '1' 32 06 0001 'a' 0002 '2'"
                                        "32 06 0001 'a' 0003 '3' 32 06 0001 'a' 0004 '6'"));
    CU_ASSERT_EQUAL(QUEUED, 0);
    end_connected();
}

static void retained_messages_not_yet_sent_wait_as_well(void)
{
    open_connected();
    rig.limits.inflight_max = 1;
    struct message *messages[] = {rig_message("r", "1", 1), rig_message("r", "2", 1),
                                  rig_message("r", "3", 1)};
    struct message *second = message_ref(messages[1]);
    session_take_replay(client.session, &rig.turn, rig_batch(messages, 3, 1));
    client_hang_up(&client);
    second->superseded = true; // while the client is away
    message_unref(second);
    client_is_sent(&client, "a", "4", 1, 1);
    client_comes(&client, false);
    client_sends(&client, "40 02 0001 40 02 0002");
    CU_ASSERT_TRUE(client_gets(&client, "20 02 01 00 3b 06 0001 'r' 0001 '1' 33 06 0001 'r' 0002 '3'"
                                        "32 06 0001 'a' 0003 '4'"));
    end_connected();
}

static void a_full_window_fills_up_again_as_it_is_acknowledged(void)
{
    open_connected();
    rig.limits.inflight_max = 2;
    client_hang_up(&client);
    for (char i = '1'; i <= '5'; i++)
        client_is_sent(&client, "a", (char[]){i, '\0'}, 1, 1);
    client_comes(&client, false);
    CU_ASSERT_TRUE(client_gets(&client, "20 02 01 00 32 06 0001 'a' 0001 '1' 32 06 0001 'a' 0002 '2'"));
    client_sends(&client, "40 02 0001 40 02 0002");
    CU_ASSERT_TRUE(client_gets(&client, "32 06 0001 'a' 0003 '3' 32 06 0001 'a' 0004 '4'"));
    client_sends(&client, "40 02 0004 40 02 0003");
    CU_ASSERT_TRUE(client_gets(&client, "32 06 0001 'a' 0005 '5'"));
    end_connected();
}

// The end.

static void a_session_gives_back_everything_it_held(void)
{
    open_connected();
    rig.limits.inflight_max = 3;
    client_is_sent(&client, "a", "1", 1, 1);
    client_is_sent(&client, "a", "2", 2, 2);
    client_sends(&client, "50 02 0002 34 06 0001 'a' 0009 'x'");
    struct message *messages[] = {rig_message("r", "3", 1), rig_message("r", "4", 1)};
    session_take_replay(client.session, &rig.turn, rig_batch(messages, 2, 1));
    client_is_sent(&client, "a", "5", 1, 1);
    CU_ASSERT_EQUAL(INFLIGHT, 3);
    CU_ASSERT_EQUAL(QUEUED, 1);
    client_hang_up(&client);
    CU_ASSERT_EQUAL(INFLIGHT, 3);
    end_absent(); // the gauges are at 0 and the heap is as it was
}

static void no_session_is_no_session_to_destroy(void)
{
    rig_open();
    session_destroy(NULL, &rig.turn);
    rig_close();
}

int main(void)
{
    static const CU_TestInfo cases[] = {
        {"a PUBLISH not acknowledged comes again as a duplicate",
         a_publish_not_acknowledged_comes_again_as_a_duplicate},
        {"a message whose bytes never left comes again too",
         a_message_whose_bytes_never_left_comes_again_too},
        {"behind PUBREC only PUBREL comes again", behind_pubrec_only_pubrel_comes_again},
        {"what is sent again keeps its order and identifiers",
         what_is_sent_again_keeps_its_order_and_identifiers},
        {"what waited comes behind what is sent again", what_waited_comes_behind_what_is_sent_again},
        {"what is not to be sent any more is dropped", what_is_not_to_be_sent_any_more_is_dropped},
        {"a retained mark and the lower QoS are kept", a_retained_mark_and_the_lower_qos_are_kept},
        {"a large payload is shared again", a_large_payload_is_shared_again},
        {"sending again is not held back by the outbox", sending_again_is_not_held_back_by_the_outbox},
        {"only QoS 1 and 2 wait for an absent client", only_qos_1_and_2_wait_for_an_absent_client},
        {"what waited is not marked retained", what_waited_is_not_marked_retained},
        {"a message that waits is kept once for all sessions",
         a_message_that_waits_is_kept_once_for_all_sessions},
        {"the ceilings hold for absent clients", the_ceilings_hold_for_absent_clients},
        {"retained messages not yet sent wait as well", retained_messages_not_yet_sent_wait_as_well},
        {"a full window fills up again as it is acknowledged",
         a_full_window_fills_up_again_as_it_is_acknowledged},
        {"a session gives back everything it held", a_session_gives_back_everything_it_held},
        {"no session is no session to destroy", no_session_is_no_session_to_destroy},
    };
    return RUN_TESTS("resume", cases);
}
