// SPDX-License-Identifier: MIT
// The core against a scripted broker.
#include "client/test/core_script.h"

// Opening and closing.

static void connack_refusals_end_with_their_code(void)
{
    for (uint8_t code = 1; code <= 5; code++) {
        const char connack[] = {0x20, 2, 0, (char)code};
        begin_with(usual);
        open_with(true, connack, sizeof connack);
        expect_ended(HBMQTT_ERROR_REFUSED);
        CU_ASSERT_EQUAL(core.refusal_code, code);
        CU_ASSERT_PTR_NOT_NULL(strstr(core.ending.text, "refused by the broker"));
        finish();
    }
}

static void session_present_is_told(void)
{
    begin_with(usual);
    open_with(false, "\x20\x02\x01\x00", 4);
    CU_ASSERT_EQUAL(core.state, CORE_OPEN);
    CU_ASSERT_TRUE(core.session_present);
    finish();
}

static void a_session_that_was_to_be_clean_is_not_continued(void) // [MQTT-3.2.2-1, MQTT-4.8.0-1]
{
    begin_with(usual);
    open_with(true, "\x20\x02\x01\x00", 4);
    expect_ended(HBMQTT_ERROR_PROTOCOL);
    CU_ASSERT_FALSE(core.session_present);
    CU_ASSERT_PTR_NOT_NULL(strstr(core.ending.text, "session"));
    finish();
}

static void anything_before_connack_breaks_the_protocol(void) // [MQTT-3.2.0-1]
{
    begin_with(usual);
    open_with(true, "\xd0\x00", 2);
    expect_ended(HBMQTT_ERROR_PROTOCOL);
    finish();
}

static void a_request_without_a_connection_says_so(void)
{
    begin_with(usual);
    CU_ASSERT_EQUAL(publish(1), HBMQTT_ERROR_NOT_CONNECTED);
    CU_ASSERT_EQUAL(core_ping(&core, NULL, BEGIN_MS), HBMQTT_ERROR_NOT_CONNECTED);
    finish();
}

static void disconnect_is_the_last_packet(void) // [MQTT-3.14.4-2]
{
    begin_open();
    CU_ASSERT_EQUAL(publish(0), 0);
    core_close(&core);
    CU_ASSERT_EQUAL(core.state, CORE_CLOSING);
    CU_ASSERT_NOT_EQUAL(publish(0), 0);
    FEED("\x32\x06\x00\x01t\x00\x07x"); // crosses our DISCONNECT: no PUBACK may follow
    EXPECT("\x30\x04\x00\x01tx\xe0\x00");
    expect_no_message();
    CU_ASSERT_EQUAL(core_deadline_ms(&core), CORE_NEVER);
    finish();
}

// Publishing.

static void qos_0_leaves_nothing_behind(void)
{
    begin_open();
    CU_ASSERT_EQUAL(publish(0), 0);
    EXPECT("\x30\x04\x00\x01tx");
    CU_ASSERT_EQUAL(core.outbound.publishing, 0);
    finish();
}

static void qos_1_ends_with_puback(void)
{
    begin_open();
    CU_ASSERT_EQUAL(publish(1), 0);
    EXPECT("\x32\x06\x00\x01t\x00\x01x");
    CU_ASSERT_EQUAL(core.outbound.publishing, 1);
    FEED("\x40\x02\x00\x02"); // another identifier changes nothing
    CU_ASSERT_FALSE(ended);
    FEED("\x40\x02\x00\x01");
    CU_ASSERT_TRUE(ended);
    CU_ASSERT_EQUAL(core.outbound.publishing, 0);
    EXPECT("");
    finish();
}

static void qos_2_goes_through_pubrel(void)
{
    begin_open();
    CU_ASSERT_EQUAL(publish(2), 0);
    EXPECT("\x34\x06\x00\x01t\x00\x01x");
    FEED("\x50\x02\x00\x01");
    EXPECT("\x62\x02\x00\x01");
    CU_ASSERT_FALSE(ended);
    FEED("\x50\x02\x00\x01"); // repeated: PUBREL again, and never PUBLISH
    EXPECT("\x62\x02\x00\x01");
    FEED("\x70\x02\x00\x01");
    CU_ASSERT_TRUE(ended);
    CU_ASSERT_EQUAL(core.outbound.publishing, 0);
    FEED("\x70\x02\x00\x01"); // late and unknown: harmless
    CU_ASSERT_EQUAL(core.state, CORE_OPEN);
    CU_ASSERT_EQUAL(core.outbound.publishing, 0);
    finish();
}

static void pubrels_follow_the_order_of_pubrecs(void) // [MQTT-4.6.0-4]
{
    begin_open();
    for (int i = 0; i < 3; i++)
        CU_ASSERT_EQUAL(publish(2), 0);
    core_output_sent(&core, core_output(&core).length, BEGIN_MS);
    FEED("\x50\x02\x00\x03\x50\x02\x00\x01\x50\x02\x00\x02");
    EXPECT("\x62\x02\x00\x03\x62\x02\x00\x01\x62\x02\x00\x02");
    finish();
}

static void a_pubrec_of_an_earlier_connection_is_answered(void)
{
    begin_open();
    FEED("\x50\x02\x12\x34");
    EXPECT("\x62\x02\x12\x34");
    finish();
}

static void the_window_holds_back_what_is_published(void)
{
    struct core_limits limits = usual;
    limits.outbound.inflight_max = 2;
    begin_with(limits);
    open_with(true, "\x20\x02\x00\x00", 4);
    CU_ASSERT_EQUAL(publish(1), 0);
    CU_ASSERT_EQUAL(publish(2), 0);
    CU_ASSERT_FALSE(core_can_publish(&core, 1));
    CU_ASSERT_TRUE(core_can_publish(&core, 0)); // not counted
    EXPECT("\x32\x06\x00\x01t\x00\x01x\x34\x06\x00\x01t\x00\x02x");
    CU_ASSERT_EQUAL(publish(1), 0); // it waits in the queue
    EXPECT("");
    CU_ASSERT_FALSE(core_can_publish(&core, 0)); // nothing overtakes it
    FEED("\x40\x02\x00\x01");
    EXPECT("\x32\x06\x00\x01t\x00\x03x");
    finish();
}

static void the_output_ceiling_holds_back_what_is_published(void)
{
    struct core_limits limits = usual;
    limits.outbound.output_bytes_max = 7;
    begin_with(limits);
    open_with(true, "\x20\x02\x00\x00", 4);
    CU_ASSERT_EQUAL(publish(0), 0);
    CU_ASSERT_EQUAL(publish(0), 0); // one packet may go over
    CU_ASSERT_FALSE(core_can_publish(&core, 0));
    CU_ASSERT_EQUAL(request(PACKET_UNSUBSCRIBE, (struct bytes){(const uint8_t *)"\x00\x01t", 3}, 1), 0);
    CU_ASSERT_EQUAL(core_output(&core).length, 12);
    core_output_sent(&core, 6, BEGIN_MS);
    CU_ASSERT_EQUAL(core_output(&core).length, 13); // the request has come behind it
    finish();
}

static void the_queue_ceiling_makes_publishing_wait(void)
{
    struct core_limits limits = usual;
    limits.outbound.held_bytes_max = 1;
    begin_with(limits);
    open_with(true, "\x20\x02\x00\x00", 4);
    CU_ASSERT_EQUAL(publish(1), 0); // one message may go over
    CU_ASSERT_EQUAL(publish(1), CORE_WAIT);
    FEED("\x40\x02\x00\x01");
    CU_ASSERT_EQUAL(publish(1), 0);
    finish();
}

// 70,000 exchanges pass identifier 65535 and 0, with one that stays open from the beginning to beyond a full
// window.
static void identifiers_go_round_and_skip_open_ones(void)
{
    begin_open();
    CU_ASSERT_EQUAL(publish(1), 0); // identifier 1 stays open for a while
    for (unsigned i = 0; i < 70000; i++) {
        struct packet_publish message = {.qos = 1, .topic = bytes_of("t")};
        if (i == 20000)
            FEED("\x40\x02\x00\x01");
        ended = false;
        CU_ASSERT_EQUAL_FATAL(core_publish(&core, &message, &noting), 0);
        CU_ASSERT_NOT_EQUAL_FATAL(message.packet_id, 0);
        core_output_sent(&core, core_output(&core).length, BEGIN_MS);
        const uint8_t puback[] = {0x40, 2, (uint8_t)(message.packet_id >> 8), (uint8_t)message.packet_id};
        feed_at(puback, sizeof puback, BEGIN_MS);
        CU_ASSERT_TRUE_FATAL(ended);
    }
    CU_ASSERT_EQUAL(core.outbound.publishing, 0);
    finish();
}

// Requests.

static void suback_brings_a_code_for_each_filter(void)
{
    begin_open();
    struct bytes entries = {(const uint8_t *)"\x00\x01"
                                             "a\x01\x00\x01"
                                             "b\x02",
                            8};
    CU_ASSERT_EQUAL(request(PACKET_SUBSCRIBE, entries, 2), 0);
    EXPECT("\x82\x0a\x00\x01\x00\x01"
           "a\x01\x00\x01"
           "b\x02");
    FEED("\x90\x04\x00\x01\x01\x80");
    CU_ASSERT_TRUE(ended);
    CU_ASSERT_EQUAL(codes[0], 1);
    CU_ASSERT_EQUAL(codes[1], HBMQTT_SUBSCRIPTION_FAILED);
    finish();
}

static void a_suback_of_another_length_breaks_the_protocol(void) // [MQTT-3.8.4-5]
{
    begin_open();
    struct bytes entries = {(const uint8_t *)"\x00\x01"
                                             "a\x01",
                            4};
    CU_ASSERT_EQUAL(request(PACKET_SUBSCRIBE, entries, 1), 0);
    FEED("\x90\x04\x00\x01\x01\x01");
    expect_ended(HBMQTT_ERROR_PROTOCOL);
    finish();
}

static void unsuback_ends_an_unsubscribe(void)
{
    begin_open();
    struct bytes entries = {(const uint8_t *)"\x00\x01"
                                             "a",
                            3};
    CU_ASSERT_EQUAL(request(PACKET_UNSUBSCRIBE, entries, 1), 0);
    EXPECT("\xa2\x05\x00\x01\x00\x01"
           "a");
    FEED("\xb0\x02\x00\x01");
    CU_ASSERT_TRUE(ended);
    finish();
}

// Receiving.

static void messages_are_acknowledged_when_released_and_in_order(void) // [MQTT-4.6.0-2, MQTT-4.6.0-3]
{
    begin_open();
    FEED("\x30\x04\x00\x01"
         "ax\x32\x06\x00\x01"
         "b\x00\x07y\x34\x06\x00\x01"
         "c\x00\x08z\x32\x06\x00\x01"
         "d\x00\x02w");
    EXPECT("");
    expect_message("a", "x", 0);
    EXPECT("");
    expect_message("b", "y", 1);
    EXPECT("\x40\x02\x00\x07");
    expect_message("c", "z", 2);
    expect_message("d", "w", 1);
    EXPECT("\x50\x02\x00\x08\x40\x02\x00\x02");
    expect_no_message();
    FEED("\x62\x02\x00\x08");
    EXPECT("\x70\x02\x00\x08");
    finish();
}

static void qos_2_is_delivered_once_until_pubrel(void) // [MQTT-4.3.3-2]
{
    begin_open();
    FEED("\x34\x06\x00\x01t\x00\x05x");
    FEED("\x3c\x06\x00\x01t\x00\x05x"); // again before we answered: one copy
    expect_message("t", "x", 2);
    EXPECT("\x50\x02\x00\x05");
    expect_no_message();
    FEED("\x3c\x06\x00\x01t\x00\x05x"); // again after we answered: only the answer
    EXPECT("\x50\x02\x00\x05");
    expect_no_message();
    FEED("\x62\x02\x00\x05");
    EXPECT("\x70\x02\x00\x05");
    FEED("\x34\x06\x00\x01t\x00\x05y"); // the identifier is new again
    expect_message("t", "y", 2);
    EXPECT("\x50\x02\x00\x05");
    finish();
}

static void pubrel_of_an_unknown_identifier_gets_pubcomp(void)
{
    begin_open();
    FEED("\x62\x02\xab\xcd");
    EXPECT("\x70\x02\xab\xcd");
    finish();
}

static void exactly_once_survives_a_reconnect_in_a_kept_session(void)
{
    begin_with(usual);
    open_with(false, "\x20\x02\x00\x00", 4);
    FEED("\x34\x06\x00\x01t\x00\x05x\x34\x06\x00\x01t\x00\x06y");
    expect_message("t", "x", 2); // PUBREC is queued and never leaves
    struct error lost;
    error_set(&lost, HBMQTT_ERROR_LOST, "cut");
    core_end(&core, &lost);
    expect_ended(HBMQTT_ERROR_LOST);
    open_with(false, "\x20\x02\x01\x00", 4);
    FEED("\x3c\x06\x00\x01t\x00\x05x\x3c\x06\x00\x01t\x00\x06y");
    EXPECT("\x50\x02\x00\x05");  // delivered before
    expect_message("t", "y", 2); // came before, delivered now, acknowledged on this connection
    EXPECT("\x50\x02\x00\x06");
    expect_no_message();
    finish();
}

static void a_new_session_forgets_identifiers(void)
{
    begin_with(usual);
    open_with(false, "\x20\x02\x00\x00", 4);
    FEED("\x34\x06\x00\x01t\x00\x05x\x32\x06\x00\x01t\x00\x06y");
    struct error lost;
    error_set(&lost, HBMQTT_ERROR_LOST, "cut");
    core_end(&core, &lost);
    open_with(false, "\x20\x02\x00\x00", 4);
    expect_message("t", "x", 2); // still delivered, and not acknowledged to a broker that knows nothing of it
    expect_message("t", "y", 1);
    EXPECT("");
    FEED("\x34\x06\x00\x01t\x00\x05z");
    expect_message("t", "z", 2);
    EXPECT("\x50\x02\x00\x05");
    finish();
}

static void a_full_inbox_stops_reading_until_it_is_emptied(void)
{
    struct core_limits limits = usual;
    limits.inbox_bytes_max = 1;
    begin_with(limits);
    open_with(true, "\x20\x02\x00\x00", 4);
    FEED("\x30\x04\x00\x01"
         "ax\x30\x04\x00\x01"
         "by");
    CU_ASSERT_EQUAL(core.inbox.count, 1);
    CU_ASSERT_FALSE(core_wants_input(&core));
    CU_ASSERT_PTR_NOT_NULL(core_take(&core, BEGIN_MS));
    CU_ASSERT_EQUAL(core.inbox.count, 1); // what had been received already was read on
    core_release(&core);
    expect_message("b", "y", 0);
    CU_ASSERT_TRUE(core_wants_input(&core));
    finish();
}

static void replies_that_cannot_leave_stop_reading(void)
{
    begin_open();
    unsigned fed = 0;
    for (; core_wants_input(&core); fed++)
        FEED("\x62\x02\x00\x01");
    CU_ASSERT_EQUAL(fed, CORE_REPLY_BYTES_MAX / 4);
    core_output_sent(&core, core_output(&core).length - 1, BEGIN_MS);
    CU_ASSERT_FALSE(core_wants_input(&core));
    core_output_sent(&core, 1, BEGIN_MS);
    CU_ASSERT_TRUE(core_wants_input(&core));
    finish();
}

static void a_stream_cut_at_every_byte_reads_the_same(void)
{
    static const char stream[] = "\x30\x04\x00\x01"
                                 "ax\x32\x06\x00\x01"
                                 "b\x00\x07y\xd0\x00\x34\x06\x00\x01"
                                 "c\x00\x08z\x62\x02\x00\x09";
    begin_open();
    for (size_t i = 0; i < sizeof stream - 1; i++)
        feed_at(&stream[i], 1, BEGIN_MS);
    EXPECT("\x70\x02\x00\x09");
    expect_message("a", "x", 0);
    expect_message("b", "y", 1);
    expect_message("c", "z", 2);
    EXPECT("\x40\x02\x00\x07\x50\x02\x00\x08");
    finish();
}

static void a_long_message_in_pieces_arrives_whole(void)
{
    enum { LENGTH = 3000000 };
    begin_open();
    uint8_t head[32];
    struct packet_publish message = {.topic = bytes_of("t"), .payload = {head, LENGTH}};
    struct writer writer = writer_of(head, sizeof head);
    publish_encode_head(&message, MQTT_VERSION_3_1_1, &writer);
    feed_at(head, (size_t)(writer.at - head), BEGIN_MS);
    CU_ASSERT(core.input.capacity < LENGTH); // the length field alone allocates nothing
    for (size_t sent = 0; sent < LENGTH;) {
        size_t size = 0;
        uint8_t *room = core_input_room(&core, &size);
        CU_ASSERT_FATAL(room != NULL);
        size_t piece = LENGTH - sent < size ? LENGTH - sent : size;
        memset(room, 'p', piece);
        core_input_added(&core, piece, BEGIN_MS);
        sent += piece;
    }
    const struct hbmqtt_message *taken = core_take(&core, BEGIN_MS);
    CU_ASSERT_FATAL(taken != NULL && taken->payload_length == LENGTH);
    CU_ASSERT_EQUAL(((const char *)taken->payload)[LENGTH - 1], 'p');
    CU_ASSERT_EQUAL(core.input.capacity, 0); // and the memory is given back
    finish();
}

// Time.

static void pings_go_out_before_the_period_is_over(void) // [MQTT-3.1.2-23]
{
    begin_open();
    feed_at("\x30\x04\x00\x01tx", 6, 8000); // the broker is heard, and we are silent
    CU_ASSERT_EQUAL(core_deadline_ms(&core), BEGIN_MS + PING_AFTER_MS);
    core_tick(&core, BEGIN_MS + PING_AFTER_MS - 1);
    EXPECT("");
    core_tick(&core, BEGIN_MS + PING_AFTER_MS);
    expect_bytes("\xc0\x00", 2, BEGIN_MS + PING_AFTER_MS);
    core_tick(&core, BEGIN_MS + PING_AFTER_MS + 1); // not twice
    EXPECT("");
    FEED("\xd0\x00");
    CU_ASSERT_FALSE(core.ping_waiting);
    finish();
}

static void a_silent_broker_is_asked_after_half_a_period(void)
{
    begin_open();
    CU_ASSERT_EQUAL(publish(0), 0);
    core_output_sent(&core, core_output(&core).length, 5500); // ours does not count
    CU_ASSERT_EQUAL(core_deadline_ms(&core), BEGIN_MS + KEEPALIVE_S * 500);
    core_tick(&core, 6000);
    expect_bytes("\xc0\x00", 2, 6000);
    CU_ASSERT_EQUAL(core_deadline_ms(&core), BEGIN_MS + KEEPALIVE_S * 1000);
    core_tick(&core, BEGIN_MS + KEEPALIVE_S * 1000); // so it is noticed within one period
    expect_ended(HBMQTT_ERROR_LOST);
    finish();
}

static void a_silent_broker_is_lost_after_a_period(void)
{
    begin_open();
    CU_ASSERT_EQUAL(core_ping(&core, NULL, 2000), 0);
    expect_bytes("\xc0\x00", 2, 2000);
    feed_at("\x30\x04\x00", 3, 5000); // part of a packet is a sign of life
    CU_ASSERT_EQUAL(core_deadline_ms(&core), 5000 + KEEPALIVE_S * 1000);
    core_tick(&core, 14999);
    CU_ASSERT_EQUAL(core.state, CORE_OPEN);
    core_tick(&core, 15000);
    expect_ended(HBMQTT_ERROR_LOST);
    finish();
}

static void a_broker_that_takes_bytes_is_alive(void)
{
    begin_open();
    CU_ASSERT_EQUAL(publish(0), 0);
    CU_ASSERT_EQUAL(core_ping(&core, NULL, 2000), 0);
    core_output_sent(&core, 3, 8000); // slowly, and PINGREQ lies behind
    CU_ASSERT_EQUAL(core_deadline_ms(&core), 8000 + KEEPALIVE_S * 1000);
    core_output_sent(&core, 5, 9000);
    CU_ASSERT_EQUAL(core_deadline_ms(&core), BEGIN_MS + KEEPALIVE_S * 1000);
    finish();
}

static void a_program_that_did_not_look_is_given_time(void)
{
    begin_open();
    core_tick(&core, 60000); // much too late: the answer may be there, unread
    expect_bytes("\xc0\x00", 2, 60000);
    CU_ASSERT_EQUAL(core.state, CORE_OPEN);
    CU_ASSERT_EQUAL(core_deadline_ms(&core), 60000 + KEEPALIVE_S * 500);
    finish();
}

static void silence_does_not_count_while_nothing_is_read(void)
{
    struct core_limits limits = usual;
    limits.inbox_bytes_max = 1;
    begin_with(limits);
    open_with(true, "\x20\x02\x00\x00", 4);
    FEED("\x30\x04\x00\x01"
         "ax");
    CU_ASSERT_EQUAL(core_ping(&core, NULL, BEGIN_MS), 0);
    CU_ASSERT_EQUAL(core_deadline_ms(&core), CORE_NEVER);
    CU_ASSERT_PTR_NOT_NULL(core_take(&core, 90000));
    core_release(&core);
    CU_ASSERT_EQUAL(core_deadline_ms(&core), 90000 + KEEPALIVE_S * 1000);
    finish();
}

static void keepalive_0_never_pings(void)
{
    begin_with(usual);
    struct packet_connect connect = {.version = MQTT_VERSION_3_1_1, .clean = true};
    CU_ASSERT_EQUAL(core_open(&core, &connect, 0, BEGIN_MS), 0);
    FEED("\x20\x02\x00\x00");
    CU_ASSERT_EQUAL(core_deadline_ms(&core), CORE_NEVER);
    finish();
}

// Faults of the broker.

static void faults_of_the_broker_end_the_connection(void)
{
    static const struct {
        const char *bytes;
        size_t length;
    } faults[] = {
        {"\x20\x02\x00\x00", 4},           // a second CONNACK
        {"\x10\x00", 2},                   // CONNECT to a client
        {"\x82\x05\x00\x01\x00\x01t", 7},  // SUBSCRIBE to a client
        {"\xc0\x00", 2},                   // PINGREQ to a client
        {"\xe0\x00", 2},                   // DISCONNECT, which no 3.1.1 server sends
        {"\x00\x00", 2},                   // type 0
        {"\xf0\x00", 2},                   // type 15
        {"\x36\x06\x00\x01t\x00\x01x", 8}, // QoS 3
        {"\x38\x04\x00\x01tx", 6},         // DUP at QoS 0 [MQTT-3.3.1-2]
        {"\x32\x06\x00\x01t\x00\x00x", 8}, // identifier 0 [MQTT-2.3.1-1]
        {"\x30\x04\x00\x01#x", 6},         // a wildcard in a topic name [MQTT-3.3.2-2]
        {"\x30\x02\x00\x00", 4},           // an empty topic name [MQTT-4.7.3-1]
        {"\x30\x03\x00\x01\xff", 5},       // not UTF-8 [MQTT-1.5.3-1]
        {"\x30\x03\x00\x09t", 5},          // a topic longer than its packet
        {"\x60\x02\x00\x01", 4},           // PUBREL with flags 0 [MQTT-2.2.2-2]
        {"\x40\x03\x00\x01\x00", 5},       // PUBACK with a byte too many
        {"\xd0\x01\x00", 3},               // PINGRESP with a body
        {"\x30\xff\xff\xff\xff\x01", 6},   // a remaining length of five bytes
    };
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        begin_open();
        feed_at(faults[i].bytes, faults[i].length, BEGIN_MS);
        if (core.ending.code != HBMQTT_ERROR_PROTOCOL)
            fprintf(stderr, "fault %zu was not noticed\n", i);
        expect_ended(HBMQTT_ERROR_PROTOCOL);
        finish();
    }
}

static void a_packet_over_the_ceiling_ends_the_connection(void)
{
    struct core_limits limits = usual;
    limits.packet_bytes_max = 10;
    begin_with(limits);
    open_with(true, "\x20\x02\x00\x00", 4);
    FEED("\x30\x08\x00\x01t12345"); // ten bytes are allowed
    CU_ASSERT_EQUAL(core.state, CORE_OPEN);
    FEED("\x30\x09\x00\x01t"); // eleven are not, and their end is not awaited
    expect_ended(HBMQTT_ERROR_PROTOCOL);
    expect_message("t", "12345", 0); // what came before is not lost
    finish();
}

// Bytes at random never crash the core, and it ends or goes on in a state that holds together.
static void random_bytes_do_no_harm(void)
{
    unsigned seed = getenv("SEED") == NULL ? 1u : (unsigned)strtoul(getenv("SEED"), NULL, 0);
    printf("\n    seed %u (set SEED to repeat) ", seed);
    for (unsigned run = 0; run < 20000; run++) {
        uint8_t bytes[64];
        size_t length = 0;
        for (; length < sizeof bytes; length++) {
            seed = seed * 1103515245u + 12345u;
            bytes[length] = (uint8_t)((seed >> 16) & ((seed & 0x4000) != 0 ? 0xffu : 0x0fu));
        }
        bytes[0] = (uint8_t)((run % 16) << 4 | (bytes[0] & 15u));
        bytes[1] &= 31u;
        begin_open();
        feed_at(bytes, length, BEGIN_MS);
        while (core_take(&core, BEGIN_MS) != NULL)
            core_release(&core);
        CU_ASSERT(core.state == CORE_OPEN || core.ending.code == HBMQTT_ERROR_PROTOCOL);
        finish();
    }
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"CONNACK refusals end with their code", connack_refusals_end_with_their_code},
        {"session present is told", session_present_is_told},
        {"a session that was to be clean is not continued", a_session_that_was_to_be_clean_is_not_continued},
        {"anything before CONNACK breaks the protocol", anything_before_connack_breaks_the_protocol},
        {"a request without a connection says so", a_request_without_a_connection_says_so},
        {"DISCONNECT is the last packet", disconnect_is_the_last_packet},
        {"QoS 0 leaves nothing behind", qos_0_leaves_nothing_behind},
        {"QoS 1 ends with PUBACK", qos_1_ends_with_puback},
        {"QoS 2 goes through PUBREL", qos_2_goes_through_pubrel},
        {"PUBRELs follow the order of PUBRECs", pubrels_follow_the_order_of_pubrecs},
        {"a PUBREC of an earlier connection is answered", a_pubrec_of_an_earlier_connection_is_answered},
        {"the window holds back what is published", the_window_holds_back_what_is_published},
        {"the output ceiling holds back what is published", the_output_ceiling_holds_back_what_is_published},
        {"the queue ceiling makes publishing wait", the_queue_ceiling_makes_publishing_wait},
        {"identifiers go round and skip open ones", identifiers_go_round_and_skip_open_ones},
        {"SUBACK brings a code for each filter", suback_brings_a_code_for_each_filter},
        {"a SUBACK of another length breaks the protocol", a_suback_of_another_length_breaks_the_protocol},
        {"UNSUBACK ends an UNSUBSCRIBE", unsuback_ends_an_unsubscribe},
        {"messages are acknowledged when released, in order",
         messages_are_acknowledged_when_released_and_in_order},
        {"QoS 2 is delivered once until PUBREL", qos_2_is_delivered_once_until_pubrel},
        {"PUBREL of an unknown identifier gets PUBCOMP", pubrel_of_an_unknown_identifier_gets_pubcomp},
        {"exactly once survives a reconnect in a kept session",
         exactly_once_survives_a_reconnect_in_a_kept_session},
        {"a new session forgets identifiers", a_new_session_forgets_identifiers},
        {"a full inbox stops reading until it is emptied", a_full_inbox_stops_reading_until_it_is_emptied},
        {"replies that cannot leave stop reading", replies_that_cannot_leave_stop_reading},
        {"a stream cut at every byte reads the same", a_stream_cut_at_every_byte_reads_the_same},
        {"a long message in pieces arrives whole", a_long_message_in_pieces_arrives_whole},
        {"pings go out before the period is over", pings_go_out_before_the_period_is_over},
        {"a silent broker is asked after half a period", a_silent_broker_is_asked_after_half_a_period},
        {"a silent broker is lost after a period", a_silent_broker_is_lost_after_a_period},
        {"a broker that takes bytes is alive", a_broker_that_takes_bytes_is_alive},
        {"a program that did not look is given time", a_program_that_did_not_look_is_given_time},
        {"silence does not count while nothing is read", silence_does_not_count_while_nothing_is_read},
        {"keep-alive 0 never pings", keepalive_0_never_pings},
        {"faults of the broker end the connection", faults_of_the_broker_end_the_connection},
        {"a packet over the ceiling ends the connection", a_packet_over_the_ceiling_ends_the_connection},
        {"random bytes do no harm", random_bytes_do_no_harm},
    };
    return RUN_TESTS("core", tests);
}
