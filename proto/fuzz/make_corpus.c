// SPDX-License-Identifier: MIT
// Writes the seeds that the corpora began with: `make_corpus CORPUS_DIRECTORY`, which has to hold a directory
// for each target. The same seeds come out each time.
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
                   (rest.length == 0 || fwrite(rest.data, 1, rest.length, file) == rest.length);
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

// Seeds that are written down: a file, and what it holds.
struct seed {
    const char *name;
    struct bytes stream;
};

#define STREAM(text)                                                                                         \
    {                                                                                                        \
        (const uint8_t *)(text), sizeof(text) - 1                                                            \
    }

static void seeds_write(const char *directory, const struct seed *seeds, size_t count)
{
    for (size_t i = 0; i < count; i++)
        seed_write(directory, seeds[i].name, seeds[i].stream, (struct bytes){NULL, 0});
}

#define SEEDS_WRITE(directory, seeds) seeds_write(directory, seeds, sizeof(seeds) / sizeof((seeds)[0]))

static void frames_write(const char *directory)
{
    static const struct seed seeds[] = {
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
    };
    SEEDS_WRITE(directory, seeds);
}

static void websocket_write(const char *directory)
{
    // Frames up to 1024 bytes, in pieces of up to 8.
#define FRAMES(text) STREAM("\x04\0\x07" text)
    static const struct seed seeds[] = {
        {"websocket/binary", FRAMES("\x82\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58")},
        {"websocket/two-frames", FRAMES("\x82\x82\1\2\3\4ab\x82\x81\5\6\7\x08z")},
        {"websocket/empty", FRAMES("\x82\x80\1\2\3\4\x82\x80\1\2\3\4")},
        {"websocket/fragments", FRAMES("\x02\x82\1\2\3\4ab\0\x81\1\2\3\4c\x80\x81\5\6\7\x08z")},
        {"websocket/ping-between", FRAMES("\x02\x82\1\2\3\4ab\x89\x82\1\2\3\4pi\x80\x81\5\6\7\x08z")},
        {"websocket/pong", FRAMES("\x8a\x84\0\0\0\0pong")},
        {"websocket/two-byte-length", FRAMES("\x82\xfe\0\x80\0\0\0\0abcdefghijklmnopqrstuvwxyz")},
        {"websocket/eight-byte-length", FRAMES("\x82\xff\0\0\0\0\0\1\0\0\0\0\0\0")},
        {"websocket/long-form", FRAMES("\x82\xfe\0\x7d\0\0\0\0")},
        {"websocket/too-large", FRAMES("\x82\xfe\x04\1\0\0\0\0")},
        {"websocket/text", FRAMES("\x81\x81\0\0\0\0a")},
        {"websocket/reserved", FRAMES("\xc2\x80\0\0\0\0")},
        {"websocket/not-masked", FRAMES("\x82\1a")},
        {"websocket/close", FRAMES("\x88\x85\0\0\0\0\x03\xe8"
                                   "bye")},
        {"websocket/close-empty", FRAMES("\x88\x80\0\0\0\0")},
        {"websocket/close-code", FRAMES("\x88\x82\0\0\0\0\x03\xed")},
        {"websocket/close-not-text", FRAMES("\x88\x84\0\0\0\0\x03\xe8\xc3\x28")},
    };
    SEEDS_WRITE(directory, seeds);
}

static void upgrades_write(const char *directory)
{
    // Requests up to 1024 bytes with up to 16 lines.
#define REQUEST(first, rest)                                                                                 \
    STREAM("\x04\0\x10" first " HTTP/1.1\r\nHost: b\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"        \
           "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n" rest "\r\n")
#define PROTOCOL "Sec-WebSocket-Protocol: mqtt\r\n"
    static const struct seed seeds[] = {
        {"websocket_upgrade/ready", REQUEST("GET /mqtt", PROTOCOL)},
        {"websocket_upgrade/query", REQUEST("GET /mqtt?a=b", PROTOCOL "Origin: https://a.example\r\n")},
        {"websocket_upgrade/absolute", REQUEST("GET http://b/mqtt", PROTOCOL)},
        {"websocket_upgrade/lists", REQUEST("GET /", "Sec-WebSocket-Protocol: a , mqttv3.1\r\n" PROTOCOL
                                                     "Connection: close\r\nUpgrade: h2c\r\n")},
        {"websocket_upgrade/frames-behind", REQUEST("GET /", PROTOCOL "\r\n\x82\x80")},
        {"websocket_upgrade/no-protocol", REQUEST("GET /", "Content-Length: 0\r\n")},
        {"websocket_upgrade/body", REQUEST("GET /", PROTOCOL "Transfer-Encoding: chunked\r\n")},
        {"websocket_upgrade/folded", REQUEST("GET /", PROTOCOL "X: y\r\n z\r\n")},
        {"websocket_upgrade/post", REQUEST("POST /", PROTOCOL)},
        {"websocket_upgrade/plain", STREAM("\x04\0\x10GET / HTTP/1.1\r\nHost: b\r\n\r\n")},
        {"websocket_upgrade/http-1.0", STREAM("\x04\0\x10GET / HTTP/1.0\r\nHost: b\r\n\r\n")},
        {"websocket_upgrade/bare-lf", STREAM("\x04\0\x10GET / HTTP/1.1\nHost: b\n\n")},
        {"websocket_upgrade/tls", STREAM("\x04\0\x10\x16\3\1\2\0")},
        {"websocket_upgrade/too-long", STREAM("\0\x10\x10GET / HTTP/1.1\r\nHost: b\r\n\r\n")},
        {"websocket_upgrade/too-many", STREAM("\4\0\1GET / HTTP/1.1\r\nHost: b\r\nX: y\r\n\r\n")},
    };
    SEEDS_WRITE(directory, seeds);
}

static void proxies_write(const char *directory)
{
#define LINE(rest)         STREAM("\x10\0PROXY " rest "\r\n")
#define HEADER(rest)       STREAM("\x10\0\r\n\r\n\0\r\nQUIT\n" rest)
#define INET(length, rest) HEADER("\x21\x11\0" length "\xc0\0\2\1\xc6\x33\x64\2\x30\x39\7\x5b" rest)
    static const struct seed seeds[] = {
        {"proxy/tcp4", LINE("TCP4 192.0.2.1 198.51.100.2 12345 1883")},
        {"proxy/tcp6", LINE("TCP6 2001:db8::1 ::ffff:192.0.2.1 1 65535")},
        {"proxy/unknown", LINE("UNKNOWN whatever")},
        {"proxy/zeroes", LINE("TCP4 192.0.2.01 198.51.100.2 012345 1883")},
        {"proxy/inet", INET("\x0c", "\x10")},
        {"proxy/inet6", HEADER("\x21\x21\0\x24"
                               "0123456789abcdefABCDEFGHIJKLMNOP\1\2\3\4")},
        {"proxy/unix", HEADER("\x21\x31\0\xd8/run/client")},
        {"proxy/local", HEADER("\x20\0\0\0")},
        {"proxy/unspec", HEADER("\x21\0\0\1x")},
        {"proxy/checksum", INET("\x13", "\3\0\4\xd8\x93\xf4\x2a")},
        {"proxy/authority", INET("\x15", "\2\0\6"
                                         "broker")},
        {"proxy/tls", INET("\x22", "\x20\0\x13\7\0\0\0\0\x22\0\2me\x21\0\6TLSv1.")},
        {"proxy/tlv-cut", INET("\x0f", "\4\0\1")},
        {"proxy/too-large", HEADER("\x21\x11\xff\xff")},
        {"proxy/mqtt", STREAM("\x10\0\x10\x0c\0\4MQTT")},
    };
    SEEDS_WRITE(directory, seeds);
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
    websocket_write(argv[1]);
    upgrades_write(argv[1]);
    proxies_write(argv[1]);
    return 0;
}
