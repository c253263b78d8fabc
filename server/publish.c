// SPDX-License-Identifier: MIT
#include "server/publish.h"

#include "server/client.h"
#include "server/mail.h"
#include "server/witness.h"

// Where plugins have a say about receiving, or want to know who is sent what. Returns true if the same
// messages may go to the same sessions without asking again.
static bool publish_to_watched_sessions(struct shard *shard, struct publication *publication,
                                        struct matches matches)
{
    bool filtered = roster_concerned(shard->roster, CALL_RECEIVE);
    bool same = !roster_concerned(shard->roster, CALL_SENT);
    for (uint32_t i = 0; i < matches.count; i++) {
        const struct match *match = &matches.list[i];
        bool stable = true;
        bool may = !filtered || judge_receive(shard, match->owner, publication, &stable);
        same = same && may && stable;
        if (!may)
            continue;
        session_deliver(match->owner, &shard->turn, publication, match->options, match->identifier);
        witness_delivery(shard, match->owner, publication);
    }
    return same;
}

// Returns true if a burst may follow.
static bool publish_to_sessions(struct shard *shard, struct publication *publication, struct matches matches)
{
    publication->audience = matches.count;
    if (roster_concerned(shard->roster, CALL_RECEIVE) || roster_concerned(shard->roster, CALL_SENT))
        return publish_to_watched_sessions(shard, publication, matches);
    for (uint32_t i = 0; i < matches.count; i++) {
        const struct match *match = &matches.list[i];
        session_deliver(match->owner, &shard->turn, publication, match->options, match->identifier);
    }
    return true;
}

static void publish_retain(struct shard *shard, struct publication *publication, uint32_t from_shard)
{
    struct message *message = publication_keep(publication);
    if (message == NULL || router_retain(shard->router, message, from_shard) == ROUTER_RETAINED_FULL) {
        counter_add(&shard->counters.publishes_dropped, 1);
        log_peer("a retained message on '%.*s' is not kept: the limit retained_messages_max or "
                 "retained_bytes_max is reached",
                 (int)publication->topic.length, (const char *)publication->topic.data);
        return;
    }
    if (from_shard == shard->number)
        witness_message(shard, HBMQTT_EVENT_RETAINED_MESSAGE, NULL, publication);
}

void publish_to_shards(struct shard *shard, const struct publication *publication, uint64_t shards)
{
    for (uint32_t to = 0; to < shard->broker->shard_count; to++)
        if (to != shard->number && (shards >> to & 1))
            mail_publish(shard, to, publication);
}

// Returns who it was routed to, borrowed from the router. *ret_burst: whether a burst may follow.
static struct matches publish_everywhere(struct shard *shard, struct publication *publication,
                                         bool *ret_burst)
{
    struct matches matches = router_match(shard->router, publication->topic);
    *ret_burst = publish_to_sessions(shard, publication, matches);
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
    bool burst;
    witness_message(shard, HBMQTT_EVENT_MESSAGE_BROADCAST, NULL, publication);
    (void)publish_everywhere(shard, publication, &burst); // whoever it was
}

void publish_retain_only(struct shard *shard, struct publication *publication)
{
    publication->retain_only = true;
    publish_to_shards(shard, publication, UINT64_MAX);
    publish_retain(shard, publication, shard->number);
}

void publish_received(struct shard *shard, struct publication *publication)
{
    if (burst_take(shard, publication))
        return;
    burst_end(shard);
    bool burst;
    struct matches matches = publish_everywhere(shard, publication, &burst);
    if (burst)
        burst_begin(shard, publication, matches);
}

void publish_mailed(struct shard *shard, struct publication *publication, uint32_t from_shard)
{
    if (burst_take(shard, publication))
        return;
    burst_end(shard);
    if (publication->retain_only) {
        publish_retain(shard, publication, from_shard);
        return;
    }
    struct matches matches = router_match(shard->router, publication->topic);
    matches.shards = 0; // the sender has seen to them
    bool burst = publish_to_sessions(shard, publication, matches);
    if (publication->retain)
        publish_retain(shard, publication, from_shard);
    if (burst)
        burst_begin(shard, publication, matches);
}

// What a client has sent.

void publish_packet(struct shard *shard, const struct client *client, const struct frame *frame,
                    const struct packet_publish *publish)
{
    struct publication publication;
    publication_from_packet(&publication, publish, frame, client->link.version);
    publication.stamp_ns = shard_stamp(shard);
    publication.pools = &shard->messages;
    publish_received(shard, &publication);
    publication_finish(&publication);
}

bool publish_unasked(struct shard *shard, struct client *client, const struct packet_publish *publish)
{
    bool continues = burst_is_on(&shard->burst, publish->topic);
    if (continues && shard->burst.unasked)
        return true;
    bool known = judge_is_known(shard, client, publish->topic);
    if (continues)
        shard->burst.unasked = known;
    return known;
}

static void publish_told(struct shard *shard, struct session *session, struct publication *publication)
{
    publication->stamp_ns = shard_stamp(shard);
    publication->pools = &shard->messages;
    witness_message(shard, HBMQTT_EVENT_MESSAGE_RECEIVED, session, publication);
    witness_message(shard, HBMQTT_EVENT_MESSAGE_BROADCAST, session, publication);
    publish_received(shard, publication);
    publication_finish(publication);
}

static void publish_deny(struct shard *shard, const struct client *client,
                         const struct packet_publish *publish)
{
    struct bytes id = session_client_id(client->link.session);
    counter_add(&shard->counters.publishes_dropped, 1);
    log_debug("client '%.*s' may not publish to '%.*s'", (int)id.length, (const char *)id.data,
              (int)publish->topic.length, (const char *)publish->topic.data);
}

// What a plugin has made of a message.
static void publication_from_answer(struct publication *publication, const struct answer *answer)
{
    publication_init(publication);
    publication->topic = answer->topic;
    publication->payload = answer->payload;
    publication->qos = answer->qos;
    publication->retain = answer->retain;
}

enum judged publish_judged(struct shard *shard, struct client *client, const struct frame *frame,
                           const struct packet_publish *publish, struct judgement *judgement)
{
    enum judged judged = JUDGED_ALLOWED;
    const struct judged_topic topic = {HBMQTT_FILTER_PUBLISH, publish->topic, publish->qos, publish->retain};
    if (judgement->step == 0)
        judged = judge_topic(shard, client, judgement, &topic);
    if (judged == JUDGED_ALLOWED)
        judged = judge_message(shard, client, judgement, publish);
    if (judged == JUDGED_HELD)
        return judged;
    if (judged == JUDGED_DENIED) { // acknowledged all the same [MQTT-3.3.5-2]
        publish_deny(shard, client, publish);
        return judged;
    }
    struct publication publication;
    if (judgement->change != NULL)
        publication_from_answer(&publication, judgement->change);
    else
        publication_from_packet(&publication, publish, frame, client->link.version);
    publish_told(shard, client->link.session, &publication);
    return judged;
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
