// SPDX-License-Identifier: MIT
// A broker that sends anything, in any pieces, over several connections: the handle ends each one or goes on,
// gives no more bytes of a message than it has, and reports each message that it was given to send once at
// most.
//
//     input: how the handle is made (one byte), then pieces: what comes before it (one byte), length (one
//     byte), bytes
#include "client/hbmqtt.h"
#include "test/fuzz.h"

#include <string.h>

#define CALLS_MAX 64

static unsigned reported[CALLS_MAX];
static uint64_t chunk_offset;

static void told_done(void *context, struct hbmqtt_client *client, const struct hbmqtt_result *result)
{
    if (reported[(size_t)(uintptr_t)context]++ != 0)
        fuzz_fail("something has ended twice");
}

static void told_message(void *context, struct hbmqtt_client *client, const struct hbmqtt_message *message)
{
    if (strlen(message->topic) == 0 || message->qos > 2)
        fuzz_fail("a message that cannot be");
}

static void told_chunk(void *context, struct hbmqtt_client *client, const struct hbmqtt_message *message,
                       uint64_t offset, const void *bytes, size_t size)
{
    if (offset != 0 && offset != chunk_offset)
        fuzz_fail("a piece is missing");
    chunk_offset = offset + size;
    if (chunk_offset > message->payload_length)
        fuzz_fail("more pieces than the message has");
}

static struct hbmqtt_client *make(uint8_t how)
{
    struct hbmqtt_options options;
    hbmqtt_options_init(&options, sizeof options);
    options.client_id = "fuzz";
    options.clean_session = (how & 1) != 0;
    options.on_message = (how & 2) != 0 ? told_message : NULL;
    options.on_chunk = (how & 4) != 0 ? told_chunk : NULL;
    options.chunk_bytes_min = 1 + (how >> 3);
    options.inflight_max = 3;
    options.inbox_bytes_max = 300;
    options.queue_bytes_max = 2000;
    options.connect_retry = true;
    return hbmqtt_create(&options);
}

static void begin_something(struct hbmqtt_client *client, uint8_t what, size_t number)
{
    struct hbmqtt_message message = {
        .size = sizeof message, .topic = "t", .payload = "x", .payload_length = 1, .qos = what % 3};
    struct hbmqtt_subscription subscription = {.filter = "a/#", .qos = 2};
    const char *filter = "a/#";
    struct hbmqtt_call call = {.size = sizeof call, .done = told_done, .context = (void *)(uintptr_t)number};
    int status = 0;
    if (what < 6)
        status = hbmqtt_publish_async(client, &message, &call);
    else if (what == 6)
        status = hbmqtt_subscribe_async(client, &subscription, 1, &call);
    else if (what == 7)
        status = hbmqtt_unsubscribe_async(client, &filter, 1, &call);
    else if (what == 8)
        status = hbmqtt_ping_async(client, &call);
    (void)status; // each may be refused
}

static void send_output(struct hbmqtt_client *client, uint64_t now_ms)
{
    const void *output;
    size_t size = hbmqtt_bytes_output(client, &output);
    hbmqtt_bytes_sent(client, size, now_ms);
}

static void one_piece(struct hbmqtt_client *client, uint8_t before, const uint8_t *bytes, size_t size,
                      uint64_t now_ms, size_t number)
{
    const struct hbmqtt_message *taken;
    if ((before & 0x10) != 0)
        hbmqtt_bytes_closed(client, now_ms);
    if (hbmqtt_bytes_wants_close(client))
        hbmqtt_bytes_closed(client, now_ms);
    if (hbmqtt_bytes_wants_open(client, now_ms + 20000) && hbmqtt_bytes_open(client, now_ms, NULL) != 0)
        fuzz_fail("it does not begin again");
    begin_something(client, before & 0x0f, number);
    if ((before & 0x20) != 0)
        send_output(client, now_ms);
    if ((before & 0x40) != 0 && hbmqtt_deliver(client, 0, &taken) == 0)
        told_message(NULL, client, taken);
    if ((before & 0x80) != 0)
        hbmqtt_bytes_tick(client, now_ms);
    if (hbmqtt_bytes_received(client, bytes, size, now_ms) > size)
        fuzz_fail("more was taken than was given");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    memset(reported, 0, sizeof reported);
    chunk_offset = 0;
    struct hbmqtt_client *client = make(size == 0 ? 0 : data[0]);
    uint64_t now_ms = 0;
    if (client == NULL || hbmqtt_bytes_open(client, now_ms, NULL) != 0)
        fuzz_fail("it cannot begin");
    size_t number = 0;
    for (size_t at = 1; at + 2 <= size && number < CALLS_MAX; number++) {
        size_t length = data[at + 1] < size - at - 2 ? data[at + 1] : size - at - 2;
        now_ms += 100;
        one_piece(client, data[at], data + at + 2, length, now_ms, number);
        at += 2 + length;
    }
    hbmqtt_destroy(client);
    return 0;
}
