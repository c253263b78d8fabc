// SPDX-License-Identifier: MIT
#include "server/outbox/wirelog.h"

void wirelog_init(struct wirelog *log, struct segment_pool *pool)
{
    *log = (struct wirelog){.pool = pool};
}

void wirelog_finish(struct wirelog *log)
{
    if (log->current != NULL)
        segment_unref(log->current);
    log->current = NULL;
}

static struct span span_without_segment(void)
{
    return (struct span){0};
}

// Room for `length` bytes at the end of the log, with a reference for the caller. A packet larger than a
// segment gets one of its own, and the current one goes on being filled.
static struct span wirelog_reserve(struct wirelog *log, uint32_t length)
{
    if (length > log->pool->capacity) {
        struct segment *own = segment_create(length);
        return own == NULL ? span_without_segment() : (struct span){own, 0, length};
    }
    if (log->current == NULL || log->current->capacity - log->current->used < length) {
        struct segment *next = segment_take(log->pool);
        if (next == NULL)
            return span_without_segment();
        wirelog_finish(log);
        log->current = next;
    }
    return (struct span){segment_ref(log->current), log->current->used, length};
}

static struct packet_publish wire_form(const struct publication *publication, enum wire_variant variant)
{
    enum wire_variant of_version = variant % WIRE_5;
    return (struct packet_publish){
        .qos = of_version == WIRE_3_QOS_1   ? 1
               : of_version == WIRE_3_QOS_2 ? 2
                                            : 0,
        .retain = of_version == WIRE_3_RETAIN,
        .topic = publication->topic,
        .properties = publication->properties,
        .payload = publication->payload,
    };
}

// Encodes the form at the end of the log. Returns its span, without segment if there is no memory.
static struct span wirelog_encode(struct wirelog *log, struct publication *publication,
                                  enum wire_variant variant)
{
    uint8_t version = variant >= WIRE_5 ? MQTT_VERSION_5_0 : MQTT_VERSION_3_1_1;
    struct packet_publish publish = wire_form(publication, variant);
    struct span span = wirelog_reserve(log, publish_head_size(&publish, version) + publish.payload.length);
    if (span.segment == NULL)
        return span;
    struct writer writer = writer_of(span.segment->data + span.offset, span.length);
    publish_encode_head(&publish, version, &writer);
    writer_put_bytes(&writer, publish.payload);
    assert(!writer.overflow && writer.at == writer.end);
    if (publish.qos > 0)
        publication->packet_id_at[variant] = publish_packet_id_offset(&publish, version);
    return span;
}

// What came in the very form in which it leaves needs no encoding.
static struct span wirelog_copy(struct wirelog *log, struct bytes packet)
{
    struct span span = wirelog_reserve(log, packet.length);
    if (span.segment != NULL)
        memcpy(span.segment->data + span.offset, packet.data, packet.length);
    return span;
}

struct span wirelog_add(struct wirelog *log, struct publication *publication, enum wire_variant variant)
{
    struct span span = variant == WIRE_3 && publication_came_as(publication, WIRE_3)
                           ? wirelog_copy(log, publication->packet)
                           : wirelog_encode(log, publication, variant);
    if (span.segment == NULL)
        return span;
    span.segment->used += span.length;
    publication->wire[variant] = span;
    publication->encoded |= (uint8_t)(1u << variant);
    return span;
}
