// SPDX-License-Identifier: MIT
// Frames: what comes of a stream, wherever it is cut, and what is written. The sections are those of RFC
// 6455.
#include "proto/websocket.h"

#include <stdlib.h>

#include "proto/test/block.h"
#include "proto/test/suite.h"

#define FRAME_MAX 70000u

// What came of a stream, as text: "data(abc) ping() close(1000,bye) fail(1002)". Pieces of payload that
// follow each other are one.
struct transcript {
    char text[2000];
    size_t length;
    bool in_data;
};

static void say(struct transcript *transcript, const char *text)
{
    size_t length = strlen(text);
    if (transcript->length + length >= sizeof transcript->text)
        abort();
    memcpy(transcript->text + transcript->length, text, length + 1);
    transcript->length += length;
}

static void say_bytes(struct transcript *transcript, struct bytes bytes)
{
    for (size_t i = 0; i < bytes.length; i++) {
        char text[8];
        uint8_t byte = bytes.data[i];
        snprintf(text, sizeof text, byte > ' ' && byte <= '~' ? "%c" : "%02x", byte);
        say(transcript, text);
    }
}

static void say_event(struct transcript *transcript, const struct websocket_event *event)
{
    static const char *const names[] = {
        [WEBSOCKET_PAYLOAD] = "data(", [WEBSOCKET_PING] = "ping(",   [WEBSOCKET_PONG] = "pong(",
        [WEBSOCKET_CLOSE] = "close(",  [WEBSOCKET_FAILED] = "fail(",
    };
    bool more_data = event->type == WEBSOCKET_PAYLOAD && transcript->in_data;
    if (more_data)
        transcript->length--; // the parenthesis
    else
        say(transcript, transcript->length != 0 ? " " : "");
    transcript->in_data = event->type == WEBSOCKET_PAYLOAD;
    say(transcript, more_data ? "" : names[event->type]);
    if (event->code != 0) {
        char code[16];
        snprintf(code, sizeof code, event->bytes.length != 0 ? "%u," : "%u", event->code);
        say(transcript, code);
    }
    say_bytes(transcript, event->bytes);
    say(transcript, ")");
    CU_ASSERT_EQUAL(event->type == WEBSOCKET_FAILED, event->why != NULL);
}

// Feeds a piece from a block of its own.
static void feed(struct websocket_reader *reader, struct bytes piece, uint32_t frame_max,
                 struct transcript *transcript)
{
    struct block block = block_copy(piece);
    struct websocket_input input = {block.data, block.data + block.length};
    struct websocket_event event;
    while (websocket_read(reader, &input, frame_max, &event) != WEBSOCKET_NEED_MORE) {
        say_event(transcript, &event);
        CU_ASSERT_FATAL(input.at <= input.end);
        CU_ASSERT_TRUE(event.type != WEBSOCKET_PAYLOAD || event.bytes.length != 0);
    }
    CU_ASSERT_EQUAL(event.type, WEBSOCKET_NEED_MORE);
    CU_ASSERT_PTR_EQUAL(input.at, input.end);
    block_destroy(block);
}

// The stream as a whole, cut in two at each byte, and byte by byte.
static void check(const char *notation, uint32_t frame_max, const char *expected)
{
    struct block block = block_of(notation);
    for (uint32_t cut = 0; cut <= block.length; cut++) {
        struct websocket_reader reader = {0};
        struct transcript transcript = {0};
        feed(&reader, (struct bytes){block.data, cut}, frame_max, &transcript);
        feed(&reader, (struct bytes){block.data + cut, block.length - cut}, frame_max, &transcript);
        CHECK(strcmp(transcript.text, expected) == 0, "%s, cut at %u: %s", notation, cut, transcript.text);
    }
    struct websocket_reader reader = {0};
    struct transcript transcript = {0};
    for (uint32_t i = 0; i < block.length; i++)
        feed(&reader, (struct bytes){block.data + i, 1}, frame_max, &transcript);
    CHECK(strcmp(transcript.text, expected) == 0, "%s, byte by byte: %s", notation, transcript.text);
    block_destroy(block);
}

struct vector {
    const char *stream; // most masks are zero, so that payload can be read
    const char *events;
};

static void check_all(const struct vector *vectors, size_t count)
{
    for (size_t i = 0; i < count; i++)
        check(vectors[i].stream, FRAME_MAX, vectors[i].events);
}

static void payload_is_unmasked(void)
{
    static const struct vector vectors[] = {
        {"", ""},
        {"82 80 00000000", ""},
        {"82 80 01020304", ""},
        {"82 81 00000000 'a'", "data(a)"},
        {"82 85 37fa213d 7f9f4d5158", "data(Hello)"}, // section 5.7
        {"82 85 00000000 'Hello' 82 82 00000000 'ab'", "data(Helloab)"},
        {"82 8c 01020304 30 30 30 30 31 31 31 31 32 32 32 32", "data(123403253016)"},
        {"82 91 80808080 e1e1e1e1 e2e2e2e2 e3e3e3e3 e4e4e4e4 e5", "data(aaaabbbbccccdddde)"},
    };
    check_all(vectors, COUNT(vectors));
    // A header alone, without the payload, is no event.
    check("82 fe 0080 00000000", FRAME_MAX, "");
    check("82 ff 0000000000010000 00000000", FRAME_MAX, "");
}

static void a_message_may_be_fragmented(void)
{
    static const struct vector vectors[] = {
        {"02 81 00000000 'a' 80 81 00000000 'b'", "data(ab)"},
        {"02 81 00000000 'a' 00 81 01010101 63 80 81 00000000 'c'", "data(abc)"},
        {"02 80 00000000 00 80 00000000 80 80 00000000", ""},
        {"02 80 00000000 80 80 00000000 82 81 00000000 'x'", "data(x)"},
        // Control frames in between, and a ping inside of each message.
        {"02 81 00000000 'a' 89 81 00000000 'p' 80 81 00000000 'b'", "data(a) ping(p) data(b)"},
        {"02 81 00000000 'a' 8a 80 00000000 00 81 00000000 'b' 89 82 10101010 6060 80 80 00000000",
         "data(a) pong() data(b) ping(pp)"},
        {"02 81 00000000 'a' 88 80 00000000 80 81 00000000 'b'", "data(a) close(1005)"},
    };
    check_all(vectors, COUNT(vectors));
}

static void wrong_fragmentation_fails(void)
{
    static const struct vector vectors[] = {
        {"80 81 00000000 'a'", "fail(1002)"}, // nothing to continue
        {"00 81 00000000 'a'", "fail(1002)"},
        {"82 81 00000000 'a' 80 81 00000000 'b'", "data(a) fail(1002)"},
        {"02 81 00000000 'a' 80 81 00000000 'b' 80 80 00000000", "data(ab) fail(1002)"},
        {"02 81 00000000 'a' 82 81 00000000 'b'", "data(a) fail(1002)"}, // a message inside another one
        {"02 81 00000000 'a' 02 81 00000000 'b'", "data(a) fail(1002)"},
        {"02 81 00000000 'a' 81 81 00000000 'b'", "data(a) fail(1002)"},
        {"02 81 00000000 'a' 89 80 00000000 82 81 00000000 'b'", "data(a) ping() fail(1002)"},
        {"09 80 00000000", "fail(1002)"}, // fragmented control frames (section 5.5)
        {"0a 80 00000000", "fail(1002)"},
        {"08 80 00000000", "fail(1002)"},
    };
    check_all(vectors, COUNT(vectors));
}

static void control_frames_are_handed_on_whole(void)
{
    static const struct vector vectors[] = {
        {"89 80 00000000", "ping()"},
        {"89 85 00000000 'Hello'", "ping(Hello)"},
        {"89 85 37fa213d 7f9f4d5158", "ping(Hello)"},
        {"8a 85 37fa213d 7f9f4d5158", "pong(Hello)"},
        {"89 84 00000000 00fffeff", "ping(00fffeff)"},
        {"89 81 00000000 '1' 89 81 00000000 '2' 8a 81 00000000 '3'", "ping(1) ping(2) pong(3)"},
        {"89 82 00000000 'ab' 82 82 00000000 'cd'", "ping(ab) data(cd)"},
        {"89 fe 007e 00000000", "fail(1002)"}, // section 5.5
        {"8a fe 0000 00000000", "fail(1002)"},
        {"88 ff 0000000000000001 00000000", "fail(1002)"},
    };
    check_all(vectors, COUNT(vectors));
}

static void reserved_and_unmasked_frames_fail(void)
{
    static const uint32_t known = 1u << 0x2 | 1u << 0x8 | 1u << 0x9 | 1u << 0xa;
    for (uint32_t first = 0x80; first < 0x100; first++) {
        char stream[40];
        uint32_t opcode = first & 15;
        bool expected = (first & 0x70) == 0 && (known >> opcode & 1) != 0;
        bool is_text = first == 0x81;
        snprintf(stream, sizeof stream, "%02x 80 00000000", first);
        struct block block = block_of(stream);
        struct websocket_reader reader = {0};
        struct websocket_input input = {block.data, block.data + block.length};
        struct websocket_event event;
        enum websocket_event_type type = websocket_read(&reader, &input, 100, &event);
        CHECK((type != WEBSOCKET_FAILED) == expected, "0x%02x", first);
        CHECK(expected || event.code == (is_text ? 1003 : 1002), "0x%02x: %u", first, event.code);
        block_destroy(block);
        snprintf(stream, sizeof stream, "%02x 00", first); // not masked (section 5.1)
        check(stream, 100, "fail(1002)");
    }
}

static void text_is_not_supported(void)
{
    static const struct vector vectors[] = {
        {"81 85 00000000 'Hello'", "fail(1003)"}, // [MQTT-6.0.0-1]
        {"01 85 00000000 'Hello'", "fail(1003)"},
        {"81 80 00000000", "fail(1003)"},
        {"82 81 00000000 'a' 81 81 00000000 'b'", "data(a) fail(1003)"},
    };
    check_all(vectors, COUNT(vectors));
}

static void a_close_has_a_code_and_a_reason(void)
{
    static const struct vector vectors[] = {
        {"88 80 00000000", "close(1005)"},
        {"88 82 00000000 03e8", "close(1000)"},
        {"88 82 ffffffff fc17", "close(1000)"},
        {"88 85 00000000 03e9 'bye'", "close(1001,bye)"},
        {"88 85 00000000 03e9 e282ac", "close(1001,e282ac)"},
        {"88 85 00000000 03e8 00 'a' 00", "close(1000,00a00)"}, // U+0000 is a character here
        {"88 86 00000000 03e8 00 c3a9 00", "close(1000,00c3a900)"},
        {"88 81 00000000 03", "fail(1002)"},
        {"88 84 00000000 03e8 c328", "fail(1007)"}, // section 8.1
        {"88 83 00000000 03e8 80", "fail(1007)"},
        {"88 84 00000000 03e8 c080", "fail(1007)"},
        {"88 85 00000000 03e8 eda080", "fail(1007)"},
        {"88 86 00000000 03e8 f4908080", "fail(1007)"},
        {"88 84 00000000 03e8 e282", "fail(1007)"},
        {"88 85 00000000 03e8 c3 00 a9", "fail(1007)"},
        {"88 86 00000000 03e8 'ab' 00 ff", "fail(1007)"},
        // Nothing comes behind it.
        {"88 82 00000000 03e8 89 80 00000000 82 81 00000000 'x'", "close(1000)"},
        {"88 81 00000000 03 88 82 00000000 03e8", "fail(1002)"},
    };
    check_all(vectors, COUNT(vectors));
}

static void a_failure_says_why(void)
{
    static const struct {
        const char *stream;
        const char *why;
    } vectors[] = {
        {"88 81 00000000 03", "a close frame holds half a code"},
        {"88 82 00000000 03ed", "the code of a close frame may not be sent"},
        {"c2 80", "reserved bits of a frame are set"},
        {"83 80", "the opcode of a frame is reserved"},
        {"82 00", "a frame is not masked"},
        {"82 fe 0001 00000000", "the length of a frame is not in its shortest form"},
        {"80 80", "a continuation frame continues nothing"},
    };
    for (size_t i = 0; i < COUNT(vectors); i++) {
        struct block block = block_of(vectors[i].stream);
        struct websocket_reader reader = {0};
        struct websocket_input input = {block.data, block.data + block.length};
        struct websocket_event event;
        CU_ASSERT_EQUAL(websocket_read(&reader, &input, FRAME_MAX, &event), WEBSOCKET_FAILED);
        CHECK(event.why != NULL && strcmp(event.why, vectors[i].why) == 0, "%s: %s", vectors[i].stream,
              event.why);
        block_destroy(block);
    }
}

static void some_close_codes_may_not_be_sent(void)
{
    for (uint32_t code = 0; code <= UINT16_MAX; code++) {
        bool expected = (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
                        (code >= 3000 && code <= 4999);
        uint8_t frame[] = {0x88, 0x82, 0, 0, 0, 0, (uint8_t)(code >> 8), (uint8_t)code};
        struct websocket_reader reader = {0};
        struct websocket_input input = {frame, frame + sizeof frame};
        struct websocket_event event;
        enum websocket_event_type type = websocket_read(&reader, &input, 100, &event);
        CHECK(type == (expected ? WEBSOCKET_CLOSE : WEBSOCKET_FAILED), "%u", code);
        CHECK(event.code == (expected ? code : 1002), "%u: %u", code, event.code);
    }
}

static void a_length_has_its_shortest_form_and_a_limit(void)
{
    static const struct {
        const char *stream;
        uint32_t frame_max;
        const char *events;
    } vectors[] = {
        {"82 fe 0000 00000000", FRAME_MAX, "fail(1002)"},
        {"82 fe 007d 00000000", FRAME_MAX, "fail(1002)"},
        {"82 fe 007e 00000000", FRAME_MAX, ""},
        {"82 ff 0000000000000000 00000000", FRAME_MAX, "fail(1002)"},
        {"82 ff 000000000000ffff 00000000", FRAME_MAX, "fail(1002)"},
        {"82 ff 0000000000010000 00000000", FRAME_MAX, ""},
        {"82 ff 8000000000010000 00000000", FRAME_MAX, "fail(1002)"}, // section 5.2
        {"82 ff ffffffffffffffff 00000000", UINT32_MAX, "fail(1002)"},
        {"82 ff 7fffffffffffffff 00000000", UINT32_MAX, "fail(1009)"},
        {"82 ff 0000000100000000 00000000", UINT32_MAX, "fail(1009)"},
        {"82 ff 00000000ffffffff 00000000 'a'", UINT32_MAX, "data(a)"},
        {"82 ff 00000000ffffffff 00000000", UINT32_MAX - 1, "fail(1009)"},
        {"82 fe 0100 00000000 'ab'", 256, "data(ab)"},
        {"82 fe 0100 00000000 'ab'", 255, "fail(1009)"},
        {"82 82 00000000 'ab'", 2, "data(ab)"},
        {"82 82 00000000 'ab'", 1, "fail(1009)"},
        {"02 81 00000000 'a' 80 82 00000000 'bc'", 1, "data(a) fail(1009)"},
        {"02 81 00000000 'a' 80 81 00000000 'b' 82 80 00000000", 1, "data(ab)"},
        {"82 81 00000000 'a'", 0, "fail(1009)"},
        {"89 82 00000000 'ab' 82 80 00000000", 0, "ping(ab)"}, // the limit is one of data
    };
    for (size_t i = 0; i < COUNT(vectors); i++)
        check(vectors[i].stream, vectors[i].frame_max, vectors[i].events);
}

// Writes a client's frame: the header of a server's with the mask bit set, and a mask.
static void client_frame_put(struct writer *writer, const uint8_t mask[4], uint32_t length)
{
    uint8_t *head = writer->at;
    websocket_put_binary_head(writer, length);
    head[1] |= 0x80;
    writer_put_bytes(writer, (struct bytes){mask, 4});
    for (uint32_t i = 0; i < length; i++)
        writer_put_u8(writer, (uint8_t)(i * 7 % 251) ^ mask[i % 4]);
}

// Feeds the stream in pieces of `piece` bytes, and expects the pattern of client_frame_put.
static void pattern_check(const struct block *stream, uint32_t length, uint32_t piece)
{
    struct websocket_reader reader = {0};
    uint32_t came = 0, wrong = 0;
    for (uint32_t at = 0; at < stream->length; at += piece) {
        uint32_t size = stream->length - at < piece ? stream->length - at : piece;
        struct block block = block_copy((struct bytes){stream->data + at, size});
        struct websocket_input input = {block.data, block.data + size};
        struct websocket_event event;
        while (websocket_read(&reader, &input, FRAME_MAX, &event) == WEBSOCKET_PAYLOAD)
            for (size_t i = 0; i < event.bytes.length; i++, came++)
                wrong += event.bytes.data[i] != came * 7 % 251;
        CU_ASSERT_EQUAL(event.type, WEBSOCKET_NEED_MORE);
        block_destroy(block);
    }
    CHECK(came == length && wrong == 0, "%u bytes in pieces of %u: %u came, %u wrong", length, piece, came,
          wrong);
}

static void long_payload_is_unmasked_in_pieces_of_any_size(void)
{
    static const uint32_t lengths[] = {0, 1, 3, 4, 7, 8, 9, 15, 16, 17, 31, 125, 126, 127, 300, 65535, 65536};
    static const uint32_t pieces[] = {1, 2, 3, 5, 7, 8, 13, 16, 64, 1000, 4096, 100000};
    static const uint8_t mask[4] = {0x12, 0x34, 0x56, 0xf8};
    for (size_t i = 0; i < COUNT(lengths); i++) {
        struct block stream = block_create(websocket_binary_head_size(lengths[i]) + 4 + lengths[i]);
        struct writer writer = block_writer(stream);
        client_frame_put(&writer, mask, lengths[i]);
        CU_ASSERT_FALSE(writer.overflow);
        CU_ASSERT_PTR_EQUAL(writer.at, writer.end); // the size was right
        for (size_t j = 0; j < COUNT(pieces); j++)
            pattern_check(&stream, lengths[i], pieces[j]);
        block_destroy(stream);
    }
}

static void the_longest_ping_is_collected(void)
{
    struct block stream = block_create(2 + 4 + WEBSOCKET_CONTROL_MAX);
    static const uint8_t head[] = {0x89, 0xfd, 1, 2, 3, 4};
    memcpy(stream.data, head, sizeof head);
    for (uint32_t i = 0; i < WEBSOCKET_CONTROL_MAX; i++)
        stream.data[sizeof head + i] = (uint8_t)(i ^ head[2 + i % 4]);
    for (uint32_t cut = 0; cut <= stream.length; cut++) {
        struct websocket_reader reader = {0};
        struct block pieces[2] = {block_copy((struct bytes){stream.data, cut}),
                                  block_copy((struct bytes){stream.data + cut, stream.length - cut})};
        struct websocket_event event;
        enum websocket_event_type type = WEBSOCKET_NEED_MORE;
        for (uint32_t i = 0; i < 2 && type == WEBSOCKET_NEED_MORE; i++) {
            struct websocket_input input = {pieces[i].data, pieces[i].data + pieces[i].length};
            type = websocket_read(&reader, &input, 0, &event);
        }
        CU_ASSERT_EQUAL(type, WEBSOCKET_PING);
        CU_ASSERT_EQUAL_FATAL(event.bytes.length, WEBSOCKET_CONTROL_MAX);
        for (uint32_t i = 0; i < WEBSOCKET_CONTROL_MAX; i++)
            CU_ASSERT_EQUAL(event.bytes.data[i], i);
        block_destroy(pieces[0]);
        block_destroy(pieces[1]);
    }
    block_destroy(stream);
}

static bool written(struct writer writer, const uint8_t *from, const char *notation)
{
    struct block expected = block_of(notation);
    bool equal = !writer.overflow &&
                 bytes_equal((struct bytes){from, (size_t)(writer.at - from)}, block_view(expected));
    block_destroy(expected);
    return equal;
}

static void binary_heads_are_as_short_as_can_be(void)
{
    static const struct {
        uint64_t length;
        const char *head;
    } vectors[] = {
        {0, "82 00"},
        {125, "82 7d"},
        {126, "82 7e 007e"},
        {65535, "82 7e ffff"},
        {65536, "82 7f 0000000000010000"},
        {0x123456789abcdef0, "82 7f 123456789abcdef0"},
    };
    for (size_t i = 0; i < COUNT(vectors); i++) {
        uint8_t room[WEBSOCKET_BINARY_HEAD_MAX];
        struct writer writer = writer_of(room, sizeof room);
        websocket_put_binary_head(&writer, vectors[i].length);
        CHECK(written(writer, room, vectors[i].head), "%s", vectors[i].head);
        CHECK((uint32_t)(writer.at - room) == websocket_binary_head_size(vectors[i].length), "%s",
              vectors[i].head);
        writer = writer_of(room, websocket_binary_head_size(vectors[i].length) - 1);
        websocket_put_binary_head(&writer, vectors[i].length);
        CHECK(writer.overflow, "%s", vectors[i].head);
    }
}

static void control_frames_are_written(void)
{
    uint8_t room[2 + WEBSOCKET_CONTROL_MAX];
    struct writer writer = writer_of(room, sizeof room);
    websocket_put_ping(&writer, bytes_of("ab"));
    CU_ASSERT_TRUE(written(writer, room, "89 02 'ab'"));
    writer = writer_of(room, sizeof room);
    websocket_put_pong(&writer, (struct bytes){NULL, 0});
    CU_ASSERT_TRUE(written(writer, room, "8a 00"));
    writer = writer_of(room, sizeof room);
    websocket_put_close(&writer, WEBSOCKET_CLOSE_NORMAL, (struct bytes){NULL, 0});
    CU_ASSERT_TRUE(written(writer, room, "88 02 03e8"));
    writer = writer_of(room, sizeof room);
    websocket_put_close(&writer, WEBSOCKET_CLOSE_NONE, (struct bytes){NULL, 0});
    CU_ASSERT_TRUE(written(writer, room, "88 00"));
    writer = writer_of(room, sizeof room);
    websocket_put_close(&writer, 4999, bytes_of("bye"));
    CU_ASSERT_TRUE(written(writer, room, "88 05 1387 'bye'"));
    uint8_t longest[WEBSOCKET_CONTROL_MAX] = {0};
    writer = writer_of(room, sizeof room);
    websocket_put_pong(&writer, (struct bytes){longest, sizeof longest});
    CU_ASSERT_FALSE(writer.overflow);
    CU_ASSERT_PTR_EQUAL(writer.at, writer.end);
    writer = writer_of(room, sizeof room);
    websocket_put_close(&writer, 1000, (struct bytes){longest, WEBSOCKET_REASON_MAX});
    CU_ASSERT_FALSE(writer.overflow);
    CU_ASSERT_PTR_EQUAL(writer.at, writer.end);
}

static void an_idle_connection_costs_little(void)
{
    CU_ASSERT_TRUE(sizeof(struct websocket_reader) <= 140);
}

int main(void)
{
    static const CU_TestInfo cases[] = {
        {"payload is unmasked", payload_is_unmasked},
        {"a message may be fragmented", a_message_may_be_fragmented},
        {"wrong fragmentation fails", wrong_fragmentation_fails},
        {"control frames are handed on whole", control_frames_are_handed_on_whole},
        {"reserved and unmasked frames fail", reserved_and_unmasked_frames_fail},
        {"text is not supported", text_is_not_supported},
        {"a close has a code and a reason", a_close_has_a_code_and_a_reason},
        {"a failure says why", a_failure_says_why},
        {"some close codes may not be sent", some_close_codes_may_not_be_sent},
        {"a length has its shortest form and a limit", a_length_has_its_shortest_form_and_a_limit},
        {"long payload is unmasked in pieces of any size", long_payload_is_unmasked_in_pieces_of_any_size},
        {"the longest ping is collected", the_longest_ping_is_collected},
        {"binary heads are as short as can be", binary_heads_are_as_short_as_can_be},
        {"control frames are written", control_frames_are_written},
        {"an idle connection costs little", an_idle_connection_costs_little},
    };
    return RUN_TESTS("websocket", cases);
}
