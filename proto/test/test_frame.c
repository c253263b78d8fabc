// SPDX-License-Identifier: MIT
// Framing: where a packet ends, what more it needs, and what is malformed before its body is there.
#include "proto/frame.h"

#include "proto/packet.h"
#include "proto/test/block.h"
#include "proto/test/suite.h"

static const struct {
    const char *bytes;
    uint32_t size_max;
    enum frame_status status;
    uint8_t reason;
    uint32_t size;
} vectors[] = {
    {"", 100, FRAME_NEED_MORE, 0, 0},
    {"c0", 100, FRAME_NEED_MORE, 0, 0},
    {"c0 00", 100, FRAME_READY, 0, 2},
    {"c0 00 c0 00", 100, FRAME_READY, 0, 2}, // the next packet is left alone
    {"30 03", 100, FRAME_NEED_MORE, 0, 5},
    {"30 03 00 01", 100, FRAME_NEED_MORE, 0, 5},
    {"30 03 00 01 'a'", 100, FRAME_READY, 0, 5},
    {"30 80", 100, FRAME_NEED_MORE, 0, 0},
    {"30 80 01", 1000, FRAME_NEED_MORE, 0, 131},
    {"30 ff ff ff", VARINT_MAX, FRAME_NEED_MORE, 0, 0},
    {"30 ff ff ff 7f", UINT32_MAX, FRAME_NEED_MORE, 0, 268435460},
    {"30 03 00 01 'a'", 5, FRAME_READY, 0, 5},
    {"30 03 00 01 'a'", 4, FRAME_MALFORMED, REASON_PACKET_TOO_LARGE, 0},
    {"30 03", 4, FRAME_MALFORMED, REASON_PACKET_TOO_LARGE, 0},
    {"30 80 01", 130, FRAME_MALFORMED, REASON_PACKET_TOO_LARGE, 0},
    {"30 ff ff ff 7f", 268435459, FRAME_MALFORMED, REASON_PACKET_TOO_LARGE, 0},
    {"30 ff ff ff 80 01", UINT32_MAX, FRAME_MALFORMED, REASON_MALFORMED_PACKET, 0}, // five bytes
    {"30 80 80 80 80", UINT32_MAX, FRAME_MALFORMED, REASON_MALFORMED_PACKET, 0},
    {"c0 80 00", 100, FRAME_MALFORMED, REASON_MALFORMED_PACKET, 0}, // [MQTT-1.5.5-1]
    {"30 83 00 00 01 'a'", 100, FRAME_MALFORMED, REASON_MALFORMED_PACKET, 0},
    {"c0 80 80 80 00", 100, FRAME_MALFORMED, REASON_MALFORMED_PACKET, 0},
    {"00", 100, FRAME_MALFORMED, REASON_MALFORMED_PACKET, 0},
    {"00 00", 100, FRAME_MALFORMED, REASON_MALFORMED_PACKET, 0},
    {"f0 00", 100, FRAME_READY, 0, 2}, // the version decides
};

static void a_stream_is_judged_as_soon_as_it_can_be(void)
{
    for (size_t i = 0; i < COUNT(vectors); i++) {
        struct block block = block_of(vectors[i].bytes);
        struct frame frame;
        enum frame_status status = frame_read(block_view(block), vectors[i].size_max, &frame);
        CHECK(status == vectors[i].status, "%s: %d", vectors[i].bytes, status);
        CHECK(status == FRAME_MALFORMED || frame.size == vectors[i].size, "%s: %u", vectors[i].bytes,
              frame.size);
        CHECK(status != FRAME_MALFORMED || frame.reason == vectors[i].reason, "%s", vectors[i].bytes);
        CHECK(block.length == 0 || frame.header == block.data[0], "%s", vectors[i].bytes);
        block_destroy(block);
    }
}

static void a_body_is_what_follows_the_fixed_header(void)
{
    static const uint32_t lengths[] = {0, 1, 127, 128, 16383, 16384, 70000};
    for (size_t i = 0; i < COUNT(lengths); i++) {
        uint32_t head = 1 + varint_size(lengths[i]);
        struct block block = block_create(head + lengths[i]);
        struct writer writer = block_writer(block);
        writer_put_u8(&writer, PACKET_PUBLISH << 4);
        writer_put_varint(&writer, lengths[i]);
        memset(writer.at, 'x', lengths[i]);
        struct frame frame;
        CU_ASSERT_EQUAL(frame_read(block_view(block), block.length, &frame), FRAME_READY);
        CU_ASSERT_EQUAL(frame.size, block.length);
        CU_ASSERT_EQUAL(frame.body.length, lengths[i]);
        CU_ASSERT_PTR_EQUAL(frame.body.data, block.data + head);
        CU_ASSERT_EQUAL(frame_type(&frame), PACKET_PUBLISH);
        CU_ASSERT_EQUAL(frame_read(block_view(block), block.length - 1, &frame), FRAME_MALFORMED);
        CU_ASSERT_EQUAL(frame.reason, REASON_PACKET_TOO_LARGE);
        block_destroy(block);
    }
}

// The low nibbles that the first byte of each type may have; DUP on 6, 8 and 10 is left to the decoder,
// for 3.1.
static const char *const flags[16] = {
    "",                              // reserved
    "00",                            // CONNECT
    "00",                            // CONNACK
    "00 01 02 03 0a 0b 04 05 0c 0d", // PUBLISH [MQTT-3.3.1-2, MQTT-3.3.1-4]
    "00",                            // PUBACK
    "00",                            // PUBREC
    "02 0a",                         // PUBREL [MQTT-3.6.1-1]
    "00",                            // PUBCOMP
    "02 0a",                         // SUBSCRIBE [MQTT-3.8.1-1]
    "00",                            // SUBACK
    "02 0a",                         // UNSUBSCRIBE [MQTT-3.10.1-1]
    "00",                            // UNSUBACK
    "00",                            // PINGREQ
    "00",                            // PINGRESP
    "00",                            // DISCONNECT [MQTT-3.14.1-1]
    "00",                            // AUTH [MQTT-3.15.1-1]
};

static void wrong_flags_are_malformed_at_the_first_byte(void)
{
    for (uint32_t header = 0; header < 256; header++) {
        struct block allowed = block_of(flags[header >> 4]);
        struct block block = block_create(1);
        struct frame frame;
        block.data[0] = (uint8_t)header;
        bool expected =
            allowed.length != 0 && memchr(allowed.data, (int)(header & 15), allowed.length) != NULL;
        enum frame_status status = frame_read(block_view(block), 100, &frame);
        CHECK(status == (expected ? FRAME_NEED_MORE : FRAME_MALFORMED), "0x%02x", header);
        CHECK(expected || frame.reason == REASON_MALFORMED_PACKET, "0x%02x", header);
        block_destroy(block);

        uint8_t whole[2] = {(uint8_t)header, 0};
        status = frame_read((struct bytes){whole, 2}, 100, &frame);
        CHECK(status == (expected ? FRAME_READY : FRAME_MALFORMED), "0x%02x 00", header);
        block_destroy(allowed);
    }
}

int main(void)
{
    static const CU_TestInfo cases[] = {
        {"a stream is judged as soon as it can be", a_stream_is_judged_as_soon_as_it_can_be},
        {"a body is what follows the fixed header", a_body_is_what_follows_the_fixed_header},
        {"wrong flags are malformed at the first byte", wrong_flags_are_malformed_at_the_first_byte},
    };
    return RUN_TESTS("frame", cases);
}
