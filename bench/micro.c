// SPDX-License-Identifier: MIT
// hbmqtt_micro: nanoseconds for each operation of the codec, with nothing around it.
//
//     hbmqtt_micro [--rounds R] [--count N] [NAME...]
//
// Each operation runs N times in each of R rounds; the least round is what the operation costs, the median
// tells how quiet the machine was. For a count that does not depend on the machine, run one name with
// --rounds 1 under callgrind.
#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/meter.h"
#include "proto/proto.h"

#define ROUNDS_MAX   1000u
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

struct micro {
    const char *name;
    void (*prepare)(struct fixture *fixture);
    uint64_t (*run)(const struct fixture *fixture,
                    uint32_t count); // returns a sum of results
};

// ---- Preparing ----

static void encode_stream(struct fixture *fixture)
{
    struct writer writer = writer_of(fixture->stream, sizeof(fixture->stream));
    for (uint32_t index = 0; index < STREAM_COUNT; index++)
        packet_encode(&fixture->packet, fixture->version, &writer);
    fixture->stream_length = (uint32_t)(writer.at - fixture->stream);
}

static void prepare_publish(struct fixture *fixture, uint8_t version, uint8_t qos, uint32_t payload)
{
    static const uint8_t filling[PACKET_MAX / 2];
    fixture->version = version;
    fixture->packet.type = PACKET_PUBLISH;
    fixture->packet.publish = (struct packet_publish){
        .qos = qos,
        .packet_id = qos > 0 ? 7 : 0,
        .topic = bytes_of("plant/7/line/3/press/temperature"),
        .payload = {filling, payload},
    };
    encode_stream(fixture);
}

static void prepare_publish_qos0(struct fixture *fixture)
{
    prepare_publish(fixture, MQTT_VERSION_3_1_1, 0, 64);
}

static void prepare_publish_qos1(struct fixture *fixture)
{
    prepare_publish(fixture, MQTT_VERSION_3_1_1, 1, 64);
}

static void prepare_publish_1k(struct fixture *fixture)
{
    prepare_publish(fixture, MQTT_VERSION_3_1_1, 0, 1024);
}

static void prepare_publish_v5(struct fixture *fixture)
{
    prepare_publish(fixture, MQTT_VERSION_5_0, 0, 64);
}

static void prepare_puback(struct fixture *fixture)
{
    fixture->version = MQTT_VERSION_3_1_1;
    fixture->packet.type = PACKET_PUBACK;
    fixture->packet.ack = (struct packet_ack){.packet_id = 7};
    encode_stream(fixture);
}

static void prepare_exact(struct fixture *fixture)
{
    fixture->filter = bytes_of("plant/7/line/3/press/temperature");
    fixture->topic = fixture->filter;
}

static void prepare_plus(struct fixture *fixture)
{
    fixture->filter = bytes_of("plant/+/line/+/press/+");
    fixture->topic = bytes_of("plant/7/line/3/press/temperature");
}

static void prepare_hash(struct fixture *fixture)
{
    fixture->filter = bytes_of("plant/#");
    fixture->topic = bytes_of("plant/7/line/3/press/temperature");
}

// ---- Operations ----

// The compiler must take memory as changed, or it would work once and add up the rest.
static void forget(void)
{
    __asm__ volatile("" ::: "memory");
}

static uint64_t run_decode(const struct fixture *fixture, uint32_t count)
{
    struct bytes stream = {0};
    uint64_t sum = 0;
    for (uint32_t done = 0; done < count; done++) {
        struct frame frame;
        struct packet packet;
        if (stream.length == 0)
            stream = (struct bytes){fixture->stream, fixture->stream_length};
        if (frame_read(stream, SIZE_MAX_ANY, &frame) != FRAME_READY ||
            packet_decode(&frame, fixture->version, &packet) != REASON_SUCCESS) {
            fputs("hbmqtt_micro: the codec refused its own packet\n", stderr);
            exit(EXIT_FAILURE);
        }
        sum += packet.type + packet.publish.payload.length;
        stream.data += frame.size;
        stream.length -= frame.size;
    }
    return sum;
}

static uint64_t run_encode(const struct fixture *fixture, uint32_t count)
{
    static uint8_t out[PACKET_MAX];
    uint64_t sum = 0;
    for (uint32_t done = 0; done < count; done++) {
        struct writer writer = writer_of(out, sizeof(out));
        packet_encode(&fixture->packet, fixture->version, &writer);
        sum += (uint64_t)(writer.at - out) + out[1];
        forget();
    }
    return sum;
}

static uint64_t run_encode_head(const struct fixture *fixture, uint32_t count)
{
    static uint8_t out[PACKET_MAX];
    uint64_t sum = 0;
    for (uint32_t done = 0; done < count; done++) {
        struct writer writer = writer_of(out, sizeof(out));
        publish_encode_head(&fixture->packet.publish, fixture->version, &writer);
        sum += (uint64_t)(writer.at - out) + out[1];
        forget();
    }
    return sum;
}

static uint64_t run_match(const struct fixture *fixture, uint32_t count)
{
    uint64_t sum = 0;
    for (uint32_t done = 0; done < count; done++) {
        sum += topic_matches(fixture->filter, fixture->topic);
        forget();
    }
    return sum;
}

static const struct micro micros[] = {
    {"decode-publish-qos0-64", prepare_publish_qos0, run_decode},
    {"decode-publish-qos1-64", prepare_publish_qos1, run_decode},
    {"decode-publish-qos0-1024", prepare_publish_1k, run_decode},
    {"decode-publish-v5-64", prepare_publish_v5, run_decode},
    {"decode-puback", prepare_puback, run_decode},
    {"encode-publish-qos0-64", prepare_publish_qos0, run_encode},
    {"encode-publish-qos1-64", prepare_publish_qos1, run_encode},
    {"encode-publish-qos0-1024", prepare_publish_1k, run_encode},
    {"encode-publish-v5-64", prepare_publish_v5, run_encode},
    {"encode-publish-head-qos1", prepare_publish_qos1, run_encode_head},
    {"encode-puback", prepare_puback, run_encode},
    {"topic-matches-exact", prepare_exact, run_match},
    {"topic-matches-plus", prepare_plus, run_match},
    {"topic-matches-hash", prepare_hash, run_match},
};

// ---- Measuring ----

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static void measure(const struct micro *micro, uint32_t rounds, uint32_t count)
{
    static struct fixture fixture;
    static double ns[ROUNDS_MAX];
    static volatile uint64_t sink;
    memset(&fixture, 0, sizeof(fixture));
    micro->prepare(&fixture);
    for (uint32_t round = 0; round < rounds; round++) {
        uint64_t begin_ns = meter_now_ns();
        sink = micro->run(&fixture, count);
        ns[round] = (double)(meter_now_ns() - begin_ns) / count;
    }
    (void)sink; // only to have been written
    qsort(ns, rounds, sizeof(ns[0]), compare_doubles);
    printf("%-28s %10.2f %10.2f\n", micro->name, ns[0], ns[rounds / 2]);
}

static bool wanted(const char *name, char **names, int count)
{
    for (int index = 0; index < count; index++)
        if (strcmp(names[index], name) == 0)
            return true;
    return count == 0;
}

static uint32_t parse_count(const char *text, uint32_t highest)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);
    if (end == text || *end != '\0' || value < 1 || value > highest) {
        fprintf(stderr, "hbmqtt_micro: %s: expected a number from 1 to %u\n", text, highest);
        exit(2);
    }
    return (uint32_t)value;
}

int main(int argc, char **argv)
{
    static const struct option list[] = {
        {"rounds", required_argument, NULL, 'r'},
        {"count", required_argument, NULL, 'n'},
        {NULL, 0, NULL, 0},
    };
    uint32_t rounds = 25;
    uint32_t count = 200000;
    int measured = 0;
    for (int id; (id = getopt_long(argc, argv, "", list, NULL)) != -1;) {
        if (id == 'r') {
            rounds = parse_count(optarg, ROUNDS_MAX);
        } else if (id == 'n') {
            count = parse_count(optarg, UINT32_MAX);
        } else {
            fputs("usage: hbmqtt_micro [--rounds R] [--count N] [NAME...]\n", stderr);
            return 2;
        }
    }
    printf("%-28s %10s %10s\n", "ns for each operation", "least", "median");
    for (size_t index = 0; index < sizeof(micros) / sizeof(micros[0]); index++) {
        if (wanted(micros[index].name, argv + optind, argc - optind)) {
            measure(&micros[index], rounds, count);
            measured++;
        }
    }
    if (measured == 0)
        fputs("hbmqtt_micro: no operation has that name\n", stderr);
    return measured > 0 ? EXIT_SUCCESS : 2;
}
