// SPDX-License-Identifier: MIT
// An outbox with the wire log and the pools of a shard around it, and no kernel: what it would send is looked
// at as bytes.
#ifndef OUTBOX_TEST_RIG_H
#define OUTBOX_TEST_RIG_H

#include "server/outbox/outbox.h"
#include "test/heap.h"
#include "test/hex.h"
#include "test/suite.h"

#define RIG_STREAM_BYTES (1u << 20)
#define RIG_SPANS_MAX    64u

struct rig {
    struct segment_pool log_segments;
    struct segment_pool chunks;
    struct wirelog wirelog;
    struct outbox outbox;
    uint64_t blocks; // on the heap before it was opened
};

static inline void rig_open(struct rig *rig)
{
    rig->blocks = heap_blocks();
    segment_pool_init(&rig->log_segments, SEGMENT_LOG_BYTES, 2);
    segment_pool_init(&rig->chunks, SEGMENT_CHUNK_BYTES, 2);
    wirelog_init(&rig->wirelog, &rig->log_segments);
    outbox_init(&rig->outbox, &rig->chunks, RIG_STREAM_BYTES);
}

// Ends the outbox alone: what it referred to is back.
static inline void rig_finish_outbox(struct rig *rig)
{
    outbox_finish(&rig->outbox);
    outbox_init(&rig->outbox, &rig->chunks, RIG_STREAM_BYTES);
}

static inline void rig_close(struct rig *rig)
{
    outbox_finish(&rig->outbox);
    wirelog_finish(&rig->wirelog);
    segment_pool_finish(&rig->log_segments);
    segment_pool_finish(&rig->chunks);
    CU_ASSERT_EQUAL(heap_blocks(), rig->blocks);
}

// A PUBLISH at QoS 0 on topic "a" through the log: 5 + `payload` bytes. With `reached` it is appended to the
// outbox; else it is somebody else's.
static inline void rig_publish_bytes(struct rig *rig, struct bytes payload, bool reached)
{
    struct publication publication = {.topic = bytes_of("a"), .payload = payload};
    struct span span = wirelog_publish(&rig->wirelog, &publication, WIRE_3);
    if (span.segment != NULL && reached)
        outbox_append(&rig->outbox, span);
    publication_finish(&publication);
}

static inline void rig_publish(struct rig *rig, const char *payload)
{
    rig_publish_bytes(rig, bytes_of(payload), true);
}

static inline void rig_publish_elsewhere(struct rig *rig)
{
    rig_publish_bytes(rig, bytes_of("x"), false);
}

// A private packet: 40 02 and the identifier.
static inline void rig_put_ack(struct rig *rig, uint16_t packet_id)
{
    outbox_put_packet(&rig->outbox, &(struct packet){.type = PACKET_PUBACK, .ack = {.packet_id = packet_id}},
                      MQTT_VERSION_3_1_1);
}

static inline struct message *rig_message(const char *topic, struct bytes payload)
{
    struct message *message =
        message_create(&(struct publication){.topic = bytes_of(topic), .payload = payload, .qos = 1});
    CU_ASSERT_PTR_NOT_NULL_FATAL(message);
    return message;
}

// `message` at QoS 1: its head is private.
static inline void rig_put_publish(struct rig *rig, struct message *message, uint16_t packet_id)
{
    const struct packet_publish publish = {
        .qos = 1, .packet_id = packet_id, .topic = message->topic, .payload = message->payload};
    outbox_put_publish(&rig->outbox, &publish, MQTT_VERSION_3_1_1, message);
}

static inline uint32_t rig_spans(const struct rig *rig)
{
    return rig->outbox.tail - rig->outbox.head;
}

// The segment of the span at `index`, counted from the one that is sent next.
static inline struct segment *rig_segment(const struct rig *rig, uint32_t index)
{
    return rig->outbox.spans[(rig->outbox.head + index) & (rig->outbox.capacity - 1)].segment;
}

// Appends the bytes of gathered spans to `writer`.
static inline void rig_copy(struct writer *writer, const struct iovec *spans, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        writer_put_bytes(writer, (struct bytes){spans[i].iov_base, (uint32_t)spans[i].iov_len});
    CU_ASSERT_FALSE_FATAL(writer->overflow);
}

// All that waits, as it leaves in sends that succeed; in a buffer that the next call uses again.
static inline struct bytes rig_drain(struct rig *rig)
{
    static uint8_t stream[RIG_STREAM_BYTES];
    struct writer writer = writer_of(stream, sizeof stream);
    struct iovec spans[RIG_SPANS_MAX];
    for (uint32_t count; (count = outbox_gather(&rig->outbox, spans, RIG_SPANS_MAX, OUTBOX_SEND_MAX)) > 0;) {
        rig_copy(&writer, spans, count);
        outbox_sent(&rig->outbox, rig->outbox.sending);
    }
    CU_ASSERT_TRUE(outbox_empty(&rig->outbox));
    return (struct bytes){stream, (uint32_t)(writer.at - stream)};
}

static inline void rig_expect(struct rig *rig, const char *hex)
{
    CU_ASSERT_TRUE(bytes_equal(rig_drain(rig), hex_bytes(hex)));
}

#endif
