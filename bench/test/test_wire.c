// SPDX-License-Identifier: MIT
// The load generator's packets, and the splitter under every way in which a stream can be cut.
#include <string.h>

#include "bench/wire.h"
#include "test/run.h"

#define ROOM 4096u

struct stream {
    uint8_t bytes[WIRE_HEAD_MAX + ROOM];
    uint32_t length;
};

static uint8_t *stream_end(struct stream *stream)
{
    return stream->bytes + WIRE_HEAD_MAX + stream->length;
}

static void stream_put_publish(struct stream *stream, const struct publish_form *form, uint16_t packet_id,
                               struct wire_tag tag)
{
    uint8_t topic[WIRE_TOPIC_BYTES];
    wire_put_topic(topic, 123456);
    publish_form_put(form, topic, packet_id, tag, stream_end(stream));
    stream->length += form->size;
}

static void publish_has_the_bytes_of_the_standard(void)
{
    static const uint8_t expected[] = {0x32, 36,  0,   12,  'b', 'e', 'n', 'c', 'h',
                                       '/',  '0', '0', '0', '0', '4', '2', 1,   2};
    uint8_t topic[WIRE_TOPIC_BYTES];
    uint8_t bytes[64];
    struct wire_tag tag = {5, 6, 7};
    struct publish_form form;
    CU_ASSERT_EQUAL_FATAL(publish_form_init(&form, 20, 1), 0);
    CU_ASSERT_EQUAL_FATAL(form.size, 38);
    wire_put_topic(topic, 42);
    publish_form_put(&form, topic, 0x0102, tag, bytes);
    CU_ASSERT_EQUAL(memcmp(bytes, expected, sizeof(expected)), 0);
    CU_ASSERT_EQUAL(memcmp(bytes + sizeof(expected), &tag, sizeof(tag)), 0);
    publish_form_finish(&form);
}

static void hello_has_the_bytes_of_the_standard(void)
{
    static const uint8_t connect[] = {0x10, 14, 0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 0, 0, 2, 'i', 'd'};
    static const uint8_t subscribe[] = {0x82, 17,  0,   1,   0,   12,  'b', 'e', 'n', 'c',
                                        'h',  '/', '0', '0', '0', '0', '0', '7', 2};
    uint8_t bytes[WIRE_HELLO_MAX];
    CU_ASSERT_EQUAL_FATAL(wire_put_connect(bytes, "id"), sizeof(connect));
    CU_ASSERT_EQUAL(memcmp(bytes, connect, sizeof(connect)), 0);
    CU_ASSERT_EQUAL_FATAL(wire_put_subscribe(bytes, 7, 2), sizeof(subscribe));
    CU_ASSERT_EQUAL(memcmp(bytes, subscribe, sizeof(subscribe)), 0);
}

static void erasing_has_the_bytes_of_the_standard(void)
{
    static const uint8_t expected[WIRE_ERASE_BYTES] = {0x33, 16,  0,   12,  'b', 'e', 'n', 'c', 'h',
                                                       '/',  '0', '0', '0', '0', '4', '2', 1,   2};
    uint8_t bytes[WIRE_ERASE_BYTES];
    CU_ASSERT_EQUAL_FATAL(wire_put_erase(bytes, 42, 0x0102), WIRE_ERASE_BYTES);
    CU_ASSERT_EQUAL(memcmp(bytes, expected, sizeof(expected)), 0);
}

static void wildcards_match_their_topic(void)
{
    static const uint8_t even[] = {0x82, 13, 0, 1, 0, 8, '+', '/', '0', '0', '0', '0', '4', '2', 1};
    static const uint8_t odd[] = {0x82, 19,  0,   1,   0,   14,  'b', 'e', 'n', 'c', 'h',
                                  '/',  '0', '0', '0', '0', '4', '3', '/', '#', 1};
    uint8_t bytes[WIRE_HELLO_MAX];
    CU_ASSERT_EQUAL_FATAL(wire_put_subscribe_wildcard(bytes, 42, 1), sizeof(even));
    CU_ASSERT_EQUAL(memcmp(bytes, even, sizeof(even)), 0);
    CU_ASSERT_EQUAL_FATAL(wire_put_subscribe_wildcard(bytes, 43, 1), sizeof(odd));
    CU_ASSERT_EQUAL(memcmp(bytes, odd, sizeof(odd)), 0);
}

// Feeds the stream in pieces of `piece` bytes and checks that the same packets come out.
static void check_pieces(const struct stream *stream, const struct publish_form *form, uint32_t piece)
{
    static uint8_t room[WIRE_HEAD_MAX + ROOM];
    static const uint8_t types[] = {WIRE_CONNACK, WIRE_SUBACK, WIRE_PUBLISH, WIRE_PUBREL, WIRE_PUBLISH};
    struct splitter splitter;
    struct wire_packet packet;
    uint32_t count = 0;
    splitter_init(&splitter);
    for (uint32_t at = 0; at < stream->length; at += piece) {
        uint32_t length = stream->length - at < piece ? stream->length - at : piece;
        memcpy(room + WIRE_HEAD_MAX, stream->bytes + WIRE_HEAD_MAX + at, length);
        splitter_give(&splitter, room + WIRE_HEAD_MAX, length);
        while (splitter_next(&splitter, form, &packet)) {
            CU_ASSERT_EQUAL_FATAL(packet.type, types[count]);
            if (packet.type == WIRE_PUBLISH) {
                CU_ASSERT_EQUAL(packet.packet_id, 300 + count);
                CU_ASSERT_EQUAL(packet.tag.sequence, 1000 + count);
            }
            count++;
        }
        CU_ASSERT_FALSE_FATAL(splitter.failed);
    }
    CU_ASSERT_EQUAL(count, 5);
}

static void stream_may_be_cut_anywhere(void)
{
    static struct stream stream;
    static const uint8_t hello[] = {0x20, 2, 0, 0, 0x90, 3, 0, 1, 2};
    struct publish_form form;
    CU_ASSERT_EQUAL_FATAL(publish_form_init(&form, 200, 2), 0);
    stream.length = 0;
    memcpy(stream_end(&stream), hello, sizeof(hello));
    stream.length += sizeof(hello);
    stream_put_publish(&stream, &form, 302, (struct wire_tag){0, 1002, 0});
    stream.length += wire_put_ack(stream_end(&stream), WIRE_PUBREL, 303);
    stream_put_publish(&stream, &form, 304, (struct wire_tag){0, 1004, 0});
    for (uint32_t piece = 1; piece <= stream.length; piece++)
        check_pieces(&stream, &form, piece);
    publish_form_finish(&form);
}

static void duplicate_flag_is_no_fault(void)
{
    static struct stream stream;
    struct publish_form form;
    struct splitter splitter;
    struct wire_packet packet;
    CU_ASSERT_EQUAL_FATAL(publish_form_init(&form, 64, 1), 0);
    stream.length = 0;
    stream_put_publish(&stream, &form, 9, (struct wire_tag){3, 4, 0});
    stream.bytes[WIRE_HEAD_MAX] |= 0x08;
    splitter_init(&splitter);
    splitter_give(&splitter, stream.bytes + WIRE_HEAD_MAX, stream.length);
    CU_ASSERT_TRUE(splitter_next(&splitter, &form, &packet));
    CU_ASSERT_EQUAL(packet.tag.publisher, 3);
    publish_form_finish(&form);
}

static void retained_is_known_by_its_flag(void)
{
    static struct stream stream;
    struct publish_form form;
    struct splitter splitter;
    struct wire_packet packet;
    CU_ASSERT_EQUAL_FATAL(publish_form_init(&form, 64, 1), 0);
    publish_form_set_retain(&form);
    stream.length = 0;
    stream_put_publish(&stream, &form, 9, (struct wire_tag){3, 4, 0});
    CU_ASSERT_EQUAL(stream.bytes[WIRE_HEAD_MAX], 0x33);
    splitter_init(&splitter);
    splitter_give(&splitter, stream.bytes + WIRE_HEAD_MAX, stream.length);
    CU_ASSERT_TRUE(splitter_next(&splitter, &form, &packet));
    CU_ASSERT_EQUAL(packet.tag.sequence, 4);
    publish_form_finish(&form);
}

static void check_fails(const struct publish_form *form, uint8_t *bytes, uint32_t length)
{
    static uint8_t room[WIRE_HEAD_MAX + ROOM];
    struct splitter splitter;
    struct wire_packet packet;
    memcpy(room + WIRE_HEAD_MAX, bytes, length);
    splitter_init(&splitter);
    splitter_give(&splitter, room + WIRE_HEAD_MAX, length);
    CU_ASSERT_FALSE(splitter_next(&splitter, form, &packet));
    CU_ASSERT_TRUE(splitter.failed);
    CU_ASSERT_FALSE(splitter_next(&splitter, form, &packet));
}

static void foreign_bytes_fail(void)
{
    uint8_t other_size[] = {0x30, 20, 0, 12, 'b', 'e', 'n', 'c', 'h', '/'};
    uint8_t other_qos[] = {0x32, 78, 0, 12, 'b', 'e', 'n', 'c', 'h', '/'};
    uint8_t long_ack[] = {0x40, 0x82, 0x01, 0};
    uint8_t empty[] = {0xd0, 0};
    struct publish_form form;
    CU_ASSERT_EQUAL_FATAL(publish_form_init(&form, 64, 0), 0);
    CU_ASSERT_EQUAL_FATAL(form.bytes[1], 78);
    check_fails(&form, other_size, sizeof(other_size));
    check_fails(&form, other_qos, sizeof(other_qos));
    check_fails(&form, long_ack, sizeof(long_ack));
    check_fails(&form, empty, sizeof(empty));
    publish_form_finish(&form);
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"publish has the bytes of the standard", publish_has_the_bytes_of_the_standard},
        {"hello has the bytes of the standard", hello_has_the_bytes_of_the_standard},
        {"erasing has the bytes of the standard", erasing_has_the_bytes_of_the_standard},
        {"wildcards match their topic", wildcards_match_their_topic},
        {"stream may be cut anywhere", stream_may_be_cut_anywhere},
        {"duplicate flag is no fault", duplicate_flag_is_no_fault},
        {"retained is known by its flag", retained_is_known_by_its_flag},
        {"foreign bytes fail", foreign_bytes_fail},
    };
    return RUN_TESTS("bench/wire", tests);
}
