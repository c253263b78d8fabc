// SPDX-License-Identifier: MIT
#include "server/session/inbox.h"

#include "test/heap.h"
#include "test/hex.h"
#include "test/suite.h"

#define SIZE_MAX_ANY 268435460u

// PINGREQ, PUBLISH, an empty PUBLISH, PUBACK: 2, 7, 5 and 4 bytes.
#define FOUR       "c0 00  30 05 0001 'a' 'hi'  30 03 0001 'a'  40 02 1234"
#define FOUR_BYTES 18u

static struct segment_pool chunks;
static struct inbox inbox;
static uint64_t blocks;
static uint8_t stream[300000];
static uint32_t stream_length;
static uint8_t taken[sizeof stream]; // the packets given out, one after the other
static uint32_t taken_length;
static uint32_t taken_count;

static void open_inbox(void)
{
    blocks = heap_blocks();
    taken_length = 0;
    taken_count = 0;
    segment_pool_init(&chunks, SEGMENT_CHUNK_BYTES, 2);
    inbox_init(&inbox, &chunks);
}

static void close_inbox(void)
{
    inbox_finish(&inbox);
    segment_pool_finish(&chunks);
    CU_ASSERT_EQUAL(heap_blocks(), blocks);
}

static void put_stream(const char *hex)
{
    struct bytes bytes = hex_bytes(hex);
    memcpy(stream, bytes.data, bytes.length);
    stream_length = bytes.length;
}

// A PUBLISH of `size` bytes at the end of the stream.
static void append_publish(uint32_t size)
{
    struct packet packet = {.type = PACKET_PUBLISH, .publish = {.topic = bytes_of("a")}};
    static uint8_t payload[sizeof stream];
    for (uint32_t i = 0; i < size; i++)
        payload[i] = (uint8_t)(i * 31 + (i >> 8));
    packet.publish.payload = (struct bytes){payload, size};
    while (packet_size(&packet, MQTT_VERSION_3_1_1) > size)
        packet.publish.payload.length--;
    struct writer writer = writer_of(stream + stream_length, sizeof stream - stream_length);
    packet_encode(&packet, MQTT_VERSION_3_1_1, &writer);
    CU_ASSERT_FALSE_FATAL(writer.overflow);
    stream_length = (uint32_t)(writer.at - stream);
}

static void note_frame(const struct frame *frame)
{
    const uint8_t *packet = frame->body.data + frame->body.length - frame->size;
    CU_ASSERT_TRUE_FATAL(taken_length + frame->size <= sizeof taken);
    CU_ASSERT_EQUAL(packet[0], frame->header);
    memcpy(taken + taken_length, packet, frame->size);
    taken_length += frame->size;
    taken_count++;
}

// Takes at most `count_max` packets.
static enum frame_status take_packets(uint32_t count_max, uint32_t size_max, struct frame *ret_frame)
{
    enum frame_status status = FRAME_READY;
    for (uint32_t i = 0; i < count_max && (status = inbox_next(&inbox, size_max, ret_frame)) == FRAME_READY;
         i++)
        note_frame(ret_frame);
    return status;
}

// Feeds a piece of the stream from memory that is gone afterwards.
static enum frame_status feed(uint32_t from, uint32_t to)
{
    uint8_t *piece = malloc(to - from + 1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(piece);
    memcpy(piece, stream + from, to - from);
    struct frame frame;
    inbox_feed(&inbox, (struct bytes){piece, to - from});
    enum frame_status status = take_packets(UINT32_MAX, SIZE_MAX_ANY, &frame);
    free(piece);
    return status;
}

static bool took_all(uint32_t count)
{
    return taken_count == count && taken_length == stream_length && memcmp(taken, stream, stream_length) == 0;
}

static void whole_packets_are_given_out_in_place(void)
{
    open_inbox();
    put_stream(FOUR);
    inbox_feed(&inbox, (struct bytes){stream, stream_length});
    struct frame frame;
    CU_ASSERT_EQUAL(inbox_next(&inbox, SIZE_MAX_ANY, &frame), FRAME_READY);
    CU_ASSERT_EQUAL(frame_type(&frame), PACKET_PINGREQ);
    CU_ASSERT_EQUAL(inbox_next(&inbox, SIZE_MAX_ANY, &frame), FRAME_READY);
    CU_ASSERT_PTR_EQUAL(frame.body.data, stream + 4);
    CU_ASSERT_EQUAL(frame.body.length, 5);
    CU_ASSERT_EQUAL(inbox_next(&inbox, SIZE_MAX_ANY, &frame), FRAME_READY);
    CU_ASSERT_EQUAL(inbox_next(&inbox, SIZE_MAX_ANY, &frame), FRAME_READY);
    CU_ASSERT_PTR_EQUAL(frame.body.data, stream + 16);
    CU_ASSERT_EQUAL(inbox_next(&inbox, SIZE_MAX_ANY, &frame), FRAME_NEED_MORE);
    CU_ASSERT_EQUAL(heap_blocks(), blocks); // and nothing was copied
    close_inbox();
}

static void nothing_fed_is_nothing_to_give(void)
{
    open_inbox();
    struct frame frame;
    CU_ASSERT_EQUAL(inbox_next(&inbox, SIZE_MAX_ANY, &frame), FRAME_NEED_MORE);
    inbox_feed(&inbox, (struct bytes){0});
    CU_ASSERT_EQUAL(inbox_next(&inbox, SIZE_MAX_ANY, &frame), FRAME_NEED_MORE);
    CU_ASSERT_EQUAL(inbox_left(&inbox), 0);
    struct writer writer = writer_of(stream, sizeof stream);
    inbox_copy_left(&inbox, &writer);
    CU_ASSERT_PTR_EQUAL(writer.at, stream);
    close_inbox();
}

static void a_stream_may_be_cut_at_any_byte(void)
{
    put_stream(FOUR);
    for (uint32_t cut = 0; cut <= stream_length; cut++) {
        open_inbox();
        CU_ASSERT_EQUAL(feed(0, cut), FRAME_NEED_MORE);
        CU_ASSERT_EQUAL(feed(cut, stream_length), FRAME_NEED_MORE);
        CU_ASSERT_TRUE(took_all(4));
        close_inbox();
    }
}

static void a_stream_may_come_byte_by_byte(void)
{
    put_stream(FOUR);
    append_publish(200);
    append_publish(20000);
    open_inbox();
    for (uint32_t i = 0; i < stream_length; i++)
        CU_ASSERT_EQUAL(feed(i, i + 1), FRAME_NEED_MORE);
    CU_ASSERT_TRUE(took_all(6));
    CU_ASSERT_EQUAL(chunks.idle_count, 1); // one chunk served for all
    close_inbox();
}

static void a_stream_may_come_in_any_pieces(void)
{
    struct random random;
    suite_seed(&random);
    for (int run = 0; run < 200; run++) {
        stream_length = 0;
        uint32_t count = 1 + suite_below(&random, 12);
        for (uint32_t i = 0; i < count; i++)
            append_publish(7 + suite_below(&random, suite_below(&random, 4) == 0 ? 20000 : 300));
        open_inbox();
        uint32_t piece_max = 1 + suite_below(&random, 9000);
        for (uint32_t at = 0; at < stream_length;) {
            uint32_t piece = 1 + suite_below(&random, piece_max);
            uint32_t to = piece > stream_length - at ? stream_length : at + piece;
            CU_ASSERT_EQUAL(feed(at, to), FRAME_NEED_MORE);
            at = to;
        }
        CU_ASSERT_TRUE(took_all(count));
        close_inbox();
    }
}

static void a_cut_packet_grows_with_what_came_not_with_its_claim(void)
{
    open_inbox();
    put_stream("30 ffffff7f 0001 'a'"); // 256 MiB are announced
    memset(stream + stream_length, 'x', 10000);
    CU_ASSERT_EQUAL(feed(0, 100), FRAME_NEED_MORE);
    CU_ASSERT_EQUAL(inbox.partial->capacity, SEGMENT_CHUNK_BYTES);
    CU_ASSERT_EQUAL(feed(100, 5000), FRAME_NEED_MORE);
    CU_ASSERT_EQUAL(inbox.partial->capacity, 2 * SEGMENT_CHUNK_BYTES);
    CU_ASSERT_EQUAL(feed(5000, 9000), FRAME_NEED_MORE);
    CU_ASSERT_EQUAL(inbox.partial->capacity, 4 * SEGMENT_CHUNK_BYTES);
    CU_ASSERT_EQUAL(heap_blocks(), blocks + 2); // this one, and the chunk that it began in is idle
    close_inbox();
}

static void a_large_packet_is_collected_once_in_memory_of_its_size(void)
{
    stream_length = 0;
    append_publish(200000);
    append_publish(7);
    open_inbox();
    for (uint32_t at = 0; at < 199999; at += 1000)
        CU_ASSERT_EQUAL(feed(at, at + 1000 > 199999 ? 199999 : at + 1000), FRAME_NEED_MORE);
    CU_ASSERT_EQUAL(taken_count, 0);
    CU_ASSERT_EQUAL(inbox.partial->capacity, 200000);
    CU_ASSERT_EQUAL(feed(199999, stream_length), FRAME_NEED_MORE);
    CU_ASSERT_TRUE(took_all(2));
    CU_ASSERT_PTR_NULL(inbox.partial);
    close_inbox();
}

static void the_memory_of_a_cut_packet_goes_back_behind_it(void)
{
    open_inbox();
    put_stream("30 05 0001 'a' 'hi' c0 00");
    inbox_feed(&inbox, (struct bytes){stream, 3});
    struct frame frame;
    CU_ASSERT_EQUAL(inbox_next(&inbox, SIZE_MAX_ANY, &frame), FRAME_NEED_MORE);
    inbox_feed(&inbox, (struct bytes){stream + 3, 6});
    CU_ASSERT_EQUAL(inbox_next(&inbox, SIZE_MAX_ANY, &frame), FRAME_READY);
    CU_ASSERT_EQUAL(chunks.idle_count, 0); // the frame lies in it
    CU_ASSERT_EQUAL(inbox_next(&inbox, SIZE_MAX_ANY, &frame), FRAME_READY);
    CU_ASSERT_PTR_EQUAL(frame.body.data, stream + 9);
    CU_ASSERT_EQUAL(chunks.idle_count, 1);
    close_inbox();
}

static void an_inbox_may_end_within_a_packet(void)
{
    put_stream(FOUR);
    for (uint32_t cut = 0; cut < stream_length; cut++) {
        open_inbox();
        CU_ASSERT_EQUAL(feed(0, cut), FRAME_NEED_MORE);
        close_inbox();
    }
}

static void judge(const char *hex, uint32_t size_max, enum frame_status expected, uint8_t reason)
{
    put_stream(hex);
    for (uint32_t cut = 0; cut <= stream_length; cut++) {
        open_inbox();
        struct frame frame = {0};
        inbox_feed(&inbox, (struct bytes){stream, cut});
        enum frame_status status = take_packets(UINT32_MAX, size_max, &frame);
        if (status == FRAME_NEED_MORE) {
            inbox_feed(&inbox, (struct bytes){stream + cut, stream_length - cut});
            status = take_packets(UINT32_MAX, size_max, &frame);
        }
        CU_ASSERT_EQUAL(status, expected);
        CU_ASSERT_TRUE(status != FRAME_MALFORMED || frame.reason == reason);
        close_inbox();
    }
}

static void a_packet_above_the_limit_is_refused_by_its_head(void)
{
    judge("c0 00 30 05 0001 'a' 'hi'", 7, FRAME_NEED_MORE, 0);
    judge("c0 00 30 05", 6, FRAME_MALFORMED, REASON_PACKET_TOO_LARGE);
    judge("30 ffffff7f", 268435459, FRAME_MALFORMED, REASON_PACKET_TOO_LARGE);
    judge("30 ffffff7f", 268435460, FRAME_NEED_MORE, 0);
}

static void a_malformed_head_ends_the_stream(void)
{
    judge("c0 00 00", SIZE_MAX_ANY, FRAME_MALFORMED, REASON_MALFORMED_PACKET);            // type 0
    judge("c0 00 c1", SIZE_MAX_ANY, FRAME_MALFORMED, REASON_MALFORMED_PACKET);            // flags
    judge("c0 00 36", SIZE_MAX_ANY, FRAME_MALFORMED, REASON_MALFORMED_PACKET);            // QoS 3
    judge("c0 00 30 ffffffff01", SIZE_MAX_ANY, FRAME_MALFORMED, REASON_MALFORMED_PACKET); // five bytes
    judge("c0 00 30 8500 0001 'a' 'hi'", SIZE_MAX_ANY, FRAME_MALFORMED, REASON_MALFORMED_PACKET);
}

// Looks at what is left after `count` packets were taken from two pieces.
static void check_left(uint32_t cut, uint32_t count)
{
    open_inbox();
    struct frame frame;
    inbox_feed(&inbox, (struct bytes){stream, cut});
    enum frame_status status = take_packets(count, SIZE_MAX_ANY, &frame);
    uint32_t known = cut;
    if (status == FRAME_NEED_MORE) {
        inbox_feed(&inbox, (struct bytes){stream + cut, stream_length - cut});
        (void)take_packets(count - taken_count, SIZE_MAX_ANY, &frame); // up to the end at the latest
        known = stream_length;
    }
    uint8_t left[FOUR_BYTES];
    struct writer writer = writer_of(left, sizeof left);
    CU_ASSERT_EQUAL(inbox_left(&inbox), known - taken_length);
    inbox_copy_left(&inbox, &writer);
    CU_ASSERT_EQUAL((uint32_t)(writer.at - left), known - taken_length);
    CU_ASSERT_EQUAL(memcmp(left, stream + taken_length, known - taken_length), 0);
    close_inbox();
}

static void what_was_not_given_out_can_be_taken_along_at_any_point(void)
{
    put_stream(FOUR);
    for (uint32_t cut = 0; cut <= stream_length; cut++)
        for (uint32_t count = 0; count <= 4; count++)
            check_left(cut, count);
}

// Nothing of a cut packet was asked for again: it is the whole of what is left.
static void a_cut_packet_alone_can_be_taken_along(void)
{
    open_inbox();
    put_stream("30 05 0001 'a' 'hi'");
    CU_ASSERT_EQUAL(feed(0, 5), FRAME_NEED_MORE);
    uint8_t left[8];
    struct writer writer = writer_of(left, sizeof left);
    CU_ASSERT_EQUAL(inbox_left(&inbox), 5);
    inbox_copy_left(&inbox, &writer);
    CU_ASSERT_EQUAL(writer.at - left, 5);
    CU_ASSERT_EQUAL(memcmp(left, stream, 5), 0);
    close_inbox();
}

static void without_memory_the_stream_ends(void)
{
    stream_length = 0;
    append_publish(10000);
    for (uint64_t passed = 0; passed < 2; passed++) { // the chunk, and what is larger
        open_inbox();
        struct frame frame;
        heap_fail_after(passed);
        inbox_feed(&inbox, (struct bytes){stream, 6000});
        CU_ASSERT_EQUAL(inbox_next(&inbox, SIZE_MAX_ANY, &frame), FRAME_MALFORMED);
        CU_ASSERT_EQUAL(frame.reason, REASON_QUOTA_EXCEEDED);
        CU_ASSERT_TRUE(heap_recover());
        close_inbox();
    }
    open_inbox();
    struct frame frame;
    CU_ASSERT_EQUAL(feed(0, 4000), FRAME_NEED_MORE);
    heap_fail_after(0); // and when more of it comes
    inbox_feed(&inbox, (struct bytes){stream + 4000, 4000});
    CU_ASSERT_EQUAL(inbox_next(&inbox, SIZE_MAX_ANY, &frame), FRAME_MALFORMED);
    CU_ASSERT_EQUAL(frame.reason, REASON_QUOTA_EXCEEDED);
    CU_ASSERT_TRUE(heap_recover());
    close_inbox();
}

int main(void)
{
    static const CU_TestInfo cases[] = {
        {"whole packets are given out in place", whole_packets_are_given_out_in_place},
        {"nothing fed is nothing to give", nothing_fed_is_nothing_to_give},
        {"a stream may be cut at any byte", a_stream_may_be_cut_at_any_byte},
        {"a stream may come byte by byte", a_stream_may_come_byte_by_byte},
        {"a stream may come in any pieces", a_stream_may_come_in_any_pieces},
        {"a cut packet grows with what came, not with its claim",
         a_cut_packet_grows_with_what_came_not_with_its_claim},
        {"a large packet is collected once, in memory of its size",
         a_large_packet_is_collected_once_in_memory_of_its_size},
        {"the memory of a cut packet goes back behind it", the_memory_of_a_cut_packet_goes_back_behind_it},
        {"an inbox may end within a packet", an_inbox_may_end_within_a_packet},
        {"a packet above the limit is refused by its head", a_packet_above_the_limit_is_refused_by_its_head},
        {"a malformed head ends the stream", a_malformed_head_ends_the_stream},
        {"what was not given out can be taken along at any point",
         what_was_not_given_out_can_be_taken_along_at_any_point},
        {"a cut packet alone can be taken along", a_cut_packet_alone_can_be_taken_along},
        {"without memory the stream ends", without_memory_the_stream_ends},
    };
    return RUN_TESTS("inbox", cases);
}
