// SPDX-License-Identifier: MIT
#include "server/outbox/outbox.h"

#include <stdlib.h>

#define SPANS_FIRST 4u

void outbox_init(struct outbox *outbox, struct segment_pool *chunks, uint64_t bytes_max)
{
    *outbox = (struct outbox){.chunks = chunks, .bytes_max = bytes_max, .detach_at = OUTBOX_SPANS_SHARED};
}

static struct span *outbox_span(const struct outbox *outbox, uint32_t index)
{
    return &outbox->spans[index & (outbox->capacity - 1)];
}

static void outbox_release_chunk(struct outbox *outbox)
{
    if (outbox->chunk != NULL)
        segment_unref(outbox->chunk);
    outbox->chunk = NULL;
}

void outbox_finish(struct outbox *outbox)
{
    assert(!outbox_sending(outbox));
    for (; outbox->head != outbox->tail; outbox->head++)
        segment_unref(outbox_span(outbox, outbox->head)->segment);
    outbox_release_chunk(outbox);
    free(outbox->spans);
    *outbox = (struct outbox){0};
}

static bool outbox_grow(struct outbox *outbox)
{
    uint32_t capacity = outbox->capacity ? outbox->capacity * 2 : SPANS_FIRST;
    struct span *spans = malloc(capacity * sizeof *spans);
    if (spans == NULL) {
        outbox->failed = true;
        return false;
    }
    uint32_t count = outbox->tail - outbox->head;
    for (uint32_t i = 0; i < count; i++)
        spans[i] = *outbox_span(outbox, outbox->head + i);
    free(outbox->spans);
    outbox->spans = spans;
    outbox->capacity = capacity;
    outbox->head = 0;
    outbox->tail = count;
    return true;
}

// Adds a span and takes over the caller's reference to its segment.
static bool outbox_take_span(struct outbox *outbox, struct span span)
{
    if (outbox->tail - outbox->head == outbox->capacity && !outbox_grow(outbox)) {
        segment_unref(span.segment);
        return false;
    }
    *outbox_span(outbox, outbox->tail++) = span;
    return true;
}

void outbox_append_slow(struct outbox *outbox, struct span span)
{
    if (outbox->failed)
        return;
    (void)segment_ref(span.segment); // first: it may be the chunk, which detaching fills and lets go
    if (outbox->tail - outbox->head >= outbox->detach_at)
        outbox_detach(outbox);
    if (outbox_take_span(outbox, span))
        outbox->bytes += span.length;
}

// Room at the end of the private chunk; the caller writes there and lengthens the stream by it.
static uint8_t *outbox_chunk_room(struct outbox *outbox, uint32_t length)
{
    assert(length <= outbox->chunks->capacity);
    struct segment *chunk = outbox->chunk;
    if (chunk == NULL || chunk->capacity - chunk->used < length) {
        outbox_release_chunk(outbox);
        chunk = segment_take(outbox->chunks);
        if (chunk == NULL) {
            outbox->failed = true;
            return NULL;
        }
        outbox->chunk = chunk;
    }
    return chunk->data + chunk->used;
}

// Bytes that no chunk holds (a long topic, a SUBACK for thousands of filters) get a segment of their own.
static uint8_t *outbox_reserve_large(struct outbox *outbox, uint32_t length)
{
    struct segment *segment = segment_create(length);
    if (segment == NULL) {
        outbox->failed = true;
        return NULL;
    }
    segment->used = length;
    outbox_append(outbox, (struct span){segment, 0, length});
    uint8_t *room = segment->data;
    segment_unref(segment);
    return room;
}

static uint8_t *outbox_reserve_slow(struct outbox *outbox, uint32_t length)
{
    if (outbox->failed)
        return NULL;
    if (length > outbox->chunks->capacity)
        return outbox_reserve_large(outbox, length);
    uint8_t *room = outbox_chunk_room(outbox, length);
    if (room == NULL)
        return NULL;
    struct span span = {outbox->chunk, outbox->chunk->used, length};
    outbox->chunk->used += length;
    outbox_append(outbox, span);
    return outbox->failed ? NULL : room;
}

// Room for `length` private bytes at the end of the stream, to be filled before anything else is appended.
// NULL (and `failed`) if there is no memory.
static inline uint8_t *outbox_reserve(struct outbox *outbox, uint32_t length)
{
    // Mostly the chunk is what the stream ends with, and has room.
    struct segment *chunk = outbox->chunk;
    if (chunk != NULL && chunk->capacity - chunk->used >= length && outbox->head != outbox->tail &&
        !outbox->failed) {
        struct span *last = outbox_span(outbox, outbox->tail - 1);
        if (last->segment == chunk && last->offset + last->length == chunk->used) {
            uint8_t *room = chunk->data + chunk->used;
            chunk->used += length;
            last->length += length;
            outbox->bytes += length;
            return room;
        }
    }
    return outbox_reserve_slow(outbox, length);
}

void outbox_put_packet(struct outbox *outbox, const struct packet *packet, uint8_t version)
{
    uint32_t size = packet_size(packet, version);
    assert(size > 0);
    uint8_t *room = outbox_reserve(outbox, size);
    if (room == NULL)
        return;
    struct writer writer = writer_of(room, size);
    packet_encode(packet, version, &writer);
    assert(!writer.overflow && writer.at == writer.end);
}

void outbox_put_bytes(struct outbox *outbox, struct bytes bytes)
{
    uint8_t *room = outbox_reserve(outbox, (uint32_t)bytes.length);
    if (room != NULL)
        memcpy(room, bytes.data, bytes.length);
}

void outbox_put_ack(struct outbox *outbox, uint8_t packet_type, uint16_t packet_id)
{
    uint8_t *room = outbox_reserve(outbox, ACK_SHORT_BYTES);
    if (room != NULL)
        ack_encode_short(packet_type, packet_id, room);
}

void outbox_put_publish(struct outbox *outbox, const struct packet_publish *publish, uint8_t version,
                        struct message *message)
{
    uint32_t head = publish_head_size(publish, version);
    uint32_t payload = publish->payload.length;
    bool copied = head + payload <= OUTBOX_COPY_MAX;
    uint32_t size = copied ? head + payload : head;
    uint8_t *room = outbox_reserve(outbox, size);
    if (room == NULL)
        return;
    struct writer writer = writer_of(room, size);
    publish_encode_head(publish, version, &writer);
    if (copied)
        writer_put_bytes(&writer, publish->payload);
    assert(!writer.overflow && writer.at == writer.end);
    if (!copied && payload > 0) {
        uint32_t offset = (uint32_t)(publish->payload.data - message->segment.data);
        outbox_append(outbox, (struct span){&message->segment, offset, payload});
    }
}

void outbox_put_copy(struct outbox *outbox, struct bytes packet, uint32_t packet_id_at, uint16_t packet_id)
{
    uint8_t *room = outbox_reserve(outbox, packet.length);
    if (room == NULL)
        return;
    memcpy(room, packet.data, packet.length);
    struct writer writer = writer_of(room + packet_id_at, sizeof packet_id);
    writer_put_u16(&writer, packet_id);
}

uint32_t outbox_gather(struct outbox *outbox, struct iovec *ret_spans, uint32_t count_max, uint32_t bytes_max)
{
    assert(!outbox_sending(outbox) && bytes_max <= OUTBOX_SEND_MAX);
    uint32_t count = 0;
    for (uint32_t i = outbox->head; i != outbox->tail && count < count_max && outbox->sending < bytes_max;
         i++) {
        struct span *span = outbox_span(outbox, i);
        uint32_t left = bytes_max - outbox->sending;
        uint32_t length = span->length < left ? span->length : left;
        ret_spans[count++] = (struct iovec){span->segment->data + span->offset, length};
        outbox->sending += length;
    }
    return count;
}

void outbox_sent(struct outbox *outbox, uint32_t length)
{
    assert(length <= outbox->sending);
    outbox->sending = 0;
    outbox->bytes -= length;
    while (length > 0) {
        struct span *span = outbox_span(outbox, outbox->head);
        if (length < span->length) {
            span->offset += length;
            span->length -= length;
            break;
        }
        length -= span->length;
        segment_unref(span->segment);
        outbox->head++;
    }
    if (outbox->head == outbox->tail) {
        outbox_release_chunk(outbox);
        outbox->detach_at = OUTBOX_SPANS_SHARED;
    }
}

uint32_t outbox_copy(const struct outbox *outbox, uint64_t from, uint8_t *ret_bytes, uint32_t length)
{
    uint32_t copied = 0;
    for (uint32_t i = outbox->head; i != outbox->tail && copied < length; i++) {
        const struct span *span = &outbox->spans[i & (outbox->capacity - 1)];
        if (from >= span->length) {
            from -= span->length;
            continue;
        }
        uint32_t piece = span->length - (uint32_t)from;
        piece = piece < length - copied ? piece : length - copied;
        memcpy(ret_bytes + copied, span_bytes(*span).data + from, piece);
        copied += piece;
        from = 0;
    }
    return copied;
}

// Copies one span into private chunks, piece by piece.
static void outbox_copy_span(struct outbox *outbox, struct span span)
{
    while (span.length > 0 && !outbox->failed) {
        uint32_t left = outbox->chunk == NULL ? 0 : outbox->chunk->capacity - outbox->chunk->used;
        uint32_t piece = left > 0 ? left : outbox->chunks->capacity;
        if (piece > span.length)
            piece = span.length;
        uint8_t *room = outbox_chunk_room(outbox, piece);
        if (room == NULL)
            break;
        memcpy(room, span.segment->data + span.offset, piece);
        struct span copy = {outbox->chunk, outbox->chunk->used, piece};
        outbox->chunk->used += piece;
        struct span *last = outbox->head == outbox->tail ? NULL : outbox_span(outbox, outbox->tail - 1);
        if (last != NULL && last->segment == copy.segment && last->offset + last->length == copy.offset) {
            last->length += piece;
        } else {
            (void)segment_ref(copy.segment);
            (void)outbox_take_span(outbox, copy); // `failed` tells
        }
        span.offset += piece;
        span.length -= piece;
    }
}

// The first span that the kernel has no part of. What lies behind the bytes handed over is ours to move, but
// for the rest of a span that was lengthened while it was being sent: that one stays.
static uint32_t outbox_first_unsent(const struct outbox *outbox)
{
    uint32_t index = outbox->head;
    for (uint32_t seen = 0; seen < outbox->sending; index++)
        seen += outbox_span(outbox, index)->length;
    return index;
}

// A message's bytes belong to a kept message, and a chunk is ours: copying those would only cost memory.
static bool span_pins_log(struct span span)
{
    return span.segment->pool != NULL && span.segment->pool->capacity == SEGMENT_LOG_BYTES;
}

void outbox_detach(struct outbox *outbox)
{
    uint32_t first = outbox_first_unsent(outbox);
    uint32_t count = outbox->tail - first;
    if (count == 0 || outbox->failed)
        return;
    struct span *waiting = malloc(count * sizeof *waiting);
    if (waiting == NULL)
        return; // the spans stay as they are, and the next append tries again
    for (uint32_t i = 0; i < count; i++)
        waiting[i] = *outbox_span(outbox, first + i);
    outbox->tail = first;
    for (uint32_t i = 0; i < count; i++) {
        if (!span_pins_log(waiting[i])) {
            (void)outbox_take_span(outbox, waiting[i]); // `failed` tells
            continue;
        }
        outbox_copy_span(outbox, waiting[i]);
        segment_unref(waiting[i].segment);
    }
    free(waiting);
    // What could not be copied out (payloads of kept messages) is not looked at again with every append.
    outbox->detach_at = outbox->tail - outbox->head + OUTBOX_SPANS_SHARED;
}
