// SPDX-License-Identifier: MIT
// An outbox against a model without any cleverness: a string of bytes that grows at its end and is cut at its
// start. What the kernel holds must not change under it until the outbox was told how much of it left.
#include "server/outbox/test/rig.h"

#define RUNS       60
#define STEPS      600
#define BYTES_MAX  400000u // more is not appended, so that runs end
#define TOPIC_MAX  6000u
#define HANDED_MAX (1u << 20)

static struct random random_state;
static struct rig rig;
static uint8_t model[RIG_STREAM_BYTES];
static uint32_t model_length;
static struct iovec handed[RIG_SPANS_MAX]; // to the kernel
static uint32_t handed_count;
static uint8_t handed_bytes[HANDED_MAX]; // what they held then
static uint8_t payload[90000];
static char topic[TOPIC_MAX + 1];

static uint32_t below(uint32_t bound)
{
    return suite_below(&random_state, bound);
}

// Mostly small, sometimes around a bound that matters, rarely above a segment of the log.
static uint32_t random_size(void)
{
    switch (below(16)) {
    case 0:
        return OUTBOX_COPY_MAX - 16 + below(32);
    case 1:
        return SEGMENT_CHUNK_BYTES - 16 + below(32);
    case 2:
        return below(3) == 0 ? SEGMENT_LOG_BYTES - 16 + below(32) : below(20000);
    case 3:
        return 0;
    default:
        return below(300);
    }
}

static struct bytes random_payload(void)
{
    uint32_t length = random_size();
    for (uint32_t i = 0; i < length; i += 8) {
        uint64_t bits = random_next(&random_state);
        memcpy(payload + i, &bits, sizeof bits);
    }
    return (struct bytes){payload, length};
}

static struct bytes random_topic(void)
{
    uint32_t length = below(8) == 0 ? 1 + below(TOPIC_MAX) : 1 + below(20);
    memset(topic, 'a' + (int)below(26), length);
    return (struct bytes){(const uint8_t *)topic, length};
}

static struct writer model_end(void)
{
    return writer_of(model + model_length, sizeof model - model_length);
}

static void model_append(const struct packet *packet)
{
    struct writer writer = model_end();
    packet_encode(packet, MQTT_VERSION_3_1_1, &writer);
    CU_ASSERT_FALSE_FATAL(writer.overflow);
    model_length = (uint32_t)(writer.at - model);
}

static void step_publish(bool reached)
{
    struct publication publication = {.topic = random_topic(), .payload = random_payload()};
    bool retain = below(4) == 0;
    struct span span = wirelog_publish(&rig.wirelog, &publication, retain ? WIRE_3_RETAIN : WIRE_3);
    CU_ASSERT_PTR_NOT_NULL_FATAL(span.segment);
    if (reached) {
        outbox_append(&rig.outbox, span);
        model_append(&(struct packet){
            .type = PACKET_PUBLISH,
            .publish = {.retain = retain, .topic = publication.topic, .payload = publication.payload}});
    }
    publication_finish(&publication);
}

static void step_put_packet(void)
{
    struct packet packet = {.type = PACKET_PUBACK, .ack = {.packet_id = (uint16_t)(1 + below(65535))}};
    if (below(10) == 0) {
        struct bytes codes = random_payload();
        if (codes.length == 0)
            return;
        memset(payload, 1, codes.length);
        packet = (struct packet){.type = PACKET_SUBACK, .suback = {.packet_id = 7, .codes = codes}};
    }
    outbox_put_packet(&rig.outbox, &packet, MQTT_VERSION_3_1_1);
    model_append(&packet);
}

static void step_put_publish(void)
{
    struct publication publication = {.topic = random_topic(), .payload = random_payload(), .qos = 1};
    struct message *message = message_create(&publication);
    CU_ASSERT_PTR_NOT_NULL_FATAL(message);
    uint32_t times = 1 + below(3);
    for (uint32_t i = 0; i < times; i++) {
        struct packet packet = {
            .type = PACKET_PUBLISH,
            .publish = {.qos = 1,
                        .packet_id = (uint16_t)(1 + below(65535)),
                        .topic = message->topic,
                        .payload = message->payload},
        };
        outbox_put_publish(&rig.outbox, &packet.publish, MQTT_VERSION_3_1_1, message);
        model_append(&packet);
    }
    message_unref(message);
}

static void step_gather(void)
{
    if (outbox_sending(&rig.outbox))
        return;
    handed_count = outbox_gather(&rig.outbox, handed, 1 + below(RIG_SPANS_MAX), OUTBOX_SEND_MAX);
    struct writer writer = writer_of(handed_bytes, sizeof handed_bytes);
    rig_copy(&writer, handed, handed_count);
    uint32_t length = (uint32_t)(writer.at - handed_bytes);
    CU_ASSERT_EQUAL_FATAL(length, rig.outbox.sending);
    CU_ASSERT_TRUE_FATAL(length <= model_length && (length > 0 || model_length == 0));
    CU_ASSERT_EQUAL_FATAL(memcmp(handed_bytes, model, length), 0);
}

static void check_handed_unchanged(void)
{
    const uint8_t *at = handed_bytes;
    for (uint32_t i = 0; i < handed_count; i++) {
        CU_ASSERT_EQUAL_FATAL(memcmp(handed[i].iov_base, at, handed[i].iov_len), 0);
        at += handed[i].iov_len;
    }
}

static void step_sent(void)
{
    if (!outbox_sending(&rig.outbox))
        return;
    check_handed_unchanged();
    uint32_t length = below(2) == 0 ? rig.outbox.sending : below(rig.outbox.sending + 1);
    outbox_sent(&rig.outbox, length);
    model_length -= length;
    memmove(model, model + length, model_length);
    handed_count = 0;
}

static void random_step(void)
{
    bool full = rig.outbox.bytes > BYTES_MAX;
    switch (full ? 10 + below(3) : below(13)) {
    case 0:
    case 1:
    case 2:
        step_publish(true);
        break;
    case 3:
    case 4:
        step_publish(false);
        break;
    case 5:
    case 6:
    case 7:
        step_put_packet();
        break;
    case 8:
    case 9:
        step_put_publish();
        break;
    case 10:
        step_gather();
        break;
    case 11:
        step_sent();
        break;
    default:
        if (full || below(8) == 0)
            outbox_detach(&rig.outbox);
    }
    CU_ASSERT_EQUAL_FATAL(rig.outbox.bytes, model_length);
    CU_ASSERT_EQUAL_FATAL(outbox_empty(&rig.outbox), model_length == 0);
}

// Sometimes what waits is sent, sometimes the outbox ends with it.
static void end_run(void)
{
    if (outbox_sending(&rig.outbox))
        step_sent();
    if (below(4) > 0)
        CU_ASSERT_TRUE_FATAL(bytes_equal(rig_drain(&rig), (struct bytes){model, model_length}));
    rig_finish_outbox(&rig);
    wirelog_finish(&rig.wirelog);
    CU_ASSERT_EQUAL(heap_blocks() - rig.blocks, rig.log_segments.idle_count + rig.chunks.idle_count);
    rig_close(&rig);
}

static void it_sends_what_a_string_of_bytes_would(void)
{
    suite_seed(&random_state);
    for (int run = 0; run < RUNS; run++) {
        rig_open(&rig);
        model_length = 0;
        handed_count = 0;
        uint32_t steps = below(STEPS);
        for (uint32_t step = 0; step < steps; step++)
            random_step();
        CU_ASSERT_FALSE(rig.outbox.failed);
        end_run();
    }
}

int main(void)
{
    static const CU_TestInfo cases[] = {
        {"it sends what a string of bytes would", it_sends_what_a_string_of_bytes_would},
    };
    return RUN_TESTS("outbox model", cases);
}
