// SPDX-License-Identifier: MIT
// Framing: where one packet ends in a stream of bytes. [MQTT 3.1.1 and 5.0, section 2.1 and 2.2]
#ifndef PROTO_FRAME_H
#define PROTO_FRAME_H

#include "proto/bytes.h"
#include "proto/reason.h"

#define FRAME_HEADER_MAX 5u // a type byte and a remaining length of up to four bytes

enum frame_status {
    FRAME_NEED_MORE, // the fixed header is cut, or is whole and its body is cut: see ret_frame->size
    FRAME_READY,
    FRAME_MALFORMED, // see ret_frame->reason
};

struct frame {
    uint8_t header;    // type in the high nibble, flags in the low one
    uint8_t reason;    // when malformed: REASON_MALFORMED_PACKET or REASON_PACKET_TOO_LARGE
    uint32_t size;     // of the whole packet with its fixed header; 0 while the fixed header itself is cut
    struct bytes body; // what follows the fixed header; only when ready
};

// The whole packet of a ready frame, its fixed header included.
static inline struct bytes frame_packet(const struct frame *frame)
{
    return (struct bytes){frame->body.data + frame->body.length - frame->size, frame->size};
}

static inline uint8_t frame_type(const struct frame *frame)
{
    return frame->header >> 4;
}

// Bit n of row t: a packet of type t may have the low nibble n. The rows of PUBREL, SUBSCRIBE and UNSUBSCRIBE
// hold the DUP bit that MQTT 3.1 has there, which packet_decode refuses in later versions.
extern const uint16_t frame_flags_allowed[16];

static inline bool frame_header_valid(uint8_t header)
{
    return (frame_flags_allowed[header >> 4] >> (header & 0x0f) & 1) != 0;
}

// frame_read for every case; callers use frame_read.
enum frame_status frame_read_any(struct bytes stream, uint32_t size_max, struct frame *ret_frame);

// Looks at the start of `stream`. `size_max`: the largest whole packet in bytes that is allowed; a larger one
// is FRAME_MALFORMED with REASON_PACKET_TOO_LARGE as soon as its fixed header is whole. Type 0, wrong
// reserved flags [MQTT-2.2.2-1, MQTT-2.2.2-2], QoS 3 [MQTT-3.3.1-4] and DUP at QoS 0 [MQTT-3.3.1-2] are
// malformed at the first byte; a remaining length in five bytes, or in more bytes than it needs, is malformed
// as well. Type 15 is left to packet_decode, which knows the version. A body that is incomplete leaves
// ret_frame->header and ret_frame->size set, so that a caller can make room.
static inline enum frame_status frame_read(struct bytes stream, uint32_t size_max, struct frame *ret_frame)
{
    // The common case, a whole small packet, costs four tests in the caller.
    if (stream.length >= 2 && stream.data[1] < 0x80) {
        uint32_t size = 2u + stream.data[1];
        if (size <= stream.length && size <= size_max && frame_header_valid(stream.data[0])) {
            *ret_frame = (struct frame){
                .header = stream.data[0],
                .size = size,
                .body = {stream.data + 2, size - 2},
            };
            return FRAME_READY;
        }
    }
    return frame_read_any(stream, size_max, ret_frame);
}

#endif
