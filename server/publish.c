// SPDX-License-Identifier: MIT
#include "server/publish.h"

#include "server/client.h"
#include "server/mail.h"

static void publish_to_sessions(struct shard *shard, struct publication *publication, struct matches matches)
{
    publication->audience = matches.count;
    for (uint32_t i = 0; i < matches.count; i++) {
        const struct match *match = &matches.list[i];
        session_deliver(match->owner, &shard->turn, publication, match->options, match->identifier);
    }
}

static void publish_retain(struct shard *shard, struct publication *publication, uint32_t from_shard)
{
    struct message *message = publication_keep(publication);
    if (message == NULL || router_retain(shard->router, message, from_shard) == ROUTER_RETAINED_FULL) {
        counter_add(&shard->counters.publishes_dropped, 1);
        log_peer("a retained message on '%.*s' is not kept: the limit retained_messages_max or "
                 "retained_bytes_max is reached",
                 (int)publication->topic.length, (const char *)publication->topic.data);
    }
}

void publish_to_shards(struct shard *shard, const struct publication *publication, uint64_t shards)
{
    for (uint32_t to = 0; to < shard->broker->shard_count; to++)
        if (to != shard->number && (shards >> to & 1))
            mail_publish(shard, to, publication);
}

// Returns who it was routed to, borrowed from the router.
static struct matches publish_everywhere(struct shard *shard, struct publication *publication)
{
    struct matches matches = router_match(shard->router, publication->topic);
    publish_to_sessions(shard, publication, matches);
    // Every shard keeps a copy of the retained messages, so these go everywhere.
    uint64_t shards = publication->retain ? UINT64_MAX : matches.shards;
    if (shards != 0)
        publish_to_shards(shard, publication, shards);
    if (publication->retain) // [MQTT-3.3.1-5, MQTT-3.3.1-12]
        publish_retain(shard, publication, shard->number);
    return matches;
}

void publish_route(struct shard *shard, struct publication *publication)
{
    (void)publish_everywhere(shard, publication); // whoever it was
}

void publish_received(struct shard *shard, struct publication *publication)
{
    if (burst_take(shard, publication))
        return;
    burst_end(shard);
    burst_begin(shard, publication, publish_everywhere(shard, publication));
}

void publish_mailed(struct shard *shard, struct publication *publication, uint32_t from_shard)
{
    if (burst_take(shard, publication))
        return;
    burst_end(shard);
    struct matches matches = router_match(shard->router, publication->topic);
    matches.shards = 0; // the sender has seen to them
    publish_to_sessions(shard, publication, matches);
    if (publication->retain)
        publish_retain(shard, publication, from_shard);
    burst_begin(shard, publication, matches);
}

void publish_acknowledge(struct shard *shard)
{
    const struct acknowledgement *next;
    while ((next = store_next_released(&shard->store)) != NULL) {
        struct client *client = client_find(shard, next->client);
        if (client == NULL || client->link.state != LINK_OPEN)
            continue; // a client that comes back sends its PUBLISH or PUBREL again
        link_put_ack(&client->link, &shard->turn, next->packet_type, next->packet_id, next->reason);
    }
}
