// SPDX-License-Identifier: MIT
// Frames. A reader goes through three stages:
//
//     HEAD ----> DATA ----> HEAD     payload of a data frame is handed on as it comes
//       |                    ^
//       +-----> CONTROL -----+       payload of a control frame is collected
//       |          |
//       +--> ENDED <+                after a close or a failure
//
// Control frames are always copied into `room`, whether they are cut or not: they are short, and so there is
// one way through the code. So is a header near the end of the input. Payload is never copied.
#include "proto/websocket.h"

#include <assert.h>

#include "proto/utf8.h"
#include "proto/word.h"

#define FINAL      0x80u
#define RESERVED   0x70u
#define OPCODE     0x0fu
#define CONTROL    0x08u // the bit of an opcode that only control frames have
#define MASKED     0x80u
#define LENGTH     0x7fu
#define LENGTH_16  126u
#define LENGTH_64  127u
#define MASK_BYTES 4u
#define HEAD_MAX   14u

enum stage {
    STAGE_HEAD, // as a zeroed reader begins
    STAGE_DATA,
    STAGE_CONTROL,
    STAGE_ENDED,
};

enum opcode {
    OPCODE_CONTINUATION = 0x0,
    OPCODE_TEXT = 0x1,
    OPCODE_BINARY = 0x2,
    OPCODE_CLOSE = 0x8,
    OPCODE_PING = 0x9,
    OPCODE_PONG = 0xa,
};

#define OPCODES                                                                                              \
    (1u << OPCODE_CONTINUATION | 1u << OPCODE_TEXT | 1u << OPCODE_BINARY | 1u << OPCODE_CLOSE |              \
     1u << OPCODE_PING | 1u << OPCODE_PONG)

// What is wrong with a frame. No fault: `why` is NULL.
struct fault {
    uint16_t code;
    const char *why;
};

static const struct fault no_fault = {0, NULL};

static struct fault protocol_error(const char *why)
{
    return (struct fault){WEBSOCKET_CLOSE_PROTOCOL_ERROR, why};
}

// ---- Masking (section 5.3) ----

// Unmasks `length` bytes and turns the mask to the byte behind them. Words are loaded like the mask is, so
// the byte order of the machine does not matter.
static void unmask(uint8_t *at, size_t length, uint8_t mask[MASK_BYTES])
{
    uint8_t twice[2 * MASK_BYTES];
    memcpy(twice, mask, MASK_BYTES);
    memcpy(twice + MASK_BYTES, mask, MASK_BYTES);
    uint64_t mask_word = word_load(twice);
    uint8_t *end = at + length;
    for (; (size_t)(end - at) >= WORD_BYTES; at += WORD_BYTES) {
        uint64_t word = word_load(at) ^ mask_word;
        memcpy(at, &word, sizeof word);
    }
    for (size_t i = 0; at < end; i++)
        *at++ ^= twice[i];
    memcpy(mask, twice + length % MASK_BYTES, MASK_BYTES);
}

// ---- The header (section 5.2) ----

// How many bytes a header has, as its second byte says.
static uint32_t head_size(uint8_t second)
{
    uint32_t length = second & LENGTH;
    uint32_t longer = length == LENGTH_64 ? 8 : length == LENGTH_16 ? 2 : 0;
    return 2 + longer + ((second & MASKED) != 0 ? MASK_BYTES : 0);
}

// What the first two bytes have to be; the length comes later.
static struct fault flags_check(uint8_t first, uint8_t second, bool in_message)
{
    uint8_t opcode = first & OPCODE;
    if ((first & RESERVED) != 0)
        return protocol_error("reserved bits of a frame are set"); // section 9.1: no extension was agreed on
    if ((OPCODES >> opcode & 1) == 0)
        return protocol_error("the opcode of a frame is reserved");
    if ((second & MASKED) == 0)
        return protocol_error("a frame is not masked"); // section 5.1
    if ((opcode & CONTROL) != 0) {
        if ((first & FINAL) == 0)
            return protocol_error("a control frame is fragmented");
        if ((second & LENGTH) > WEBSOCKET_CONTROL_MAX)
            return protocol_error("a control frame is longer than 125 bytes");
        return no_fault;
    }
    if (opcode == OPCODE_CONTINUATION && !in_message)
        return protocol_error("a continuation frame continues nothing");
    if (opcode != OPCODE_CONTINUATION && in_message)
        return protocol_error("a message begins inside another one"); // section 5.4
    if (opcode == OPCODE_TEXT)
        return (struct fault){WEBSOCKET_CLOSE_UNSUPPORTED, "a frame is text"}; // [MQTT-6.0.0-1]
    return no_fault;
}

// The length behind the first two bytes.
static struct fault length_read(struct reader *head, uint8_t second, uint64_t *ret_length)
{
    uint64_t length = second & LENGTH;
    uint64_t lowest = 0;
    if (length == LENGTH_16) {
        length = reader_get_u16(head);
        lowest = LENGTH_16;
    } else if (length == LENGTH_64) {
        length = (uint64_t)reader_get_u32(head) << 32;
        length |= reader_get_u32(head);
        lowest = UINT16_MAX + 1;
    }
    *ret_length = length;
    if (length >> 63 != 0)
        return protocol_error("the length of a frame has its highest bit set");
    return length < lowest ? protocol_error("the length of a frame is not in its shortest form") : no_fault;
}

// Reads a whole header into the state for its payload.
static struct fault head_read(struct websocket_reader *reader, struct bytes bytes, uint32_t frame_bytes_max)
{
    struct reader head = reader_of(bytes);
    uint8_t first = reader_get_u8(&head);
    uint8_t second = reader_get_u8(&head);
    uint64_t length = 0;
    struct fault fault = length_read(&head, second, &length);
    if (fault.why != NULL)
        return fault;
    bool control = (first & CONTROL) != 0;
    if (!control && length > frame_bytes_max)
        return (struct fault){WEBSOCKET_CLOSE_TOO_LARGE, "a frame is too large"};
    struct bytes mask = reader_get_bytes(&head, MASK_BYTES);
    if (mask.length != 0)
        memcpy(reader->mask, mask.data, MASK_BYTES);
    reader->left = (uint32_t)length;
    reader->opcode = first & OPCODE;
    reader->stage = control ? STAGE_CONTROL : STAGE_DATA;
    reader->held = 0;
    if (!control)
        reader->in_message = (first & FINAL) == 0;
    return no_fault;
}

// Moves bytes from the input into `room` until it holds `wanted`. Returns whether it does.
static bool room_fill(struct websocket_reader *reader, struct websocket_input *input, uint32_t wanted)
{
    if (reader->held < wanted) {
        size_t left = (size_t)(input->end - input->at);
        size_t missing = wanted - reader->held;
        size_t moved = missing < left ? missing : left;
        if (moved == 0)
            return false; // an empty input may be NULL
        memcpy(reader->room + reader->held, input->at, moved);
        reader->held = (uint8_t)(reader->held + moved);
        input->at += moved;
    }
    return reader->held >= wanted;
}

// Returns whether the header is whole, or wrong. One that certainly lies in the input as a whole is read
// there.
static bool head_take(struct websocket_reader *reader, struct websocket_input *input,
                      uint32_t frame_bytes_max, struct fault *ret_fault)
{
    bool in_place = reader->held == 0 && (size_t)(input->end - input->at) >= HEAD_MAX;
    if (!in_place && !room_fill(reader, input, 2))
        return false;
    const uint8_t *head = in_place ? input->at : reader->room;
    *ret_fault = flags_check(head[0], head[1], reader->in_message);
    if (ret_fault->why != NULL)
        return true;
    uint32_t size = head_size(head[1]);
    if (in_place)
        input->at += size;
    else if (!room_fill(reader, input, size))
        return false;
    *ret_fault = head_read(reader, (struct bytes){head, size}, frame_bytes_max);
    return true;
}

// ---- Events ----

static enum websocket_event_type fail(struct websocket_reader *reader, struct fault fault,
                                      struct websocket_event *ret_event)
{
    reader->stage = STAGE_ENDED;
    *ret_event = (struct websocket_event){.type = WEBSOCKET_FAILED, .code = fault.code, .why = fault.why};
    return WEBSOCKET_FAILED;
}

// Codes that may be in a close frame: those of the standard and the registry, of libraries and applications.
static bool close_code_valid(uint16_t code)
{
    if (code >= 3000)
        return code <= 4999;
    return code >= 1000 && code <= 1014 && (code < 1004 || code > 1006);
}

// UTF-8 in which U+0000 is a character too, as it is not in MQTT. It is no part of a longer character, so
// what lies between two is looked at alone.
static bool reason_valid(struct bytes reason)
{
    while (reason.length != 0) {
        const uint8_t *zero = memchr(reason.data, 0, reason.length);
        size_t length = zero != NULL ? (size_t)(zero - reason.data) : reason.length;
        if (!utf8_valid((struct bytes){reason.data, length}))
            return false;
        size_t skipped = zero != NULL ? length + 1 : length;
        reason = (struct bytes){reason.data + skipped, reason.length - skipped};
    }
    return true;
}

// The payload of a close frame: nothing, or a code and a reason (section 5.5.1).
static enum websocket_event_type close_read(struct websocket_reader *reader, struct bytes payload,
                                            struct websocket_event *ret_event)
{
    struct websocket_event event = {.type = WEBSOCKET_CLOSE, .code = WEBSOCKET_CLOSE_NONE};
    if (payload.length != 0) {
        struct reader body = reader_of(payload);
        event.code = reader_get_u16(&body);
        event.bytes = reader_get_bytes(&body, reader_left(&body));
        if (body.failed)
            return fail(reader, protocol_error("a close frame holds half a code"), ret_event);
        if (!close_code_valid(event.code))
            return fail(reader, protocol_error("the code of a close frame may not be sent"), ret_event);
        if (!reason_valid(event.bytes)) {
            struct fault fault = {WEBSOCKET_CLOSE_NOT_TEXT, "the reason of a close frame is not UTF-8"};
            return fail(reader, fault, ret_event);
        }
    }
    reader->stage = STAGE_ENDED;
    *ret_event = event;
    return WEBSOCKET_CLOSE;
}

// A control frame of which all payload lies in `room`.
static enum websocket_event_type control_read(struct websocket_reader *reader,
                                              struct websocket_event *ret_event)
{
    struct bytes payload = {reader->room, reader->left};
    unmask(reader->room, reader->left, reader->mask);
    reader->stage = STAGE_HEAD;
    reader->held = 0;
    if (reader->opcode == OPCODE_CLOSE)
        return close_read(reader, payload, ret_event);
    enum websocket_event_type type = reader->opcode == OPCODE_PING ? WEBSOCKET_PING : WEBSOCKET_PONG;
    *ret_event = (struct websocket_event){.type = type, .bytes = payload};
    return type;
}

// The payload of a data frame as far as it lies in the input. Returns whether there is some.
static bool data_take(struct websocket_reader *reader, struct websocket_input *input,
                      struct websocket_event *ret_event)
{
    size_t there = (size_t)(input->end - input->at);
    size_t length = there < reader->left ? there : reader->left;
    uint8_t *at = input->at;
    reader->left -= (uint32_t)length;
    if (reader->left == 0)
        reader->stage = STAGE_HEAD;
    if (length == 0)
        return false;
    unmask(at, length, reader->mask);
    input->at += length;
    *ret_event = (struct websocket_event){.type = WEBSOCKET_PAYLOAD, .bytes = {at, length}};
    return true;
}

enum websocket_event_type websocket_read(struct websocket_reader *reader, struct websocket_input *input,
                                         uint32_t frame_bytes_max, struct websocket_event *ret_event)
{
    // A header that is whole is gone on with even if nothing lies behind it: a frame may be empty.
    for (;;) {
        struct fault fault = no_fault;
        if (reader->stage == STAGE_ENDED) {
            input->at = input->end;
            break;
        }
        if (reader->stage == STAGE_HEAD && !head_take(reader, input, frame_bytes_max, &fault))
            break;
        if (fault.why != NULL)
            return fail(reader, fault, ret_event);
        if (reader->stage == STAGE_CONTROL) {
            if (!room_fill(reader, input, reader->left))
                break;
            return control_read(reader, ret_event);
        }
        if (data_take(reader, input, ret_event))
            return WEBSOCKET_PAYLOAD;
        if (reader->stage == STAGE_DATA)
            break;
    }
    *ret_event = (struct websocket_event){.type = WEBSOCKET_NEED_MORE};
    return WEBSOCKET_NEED_MORE;
}

// ---- Frames out ----

void websocket_put_binary_head(struct writer *writer, uint64_t length)
{
    assert(length >> 63 == 0);
    writer_put_u8(writer, FINAL | OPCODE_BINARY);
    if (length < LENGTH_16) {
        writer_put_u8(writer, (uint8_t)length);
    } else if (length <= UINT16_MAX) {
        writer_put_u8(writer, LENGTH_16);
        writer_put_u16(writer, (uint16_t)length);
    } else {
        writer_put_u8(writer, LENGTH_64);
        writer_put_u32(writer, (uint32_t)(length >> 32));
        writer_put_u32(writer, (uint32_t)length);
    }
}

static void control_put(struct writer *writer, enum opcode opcode, struct bytes payload)
{
    assert(payload.length <= WEBSOCKET_CONTROL_MAX);
    writer_put_u8(writer, (uint8_t)(FINAL | opcode));
    writer_put_u8(writer, (uint8_t)payload.length);
    writer_put_bytes(writer, payload);
}

void websocket_put_ping(struct writer *writer, struct bytes payload)
{
    control_put(writer, OPCODE_PING, payload);
}

void websocket_put_pong(struct writer *writer, struct bytes payload)
{
    control_put(writer, OPCODE_PONG, payload);
}

void websocket_put_close(struct writer *writer, uint16_t code, struct bytes reason)
{
    if (code == WEBSOCKET_CLOSE_NONE) {
        assert(reason.length == 0);
        control_put(writer, OPCODE_CLOSE, reason);
        return;
    }
    assert(close_code_valid(code) && reason.length <= WEBSOCKET_REASON_MAX);
    writer_put_u8(writer, FINAL | OPCODE_CLOSE);
    writer_put_u8(writer, (uint8_t)(2 + reason.length));
    writer_put_u16(writer, code);
    writer_put_bytes(writer, reason);
}
