// SPDX-License-Identifier: MIT
#include "server/burst.h"

#include "server/publish.h"
#include "server/shard.h"

static void burst_deliver(struct shard *shard, struct burst *burst)
{
    if (burst->span.segment == NULL)
        return;
    const struct matches *matches = &burst->matches;
    for (uint32_t i = 0; i < matches->count; i++)
        session_deliver_span(matches->list[i].owner, &shard->turn, burst->span, burst->count,
                             burst->payload_bytes);
    segment_unref(burst->span.segment);
    burst->span = (struct span){0};
    burst->count = 0;
    burst->payload_bytes = 0;
}

// Lengthens the burst's span by the message's bytes; where they do not follow it, because the log has gone on
// to its next segment, what there is goes out first.
static void burst_add(struct shard *shard, struct burst *burst, struct span span, uint32_t payload_bytes)
{
    if (burst->span.segment != span.segment || burst->span.offset + burst->span.length != span.offset) {
        burst_deliver(shard, burst);
        burst->span = (struct span){segment_ref(span.segment), span.offset, 0};
    }
    burst->span.length += span.length;
    burst->count++;
    burst->payload_bytes += payload_bytes;
}

static bool burst_fits(const struct publication *publication)
{
    return publication->qos == 0 && !publication->retain && publication->properties.length == 0;
}

bool burst_take(struct shard *shard, struct publication *publication)
{
    struct burst *burst = &shard->burst;
    if (!burst_fits(publication) || !burst_is_on(burst, publication->topic))
        return false;
    if (burst->wanted_here) {
        struct span span = wirelog_publish(&shard->wirelog, publication, burst->variant);
        if (span.segment == NULL)
            return false; // no memory: who misses the message is counted where each one is sent it
        burst_add(shard, burst, span, publication->payload.length);
    }
    if (burst->matches.shards != 0)
        publish_to_shards(shard, publication, burst->matches.shards);
    return true;
}

// All got the same bytes where nobody needed the message itself, and one form was encoded; none is encoded
// where nobody here gets it.
static bool burst_same_for_all(const struct publication *publication)
{
    uint32_t forms = publication->encoded;
    return publication->message == NULL && (forms & (forms - 1)) == 0;
}

void burst_begin(struct shard *shard, const struct publication *publication, struct matches matches)
{
    struct burst *burst = &shard->burst;
    if (!burst_fits(publication) || !burst_same_for_all(publication) ||
        publication->topic.length > BURST_TOPIC_MAX)
        return;
    burst->open = true;
    burst->unasked = false;
    burst->wanted_here = publication->encoded != 0;
    if (burst->wanted_here)
        burst->variant = (enum wire_variant)__builtin_ctz(publication->encoded);
    burst->matches = matches;
    burst->topic_length = publication->topic.length;
    memcpy(burst->topic, publication->topic.data, publication->topic.length);
}

void burst_end(struct shard *shard)
{
    if (!shard->burst.open)
        return;
    burst_deliver(shard, &shard->burst);
    shard->burst.open = false;
}
