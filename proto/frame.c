// SPDX-License-Identifier: MIT
// Reading a fixed header: one byte of type and flags, then the remaining length as a variable byte integer.
#include "proto/frame.h"

#include "proto/packet.h"

#define FLAGS(nibble) (1u << (nibble))

enum {
    FLAGS_NONE = FLAGS(0x0),
    FLAGS_REQUEST = FLAGS(0x2) | FLAGS(0xa),                            // as QoS 1, with DUP in 3.1
    FLAGS_PUBLISH = FLAGS(0x0) | FLAGS(0x1) |                           // QoS 0
                    FLAGS(0x2) | FLAGS(0x3) | FLAGS(0xa) | FLAGS(0xb) | // QoS 1
                    FLAGS(0x4) | FLAGS(0x5) | FLAGS(0xc) | FLAGS(0xd),  // QoS 2
};

const uint16_t frame_flags_allowed[16] = {
    [PACKET_CONNECT] = FLAGS_NONE,    [PACKET_CONNACK] = FLAGS_NONE,
    [PACKET_PUBLISH] = FLAGS_PUBLISH, [PACKET_PUBACK] = FLAGS_NONE,
    [PACKET_PUBREC] = FLAGS_NONE,     [PACKET_PUBREL] = FLAGS_REQUEST,
    [PACKET_PUBCOMP] = FLAGS_NONE,    [PACKET_SUBSCRIBE] = FLAGS_REQUEST,
    [PACKET_SUBACK] = FLAGS_NONE,     [PACKET_UNSUBSCRIBE] = FLAGS_REQUEST,
    [PACKET_UNSUBACK] = FLAGS_NONE,   [PACKET_PINGREQ] = FLAGS_NONE,
    [PACKET_PINGRESP] = FLAGS_NONE,   [PACKET_DISCONNECT] = FLAGS_NONE,
    [PACKET_AUTH] = FLAGS_NONE,
};

// The remaining length behind the first byte.
static enum frame_status length_read(struct bytes stream, uint32_t *ret_length)
{
    uint32_t length = 0;
    for (uint32_t i = 0; i < VARINT_BYTES_MAX; i++) {
        if (1 + i >= stream.length)
            return FRAME_NEED_MORE;
        uint8_t byte = stream.data[1 + i];
        length |= (uint32_t)(byte & 0x7f) << (7 * i);
        if (byte < 0x80) {
            *ret_length = length;
            return varint_size(length) == i + 1 ? FRAME_READY : FRAME_MALFORMED;
        }
    }
    return FRAME_MALFORMED;
}

static enum frame_status malformed(uint8_t reason, struct frame *ret_frame)
{
    ret_frame->reason = reason;
    return FRAME_MALFORMED;
}

enum frame_status frame_read_any(struct bytes stream, uint32_t size_max, struct frame *ret_frame)
{
    *ret_frame = (struct frame){0};
    if (stream.length == 0)
        return FRAME_NEED_MORE;
    ret_frame->header = stream.data[0];
    if (!frame_header_valid(stream.data[0]))
        return malformed(REASON_MALFORMED_PACKET, ret_frame);
    uint32_t length = 0;
    enum frame_status status = length_read(stream, &length);
    if (status == FRAME_NEED_MORE)
        return FRAME_NEED_MORE;
    if (status == FRAME_MALFORMED)
        return malformed(REASON_MALFORMED_PACKET, ret_frame); // [MQTT-1.5.5-1]
    uint32_t head = 1 + varint_size(length);
    if (head + length > size_max)
        return malformed(REASON_PACKET_TOO_LARGE, ret_frame);
    ret_frame->size = head + length;
    if (stream.length < head + length)
        return FRAME_NEED_MORE;
    ret_frame->body = (struct bytes){stream.data + head, length};
    return FRAME_READY;
}
