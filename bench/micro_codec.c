// SPDX-License-Identifier: MIT
// Micro-benchmarks of the codec.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/micro.h"
#include "proto/proto.h"

#define STREAM_COUNT 64u // PUBLISH packets one behind the other, as a receive buffer holds them
#define PACKET_MAX   2048u
#define SIZE_MAX_ANY (VARINT_MAX + FRAME_HEADER_MAX)

struct fixture {
    uint8_t version;
    struct packet packet;
    uint8_t stream[STREAM_COUNT * PACKET_MAX];
    uint32_t stream_length;
    struct bytes filter;
    struct bytes topic;
};

static struct fixture fixture;

// ---- Preparing ----

static void encode_stream(void)
{
    struct writer writer = writer_of(fixture.stream, sizeof(fixture.stream));
    for (uint32_t index = 0; index < STREAM_COUNT; index++)
        packet_encode(&fixture.packet, fixture.version, &writer);
    fixture.stream_length = (uint32_t)(writer.at - fixture.stream);
}

static void prepare_publish(uint8_t version, uint8_t qos, uint32_t payload)
{
    static const uint8_t filling[PACKET_MAX / 2];
    fixture.version = version;
    fixture.packet.type = PACKET_PUBLISH;
    fixture.packet.publish = (struct packet_publish){
        .qos = qos,
        .packet_id = qos > 0 ? 7 : 0,
        .topic = bytes_of("plant/7/line/3/press/temperature"),
        .payload = {filling, payload},
    };
    encode_stream();
}

static void prepare_publish_qos0(void)
{
    prepare_publish(MQTT_VERSION_3_1_1, 0, 64);
}

static void prepare_publish_qos1(void)
{
    prepare_publish(MQTT_VERSION_3_1_1, 1, 64);
}

static void prepare_publish_1k(void)
{
    prepare_publish(MQTT_VERSION_3_1_1, 0, 1024);
}

static void prepare_publish_v5(void)
{
    prepare_publish(MQTT_VERSION_5_0, 0, 64);
}

static void prepare_puback(void)
{
    fixture.version = MQTT_VERSION_3_1_1;
    fixture.packet.type = PACKET_PUBACK;
    fixture.packet.ack = (struct packet_ack){.packet_id = 7};
    encode_stream();
}

static void prepare_exact(void)
{
    fixture.filter = bytes_of("plant/7/line/3/press/temperature");
    fixture.topic = fixture.filter;
}

static void prepare_plus(void)
{
    fixture.filter = bytes_of("plant/+/line/+/press/+");
    fixture.topic = bytes_of("plant/7/line/3/press/temperature");
}

static void prepare_hash(void)
{
    fixture.filter = bytes_of("plant/#");
    fixture.topic = bytes_of("plant/7/line/3/press/temperature");
}

// ---- Operations ----

static uint64_t run_decode(uint32_t count)
{
    struct bytes stream = {0};
    uint64_t sum = 0;
    for (uint32_t done = 0; done < count; done++) {
        struct frame frame;
        struct packet packet;
        if (stream.length == 0)
            stream = (struct bytes){fixture.stream, fixture.stream_length};
        if (frame_read(stream, SIZE_MAX_ANY, &frame) != FRAME_READY ||
            packet_decode(&frame, fixture.version, &packet) != REASON_SUCCESS) {
            fputs("hbmqtt_micro: the codec refused its own packet\n", stderr);
            exit(EXIT_FAILURE);
        }
        sum += packet.type + packet.publish.payload.length;
        stream.data += frame.size;
        stream.length -= frame.size;
    }
    return sum;
}

static uint64_t run_encode(uint32_t count)
{
    static uint8_t out[PACKET_MAX];
    uint64_t sum = 0;
    for (uint32_t done = 0; done < count; done++) {
        struct writer writer = writer_of(out, sizeof(out));
        packet_encode(&fixture.packet, fixture.version, &writer);
        sum += (uint64_t)(writer.at - out) + out[1];
        micro_forget();
    }
    return sum;
}

static uint64_t run_encode_head(uint32_t count)
{
    static uint8_t out[PACKET_MAX];
    uint64_t sum = 0;
    for (uint32_t done = 0; done < count; done++) {
        struct writer writer = writer_of(out, sizeof(out));
        publish_encode_head(&fixture.packet.publish, fixture.version, &writer);
        sum += (uint64_t)(writer.at - out) + out[1];
        micro_forget();
    }
    return sum;
}

static uint64_t run_match(uint32_t count)
{
    uint64_t sum = 0;
    for (uint32_t done = 0; done < count; done++) {
        sum += topic_matches(fixture.filter, fixture.topic);
        micro_forget();
    }
    return sum;
}

const struct micro micro_codec[] = {
    {"decode-publish-qos0-64", prepare_publish_qos0, run_decode, NULL},
    {"decode-publish-qos1-64", prepare_publish_qos1, run_decode, NULL},
    {"decode-publish-qos0-1024", prepare_publish_1k, run_decode, NULL},
    {"decode-publish-v5-64", prepare_publish_v5, run_decode, NULL},
    {"decode-puback", prepare_puback, run_decode, NULL},
    {"encode-publish-qos0-64", prepare_publish_qos0, run_encode, NULL},
    {"encode-publish-qos1-64", prepare_publish_qos1, run_encode, NULL},
    {"encode-publish-qos0-1024", prepare_publish_1k, run_encode, NULL},
    {"encode-publish-v5-64", prepare_publish_v5, run_encode, NULL},
    {"encode-publish-head-qos1", prepare_publish_qos1, run_encode_head, NULL},
    {"encode-puback", prepare_puback, run_encode, NULL},
    {"topic-matches-exact", prepare_exact, run_match, NULL},
    {"topic-matches-plus", prepare_plus, run_match, NULL},
    {"topic-matches-hash", prepare_hash, run_match, NULL},
    {.name = NULL},
};
