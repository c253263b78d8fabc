// SPDX-License-Identifier: MIT
// Random packets of all types and versions: encoded, framed, decoded and encoded again, whole, cut at every
// byte, and with bytes flipped. The seed is printed; give it as the first argument, or in HBMQTT_TEST_SEED,
// to run the same again.
#include "proto/test/round_trip.h"

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

#include "proto/test/block.h"
#include "proto/test/random_packet.h"
#include "proto/test/suite.h"

#define PACKETS_OF_EACH_KIND 60
#define CUTS_MAX             600 // a longer packet is cut at so many random places
#define FLIPS                24

static struct random_arena arena;
static uint64_t seed;

static struct block packet_block(const struct packet *packet, uint8_t version)
{
    struct block block = block_create(packet_size(packet, version));
    struct writer writer = block_writer(block);
    packet_encode(packet, version, &writer);
    CHECK(block.length != 0 && !writer.overflow && writer.at == writer.end, "%s",
          packet_type_name(packet->type));
    return block;
}

// Calls `check` for many packets of every kind, each from a seed of its own.
static void each_packet(void (*check)(const struct packet *packet, uint8_t version, struct block block))
{
    random_arena_init(&arena, seed);
    for (uint8_t version = MQTT_VERSION_3_1; version <= MQTT_VERSION_5_0; version++) {
        for (uint8_t type = PACKET_CONNECT; type <= PACKET_AUTH; type++) {
            if (type == PACKET_AUTH && version != MQTT_VERSION_5_0)
                continue;
            for (uint32_t i = 0; i < PACKETS_OF_EACH_KIND; i++) {
                struct packet packet;
                random_packet(&arena, version, type, &packet);
                struct block block = packet_block(&packet, version);
                check(&packet, version, block);
                block_destroy(block);
            }
        }
    }
}

static void whole_check(const struct packet *packet, uint8_t version, struct block block)
{
    struct frame frame = {0};
    struct packet decoded = {0};
    CHECK(frame_read(block_view(block), block.length, &frame) == FRAME_READY && frame.size == block.length,
          "%s", packet_type_name(packet->type));
    uint8_t reason = packet_decode(&frame, version, &decoded);
    CHECK(reason == REASON_SUCCESS, "version %u %s: 0x%02x", version, packet_type_name(packet->type), reason);
    CHECK(packet_equal(packet, &decoded), "version %u %s", version, packet_type_name(packet->type));
    struct block again = packet_block(&decoded, version);
    CHECK(bytes_equal(block_view(again), block_view(block)), "version %u %s", version,
          packet_type_name(packet->type));
    block_destroy(again);
    const char *fault = round_trip_fault(&frame, version, &reason);
    CHECK(fault == NULL, "version %u %s: %s", version, packet_type_name(packet->type), fault);
}

static void a_packet_that_was_encoded_decodes_to_itself(void)
{
    each_packet(whole_check);
}

// A frame that the decoder may be given, in a block of its own: it must come back, whatever it says.
static void body_try(uint8_t header, struct bytes body, uint8_t version)
{
    uint32_t head = 1 + varint_size(body.length);
    struct block block = block_create(head + body.length);
    struct writer writer = block_writer(block);
    struct frame frame;
    uint8_t reason;
    writer_put_u8(&writer, header);
    writer_put_varint(&writer, body.length);
    writer_put_bytes(&writer, body);
    if (frame_read(block_view(block), UINT32_MAX, &frame) == FRAME_READY) {
        const char *fault = round_trip_fault(&frame, version, &reason);
        CHECK(fault == NULL, "version %u %s: %s", version, packet_type_name(header >> 4), fault);
    }
    block_destroy(block);
}

static void cut_check(const struct packet *packet, uint8_t version, struct block block)
{
    struct frame whole = {0};
    CU_ASSERT_EQUAL(frame_read(block_view(block), block.length, &whole), FRAME_READY);
    uint32_t head = block.length - whole.body.length;
    uint32_t cuts = block.length < CUTS_MAX ? block.length : CUTS_MAX;
    for (uint32_t i = 0; i < cuts; i++) {
        uint32_t length = block.length < CUTS_MAX ? i : random_below(&arena.source, block.length);
        struct block cut = block_copy((struct bytes){block.data, length});
        struct frame frame = {0};
        enum frame_status status = frame_read(block_view(cut), block.length, &frame);
        CHECK(status == FRAME_NEED_MORE, "%s cut to %u of %u", packet_type_name(packet->type), length,
              block.length);
        CHECK(frame.size == 0 || frame.size == block.length, "%s cut to %u", packet_type_name(packet->type),
              length);
        CHECK(length < 5 || frame.size != 0, "%s cut to %u", packet_type_name(packet->type), length);
        if (length > head)
            body_try(block.data[0], (struct bytes){cut.data + head, length - head}, version);
        block_destroy(cut);
    }
}

static void a_packet_that_is_cut_needs_more(void)
{
    each_packet(cut_check);
}

static void flip_check(const struct packet *packet, uint8_t version, struct block block)
{
    for (uint32_t i = 0; i < FLIPS; i++) {
        struct block flipped = block_copy(block_view(block));
        uint32_t flips = 1 + random_below(&arena.source, 3);
        for (uint32_t f = 0; f < flips; f++) {
            // Lengths and flags stand near the front.
            uint32_t near = CUTS_MAX < block.length ? CUTS_MAX : block.length;
            flipped.data[random_below(&arena.source, near)] ^=
                (uint8_t)(1u << random_below(&arena.source, 8));
        }
        struct frame frame;
        uint8_t reason;
        if (frame_read(block_view(flipped), UINT32_MAX, &frame) == FRAME_READY) {
            const char *fault = round_trip_fault(&frame, version, &reason);
            CHECK(fault == NULL, "version %u %s: %s", version, packet_type_name(packet->type), fault);
        }
        block_destroy(flipped);
    }
}

static void a_packet_with_flipped_bits_is_refused_or_is_another_packet(void)
{
    each_packet(flip_check);
}

static void a_packet_of_one_version_never_harms_another(void)
{
    // As a whole, in the two versions that it was not written for.
    random_arena_init(&arena, seed);
    for (uint32_t i = 0; i < 2000; i++) {
        uint8_t version = (uint8_t)(3 + random_below(&arena.source, 3));
        uint8_t type = (uint8_t)(1 + random_below(&arena.source, version == MQTT_VERSION_5_0 ? 15 : 14));
        struct packet packet;
        random_packet(&arena, version, type, &packet);
        struct block block = packet_block(&packet, version);
        struct frame frame;
        CU_ASSERT_EQUAL(frame_read(block_view(block), block.length, &frame), FRAME_READY);
        for (uint8_t other = MQTT_VERSION_3_1; other <= MQTT_VERSION_5_0; other++) {
            uint8_t reason;
            const char *fault = round_trip_fault(&frame, other, &reason);
            CHECK(fault == NULL, "version %u as %u %s: %s", version, other, packet_type_name(type), fault);
        }
        block_destroy(block);
    }
}

static uint64_t seed_choose(int argc, char **argv)
{
    const char *text = argc > 1 ? argv[1] : getenv("HBMQTT_TEST_SEED");
    struct timespec now;
    if (text != NULL)
        return strtoull(text, NULL, 0);
    timespec_get(&now, TIME_UTC);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

int main(int argc, char **argv)
{
    static const CU_TestInfo cases[] = {
        {"a packet that was encoded decodes to itself", a_packet_that_was_encoded_decodes_to_itself},
        {"a packet that is cut needs more", a_packet_that_is_cut_needs_more},
        {"a packet with flipped bits is refused or is another packet",
         a_packet_with_flipped_bits_is_refused_or_is_another_packet},
        {"a packet of one version never harms another", a_packet_of_one_version_never_harms_another},
    };
    seed = seed_choose(argc, argv);
    printf("seed 0x%" PRIx64 "\n", seed);
    return RUN_TESTS("round trip", cases);
}
