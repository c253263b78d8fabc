// SPDX-License-Identifier: MIT
// Writes the seeds that the corpora began with: `make_corpus CORPUS_DIRECTORY`, which has to hold the
// directories frame, packet and topic. The same seeds come out each time.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/packet.h"
#include "proto/test/random_packet.h"

static void seed_write(const char *directory, const char *name, struct bytes prefix, struct bytes rest)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "wb");
    bool written = file != NULL && fwrite(prefix.data, 1, prefix.length, file) == prefix.length &&
                   fwrite(rest.data, 1, rest.length, file) == rest.length;
    if (file == NULL || fclose(file) != 0 || !written) {
        perror(path);
        exit(1);
    }
}

// One small packet of each kind, for both the decoder and the framing.
static void packets_write(const char *directory)
{
    static struct random_arena arena;
    static uint8_t room[1u << 18];
    random_arena_init(&arena, 1);
    for (uint8_t version = MQTT_VERSION_3_1; version <= MQTT_VERSION_5_0; version++) {
        for (uint8_t type = PACKET_CONNECT; type <= PACKET_AUTH; type++) {
            struct packet packet;
            struct writer writer = writer_of(room, sizeof room);
            char name[100];
            if (type == PACKET_AUTH && version != MQTT_VERSION_5_0)
                continue;
            do {
                random_packet(&arena, version, type, &packet);
            } while (packet_size(&packet, version) > 300);
            packet_encode(&packet, version, &writer);
            uint8_t first = (uint8_t)(version - MQTT_VERSION_3_1);
            snprintf(name, sizeof name, "packet/v%u-%s", version, packet_type_name(type));
            seed_write(directory, name, (struct bytes){&first, 1},
                       (struct bytes){room, (uint32_t)(writer.at - room)});
        }
    }
}

static void frames_write(const char *directory)
{
    static const struct {
        const char *name;
        struct bytes stream;
    } seeds[] = {
#define STREAM(text) {(const uint8_t *)(text), sizeof(text) - 1}
        {"frame/two-packets", STREAM("\x01\0\0\xc0\0\x30\x03\0\x01t")},
        {"frame/cut-header", STREAM("\x01\0\0\x30\x80")},
        {"frame/cut-body", STREAM("\x01\0\0\x30\x03\0")},
        {"frame/two-byte-length", STREAM("\x01\0\0\x30\x80\x01")},
        {"frame/three-byte-length", STREAM("\x01\0\0\x30\x80\x80\x01")},
        {"frame/four-byte-length", STREAM("\xff\xff\xff\x30\xff\xff\xff\x01")},
        {"frame/five-byte-length", STREAM("\xff\xff\xff\x30\xff\xff\xff\xff\x01")},
        {"frame/long-form", STREAM("\x01\0\0\xc0\x80\0")},
        {"frame/too-large", STREAM("\0\0\x04\x30\x03\0\x01t")},
        {"frame/just-fits", STREAM("\0\0\x05\x30\x03\0\x01t")},
        {"frame/type-0", STREAM("\x01\0\0\0\0")},
        {"frame/qos-3", STREAM("\x01\0\0\x36\0")},
        {"frame/dup-qos-0", STREAM("\x01\0\0\x38\0")},
        {"frame/pubrel-dup", STREAM("\x01\0\0\x6a\x02\0\x01")},
        {"frame/pubrel-flags", STREAM("\x01\0\0\x60\x02\0\x01")},
#undef STREAM
    };
    for (size_t i = 0; i < sizeof seeds / sizeof seeds[0]; i++)
        seed_write(directory, seeds[i].name, seeds[i].stream, (struct bytes){NULL, 0});
}

static void topics_write(const char *directory)
{
    static const char *const seeds[] = {
        "a\na",
        "a/b\na/b",
        "+\na",
        "+/+\n/finance",
        "a/+\na/b/c",
        "a/#\na",
        "#\n$SYS/a",
        "$SYS/#\n$SYS",
        "a//b\na//b",
        "a/+/#\na/",
        "$share/g/a/#\na/b",
        "$share/g\na",
        "$share//a\n",
        "$share/+/a\na",
        "a/#/b\na/#",
        "+/b/+/#\na/b/c/d",
        "a+\nb#",
        "//\n//",
        "/#\n/",
        "\xc3\xa9/+\n\xc3\xa9/\xef\xbb\xbf",
        "a/b/c/d/e/f/g/h/+/#\na/b/c/d/e/f/g/h/i",
    };
    for (size_t i = 0; i < sizeof seeds / sizeof seeds[0]; i++) {
        char name[100];
        snprintf(name, sizeof name, "topic/seed-%02zu", i);
        seed_write(directory, name, bytes_of(seeds[i]), (struct bytes){NULL, 0});
    }
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: %s CORPUS_DIRECTORY\n", argv[0]);
        return 2;
    }
    packets_write(argv[1]);
    frames_write(argv[1]);
    topics_write(argv[1]);
    return 0;
}
