// SPDX-License-Identifier: MIT
#include "server/outbox/test/rig.h"

static struct rig rig;
static uint8_t payload[SEGMENT_LOG_BYTES + 1000];

static struct publication greeting(void)
{
    return (struct publication){.topic = bytes_of("a"), .payload = bytes_of("hi")};
}

static bool encodes(struct publication *publication, enum wire_variant variant, const char *hex)
{
    struct span span = wirelog_publish(&rig.wirelog, publication, variant);
    return span.segment != NULL && bytes_equal(span_bytes(span), hex_bytes(hex));
}

static void each_variant_has_its_form(void)
{
    rig_open(&rig);
    struct publication publication = greeting();
    publication.qos = 2; // the publisher's: the form decides
    publication.retain = true;
    CU_ASSERT_TRUE(encodes(&publication, WIRE_3, "30 05 0001 'a' 'hi'"));
    CU_ASSERT_TRUE(encodes(&publication, WIRE_3_RETAIN, "31 05 0001 'a' 'hi'"));
    CU_ASSERT_TRUE(encodes(&publication, WIRE_5, "30 06 0001 'a' 00 'hi'"));
    CU_ASSERT_TRUE(encodes(&publication, WIRE_5_RETAIN, "31 06 0001 'a' 00 'hi'"));
    CU_ASSERT_TRUE(encodes(&publication, WIRE_3_QOS_1, "32 07 0001 'a' 0000 'hi'"));
    CU_ASSERT_TRUE(encodes(&publication, WIRE_3_QOS_2, "34 07 0001 'a' 0000 'hi'"));
    CU_ASSERT_TRUE(encodes(&publication, WIRE_5_QOS_1, "32 08 0001 'a' 0000 00 'hi'"));
    CU_ASSERT_TRUE(encodes(&publication, WIRE_5_QOS_2, "34 08 0001 'a' 0000 00 'hi'"));
    CU_ASSERT_EQUAL(publication.packet_id_at[WIRE_3_QOS_1], 5);
    CU_ASSERT_EQUAL(publication.packet_id_at[WIRE_5_QOS_2], 5);
    publication_finish(&publication);
    rig_close(&rig);
}

// In the middle of 200 bytes of topic, the properties and the payload.
static void the_log_tells_where_the_identifier_lies(void)
{
    static char topic[201];
    memset(topic, 't', sizeof topic - 1);
    rig_open(&rig);
    for (enum wire_variant variant = 0; variant < WIRE_VARIANTS; variant++) {
        if (variant % WIRE_5 < WIRE_3_QOS_1)
            continue;
        struct publication publication = {.topic = bytes_of(topic), .payload = bytes_of("hi")};
        if (variant >= WIRE_5)
            publication.properties = hex_bytes("01 01");
        struct span span = wirelog_publish(&rig.wirelog, &publication, variant);
        CU_ASSERT_EQUAL(publication.packet_id_at[variant], 3 + 2 + 200);
        CU_ASSERT_EQUAL(memcmp(span_bytes(span).data + 3 + 2 + 199, "t\0", 3), 0);
        publication_finish(&publication);
    }
    rig_close(&rig);
}

static void only_5_0_has_the_properties(void)
{
    rig_open(&rig);
    struct publication publication = greeting();
    publication.properties = hex_bytes("01 01"); // payload format indicator
    CU_ASSERT_TRUE(encodes(&publication, WIRE_3, "30 05 0001 'a' 'hi'"));
    publication.properties = hex_bytes("01 01");
    struct span span = wirelog_publish(&rig.wirelog, &publication, WIRE_5);
    CU_ASSERT_TRUE(bytes_equal(span_bytes(span), hex_bytes("30 08 0001 'a' 02 0101 'hi'")));
    publication_finish(&publication);
    rig_close(&rig);
}

static void each_variant_is_encoded_once(void)
{
    rig_open(&rig);
    struct publication publication = greeting();
    for (int variant = 0; variant < WIRE_VARIANTS; variant++) {
        struct span first = wirelog_publish(&rig.wirelog, &publication, variant);
        uint32_t used = rig.wirelog.current->used;
        uint32_t references = rig.wirelog.current->references;
        struct span again = wirelog_publish(&rig.wirelog, &publication, variant);
        CU_ASSERT_PTR_EQUAL(first.segment, again.segment);
        CU_ASSERT_EQUAL(first.offset, again.offset);
        CU_ASSERT_EQUAL(first.length, again.length);
        CU_ASSERT_EQUAL(rig.wirelog.current->used, used);
        CU_ASSERT_EQUAL(rig.wirelog.current->references, references);
    }
    CU_ASSERT_EQUAL(rig.wirelog.current->used, 7 + 7 + 9 + 9 + 8 + 8 + 10 + 10);
    CU_ASSERT_EQUAL(rig.wirelog.current->references, 1 + WIRE_VARIANTS);
    publication_finish(&publication);
    CU_ASSERT_EQUAL(rig.wirelog.current->references, 1);
    rig_close(&rig);
}

// A packet that came in the form in which it leaves. It is told from its encoding by the payload.
static void a_packet_that_is_plain_leaves_as_it_came(void)
{
    rig_open(&rig);
    struct publication publication = greeting();
    publication.packet = hex_bytes("30 05 0001 'a' 'HI'");
    struct span span = wirelog_publish(&rig.wirelog, &publication, WIRE_3);
    CU_ASSERT_TRUE(bytes_equal(span_bytes(span), hex_bytes("30 05 0001 'a' 'HI'")));
    struct span again = wirelog_publish(&rig.wirelog, &publication, WIRE_3);
    CU_ASSERT_EQUAL(again.offset, span.offset);
    CU_ASSERT_EQUAL(rig.wirelog.current->used, 7);
    CU_ASSERT_TRUE(encodes(&publication, WIRE_3_RETAIN, "31 05 0001 'a' 'hi'")); // the others are encoded
    CU_ASSERT_TRUE(encodes(&publication, WIRE_3_QOS_1, "32 07 0001 'a' 0000 'hi'"));
    CU_ASSERT_TRUE(encodes(&publication, WIRE_5, "30 06 0001 'a' 00 'hi'"));
    publication_finish(&publication);
    CU_ASSERT_EQUAL(rig.wirelog.current->references, 1);
    rig_close(&rig);
}

static void a_publication_follows_the_one_before(void)
{
    rig_open(&rig);
    struct publication first = greeting();
    struct publication second = greeting();
    struct span one = wirelog_publish(&rig.wirelog, &first, WIRE_3);
    struct span two = wirelog_publish(&rig.wirelog, &second, WIRE_3);
    CU_ASSERT_PTR_EQUAL(one.segment, two.segment);
    CU_ASSERT_EQUAL(one.offset + one.length, two.offset);
    publication_finish(&first);
    publication_finish(&second);
    rig_close(&rig);
}

// A PUBLISH of `size` bytes in all, of 128 to 16,386.
static struct span publish_of_size(uint32_t size, struct publication *ret_publication)
{
    *ret_publication = (struct publication){.topic = bytes_of("a"), .payload = {payload, size - 6}};
    return wirelog_publish(&rig.wirelog, ret_publication, WIRE_3);
}

// Leaves `left` bytes in the current segment.
static void fill_segment(uint32_t left)
{
    struct publication publication;
    do {
        (void)publish_of_size(8192, &publication);
        publication_finish(&publication);
    } while (rig.wirelog.current->used < SEGMENT_LOG_BYTES - 16384);
    (void)publish_of_size(SEGMENT_LOG_BYTES - rig.wirelog.current->used - left, &publication);
    publication_finish(&publication);
    CU_ASSERT_EQUAL(rig.wirelog.current->used, SEGMENT_LOG_BYTES - left);
}

static void a_packet_may_fill_a_segment_to_its_end(void)
{
    rig_open(&rig);
    fill_segment(500);
    struct segment *segment = rig.wirelog.current;
    struct publication publication;
    struct span span = publish_of_size(500, &publication);
    CU_ASSERT_PTR_EQUAL(span.segment, segment);
    CU_ASSERT_EQUAL(span.offset + span.length, SEGMENT_LOG_BYTES);
    publication_finish(&publication);
    rig_close(&rig);
}

static void a_packet_that_does_not_fit_begins_the_next_segment(void)
{
    rig_open(&rig);
    fill_segment(499);
    struct segment *full = segment_ref(rig.wirelog.current);
    struct publication publication;
    struct span span = publish_of_size(500, &publication);
    CU_ASSERT_PTR_NOT_EQUAL(span.segment, full);
    CU_ASSERT_PTR_EQUAL(span.segment, rig.wirelog.current);
    CU_ASSERT_EQUAL(span.offset, 0);
    CU_ASSERT_EQUAL(full->references, 1); // ours: the log has let it go
    CU_ASSERT_EQUAL(rig.log_segments.idle_count, 0);
    segment_unref(full);
    CU_ASSERT_EQUAL(rig.log_segments.idle_count, 1);
    publication_finish(&publication);
    rig_close(&rig);
}

static void the_log_goes_round_in_the_segments_of_its_pool(void)
{
    rig_open(&rig);
    for (int i = 0; i < 3; i++)
        fill_segment(0);
    uint64_t before = heap_allocations();
    for (int i = 0; i < 10; i++)
        fill_segment(0);
    CU_ASSERT_EQUAL(heap_allocations(), before);
    rig_close(&rig);
}

static void a_packet_above_a_segment_has_one_of_its_own(void)
{
    rig_open(&rig);
    struct publication small = greeting();
    (void)wirelog_publish(&rig.wirelog, &small, WIRE_3);
    publication_finish(&small);
    struct segment *current = rig.wirelog.current;
    uint32_t used = current->used;

    struct publication large = {.topic = bytes_of("a"), .payload = {payload, sizeof payload}};
    struct span span = wirelog_publish(&rig.wirelog, &large, WIRE_3);
    CU_ASSERT_PTR_NULL(span.segment->pool);
    CU_ASSERT_EQUAL(span.length, sizeof payload + 7);
    CU_ASSERT_EQUAL(memcmp(span_bytes(span).data + 7, payload, sizeof payload), 0);
    CU_ASSERT_PTR_EQUAL(rig.wirelog.current, current); // which goes on being filled
    CU_ASSERT_EQUAL(current->used, used);
    uint64_t blocks = heap_blocks();
    publication_finish(&large);
    CU_ASSERT_EQUAL(heap_blocks(), blocks - 1);
    rig_close(&rig);
}

static void without_memory_there_is_no_span_and_the_log_goes_on(void)
{
    rig_open(&rig);
    struct publication publication = greeting();
    heap_fail_after(0);
    CU_ASSERT_PTR_NULL(wirelog_publish(&rig.wirelog, &publication, WIRE_3).segment);
    CU_ASSERT_TRUE(heap_recover());
    CU_ASSERT_TRUE(encodes(&publication, WIRE_3, "30 05 0001 'a' 'hi'"));
    publication_finish(&publication);

    struct publication large = {.topic = bytes_of("a"), .payload = {payload, sizeof payload}};
    heap_fail_after(0);
    CU_ASSERT_PTR_NULL(wirelog_publish(&rig.wirelog, &large, WIRE_3).segment);
    CU_ASSERT_TRUE(heap_recover());
    publication_finish(&large);

    fill_segment(3);
    publication = greeting();
    struct segment *current = rig.wirelog.current;
    heap_fail_after(0);
    CU_ASSERT_PTR_NULL(wirelog_publish(&rig.wirelog, &publication, WIRE_3).segment);
    CU_ASSERT_TRUE(heap_recover());
    CU_ASSERT_PTR_EQUAL(rig.wirelog.current, current);
    publication_finish(&publication);
    rig_close(&rig);
}

int main(void)
{
    for (uint32_t i = 0; i < sizeof payload; i++)
        payload[i] = (uint8_t)(i * 31 + (i >> 8));
    static const CU_TestInfo cases[] = {
        {"each variant has its form", each_variant_has_its_form},
        {"the log tells where the identifier lies", the_log_tells_where_the_identifier_lies},
        {"only 5.0 has the properties", only_5_0_has_the_properties},
        {"each variant is encoded once", each_variant_is_encoded_once},
        {"a packet that is plain leaves as it came", a_packet_that_is_plain_leaves_as_it_came},
        {"a publication follows the one before", a_publication_follows_the_one_before},
        {"a packet may fill a segment to its end", a_packet_may_fill_a_segment_to_its_end},
        {"a packet that does not fit begins the next segment",
         a_packet_that_does_not_fit_begins_the_next_segment},
        {"the log goes round in the segments of its pool", the_log_goes_round_in_the_segments_of_its_pool},
        {"a packet above a segment has one of its own", a_packet_above_a_segment_has_one_of_its_own},
        {"without memory there is no span and the log goes on",
         without_memory_there_is_no_span_and_the_log_goes_on},
    };
    return RUN_TESTS("wirelog", cases);
}
