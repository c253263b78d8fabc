// SPDX-License-Identifier: MIT
#include "server/outbox/test/rig.h"

static struct rig rig;
static uint8_t payload[100000];

static struct bytes payload_of(uint32_t length)
{
    for (uint32_t i = 0; i < length; i++)
        payload[i] = (uint8_t)(i * 31 + (i >> 8));
    return (struct bytes){payload, length};
}

// Spans.

static void a_message_behind_the_last_lengthens_the_span(void)
{
    rig_open(&rig);
    for (int i = 0; i < 1000; i++)
        rig_publish(&rig, "hi");
    CU_ASSERT_EQUAL(rig_spans(&rig), 1);
    CU_ASSERT_EQUAL(rig.outbox.bytes, 7000);
    CU_ASSERT_EQUAL(rig.wirelog.current->references, 2); // the log's and one of ours
    CU_ASSERT_EQUAL(rig_drain(&rig).length, 7000);
    CU_ASSERT_EQUAL(rig.wirelog.current->references, 1);
    rig_close(&rig);
}

static void a_message_missed_begins_a_new_span(void)
{
    rig_open(&rig);
    rig_publish(&rig, "1");
    rig_publish_elsewhere(&rig);
    rig_publish(&rig, "2");
    rig_publish(&rig, "3");
    CU_ASSERT_EQUAL(rig_spans(&rig), 2);
    CU_ASSERT_EQUAL(rig.wirelog.current->references, 3);
    rig_expect(&rig, "30 04 0001 'a1' 30 04 0001 'a2' 30 04 0001 'a3'");
    rig_close(&rig);
}

static void two_outboxes_share_the_bytes(void)
{
    rig_open(&rig);
    struct outbox other;
    outbox_init(&other, &rig.chunks, 1000);
    struct publication publication = {.topic = bytes_of("a"), .payload = bytes_of("hi")};
    struct span span = wirelog_publish(&rig.wirelog, &publication, WIRE_3);
    outbox_append(&rig.outbox, span);
    outbox_append(&other, span);
    publication_finish(&publication);
    struct iovec mine;
    struct iovec theirs;
    CU_ASSERT_EQUAL(outbox_gather(&rig.outbox, &mine, 1, OUTBOX_SEND_MAX), 1);
    CU_ASSERT_EQUAL(outbox_gather(&other, &theirs, 1, OUTBOX_SEND_MAX), 1);
    CU_ASSERT_PTR_EQUAL(mine.iov_base, theirs.iov_base);
    CU_ASSERT_EQUAL(rig.wirelog.current->references, 3);
    outbox_sent(&rig.outbox, 7);
    outbox_sent(&other, 7);
    outbox_finish(&other);
    rig_close(&rig);
}

static void private_packets_keep_their_place_between_shared_ones(void)
{
    rig_open(&rig);
    rig_put_ack(&rig, 1);
    rig_put_ack(&rig, 2);
    CU_ASSERT_EQUAL(rig_spans(&rig), 1);
    rig_publish(&rig, "1");
    rig_put_ack(&rig, 3);
    rig_publish(&rig, "2");
    CU_ASSERT_EQUAL(rig_spans(&rig), 4);
    CU_ASSERT_PTR_EQUAL(rig_segment(&rig, 0), rig_segment(&rig, 2)); // one chunk
    CU_ASSERT_PTR_EQUAL(rig_segment(&rig, 1), rig_segment(&rig, 3));
    rig_expect(&rig, "40 02 0001 40 02 0002 30 04 0001 'a1' 40 02 0003 30 04 0001 'a2'");
    rig_close(&rig);
}

static void an_acknowledgement_is_its_four_bytes(void)
{
    rig_open(&rig);
    outbox_put_ack(&rig.outbox, PACKET_PUBACK, 1);
    outbox_put_ack(&rig.outbox, PACKET_PUBREC, 0x1234);
    outbox_put_ack(&rig.outbox, PACKET_PUBREL, 0xffff);
    outbox_put_ack(&rig.outbox, PACKET_PUBCOMP, 0x100);
    rig_expect(&rig, "40 02 0001 50 02 1234 62 02 ffff 70 02 0100");
    rig_close(&rig);
}

static void equal_offsets_in_two_segments_are_no_continuation(void)
{
    rig_open(&rig);
    rig_publish_elsewhere(&rig);
    rig_publish_elsewhere(&rig);
    for (uint16_t i = 1; i <= 3; i++)
        rig_put_ack(&rig, i);
    rig_publish(&rig, "1"); // at offset 12 of the log; the acknowledgements end at offset 12 of the chunk
    CU_ASSERT_EQUAL(rig_spans(&rig), 2);
    rig_expect(&rig, "40 02 0001 40 02 0002 40 02 0003 30 04 0001 'a1'");
    rig_close(&rig);
}

// Sending.

static void an_empty_outbox_gathers_nothing(void)
{
    rig_open(&rig);
    struct iovec span;
    CU_ASSERT_TRUE(outbox_empty(&rig.outbox));
    CU_ASSERT_EQUAL(outbox_gather(&rig.outbox, &span, 1, OUTBOX_SEND_MAX), 0);
    CU_ASSERT_FALSE(outbox_sending(&rig.outbox));
    rig_close(&rig);
}

// 160 spans of private and shared bytes in turn.
static void fill_alternating(void)
{
    for (uint16_t i = 1; i <= 80; i++) {
        rig_publish(&rig, "hi");
        rig_put_ack(&rig, i);
    }
}

static void a_gather_takes_so_many_spans_and_marks_them(void)
{
    rig_open(&rig);
    rig.outbox.detach_at = UINT32_MAX;
    fill_alternating();
    CU_ASSERT_EQUAL(rig_spans(&rig), 160);
    struct iovec spans[64];
    CU_ASSERT_EQUAL(outbox_gather(&rig.outbox, spans, 64, OUTBOX_SEND_MAX), 64);
    CU_ASSERT_EQUAL(rig.outbox.sending, 32 * (7 + 4));
    CU_ASSERT_TRUE(outbox_sending(&rig.outbox));
    CU_ASSERT_EQUAL(rig.outbox.bytes, 80 * (7 + 4)); // they are ours until the kernel answers
    outbox_sent(&rig.outbox, 32 * (7 + 4));
    CU_ASSERT_FALSE(outbox_sending(&rig.outbox));
    CU_ASSERT_EQUAL(outbox_gather(&rig.outbox, spans, 64, OUTBOX_SEND_MAX), 64);
    outbox_sent(&rig.outbox, 32 * (7 + 4));
    CU_ASSERT_EQUAL(outbox_gather(&rig.outbox, spans, 64, OUTBOX_SEND_MAX), 32);
    outbox_sent(&rig.outbox, 16 * (7 + 4));
    CU_ASSERT_TRUE(outbox_empty(&rig.outbox));
    rig_close(&rig);
}

#define CUT "30 04 0001 'a1' 40 02 0001 40 02 0002 30 04 0001 'a2' 40 02 0003"

static void put_cut_stream(void)
{
    rig_publish(&rig, "1");
    rig_put_ack(&rig, 1);
    rig_put_ack(&rig, 2);
    rig_publish(&rig, "2");
    rig_put_ack(&rig, 3);
}

static void a_send_may_end_at_any_byte(void)
{
    rig_open(&rig);
    uint32_t length = hex_bytes(CUT).length;
    for (uint32_t cut = 0; cut <= length; cut++) {
        put_cut_stream();
        struct iovec spans[64];
        CU_ASSERT_EQUAL(outbox_gather(&rig.outbox, spans, 64, OUTBOX_SEND_MAX), 4);
        outbox_sent(&rig.outbox, cut);
        CU_ASSERT_EQUAL(rig.outbox.bytes, length - cut);
        struct bytes whole = hex_bytes(CUT);
        struct bytes rest = {whole.data + cut, whole.length - cut};
        CU_ASSERT_TRUE(bytes_equal(rig_drain(&rig), rest));
    }
    rig_close(&rig);
}

static void a_span_may_grow_while_the_kernel_sends_it(void)
{
    rig_open(&rig);
    rig_publish(&rig, "1");
    struct iovec span;
    CU_ASSERT_EQUAL(outbox_gather(&rig.outbox, &span, 1, OUTBOX_SEND_MAX), 1);
    rig_publish(&rig, "2");
    CU_ASSERT_EQUAL(rig_spans(&rig), 1);
    CU_ASSERT_EQUAL(rig.outbox.sending, 6);
    CU_ASSERT_EQUAL(rig.outbox.bytes, 12);
    outbox_sent(&rig.outbox, 6);
    rig_expect(&rig, "30 04 0001 'a2'");

    rig_publish(&rig, "3");
    CU_ASSERT_EQUAL(outbox_gather(&rig.outbox, &span, 1, OUTBOX_SEND_MAX), 1);
    rig_publish(&rig, "4");
    outbox_sent(&rig.outbox, 2); // a part: the rest of it and what came meanwhile follow
    rig_expect(&rig, "0001 'a3' 30 04 0001 'a4'");
    rig_close(&rig);
}

// Ceilings.

static void there_is_room_up_to_the_ceiling(void)
{
    rig_open(&rig);
    rig.outbox.bytes_max = 100;
    rig_publish(&rig, "hi");
    CU_ASSERT_TRUE(outbox_has_room(&rig.outbox, 93));
    CU_ASSERT_FALSE(outbox_has_room(&rig.outbox, 94));
    CU_ASSERT_FALSE(outbox_has_room(&rig.outbox, UINT32_MAX));
    struct iovec span;
    CU_ASSERT_EQUAL(outbox_gather(&rig.outbox, &span, 1, OUTBOX_SEND_MAX), 1);
    CU_ASSERT_FALSE(outbox_has_room(&rig.outbox, 94)); // what is being sent still counts
    outbox_sent(&rig.outbox, 1);
    CU_ASSERT_TRUE(outbox_has_room(&rig.outbox, 94));
    rig_close(&rig);
}

static void an_empty_outbox_has_room_for_any_packet(void)
{
    rig_open(&rig);
    rig.outbox.bytes_max = 100;
    CU_ASSERT_TRUE(outbox_has_room(&rig.outbox, 268435460));
    rig_close(&rig);
}

// Small and large.

// The head of such a PUBLISH has 7 bytes: 32, a length in two bytes, a topic of one, the identifier.
static void a_payload_is_copied_up_to_a_size_and_shared_above(void)
{
    rig_open(&rig);
    struct message *small = rig_message("a", payload_of(OUTBOX_COPY_MAX - 8));
    struct message *large = rig_message("a", payload_of(OUTBOX_COPY_MAX - 7));
    rig_put_publish(&rig, small, 1);
    CU_ASSERT_EQUAL(rig_spans(&rig), 1);
    CU_ASSERT_EQUAL(small->segment.references, 1);
    rig_put_publish(&rig, large, 2);
    CU_ASSERT_EQUAL(rig_spans(&rig), 2);
    CU_ASSERT_PTR_EQUAL(rig_segment(&rig, 1), &large->segment);
    CU_ASSERT_EQUAL(large->segment.references, 2);

    struct bytes stream = rig_drain(&rig);
    CU_ASSERT_EQUAL_FATAL(stream.length, OUTBOX_COPY_MAX + OUTBOX_COPY_MAX + 1);
    CU_ASSERT_EQUAL(memcmp(stream.data, hex_bytes("32 fd03 0001 'a' 0001").data, 8), 0);
    CU_ASSERT_EQUAL(memcmp(stream.data + 8, payload, OUTBOX_COPY_MAX - 8), 0);
    CU_ASSERT_EQUAL(memcmp(stream.data + OUTBOX_COPY_MAX, hex_bytes("32 fe03 0001 'a' 0002").data, 8), 0);
    CU_ASSERT_EQUAL(memcmp(stream.data + OUTBOX_COPY_MAX + 8, payload, OUTBOX_COPY_MAX - 7), 0);
    CU_ASSERT_EQUAL(large->segment.references, 1);
    message_unref(small);
    message_unref(large);
    rig_close(&rig);
}

static void copies_of_one_packet_have_their_own_identifiers(void)
{
    rig_open(&rig);
    struct publication publication = {.topic = bytes_of("a"), .payload = bytes_of("hi"), .qos = 1};
    struct span span = wirelog_publish(&rig.wirelog, &publication, WIRE_3_QOS_1);
    uint32_t packet_id_at = publication.packet_id_at[WIRE_3_QOS_1];
    outbox_put_copy(&rig.outbox, span_bytes(span), packet_id_at, 1);
    outbox_put_copy(&rig.outbox, span_bytes(span), packet_id_at, 0x1234);
    publication_finish(&publication);
    CU_ASSERT_EQUAL(rig_spans(&rig), 1);
    CU_ASSERT_TRUE(
        bytes_equal(rig_drain(&rig), hex_bytes("32 07 0001 'a' 0001 'hi' 32 07 0001 'a' 1234 'hi'")));
    rig_close(&rig);
}

static void a_shared_payload_outlives_its_message_here(void)
{
    rig_open(&rig);
    struct message *message = rig_message("a", payload_of(50000));
    rig_put_publish(&rig, message, 1);
    message_unref(message);
    struct bytes stream = rig_drain(&rig);
    CU_ASSERT_EQUAL_FATAL(stream.length, 50009);
    CU_ASSERT_EQUAL(memcmp(stream.data + 9, payload, 50000), 0);
    CU_ASSERT_EQUAL(heap_blocks(), rig.blocks + 2); // the spans and an idle chunk
    rig_close(&rig);
}

static void a_long_head_without_payload_is_one_span(void)
{
    static char topic[601];
    memset(topic, 't', 600);
    rig_open(&rig);
    struct message *message = rig_message(topic, (struct bytes){0});
    rig_put_publish(&rig, message, 1);
    CU_ASSERT_EQUAL(rig_spans(&rig), 1);
    CU_ASSERT_EQUAL(rig_drain(&rig).length, 607);
    message_unref(message);
    rig_close(&rig);
}

static void a_head_above_a_chunk_has_memory_of_its_own(void)
{
    static char topic[SEGMENT_CHUNK_BYTES + 1];
    memset(topic, 't', SEGMENT_CHUNK_BYTES);
    rig_open(&rig);
    rig_put_ack(&rig, 1);
    struct message *message = rig_message(topic, payload_of(1000));
    rig_put_publish(&rig, message, 2);
    rig_put_ack(&rig, 3);
    CU_ASSERT_EQUAL(rig_spans(&rig), 4);
    CU_ASSERT_PTR_NULL(rig_segment(&rig, 1)->pool);
    CU_ASSERT_PTR_EQUAL(rig_segment(&rig, 0), rig_segment(&rig, 3)); // the chunk goes on being filled
    struct bytes stream = rig_drain(&rig);
    CU_ASSERT_EQUAL_FATAL(stream.length, 4 + 7 + SEGMENT_CHUNK_BYTES + 1000 + 4);
    CU_ASSERT_EQUAL(memcmp(stream.data + 4, hex_bytes("32 ec27 1000").data, 5), 0);
    CU_ASSERT_EQUAL(memcmp(stream.data + 4 + 7 + SEGMENT_CHUNK_BYTES - 4, hex_bytes("'tt' 0002").data, 4), 0);
    CU_ASSERT_EQUAL(memcmp(stream.data + 4 + 7 + SEGMENT_CHUNK_BYTES, payload, 1000), 0);
    message_unref(message);
    rig_close(&rig);
}

static void without_memory_there_is_no_copy(void)
{
    rig_open(&rig);
    heap_fail_after(0);
    outbox_put_copy(&rig.outbox, hex_bytes("32 07 0001 'a' 0000 'hi'"), 5, 1);
    CU_ASSERT_TRUE(heap_recover());
    CU_ASSERT_TRUE(rig.outbox.failed);
    rig_close(&rig);
}

static void private_packets_fill_one_chunk_after_the_other(void)
{
    rig_open(&rig);
    for (uint32_t i = 0; i < 2 * SEGMENT_CHUNK_BYTES / 4; i++)
        rig_put_ack(&rig, (uint16_t)i);
    CU_ASSERT_EQUAL(rig_spans(&rig), 2);
    struct bytes stream = rig_drain(&rig);
    CU_ASSERT_EQUAL_FATAL(stream.length, 2 * SEGMENT_CHUNK_BYTES);
    for (uint32_t i = 0; i < stream.length / 4; i++)
        CU_ASSERT_EQUAL((uint32_t)(stream.data[4 * i + 2] << 8 | stream.data[4 * i + 3]), i);
    rig_close(&rig);
}

// Letting the log go.

static void detaching_copies_what_waits_and_lets_the_log_go(void)
{
    rig_open(&rig);
    put_cut_stream();
    CU_ASSERT_EQUAL(rig.wirelog.current->references, 3);
    outbox_detach(&rig.outbox);
    CU_ASSERT_EQUAL(rig.wirelog.current->references, 1);
    CU_ASSERT_EQUAL(rig.outbox.bytes, hex_bytes(CUT).length);
    rig_expect(&rig, CUT);
    rig_close(&rig);
}

static void detaching_an_empty_outbox_does_nothing(void)
{
    rig_open(&rig);
    outbox_detach(&rig.outbox);
    CU_ASSERT_TRUE(outbox_empty(&rig.outbox));
    rig_close(&rig);
}

// A span longer than a chunk is copied into several.
static void detaching_copies_spans_of_any_length(void)
{
    rig_open(&rig);
    rig_put_ack(&rig, 7); // so that the copies begin within a chunk
    rig_publish_bytes(&rig, payload_of(30000), true);
    outbox_detach(&rig.outbox);
    CU_ASSERT_EQUAL(rig.wirelog.current->references, 1);
    struct bytes stream = rig_drain(&rig);
    CU_ASSERT_EQUAL_FATAL(stream.length, 4 + 7 + 30000);
    CU_ASSERT_EQUAL(memcmp(stream.data, hex_bytes("40 02 0007 30 b3ea01 0001 'a'").data, 11), 0);
    CU_ASSERT_EQUAL(memcmp(stream.data + 11, payload, 30000), 0);
    rig_close(&rig);
}

static void detaching_leaves_what_the_kernel_sends(void)
{
    rig_open(&rig);
    put_cut_stream();
    struct iovec spans[2];
    CU_ASSERT_EQUAL(outbox_gather(&rig.outbox, spans, 2, OUTBOX_SEND_MAX),
                    2); // the first message and two acknowledgements
    outbox_detach(&rig.outbox);
    CU_ASSERT_EQUAL(rig.wirelog.current->references, 2);
    CU_ASSERT_EQUAL(memcmp(spans[0].iov_base, hex_bytes("30 04 0001 'a1'").data, 6), 0);
    CU_ASSERT_EQUAL(memcmp(spans[1].iov_base, hex_bytes("40 02 0001 40 02 0002").data, 8), 0);
    outbox_sent(&rig.outbox, 14);
    CU_ASSERT_EQUAL(rig.wirelog.current->references, 1);
    rig_expect(&rig, "30 04 0001 'a2' 40 02 0003");
    rig_close(&rig);
}

// The part of a span that came while the kernel was sending it stays where it is.
static void detaching_leaves_a_span_that_grew_in_the_kernel(void)
{
    rig_open(&rig);
    rig_publish(&rig, "1");
    struct iovec span;
    CU_ASSERT_EQUAL(outbox_gather(&rig.outbox, &span, 1, OUTBOX_SEND_MAX), 1);
    rig_publish(&rig, "2");
    rig_put_ack(&rig, 1);
    rig_publish(&rig, "3");
    outbox_detach(&rig.outbox);
    CU_ASSERT_EQUAL(rig.wirelog.current->references, 2);
    outbox_sent(&rig.outbox, 3);
    rig_expect(&rig, "01 'a1' 30 04 0001 'a2' 40 02 0001 30 04 0001 'a3'");
    rig_close(&rig);
}

static void detaching_leaves_private_packets_where_they_are(void)
{
    rig_open(&rig);
    rig_put_ack(&rig, 1);
    struct segment *chunk = rig_segment(&rig, 0);
    outbox_detach(&rig.outbox);
    CU_ASSERT_PTR_EQUAL(rig_segment(&rig, 0), chunk);
    CU_ASSERT_EQUAL(chunk->used, 4);
    rig_expect(&rig, "40 02 0001");
    rig_close(&rig);
}

// Those of the heap and those of a pool.
static void detaching_leaves_the_payloads_of_messages(void)
{
    rig_open(&rig);
    struct message_pools pools;
    message_pools_init(&pools);
    struct publication publication = {.topic = bytes_of("a"), .payload = payload_of(2000), .pools = &pools};
    struct message *pooled = message_create(&publication);
    struct message *message = rig_message("a", payload_of(5000));
    rig_publish(&rig, "1");
    rig_put_publish(&rig, message, 1);
    rig_put_publish(&rig, pooled, 2);
    rig_publish(&rig, "2");
    outbox_detach(&rig.outbox);
    CU_ASSERT_EQUAL(rig.wirelog.current->references, 1);
    CU_ASSERT_EQUAL(message->segment.references, 2);
    CU_ASSERT_EQUAL(pooled->segment.references, 2);
    struct bytes stream = rig_drain(&rig);
    CU_ASSERT_EQUAL_FATAL(stream.length, 6 + 5008 + 2008 + 6);
    CU_ASSERT_EQUAL(memcmp(stream.data + 6 + 8, payload, 5000), 0);
    CU_ASSERT_EQUAL(memcmp(stream.data + 6 + 5008 + 8, payload, 2000), 0);
    message_unref(message);
    message_unref(pooled);
    message_pools_finish(&pools);
    rig_close(&rig);
}

static void many_waiting_spans_are_copied_out_unasked(void)
{
    rig_open(&rig);
    for (uint32_t i = 0; i < OUTBOX_SPANS_SHARED; i++) {
        rig_publish(&rig, "1");
        rig_publish_elsewhere(&rig);
    }
    CU_ASSERT_EQUAL(rig_spans(&rig), OUTBOX_SPANS_SHARED);
    CU_ASSERT_EQUAL(rig.wirelog.current->references, 1 + OUTBOX_SPANS_SHARED);
    rig_publish(&rig, "2");
    CU_ASSERT_EQUAL(rig_spans(&rig), 2);
    CU_ASSERT_EQUAL(rig.wirelog.current->references, 2);
    struct bytes stream = rig_drain(&rig);
    CU_ASSERT_EQUAL_FATAL(stream.length, 6 * OUTBOX_SPANS_SHARED + 6);
    CU_ASSERT_EQUAL(stream.data[stream.length - 1], '2');
    rig_close(&rig);
}

// The private packet that finds too many spans waiting is written into a chunk before they are copied into
// chunks as well: neither may take the other's place.
static void a_private_packet_may_be_the_one_that_copies_them_out(void)
{
    rig_open(&rig);
    for (uint32_t i = 0; i < OUTBOX_SPANS_SHARED; i++) {
        rig_publish_bytes(&rig, payload_of(100), true);
        rig_publish_elsewhere(&rig);
    }
    rig_put_ack(&rig, 0x1234);
    rig_put_ack(&rig, 0x5678);
    CU_ASSERT_EQUAL(rig.wirelog.current->references, 1);
    struct bytes stream = rig_drain(&rig);
    CU_ASSERT_EQUAL_FATAL(stream.length, OUTBOX_SPANS_SHARED * 105 + 8);
    for (uint32_t i = 0; i < OUTBOX_SPANS_SHARED; i++) {
        CU_ASSERT_EQUAL(memcmp(stream.data + 105 * i, hex_bytes("30 67 0001 'a'").data, 5), 0);
        CU_ASSERT_EQUAL(memcmp(stream.data + 105 * i + 5, payload, 100), 0);
    }
    struct bytes acks = hex_bytes("40 02 1234 40 02 5678");
    CU_ASSERT_EQUAL(memcmp(stream.data + stream.length - 8, acks.data, 8), 0);
    rig_close(&rig);
}

// A packet that fills a chunk of its own leaves nothing in it for the copies that are made before it is in
// the stream.
static void a_private_packet_that_fills_a_chunk_may_be_that_one(void)
{
    static char topic[SEGMENT_CHUNK_BYTES - 7 + 1];
    memset(topic, 't', sizeof topic - 1);
    rig_open(&rig);
    for (uint32_t i = 0; i < OUTBOX_SPANS_SHARED; i++) {
        rig_publish(&rig, "1");
        rig_publish_elsewhere(&rig);
    }
    struct message *message = rig_message(topic, (struct bytes){0});
    rig_put_publish(&rig, message, 2);
    message_unref(message);
    struct bytes stream = rig_drain(&rig);
    CU_ASSERT_EQUAL_FATAL(stream.length, OUTBOX_SPANS_SHARED * 6 + SEGMENT_CHUNK_BYTES);
    for (uint32_t i = 0; i < OUTBOX_SPANS_SHARED; i++)
        CU_ASSERT_EQUAL(memcmp(stream.data + 6 * i, hex_bytes("30 04 0001 'a1'").data, 6), 0);
    const uint8_t *packet = stream.data + 6 * OUTBOX_SPANS_SHARED;
    CU_ASSERT_EQUAL(memcmp(packet, hex_bytes("32 fd1f 0ff9 't'").data, 6), 0);
    CU_ASSERT_EQUAL(memcmp(packet + SEGMENT_CHUNK_BYTES - 3, hex_bytes("'t' 0002").data, 3), 0);
    rig_close(&rig);
}

static void payloads_that_stay_are_not_looked_at_with_every_append(void)
{
    rig_open(&rig);
    struct message *message = rig_message("a", payload_of(600));
    for (uint16_t i = 1; i <= OUTBOX_SPANS_SHARED / 2; i++)
        rig_put_publish(&rig, message, i);
    CU_ASSERT_EQUAL(rig.outbox.detach_at, OUTBOX_SPANS_SHARED);
    rig_put_publish(&rig, message, 100);
    CU_ASSERT_EQUAL(rig.outbox.detach_at, 2 * OUTBOX_SPANS_SHARED);
    (void)rig_drain(&rig);
    CU_ASSERT_EQUAL(rig.outbox.detach_at, OUTBOX_SPANS_SHARED); // it begins anew
    message_unref(message);
    rig_close(&rig);
}

// Memory.

static void an_emptied_outbox_gives_its_chunk_back(void)
{
    rig_open(&rig);
    rig_put_ack(&rig, 1);
    CU_ASSERT_EQUAL(rig.chunks.idle_count, 0);
    (void)rig_drain(&rig);
    CU_ASSERT_PTR_NULL(rig.outbox.chunk);
    CU_ASSERT_EQUAL(rig.chunks.idle_count, 1);
    rig_close(&rig);
}

static void an_outbox_that_ends_gives_everything_back(void)
{
    rig_open(&rig);
    struct message *message = rig_message("a", payload_of(600));
    put_cut_stream();
    rig_put_publish(&rig, message, 9);
    rig_finish_outbox(&rig);
    CU_ASSERT_EQUAL(message->segment.references, 1);
    CU_ASSERT_EQUAL(rig.wirelog.current->references, 1);
    CU_ASSERT_EQUAL(rig.chunks.idle_count, 1);
    message_unref(message);
    rig_close(&rig);
}

static void steady_sending_allocates_nothing(void)
{
    rig_open(&rig);
    fill_alternating();
    (void)rig_drain(&rig);
    uint64_t before = heap_allocations();
    for (int i = 0; i < 100; i++) {
        put_cut_stream();
        (void)rig_drain(&rig);
    }
    CU_ASSERT_EQUAL(heap_allocations(), before);
    rig_close(&rig);
}

// Everything that allocates, in one stream.
static void run_with_little_memory(void)
{
    struct message *message =
        message_create(&(struct publication){.topic = bytes_of("a"), .payload = payload_of(2000), .qos = 1});
    for (uint16_t i = 0; i < 40; i++) {
        rig_publish_bytes(&rig, payload_of(2000), true);
        rig_publish_elsewhere(&rig);
        rig_put_ack(&rig, i);
        if (message != NULL)
            rig_put_publish(&rig, message, 1);
    }
    outbox_detach(&rig.outbox);
    if (message != NULL)
        message_unref(message);
}

static void any_allocation_may_fail_and_nothing_leaks(void)
{
    bool failed = true;
    uint32_t marked = 0;
    for (uint64_t passed = 0; failed; passed++) {
        rig_open(&rig);
        heap_fail_after(passed);
        run_with_little_memory();
        failed = heap_recover();
        CU_ASSERT_TRUE(failed || !rig.outbox.failed);
        marked += rig.outbox.failed;
        rig_close(&rig);
    }
    CU_ASSERT_TRUE(marked > 20);
}

static void a_packet_without_memory_marks_the_outbox(void)
{
    rig_open(&rig);
    heap_fail_after(0); // the chunk
    rig_put_ack(&rig, 1);
    CU_ASSERT_TRUE(heap_recover());
    CU_ASSERT_TRUE(rig.outbox.failed);
    CU_ASSERT_TRUE(outbox_empty(&rig.outbox));
    rig_put_ack(&rig, 2);
    CU_ASSERT_TRUE(rig.outbox.failed); // for good: the stream has a gap
    CU_ASSERT_TRUE(outbox_empty(&rig.outbox));
    rig_finish_outbox(&rig);

    heap_fail_after(1); // the spans; the chunk is kept
    rig_publish(&rig, "1");
    rig_put_ack(&rig, 1);
    CU_ASSERT_TRUE(heap_recover());
    CU_ASSERT_TRUE(rig.outbox.failed);
    rig_close(&rig);
}

int main(void)
{
    static const CU_TestInfo cases[] = {
        {"a message behind the last lengthens the span", a_message_behind_the_last_lengthens_the_span},
        {"a message missed begins a new span", a_message_missed_begins_a_new_span},
        {"two outboxes share the bytes", two_outboxes_share_the_bytes},
        {"private packets keep their place between shared ones",
         private_packets_keep_their_place_between_shared_ones},
        {"an acknowledgement is its four bytes", an_acknowledgement_is_its_four_bytes},
        {"equal offsets in two segments are no continuation",
         equal_offsets_in_two_segments_are_no_continuation},
        {"an empty outbox gathers nothing", an_empty_outbox_gathers_nothing},
        {"a gather takes so many spans and marks them", a_gather_takes_so_many_spans_and_marks_them},
        {"a send may end at any byte", a_send_may_end_at_any_byte},
        {"a span may grow while the kernel sends it", a_span_may_grow_while_the_kernel_sends_it},
        {"there is room up to the ceiling", there_is_room_up_to_the_ceiling},
        {"an empty outbox has room for any packet", an_empty_outbox_has_room_for_any_packet},
        {"a payload is copied up to a size and shared above",
         a_payload_is_copied_up_to_a_size_and_shared_above},
        {"copies of one packet have their own identifiers", copies_of_one_packet_have_their_own_identifiers},
        {"a shared payload outlives its message here", a_shared_payload_outlives_its_message_here},
        {"a long head without payload is one span", a_long_head_without_payload_is_one_span},
        {"a head above a chunk has memory of its own", a_head_above_a_chunk_has_memory_of_its_own},
        {"without memory there is no copy", without_memory_there_is_no_copy},
        {"private packets fill one chunk after the other", private_packets_fill_one_chunk_after_the_other},
        {"detaching copies what waits and lets the log go", detaching_copies_what_waits_and_lets_the_log_go},
        {"detaching an empty outbox does nothing", detaching_an_empty_outbox_does_nothing},
        {"detaching copies spans of any length", detaching_copies_spans_of_any_length},
        {"detaching leaves what the kernel sends", detaching_leaves_what_the_kernel_sends},
        {"detaching leaves a span that grew in the kernel", detaching_leaves_a_span_that_grew_in_the_kernel},
        {"detaching leaves private packets where they are", detaching_leaves_private_packets_where_they_are},
        {"detaching leaves the payloads of messages", detaching_leaves_the_payloads_of_messages},
        {"many waiting spans are copied out unasked", many_waiting_spans_are_copied_out_unasked},
        {"a private packet may be the one that copies them out",
         a_private_packet_may_be_the_one_that_copies_them_out},
        {"a private packet that fills a chunk may be that one",
         a_private_packet_that_fills_a_chunk_may_be_that_one},
        {"payloads that stay are not looked at with every append",
         payloads_that_stay_are_not_looked_at_with_every_append},
        {"an emptied outbox gives its chunk back", an_emptied_outbox_gives_its_chunk_back},
        {"an outbox that ends gives everything back", an_outbox_that_ends_gives_everything_back},
        {"steady sending allocates nothing", steady_sending_allocates_nothing},
        {"any allocation may fail and nothing leaks", any_allocation_may_fail_and_nothing_leaks},
        {"a packet without memory marks the outbox", a_packet_without_memory_marks_the_outbox},
    };
    return RUN_TESTS("outbox", cases);
}
