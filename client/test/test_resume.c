// SPDX-License-Identifier: MIT
// The core over the end of a connection, and messages that it gives away in pieces.
#include "client/test/core_script.h"

// Messages in pieces.

static struct {
    uint8_t bytes[512];
    size_t count;
    unsigned begun;
    unsigned whole;
    char topic[8];
} pieces;

static void take_piece(void *context, const struct hbmqtt_message *message, uint64_t offset,
                       struct bytes bytes)
{
    pieces.begun += offset == 0;
    if (offset == 0)
        pieces.count = 0;
    CU_ASSERT_PTR_NULL(message->payload);
    CU_ASSERT_EQUAL_FATAL(offset, pieces.count);
    CU_ASSERT_FATAL(pieces.count + bytes.length <= sizeof pieces.bytes);
    memcpy(pieces.bytes + pieces.count, bytes.data, bytes.length);
    pieces.count += bytes.length;
    pieces.whole += pieces.count == message->payload_length;
    snprintf(pieces.topic, sizeof pieces.topic, "%s", message->topic);
}

static void begin_with_pieces(bool clean, const char *connack)
{
    struct core_limits limits = usual;
    limits.chunk_bytes_min = 10;
    memset(&pieces, 0, sizeof pieces);
    begin_with(limits);
    core.hooks.chunk = take_piece;
    open_with(clean, connack, 4);
}

#define LONG_MESSAGE                                                                                         \
    "\x34\x11\x00\x02tt\x00\x05"                                                                             \
    "0123456789a"

static void a_long_message_is_given_in_pieces(void)
{
    static const char stream[] = "\x30\x04\x00\x01"
                                 "ax" LONG_MESSAGE "\x30\x04\x00\x01"
                                 "by";
    for (size_t at = 0; at < sizeof stream; at++) {
        begin_with_pieces(true, "\x20\x02\x00\x00");
        feed_at(stream, at, BEGIN_MS);
        CU_ASSERT_EQUAL(pieces.begun, 0); // not before the message ahead of it was taken
        if (at >= 6)
            expect_message("a", "x", 0);
        feed_at(stream + at, sizeof stream - 1 - at, BEGIN_MS);
        if (at < 6)
            expect_message("a", "x", 0);
        (void)core_take(&core, BEGIN_MS);
        core_release(&core);
        CU_ASSERT_EQUAL(pieces.whole, 1);
        CU_ASSERT_STRING_EQUAL(pieces.topic, "tt");
        CU_ASSERT(pieces.count == 11 && memcmp(pieces.bytes, "0123456789a", 11) == 0);
        EXPECT("\x50\x02\x00\x05");
        finish();
    }
}

static void a_message_in_pieces_that_breaks_begins_again(void)
{
    struct error lost;
    begin_with_pieces(false, "\x20\x02\x00\x00");
    feed_at(LONG_MESSAGE, 12, BEGIN_MS);
    CU_ASSERT(pieces.begun == 1 && pieces.whole == 0);
    error_set(&lost, HBMQTT_ERROR_LOST, "cut");
    core_end(&core, &lost);
    open_with(false, "\x20\x02\x01\x00", 4);
    FEED("\x3c"
         "\x11\x00\x02tt\x00\x05"
         "0123456789a");
    CU_ASSERT(pieces.begun == 2 && pieces.whole == 1);
    EXPECT("\x50\x02\x00\x05");
    FEED("\x3c"
         "\x11\x00\x02tt\x00\x05"
         "0123456789a"); // PUBREC was lost: it is not given again
    CU_ASSERT(pieces.begun == 2 && pieces.whole == 1);
    EXPECT("\x50\x02\x00\x05");
    FEED("\x62\x02\x00\x05");
    EXPECT("\x70\x02\x00\x05");
    finish();
}

static void faults_in_a_long_message_are_noticed(void)
{
    begin_with_pieces(true, "\x20\x02\x00\x00");
    FEED("\x32\x11\x00\x02t+\x00\x05"
         "0123456789a"); // a wildcard
    expect_ended(HBMQTT_ERROR_PROTOCOL);
    CU_ASSERT_EQUAL(pieces.begun, 0);
    finish();
}

// What is under way when a connection ends.

static void lose(void)
{
    struct error lost;
    error_set(&lost, HBMQTT_ERROR_LOST, "cut");
    core_end(&core, &lost);
    core.accepting = true;
}

static void a_kept_session_gets_what_was_under_way_again(void) // [MQTT-4.4.0-1, MQTT-4.6.0-1]
{
    begin_with(usual);
    open_with(false, "\x20\x02\x00\x00", 4);
    CU_ASSERT(publish(1) == 0 && publish(2) == 0 && publish(2) == 0);
    core_output_sent(&core, core_output(&core).length, BEGIN_MS);
    FEED("\x50\x02\x00\x02");
    lose();
    CU_ASSERT_EQUAL(publish(1), 0); // queued
    CU_ASSERT_EQUAL(publish(0), 0);
    open_with(false, "\x20\x02\x01\x00", 4);
    EXPECT("\x3a\x06\x00\x01t\x00\x01x" // with DUP
           "\x62\x02\x00\x02"           // PUBREC had come
           "\x3c\x06\x00\x01t\x00\x03x"
           "\x32\x06\x00\x01t\x00\x04x" // and then what was queued
           "\x30\x04\x00\x01tx");
    finish();
}

static void a_new_session_gets_it_from_the_beginning(void)
{
    struct bytes entries = {(const uint8_t *)"\x00\x01"
                                             "a\x01",
                            4};
    begin_with(usual);
    open_with(false, "\x20\x02\x00\x00", 4);
    CU_ASSERT_EQUAL(request(PACKET_SUBSCRIBE, entries, 1), 0);
    FEED("\x90\x03\x00\x01\x01");
    CU_ASSERT(publish(1) == 0 && publish(2) == 0);
    core_output_sent(&core, core_output(&core).length, BEGIN_MS);
    FEED("\x50\x02\x00\x03");
    lose();
    open_with(false, "\x20\x02\x00\x00", 4);
    EXPECT("\x82\x06\x00\x04\x00\x01"
           "a\x01" // first the filter
           "\x32\x06\x00\x01t\x00\x05x"
           "\x34\x06\x00\x01t\x00\x06x");
    FEED("\x90\x03\x00\x04\x01\x40\x02\x00\x05\x50\x02\x00\x06\x70\x02\x00\x06");
    CU_ASSERT_TRUE(ended);
    CU_ASSERT_EQUAL(outbound_unacknowledged(&core.outbound), 0);
    finish();
}

static void giving_up_ends_what_is_not_kept(void)
{
    struct error why;
    error_set(&why, HBMQTT_ERROR_LOST, "cut");
    for (int kept = 0; kept < 2; kept++) {
        begin_open();
        CU_ASSERT_EQUAL(publish(1), 0);
        core_end(&core, &why);
        CU_ASSERT_FALSE(ended);
        core_abandon(&core, &why, kept == 1);
        CU_ASSERT_EQUAL(ended, kept == 0);
        CU_ASSERT_EQUAL(outbound_unacknowledged(&core.outbound), kept == 0 ? 0 : 1);
        CU_ASSERT_EQUAL(publish(1), HBMQTT_ERROR_LOST);
        finish();
    }
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"a long message is given in pieces", a_long_message_is_given_in_pieces},
        {"a message in pieces that breaks begins again", a_message_in_pieces_that_breaks_begins_again},
        {"faults in a long message are noticed", faults_in_a_long_message_are_noticed},
        {"a kept session gets what was under way again", a_kept_session_gets_what_was_under_way_again},
        {"a new session gets it from the beginning", a_new_session_gets_it_from_the_beginning},
        {"giving up ends what is not kept", giving_up_ends_what_is_not_kept},
    };
    return RUN_TESTS("resume", tests);
}
