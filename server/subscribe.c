// SPDX-License-Identifier: MIT
#include "server/subscribe.h"

#include <stdlib.h>

#include "server/client.h"
#include "server/mail.h"
#include "server/witness.h"

#define SUBACK_FAILURE 0x80u           // [MQTT-3.9.3-2]
#define JUDGING_NS_MAX (2 * NS_PER_MS) // of a turn

// A SUBSCRIBE whose SUBACK waits. It keeps the raw entries of the packet, for the retained messages that
// follow the SUBACK, and the answers that go out behind that. The other shards answer in the order in which
// they were asked, so a client's SUBACKs are in that order too.
struct pending_subscription {
    struct hash_node by_token;
    uint64_t client;         // id
    uint32_t shards_missing; // that have not answered yet
    uint16_t packet_id;
    uint32_t code_count;
    uint32_t entries_length;
    uint32_t judged; // so many bytes of the entries
    uint32_t reply_count;
    uint16_t *replies; // see subscribe_reply; room for the next power of two
    uint8_t bytes[];   // the codes, then the entries
};

static struct bytes pending_codes(const struct pending_subscription *pending)
{
    return (struct bytes){pending->bytes, pending->code_count};
}

static struct bytes pending_entries(const struct pending_subscription *pending)
{
    return (struct bytes){pending->bytes + pending->code_count, pending->entries_length};
}

// Returns the code for the SUBACK.
static uint8_t subscribe_one(struct shard *shard, struct session *session, struct bytes filter,
                             struct subscription_options options)
{
    const struct limits *limits = turn_limits(&shard->turn, session->listener);
    if (topic_levels(filter) > limits->topic_levels_max)
        return SUBACK_FAILURE;
    if (options.qos > shard->regime->config->qos_max) // a lower one than asked for may be granted
        options.qos = (uint8_t)shard->regime->config->qos_max;
    if (session->subscriber == NULL)
        session->subscriber = router_subscriber_create(shard->router, session);
    enum router_change change = router_subscribe(shard->router, session->subscriber, filter, options, 0);
    if (router_subscription_count(session->subscriber) > limits->session_subscriptions_max) {
        (void)router_unsubscribe(shard->router, session->subscriber, filter); // nobody was told of it yet
        return SUBACK_FAILURE;
    }
    if (change == ROUTER_FIRST)
        mail_interest(shard, filter, true);
    return options.qos; // [MQTT-3.8.4-5]
}

static uint32_t count_entries(struct bytes entries)
{
    uint32_t count = 0;
    struct bytes filter;
    struct subscription_options options;
    while (subscribe_next(&entries, &filter, &options))
        count++;
    return count;
}

// As large as the client's packet: NULL if there is no memory for that.
static struct pending_subscription *pending_create(const struct client *client,
                                                   const struct packet_subscribe *subscribe)
{
    uint32_t code_count = count_entries(subscribe->entries);
    struct pending_subscription *pending = malloc(sizeof *pending + code_count + subscribe->entries.length);
    if (pending == NULL)
        return NULL;
    *pending = (struct pending_subscription){
        .client = client->id,
        .packet_id = subscribe->packet_id,
        .code_count = code_count,
        .entries_length = subscribe->entries.length,
    };
    memcpy(pending->bytes + code_count, subscribe->entries.data, subscribe->entries.length);
    return pending;
}

// A subscription whose retained messages are still to be looked up: one after the other, so that a client
// that does not read holds the list of one of them, and of the others the filter.
struct replay_request {
    struct list place; // in client->replay_requests
    struct subscription_options options;
    uint64_t since_ns; // what came later has been delivered as it came
    uint32_t filter_length;
    uint8_t filter[];
};

static void replay_request_add(struct shard *shard, struct client *client, struct bytes filter,
                               struct subscription_options options)
{
    if (client->replay_request_count >=
        turn_limits(&shard->turn, client->link.listener)->session_subscriptions_max) {
        counter_add(&shard->counters.publishes_dropped, 1);
        char address[ADDRESS_TEXT_BYTES];
        struct log_subject subject = client_subject(client, address);
        log_peer_about(LOG_INFO, &subject,
                       "subscribes faster than it reads and misses the retained messages of a subscription "
                       "(limit session_subscriptions_max)");
        return;
    }
    struct replay_request *request = memory_require(sizeof *request + filter.length);
    request->options = options;
    request->since_ns = shard->stamp_ns > shard->turn.now_ns ? shard->stamp_ns : shard->turn.now_ns;
    request->filter_length = filter.length;
    memcpy(request->filter, filter.data, filter.length);
    list_append(&client->replay_requests, &request->place);
    client->replay_request_count++;
}

static void replay_request_free(struct client *client, struct replay_request *request)
{
    list_remove(&request->place);
    client->replay_request_count--;
    free(request);
}

void subscribe_drop_replays(struct client *client)
{
    struct list *node;
    while ((node = list_first(&client->replay_requests)) != NULL)
        replay_request_free(client, container_of(node, struct replay_request, place));
}

// What is retained for the request, without what the subscription has had already.
static struct retained_batch replay_request_collect(struct shard *shard, struct session *session,
                                                    const struct replay_request *request)
{
    struct retained_batch batch = {.options = request->options};
    struct bytes filter = {request->filter, request->filter_length};
    uint32_t count = router_retained_collect(shard->router, filter, &batch.messages);
    for (uint32_t i = 0; i < count; i++)
        if (batch.messages[i]->stamp_ns <= request->since_ns && judge_kept(shard, session, batch.messages[i]))
            batch.messages[batch.count++] = batch.messages[i];
        else
            message_unref(batch.messages[i]);
    return batch;
}

void subscribe_replay_next(struct shard *shard, struct client *client)
{
    struct session *session = client->link.session;
    struct list *node;
    while (session->replays == NULL && (node = list_first(&client->replay_requests)) != NULL) {
        struct replay_request *request = container_of(node, struct replay_request, place);
        struct retained_batch batch = replay_request_collect(shard, session, request);
        replay_request_free(client, request);
        session->replays_to_come = !list_empty(&client->replay_requests);
        if (batch.count > 0)
            session_take_replay(session, &shard->turn, batch);
        else
            free(batch.messages);
    }
    if (!session->replays_to_come)
        session_pump(session, &shard->turn); // what waited behind the replays
}

// A new subscription gets what is retained, on this connection only and marked as such. [MQTT-3.3.1-6,
// MQTT-3.3.1-8]
static void subscribe_replay(struct shard *shard, struct client *client,
                             const struct pending_subscription *pending)
{
    if (router_retained_count(shard->router) == 0)
        return;
    struct bytes entries = pending_entries(pending);
    struct bytes filter;
    struct subscription_options options;
    for (uint32_t i = 0; subscribe_next(&entries, &filter, &options); i++) {
        options.qos = pending->bytes[i]; // as granted
        if (options.qos != SUBACK_FAILURE)
            replay_request_add(shard, client, filter, options);
    }
    client->link.session->replays_to_come = !list_empty(&client->replay_requests);
    subscribe_replay_next(shard, client);
}

static void reply_put(struct shard *shard, struct client *client, uint16_t packet_id)
{
    struct packet packet = {.type = PACKET_PINGRESP};
    if (packet_id != SUBSCRIBE_REPLY_PING)
        packet = (struct packet){.type = PACKET_UNSUBACK, .suback = {.packet_id = packet_id}};
    link_put(&client->link, &shard->turn, &packet);
}

void subscribe_reply(struct shard *shard, struct client *client, uint16_t packet_id)
{
    struct pending_subscription *pending = client->subscribing;
    if (pending == NULL) {
        reply_put(shard, client, packet_id);
        return;
    }
    uint32_t count = pending->reply_count;
    if ((count & (count - 1)) == 0) { // no more than what the client has sent since
        uint16_t *replies = realloc(pending->replies, (count == 0 ? 1 : 2 * (size_t)count) * sizeof *replies);
        if (replies == NULL) {
            client_close(shard, client, REASON_QUOTA_EXCEEDED);
            return;
        }
        pending->replies = replies;
    }
    pending->replies[pending->reply_count++] = packet_id;
}

static void subscribe_end(struct shard *shard, struct pending_subscription *pending)
{
    struct client *client = client_find(shard, pending->client);
    if (client != NULL && client->subscribing == pending)
        client->subscribing = NULL;
    if (client != NULL && client->link.state == LINK_OPEN) {
        struct packet suback = {.type = PACKET_SUBACK,
                                .suback = {.packet_id = pending->packet_id, .codes = pending_codes(pending)}};
        link_put(&client->link, &shard->turn, &suback);
        for (uint32_t i = 0; i < pending->reply_count; i++)
            reply_put(shard, client, pending->replies[i]);
        subscribe_replay(shard, client, pending);
    }
    subscribe_forget(pending);
}

// The time in which this turn has to have judged filters. Against thousands of rules each may take a good
// part of a millisecond, and a packet may hold any number.
static uint64_t judging_deadline_ns(struct shard *shard)
{
    if (shard->judging_turn_ns != shard->turn.now_ns) {
        shard->judging_turn_ns = shard->turn.now_ns;
        shard->judging_left_ns = JUDGING_NS_MAX;
    }
    return clock_monotonic_ns() + shard->judging_left_ns;
}

// Returns true if there is time for another filter.
static bool judging_goes_on(struct shard *shard, uint64_t deadline_ns)
{
    uint64_t now_ns = clock_monotonic_ns();
    shard->judging_left_ns = now_ns < deadline_ns ? deadline_ns - now_ns : 0;
    return shard->judging_left_ns > 0 || !roster_concerned(shard->roster, CALL_SUBSCRIBE);
}

// Asks for one filter after the other whether the client may have it. Those that it may not have get their
// code; that of the others says no more than that.
static enum judged subscribe_judge(struct shard *shard, struct client *client,
                                   const struct packet_subscribe *subscribe, struct judgement *judgement)
{
    struct pending_subscription *pending = judgement->subscription;
    struct bytes entries = {subscribe->entries.data + pending->judged, // behind those before it was held
                            subscribe->entries.length - pending->judged};
    struct judged_topic topic = {.action = HBMQTT_FILTER_SUBSCRIBE};
    struct subscription_options options;
    uint64_t deadline_ns = judging_deadline_ns(shard);
    while (subscribe_next(&entries, &topic.topic, &options)) {
        uint32_t number = judgement->step;
        topic.qos = options.qos;
        enum judged judged = judge_topic(shard, client, judgement, &topic);
        if (judged == JUDGED_HELD)
            return judged;
        pending->bytes[number] = judged == JUDGED_DENIED ? SUBACK_FAILURE : 0;
        pending->judged = subscribe->entries.length - entries.length;
        judgement->yields = !judging_goes_on(shard, deadline_ns);
        if (judgement->yields)
            return JUDGED_HELD;
    }
    return JUDGED_ALLOWED;
}

// Subscribes to what is not refused yet, in order. [MQTT-3.8.4-4, MQTT-3.9.3-1]
static void subscribe_all(struct shard *shard, struct session *session,
                          const struct packet_subscribe *subscribe, uint8_t *codes)
{
    struct bytes entries = subscribe->entries;
    struct bytes filter;
    struct subscription_options options;
    for (uint32_t i = 0; subscribe_next(&entries, &filter, &options); i++) {
        if (codes[i] != SUBACK_FAILURE)
            codes[i] = subscribe_one(shard, session, filter, options);
        if (codes[i] != SUBACK_FAILURE)
            witness_filter(shard, HBMQTT_EVENT_CLIENT_SUBSCRIBED, session, filter, codes[i]);
    }
}

bool subscribe_begin(struct shard *shard, struct client *client, const struct packet_subscribe *subscribe,
                     struct judgement *judgement)
{
    if (judgement->subscription == NULL)
        judgement->subscription = pending_create(client, subscribe);
    struct pending_subscription *pending = judgement->subscription;
    if (pending == NULL) {
        client_close(shard, client, REASON_QUOTA_EXCEEDED);
        return false;
    }
    if (subscribe_judge(shard, client, subscribe, judgement) == JUDGED_HELD)
        return true;
    judgement->subscription = NULL; // taken
    subscribe_all(shard, client->link.session, subscribe, pending->bytes);
    pending->shards_missing = shard->broker->shard_count - 1;
    if (pending->shards_missing == 0) {
        subscribe_end(shard, pending);
        return false;
    }
    // Asked also when no filter was the first of its kind: the other shards may not have noted that one yet.
    hash_table_insert(&shard->pending, &pending->by_token, ++shard->pending_token);
    client->subscribing = pending;
    mail_note(shard, shard->pending_token);
    return false;
}

void subscribe_noted(struct shard *shard, uint64_t token)
{
    struct hash_node *node = hash_table_find(&shard->pending, token);
    assert(node != NULL);
    struct pending_subscription *pending = container_of(node, struct pending_subscription, by_token);
    if (--pending->shards_missing > 0)
        return;
    hash_table_remove(&shard->pending, node);
    subscribe_end(shard, pending);
}

static enum router_change unsubscribe_one(struct shard *shard, struct session *session, struct bytes filter)
{
    enum router_change change = router_unsubscribe(shard->router, session->subscriber, filter);
    if (change == ROUTER_LAST &&
        shard->phase == SHARD_SERVING) // a broker that stops leaves its sessions to nobody
        mail_interest(shard, filter, false);
    return change;
}

void unsubscribe(struct shard *shard, struct client *client, const struct packet_subscribe *unsubscribe)
{
    struct session *session = client->link.session;
    struct bytes entries = unsubscribe->entries;
    struct bytes filter;
    // 3.x does not tell whether it was there. [MQTT-3.10.4-5]
    while (session->subscriber != NULL && unsubscribe_next(&entries, &filter))
        if (unsubscribe_one(shard, session, filter) != ROUTER_ABSENT)
            witness_filter(shard, HBMQTT_EVENT_CLIENT_UNSUBSCRIBED, session, filter, 0);
    subscribe_reply(shard, client, unsubscribe->packet_id);
}

void unsubscribe_all(struct shard *shard, struct session *session)
{
    if (session->subscriber == NULL)
        return;
    static _Thread_local uint8_t filter[TOPIC_BYTES_MAX];
    uint32_t length;
    while ((length = router_subscription_filter(session->subscriber, filter)) > 0)
        (void)unsubscribe_one(shard, session,
                              (struct bytes){filter, length}); // it is there: the router named it
    router_subscriber_destroy(shard->router, session->subscriber);
    session->subscriber = NULL;
}

void subscribe_forget(struct pending_subscription *pending)
{
    if (pending != NULL)
        free(pending->replies);
    free(pending);
}

void subscribe_abandon_pending(struct shard *shard)
{
    struct hash_node *node;
    while ((node = hash_table_next(&shard->pending, NULL)) != NULL) {
        hash_table_remove(&shard->pending, node);
        subscribe_forget(container_of(node, struct pending_subscription, by_token));
    }
    hash_table_finish(&shard->pending);
}
