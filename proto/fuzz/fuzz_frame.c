// SPDX-License-Identifier: MIT
// Framing against a second, slower reading of a fixed header, at the whole stream and at each of its
// prefixes.
//
//     input: size_max (three bytes), a stream
#include "proto/frame.h"
#include "proto/packet.h"
#include "test/fuzz.h"

static bool header_valid(uint8_t header)
{
    uint8_t flags = header & 0x0f;
    switch (header >> 4) {
    case 0:
        return false;
    case PACKET_PUBLISH:
        return (flags & 6) != 6 && !((flags & 6) == 0 && (flags & 8) != 0);
    case PACKET_PUBREL:
    case PACKET_SUBSCRIBE:
    case PACKET_UNSUBSCRIBE:
        return flags == 2 || flags == 10;
    default:
        return flags == 0;
    }
}

// Follows the algorithm in the text of the standard, section 2.2.3.
static enum frame_status read_slowly(struct bytes stream, uint64_t size_max, struct frame *frame)
{
    uint64_t multiplier = 1, value = 0;
    uint32_t at = 0;
    *frame = (struct frame){0};
    if (stream.length == 0)
        return FRAME_NEED_MORE;
    frame->reason = REASON_MALFORMED_PACKET;
    if (!header_valid(stream.data[at++]))
        return FRAME_MALFORMED;
    uint8_t byte;
    do {
        if (at == 5)
            return FRAME_MALFORMED;
        if (at == stream.length)
            return FRAME_NEED_MORE;
        byte = stream.data[at++];
        value += (byte & 127) * multiplier;
        multiplier *= 128;
    } while ((byte & 128) != 0);
    if (at > 2 && byte == 0)
        return FRAME_MALFORMED;
    frame->reason = REASON_PACKET_TOO_LARGE;
    if (at + value > size_max)
        return FRAME_MALFORMED;
    frame->size = (uint32_t)(at + value);
    frame->body = (struct bytes){stream.data + at, (uint32_t)value};
    return frame->size <= stream.length ? FRAME_READY : FRAME_NEED_MORE;
}

static enum frame_status compare(struct bytes stream, uint32_t size_max, struct frame *frame)
{
    struct frame slow;
    enum frame_status status = frame_read(stream, size_max, frame);
    if (status != read_slowly(stream, size_max, &slow))
        fuzz_fail("the status differs");
    if (status == FRAME_MALFORMED && frame->reason != slow.reason)
        fuzz_fail("the reason differs");
    if (status != FRAME_MALFORMED && frame->size != slow.size)
        fuzz_fail("the size differs");
    if (status == FRAME_READY &&
        (frame->body.data != slow.body.data || frame->body.length != slow.body.length))
        fuzz_fail("the body differs");
    return status;
}

// A verdict on a prefix is the verdict on the whole.
static void compare_prefixes(struct bytes stream, uint32_t size_max, enum frame_status whole)
{
    uint32_t longest = stream.length < 300 ? stream.length : 300;
    for (uint32_t length = 0; length < longest; length++) {
        struct frame frame;
        enum frame_status status = compare((struct bytes){stream.data, length}, size_max, &frame);
        if (status != FRAME_NEED_MORE && status != whole)
            fuzz_fail("more bytes change the verdict");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes stream = {data, (uint32_t)size};
    struct reader reader = reader_of(stream);
    uint32_t size_max = (uint32_t)reader_get_u8(&reader) << 16;
    size_max |= reader_get_u16(&reader);
    stream = reader_get_bytes(&reader, reader_left(&reader));
    for (uint32_t frames = 0; frames < 16; frames++) {
        struct frame frame;
        enum frame_status status = compare(stream, size_max, &frame);
        compare_prefixes(stream, size_max, status);
        if (status != FRAME_READY)
            break;
        stream = (struct bytes){stream.data + frame.size, stream.length - frame.size};
    }
    return 0;
}
