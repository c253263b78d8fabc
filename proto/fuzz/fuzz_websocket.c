// SPDX-License-Identifier: MIT
// Frames against a second, slower reading, byte by byte, whatever the pieces are in which the stream comes.
// What may be answered to an event is written, too.
//
//     input: largest frame (two bytes), sizes of the pieces (one byte), a stream
#include "proto/test/block.h"
#include "proto/utf8.h"
#include "proto/websocket.h"
#include "test/fuzz.h"

// What came: payload, and what came of control frames, each with its place between the payload.
struct story {
    uint8_t *data; // events as type, code, length and bytes; payload alone
    size_t length;
    size_t room;
};

static void tell(struct story *story, const void *bytes, size_t length)
{
    if (story->room - story->length < length)
        fuzz_fail("more came out than can have gone in");
    if (length != 0)
        memcpy(story->data + story->length, bytes, length);
    story->length += length;
}

static void tell_event(struct story *story, enum websocket_event_type type, uint16_t code, struct bytes bytes)
{
    if (type != WEBSOCKET_PAYLOAD) {
        uint8_t head[4] = {(uint8_t)type, (uint8_t)(code >> 8), (uint8_t)code, (uint8_t)bytes.length};
        tell(story, head, sizeof head);
    }
    tell(story, bytes.data, bytes.length);
}

// ---- The slow reading: a frame that is whole, or the header and some payload of one that is cut ----

struct slow {
    struct bytes stream;
    size_t at;
    bool in_message;
    bool ended;
};

static void slow_fail(struct slow *slow, struct story *story, uint16_t code)
{
    tell_event(story, WEBSOCKET_FAILED, code, (struct bytes){NULL, 0});
    slow->ended = true;
}

static uint16_t slow_judge(const struct slow *slow, uint8_t first, uint8_t second)
{
    uint8_t opcode = first & 15;
    bool control = opcode >= 8;
    if ((first & 0x70) != 0 || (second & 0x80) == 0 || (opcode > 2 && opcode < 8) || opcode > 10)
        return 1002;
    if (control)
        return (first & 0x80) == 0 || (second & 0x7f) > 125 ? 1002 : 0;
    if ((opcode == 0) != slow->in_message)
        return 1002;
    return opcode == 1 ? 1003 : 0;
}

static bool slow_text(const uint8_t *at, size_t length)
{
    uint8_t text[WEBSOCKET_CONTROL_MAX];
    for (size_t i = 0; i < length; i++)
        text[i] = at[i] != 0 ? at[i] : '0'; // one character of one byte as good as the other
    return utf8_valid((struct bytes){text, length});
}

static void slow_close(struct slow *slow, struct story *story, struct bytes payload)
{
    if (payload.length == 0) {
        tell_event(story, WEBSOCKET_CLOSE, 1005, payload);
    } else if (payload.length == 1) {
        slow_fail(slow, story, 1002);
    } else {
        uint32_t code = payload.data[0] * 256u + payload.data[1];
        bool allowed = (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
                       (code >= 3000 && code <= 4999);
        if (!allowed)
            slow_fail(slow, story, 1002);
        else if (!slow_text(payload.data + 2, payload.length - 2))
            slow_fail(slow, story, 1007);
        else
            tell_event(story, WEBSOCKET_CLOSE, (uint16_t)code,
                       (struct bytes){payload.data + 2, payload.length - 2});
    }
    slow->ended = true;
}

static void slow_payload(struct slow *slow, struct story *story, uint8_t first, const uint8_t mask[4],
                         uint64_t length)
{
    uint8_t opcode = first & 15;
    size_t left = slow->stream.length - slow->at;
    size_t there = length < left ? (size_t)length : left;
    uint8_t control[WEBSOCKET_CONTROL_MAX];
    for (size_t i = 0; i < there; i++) {
        uint8_t byte = slow->stream.data[slow->at + i] ^ mask[i % 4];
        if (opcode < 8)
            tell(story, &byte, 1);
        else
            control[i] = byte;
    }
    slow->at += there;
    if (opcode < 8)
        slow->in_message = (first & 0x80) == 0;
    struct bytes payload = {control, there};
    if (there < length)
        slow->ended = true;
    else if (opcode == 8)
        slow_close(slow, story, payload);
    else if (opcode > 8)
        tell_event(story, opcode == 9 ? WEBSOCKET_PING : WEBSOCKET_PONG, 0, payload);
}

static void slow_frame(struct slow *slow, struct story *story, uint64_t frame_max)
{
    const uint8_t *head = slow->stream.data + slow->at;
    size_t left = slow->stream.length - slow->at;
    if (left < 2) {
        slow->ended = true;
        return;
    }
    uint16_t code = slow_judge(slow, head[0], head[1]);
    size_t longer = (head[1] & 127) == 127 ? 8 : (head[1] & 127) == 126 ? 2 : 0;
    if (code != 0 || left < 2 + longer + 4) {
        if (code != 0)
            slow_fail(slow, story, code);
        slow->ended = true;
        return;
    }
    uint64_t length = longer == 0 ? head[1] & 127 : 0;
    for (size_t i = 0; i < longer; i++)
        length = length * 256 + head[2 + i];
    bool shortest = longer == 0 || length >= (longer == 2 ? 126 : 65536);
    if (!shortest || length > INT64_MAX) {
        slow_fail(slow, story, 1002);
        return;
    }
    if ((head[0] & 15) < 8 && length > frame_max) {
        slow_fail(slow, story, 1009);
        return;
    }
    slow->at += 2 + longer + 4;
    slow_payload(slow, story, head[0], head + 2 + longer, length);
}

// ---- The reading that is tried ----

// What the server would send.
static void answer(const struct websocket_event *event)
{
    uint8_t room[2 + WEBSOCKET_CONTROL_MAX];
    struct writer writer = writer_of(room, sizeof room);
    if (event->type == WEBSOCKET_PING)
        websocket_put_pong(&writer, event->bytes);
    else if (event->type == WEBSOCKET_CLOSE)
        websocket_put_close(&writer, event->code, event->bytes);
    else if (event->type == WEBSOCKET_FAILED)
        websocket_put_close(&writer, event->code, (struct bytes){NULL, 0});
    if (writer.overflow)
        fuzz_fail("an answer has no room");
}

static void read_piece(struct websocket_reader *reader, struct bytes piece, uint32_t frame_max,
                       struct story *story)
{
    struct block block = block_copy(piece);
    struct websocket_input input = {block.data, block.data + block.length};
    struct websocket_event event;
    while (websocket_read(reader, &input, frame_max, &event) != WEBSOCKET_NEED_MORE) {
        if ((event.type == WEBSOCKET_FAILED) != (event.why != NULL))
            fuzz_fail("a failure has no reason, or something else has one");
        tell_event(story, event.type, event.code, event.bytes);
        answer(&event);
    }
    if (input.at != input.end)
        fuzz_fail("something was left");
    block_destroy(block);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct reader input = reader_of((struct bytes){data, size});
    uint32_t frame_max = reader_get_u16(&input);
    uint32_t piece_max = reader_get_u8(&input) + 1u;
    struct bytes stream = reader_get_bytes(&input, reader_left(&input));
    struct block rooms[2] = {block_create(4 * (uint32_t)stream.length + 8),
                             block_create(4 * (uint32_t)stream.length + 8)};
    struct story slow_story = {rooms[0].data, 0, rooms[0].length};
    struct story story = {rooms[1].data, 0, rooms[1].length};
    struct slow slow = {.stream = stream};
    while (!slow.ended)
        slow_frame(&slow, &slow_story, frame_max);
    struct websocket_reader reader = {0};
    uint32_t piece = piece_max;
    for (size_t at = 0; at < stream.length; at += piece) {
        piece = piece * 5 % piece_max + 1;
        if (piece > stream.length - at)
            piece = (uint32_t)(stream.length - at);
        read_piece(&reader, (struct bytes){stream.data + at, piece}, frame_max, &story);
    }
    if (!bytes_equal((struct bytes){story.data, story.length},
                     (struct bytes){slow_story.data, slow_story.length}))
        fuzz_fail("what came differs");
    block_destroy(rooms[0]);
    block_destroy(rooms[1]);
    return 0;
}
