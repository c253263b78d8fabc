// SPDX-License-Identifier: MIT
// What goes with each call that waits, and what comes back: reason codes, callbacks, and what only MQTT 5.0
// knows.
#include "client/test/scripted_peer.h"

// What was told to a callback of a call.
struct told {
    int times;
    int error;
    size_t reason_code_count;
};

static void tell(void *context, struct hbmqtt_client *client, const struct hbmqtt_result *result)
{
    struct told *told = context;
    struct hbmqtt_message message = message_of("a", "x", 0);
    told->times++;
    told->error = result->error;
    told->reason_code_count = result->reason_code_count;
    // What may not be called here leaves the answer of the call around it alone.
    CU_ASSERT_EQUAL(hbmqtt_publish(client, &message, NULL), HBMQTT_ERROR_ARGUMENT);
}

static void script_subscribe(int fd)
{
    ACCEPT_CLIENT;
    EXPECT("\x82\x0a\x00\x01\x00\x01"
           "a\x01\x00\x01#\x02");
    SEND("\x30\x04\x00\x01"
         "ar\x90\x04\x00\x01\x01\x80");
    EXPECT("\xa2\x05\x00\x02\x00\x01"
           "a");
    SEND("\xb0\x02\x00\x02");
    EXPECT(DISCONNECT);
}

static void subscribe_returns_the_codes(void)
{
    struct hbmqtt_subscription subscriptions[] = {{.filter = "a", .qos = 1}, {.filter = "#", .qos = 2}};
    const char *filter = "a";
    struct told told = {0};
    struct hbmqtt_call call = {.size = sizeof call, .done = tell, .context = &told};
    peer_begin(script_subscribe);
    struct hbmqtt_client *client = client_connected(NULL);
    CU_ASSERT_EQUAL(hbmqtt_subscribe(client, subscriptions, 2, &call), 0);
    const struct hbmqtt_result *result = hbmqtt_last_result(client);
    CU_ASSERT_EQUAL(result->error, 0);
    CU_ASSERT_EQUAL_FATAL(result->reason_code_count, 2);
    CU_ASSERT_EQUAL(result->reason_codes[0], 1);
    CU_ASSERT_EQUAL(result->reason_codes[1], HBMQTT_SUBSCRIPTION_FAILED);
    CU_ASSERT_EQUAL(hbmqtt_reason_code(client), 1);
    CU_ASSERT_EQUAL(told.times, 1);
    CU_ASSERT_EQUAL(told.reason_code_count, 2);
    CU_ASSERT_EQUAL(hbmqtt_deliverable(client), 1); // came before SUBACK
    CU_ASSERT_EQUAL(hbmqtt_unsubscribe(client, &filter, 1, NULL), 0);
    CU_ASSERT_EQUAL(hbmqtt_reason_code(client), 0);
    CU_ASSERT_EQUAL(hbmqtt_disconnect(client, NULL), 0);
    hbmqtt_destroy(client);
    peer_end();
}

static void script_ends_at_once(int fd)
{
    ACCEPT_CLIENT;
    EXPECT(DISCONNECT);
    peer_expect_end(fd);
}

// MQTT 3.1.1 has no place for a property or a reason code of ours: every call says so, and sends nothing.
static void every_call_refuses_what_only_mqtt_5_knows(void)
{
    struct told told = {0};
    const struct hbmqtt_properties *any = (const struct hbmqtt_properties *)&told;
    const struct hbmqtt_call calls[] = {
        {.size = sizeof calls[0], .done = tell, .context = &told, .properties = any},
        {.size = sizeof calls[0], .done = tell, .context = &told, .reason_code = 4},
        {.size = 1},
    };
    const struct hbmqtt_subscription subscription = {.filter = "a"};
    const struct hbmqtt_message message = message_of("a", "x", 1);
    const char *filter = "a";
    peer_begin(script_ends_at_once);
    struct hbmqtt_client *client = client_connected(NULL);
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        const struct hbmqtt_call *call = &calls[i];
        CU_ASSERT_EQUAL(hbmqtt_publish(client, &message, call), HBMQTT_ERROR_ARGUMENT);
        expect_text(client, "hbmqtt_call has");
        CU_ASSERT_EQUAL(hbmqtt_publish_start(client, &message, call), HBMQTT_ERROR_ARGUMENT);
        CU_ASSERT_EQUAL(hbmqtt_publish_file(client, &message, 0, 1, call), HBMQTT_ERROR_ARGUMENT);
        CU_ASSERT_EQUAL(hbmqtt_subscribe(client, &subscription, 1, call), HBMQTT_ERROR_ARGUMENT);
        CU_ASSERT_EQUAL(hbmqtt_unsubscribe(client, &filter, 1, call), HBMQTT_ERROR_ARGUMENT);
        CU_ASSERT_EQUAL(hbmqtt_ping(client, call), HBMQTT_ERROR_ARGUMENT);
        CU_ASSERT_EQUAL(hbmqtt_reconnect(client, true, call), HBMQTT_ERROR_ARGUMENT);
        CU_ASSERT_EQUAL(hbmqtt_disconnect(client, call), HBMQTT_ERROR_ARGUMENT);
        expect_text(client, "hbmqtt_call has");
        CU_ASSERT_EQUAL(hbmqtt_reason_code(client), HBMQTT_REASON_NONE);
    }
    CU_ASSERT_EQUAL(told.times, 0);
    CU_ASSERT_TRUE(hbmqtt_is_connected(client));
    CU_ASSERT_EQUAL(hbmqtt_disconnect(client, NULL), 0);
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++)
        CU_ASSERT_EQUAL(hbmqtt_connect(client, peer.url, &calls[i]), HBMQTT_ERROR_ARGUMENT);
    hbmqtt_destroy(client);
    peer_end();
}

// `done` of a call that waits comes once, and before the call returns.
static void calls_that_wait_tell_their_end(void)
{
    struct told told = {0};
    struct hbmqtt_call call = {.size = sizeof call, .done = tell, .context = &told};
    peer_begin(script_ends_at_once);
    struct hbmqtt_client *client = client_make(NULL);
    CU_ASSERT_EQUAL(hbmqtt_connect(client, peer.url, &call), 0);
    CU_ASSERT_EQUAL(told.times, 1);
    CU_ASSERT_EQUAL(told.reason_code_count, 1);
    CU_ASSERT_EQUAL(hbmqtt_reason_code(client), 0);
    CU_ASSERT_EQUAL(hbmqtt_disconnect(client, &call), 0);
    CU_ASSERT_EQUAL(told.times, 2);
    CU_ASSERT_EQUAL(hbmqtt_reason_code(client), HBMQTT_REASON_NONE); // DISCONNECT has no answer
    CU_ASSERT_EQUAL(hbmqtt_disconnect(client, &call), 0);
    CU_ASSERT_EQUAL(told.times, 3); // there was nothing to do
    CU_ASSERT_EQUAL(told.error, 0);
    hbmqtt_destroy(client);
    peer_end();
}

static void script_no_puback(int fd)
{
    ACCEPT_CLIENT;
    EXPECT("\x32\x06\x00\x01"
           "a\x00\x01x");
    EXPECT("\x32\x06\x00\x01"
           "a\x00\x02x");
    SEND("\x40\x02\x00\x01\x40\x02\x00\x02");
    EXPECT(DISCONNECT);
}

static void a_missing_acknowledgement_is_a_time_out(void)
{
    struct hbmqtt_options options = options_usual();
    struct hbmqtt_message message = message_of("a", "x", 1);
    struct told told = {0};
    struct hbmqtt_call call = {.size = sizeof call, .done = tell, .context = &told};
    options.answer_timeout_ms = 50;
    peer_begin(script_no_puback);
    struct hbmqtt_client *client = client_connected(&options);
    CU_ASSERT_EQUAL(hbmqtt_publish(client, &message, &call), HBMQTT_ERROR_TIMEOUT);
    expect_text(client, "no answer from the broker within 50 ms");
    CU_ASSERT_EQUAL(hbmqtt_reason_code(client), HBMQTT_REASON_NONE);
    CU_ASSERT_EQUAL(hbmqtt_last_result(client)->error, HBMQTT_ERROR_TIMEOUT);
    CU_ASSERT_EQUAL(told.times, 0); // it is under way
    CU_ASSERT_TRUE(hbmqtt_is_connected(client));
    CU_ASSERT_EQUAL(hbmqtt_publish(client, &message, NULL), 0);
    CU_ASSERT_EQUAL(hbmqtt_reason_code(client), 0);
    CU_ASSERT_EQUAL(hbmqtt_flush(client), 0);
    CU_ASSERT_EQUAL(told.times, 1); // and told afterwards
    CU_ASSERT_EQUAL(told.error, 0);
    CU_ASSERT_EQUAL(hbmqtt_disconnect(client, NULL), 0);
    hbmqtt_destroy(client);
    peer_end();
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"subscribe returns the codes", subscribe_returns_the_codes},
        {"every call refuses what only MQTT 5 knows", every_call_refuses_what_only_mqtt_5_knows},
        {"calls that wait tell their end", calls_that_wait_tell_their_end},
        {"a missing acknowledgement is a time-out", a_missing_acknowledgement_is_a_time_out},
    };
    return RUN_TESTS("calls", tests);
}
