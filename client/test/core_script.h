// SPDX-License-Identifier: MIT
// A core and the script of its broker, for the tests that drive it with bytes typed from the standard.
#ifndef CLIENT_TEST_CORE_SCRIPT_H
#define CLIENT_TEST_CORE_SCRIPT_H

#include "client/core.h"
#include "test/run.h"

#include <stdlib.h>

#define BEGIN_MS      1000u
#define KEEPALIVE_S   10
#define PING_AFTER_MS 9000u

static struct core core;
static bool ended;       // what was begun last
static int ended_error;  // and how
static uint8_t codes[8]; // of its answer

// The script.

static inline void feed_at(const void *data, size_t length, uint64_t now_ms)
{
    size_t size = 0;
    uint8_t *room = core_input_room(&core, &size);
    CU_ASSERT_FATAL(room != NULL && size >= length);
    memcpy(room, data, length);
    core_input_added(&core, length, now_ms);
}

// A string literal may hold NULs: its size counts.
#define FEED(text) feed_at(text, sizeof(text) - 1, BEGIN_MS)

static inline void expect_bytes(const void *data, size_t length, uint64_t now_ms)
{
    struct bytes output = core_output(&core);
    if (output.length != length)
        fprintf(stderr, "\n%zu bytes, expected %zu\n", output.length, length);
    CU_ASSERT_EQUAL(output.length, length);
    CU_ASSERT(output.length == length && (length == 0 || memcmp(output.data, data, length) == 0));
    core_output_sent(&core, output.length, now_ms);
}

#define EXPECT(text) expect_bytes(text, sizeof(text) - 1, BEGIN_MS)

static inline void call_back(void *context, hbmqtt_done done, void *done_context,
                             const struct hbmqtt_result *result)
{
    done(done_context, NULL, result);
}

static inline void begin_with(struct core_limits limits)
{
    core_init(&core, &limits);
    core.hooks.ended = call_back;
}

static inline void open_with(bool clean, const char *connack, size_t length)
{
    struct packet_connect connect = {.version = MQTT_VERSION_3_1_1,
                                     .clean = clean,
                                     .keepalive_s = KEEPALIVE_S,
                                     .client_id = bytes_of("me")};
    CU_ASSERT_EQUAL_FATAL(core_open(&core, &connect, PING_AFTER_MS, BEGIN_MS), 0);
    if (clean)
        EXPECT("\x10\x0e\x00\x04MQTT\x04\x02\x00\x0a\x00\x02me");
    else
        EXPECT("\x10\x0e\x00\x04MQTT\x04\x00\x00\x0a\x00\x02me");
    feed_at(connack, length, BEGIN_MS);
}

static const struct core_limits usual = {
    .packet_bytes_max = 268435460u,
    .inbox_bytes_max = 1u << 20,
    .chunk_bytes_min = UINT32_MAX,
    .outbound = {.output_bytes_max = 1u << 20, .inflight_max = 64, .held_bytes_max = 1u << 20}};

static inline void begin_open(void)
{
    begin_with(usual);
    open_with(true, "\x20\x02\x00\x00", 4);
    CU_ASSERT_EQUAL_FATAL(core.state, CORE_OPEN);
}

static inline void expect_ended(int code)
{
    CU_ASSERT_EQUAL(core.state, CORE_IDLE);
    CU_ASSERT_EQUAL(core.ending.code, code);
    CU_ASSERT_EQUAL(core_status(&core), code);
    CU_ASSERT_EQUAL(core_output(&core).length, 0);
    CU_ASSERT_FALSE(core_wants_input(&core));
}

static inline void finish(void)
{
    core_finish(&core);
}

static inline void note_end(void *context, struct hbmqtt_client *client, const struct hbmqtt_result *result)
{
    ended = true;
    ended_error = result->error;
    CU_ASSERT_FATAL(result->reason_code_count <= sizeof codes);
    if (result->reason_code_count != 0)
        memcpy(codes, result->reason_codes, result->reason_code_count);
}

static const struct hbmqtt_call noting = {.size = sizeof noting, .done = note_end};

static inline int publish(uint8_t qos)
{
    struct packet_publish message = {.qos = qos, .topic = bytes_of("t"), .payload = bytes_of("x")};
    ended = false;
    return core_publish(&core, &message, &noting);
}

static inline int request(uint8_t packet_type, struct bytes entries, uint32_t count)
{
    ended = false;
    return core_request(&core, packet_type, entries, count, &noting);
}

// Takes and releases a message, and compares it.
static inline void expect_message(const char *topic, const char *payload, uint8_t qos)
{
    const struct hbmqtt_message *message = core_take(&core, BEGIN_MS);
    CU_ASSERT_FATAL(message != NULL);
    CU_ASSERT_STRING_EQUAL(message->topic, topic);
    CU_ASSERT_EQUAL(message->payload_length, strlen(payload));
    CU_ASSERT(memcmp(message->payload, payload, strlen(payload)) == 0);
    CU_ASSERT_EQUAL(message->qos, qos);
    core_release(&core);
}

static inline void expect_no_message(void)
{
    CU_ASSERT_PTR_NULL(core_take(&core, BEGIN_MS));
}

#endif
