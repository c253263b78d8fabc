// SPDX-License-Identifier: MIT
// Micro-benchmarks of the broker's parts that a PUBLISH passes: inbox, topic tree, sessions, outbox. They run
// as in a shard, without sockets: the receiving end of a connection is a loop that takes what was gathered.
//
// What one operation is:
//     inbox-publish-16k           one packet, in receive buffers of 16 KiB that cut packets
//     match-cached                one topic of 64 that are in the cache
//     match-100k-filters          one of 4,096 topics among 100,000 filters, without cache
//     append-1000-outboxes        one message to one outbox; all send when 512 have come
//     append-send-1000-outboxes   the same where each message is sent alone
//     deliver-qos0-100-sessions   one message to one session; all send when 64 have come
//     deliver-qos1-100-sessions   the same, and the acknowledgement
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/micro.h"
#include "proto/proto.h"
#include "server/router/router.h"
#include "server/session/session.h"

#define RECEIVE_BYTES 16384u
#define PAYLOAD_BYTES 64u
#define FILTERS       100000u
#define TOPICS        4096u
#define TOPICS_CACHED 64u
#define TOPIC_MAX     48u
#define OUTBOXES      1000u
#define OUTBOX_BURST  512u
#define SESSIONS      100u
#define SESSION_BURST 64u
#define SPANS_MAX     64u
#define IDLE_MAX      4096u // segments that a pool keeps

static const uint8_t filling[PAYLOAD_BYTES];

static void die(const char *what)
{
    fprintf(stderr, "hbmqtt_micro: %s\n", what);
    exit(EXIT_FAILURE);
}

static struct publication publication_of(uint8_t qos, uint32_t audience)
{
    return (struct publication){
        .topic = bytes_of("plant/7/line/3/press/temperature"),
        .payload = {filling, PAYLOAD_BYTES},
        .qos = qos,
        .audience = audience,
    };
}

// ---- Memory that a shard has ----

static struct segment_pool log_segments;
static struct segment_pool chunks;
static struct message_pools messages;
static struct wirelog wirelog;

static void prepare_memory(void)
{
    segment_pool_init(&log_segments, SEGMENT_LOG_BYTES, IDLE_MAX);
    segment_pool_init(&chunks, SEGMENT_CHUNK_BYTES, IDLE_MAX);
    message_pools_init(&messages);
    wirelog_init(&wirelog, &log_segments);
}

static void finish_memory(void)
{
    wirelog_finish(&wirelog);
    message_pools_finish(&messages);
    segment_pool_finish(&chunks);
    segment_pool_finish(&log_segments);
}

// ---- Inbox ----

static struct inbox inbox;
static uint8_t
    *stream; // as many receive buffers as a packet has bytes, so that packets and buffers end together
static uint32_t stream_length;
static uint32_t stream_at;

static void prepare_inbox(void)
{
    uint8_t bytes[256];
    struct packet packet = {.type = PACKET_PUBLISH,
                            .publish = {.topic = bytes_of("plant/7/line/3/press/temperature"),
                                        .payload = {filling, PAYLOAD_BYTES}}};
    struct writer writer = writer_of(bytes, sizeof(bytes));
    packet_encode(&packet, MQTT_VERSION_3_1_1, &writer);
    uint32_t size = (uint32_t)(writer.at - bytes);
    stream_length = size * RECEIVE_BYTES;
    stream_at = 0;
    stream = malloc(stream_length);
    if (stream == NULL)
        die("no memory");
    for (uint32_t at = 0; at < stream_length; at += size)
        memcpy(stream + at, bytes, size);
    prepare_memory();
    inbox_init(&inbox, &chunks);
}

static void finish_inbox(void)
{
    inbox_finish(&inbox);
    finish_memory();
    free(stream);
}

static uint64_t run_inbox(uint32_t count)
{
    uint64_t sum = 0;
    struct frame frame;
    struct packet packet;
    for (uint32_t done = 0; done < count;) {
        enum frame_status status = inbox_next(&inbox, VARINT_MAX, &frame);
        if (status == FRAME_NEED_MORE) {
            inbox_feed(&inbox, (struct bytes){stream + stream_at, RECEIVE_BYTES});
            stream_at = (stream_at + RECEIVE_BYTES) % stream_length;
            continue;
        }
        if (status != FRAME_READY || packet_decode(&frame, MQTT_VERSION_3_1_1, &packet) != REASON_SUCCESS)
            die("the codec refused its own packet");
        sum += packet.publish.payload.length;
        done++;
    }
    return sum;
}

// ---- Topic tree ----

static struct router *router;
static struct subscriber *subscriber;
static char topics[TOPICS][TOPIC_MAX];
static uint32_t topic_at;

// A tenth of the filters has a wildcard, so most topics match one filter and some two.
static void put_filters(void)
{
    for (uint32_t number = 0; number < FILTERS; number++) {
        char filter[TOPIC_MAX];
        if (number % 10 == 0)
            snprintf(filter, sizeof(filter), "plant/%u/line/+/press/%u", number / 1000, number % 1000);
        else
            snprintf(filter, sizeof(filter), "plant/%u/line/%u/press/%u", number / 1000, number % 10,
                     number % 1000);
        (void)router_subscribe(router, subscriber, bytes_of(filter), (struct subscription_options){.qos = 0},
                               0);
    }
}

static void prepare_router(uint32_t cache_topics)
{
    const struct router_options options = {
        .hash_seed = 7, .cache_topics_max = cache_topics, .cache_matches_max = 1024};
    router = router_create(&options);
    if (router == NULL)
        die("no memory");
    subscriber = router_subscriber_create(router, NULL);
    put_filters();
    for (uint32_t index = 0; index < TOPICS; index++) {
        uint32_t number = index * 7919 % FILTERS; // a prime: they lie everywhere
        snprintf(topics[index], TOPIC_MAX, "plant/%u/line/%u/press/%u", number / 1000, number % 10,
                 number % 1000);
    }
    topic_at = 0;
}

static void prepare_match_cached(void)
{
    prepare_router(1024);
    for (uint32_t index = 0; index < TOPICS_CACHED; index++)
        (void)router_match(router, bytes_of(topics[index]));
}

static void prepare_match_uncached(void)
{
    prepare_router(0);
}

static void finish_router(void)
{
    static uint8_t filter[TOPIC_BYTES_MAX];
    for (uint32_t length; (length = router_subscription_filter(subscriber, filter)) > 0;)
        (void)router_unsubscribe(router, subscriber, (struct bytes){filter, length});
    router_subscriber_destroy(router, subscriber);
    router_destroy(router);
}

static uint64_t match_topics(uint32_t count, uint32_t topics_count)
{
    uint64_t sum = 0;
    for (uint32_t done = 0; done < count; done++) {
        sum += router_match(router, bytes_of(topics[topic_at])).count;
        topic_at = (topic_at + 1) % topics_count;
    }
    return sum;
}

static uint64_t run_match_cached(uint32_t count)
{
    return match_topics(count, TOPICS_CACHED);
}

static uint64_t run_match_uncached(uint32_t count)
{
    return match_topics(count, TOPICS);
}

// ---- Outbox ----

static struct outbox outboxes[OUTBOXES];

static void prepare_outboxes(void)
{
    prepare_memory();
    for (uint32_t index = 0; index < OUTBOXES; index++)
        outbox_init(&outboxes[index], &chunks, UINT64_MAX);
}

// Everything that waits leaves at once.
static uint64_t outbox_leave(struct outbox *outbox)
{
    struct iovec spans[SPANS_MAX];
    uint64_t sum = outbox_gather(outbox, spans, SPANS_MAX, OUTBOX_SEND_MAX);
    outbox_sent(outbox, outbox->sending);
    return sum;
}

static uint64_t outboxes_leave(void)
{
    uint64_t sum = 0;
    for (uint32_t index = 0; index < OUTBOXES; index++)
        sum += outbox_leave(&outboxes[index]);
    return sum;
}

static void finish_outboxes(void)
{
    for (uint32_t index = 0; index < OUTBOXES; index++)
        outbox_finish(&outboxes[index]);
    finish_memory();
}

static uint64_t append_to_outboxes(uint32_t count, uint32_t burst)
{
    uint64_t sum = 0;
    uint32_t published = 0;
    for (uint32_t done = 0; done < count;) {
        struct publication publication = publication_of(0, OUTBOXES);
        struct span span = wirelog_publish(&wirelog, &publication, WIRE_3);
        for (uint32_t index = 0; index < OUTBOXES && done < count; index++, done++)
            outbox_append(&outboxes[index], span);
        publication_finish(&publication);
        if (++published % burst == 0)
            sum += outboxes_leave();
    }
    return sum + outboxes_leave();
}

static uint64_t run_append(uint32_t count)
{
    return append_to_outboxes(count, OUTBOX_BURST);
}

static uint64_t run_append_send(uint32_t count)
{
    return append_to_outboxes(count, 1);
}

// ---- Sessions ----

struct client {
    struct link link;
    struct session *session;
};

static struct client clients[SESSIONS];
static struct limits limits;
static struct counters counters;
static struct turn turn;
static const struct access everybody = {.allow_anonymous = true};

static void client_connect(struct client *client)
{
    static const uint8_t connect[] = {0x10, 13, 0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 0, 0, 1, 'c'};
    const struct link_options options = {
        .chunks = &chunks, .outbox_bytes_max = limits.outbox_bytes_max, .now_ns = turn.now_ns};
    struct frame frame;
    struct effect effect;
    link_init(&client->link, &options);
    if (frame_read((struct bytes){connect, sizeof(connect)}, VARINT_MAX, &frame) != FRAME_READY)
        die("the codec refused its own packet");
    link_handle(&client->link, &frame, &turn, &everybody, &effect);
    if (effect.kind != EFFECT_CONNECT)
        die("a session refused its client");
    client->session = session_create(effect.packet.connect.client_id, true);
    session_attach(client->session, &client->link);
    link_accept(&client->link, &turn, false);
    (void)outbox_leave(&client->link.outbox); // CONNACK
}

static void prepare_sessions(void)
{
    prepare_memory();
    limits = limits_default();
    turn = (struct turn){.now_ns = 1000000000, .limits = &limits, .wirelog = &wirelog, .counters = &counters};
    list_init(&turn.dirty);
    for (uint32_t index = 0; index < SESSIONS; index++)
        client_connect(&clients[index]);
}

// What the client has received, packet by packet; it acknowledges.
static void client_acknowledge(struct client *client, struct bytes received)
{
    struct frame frame;
    struct packet packet;
    while (frame_read(received, VARINT_MAX, &frame) == FRAME_READY) {
        received = (struct bytes){received.data + frame.size, received.length - frame.size};
        if (packet_decode(&frame, MQTT_VERSION_3_1_1, &packet) != REASON_SUCCESS)
            die("the codec refused its own packet");
        struct packet_ack ack = {.packet_id = packet.publish.packet_id};
        if (packet.publish.qos > 0)
            session_acknowledged(client->session, &turn, PACKET_PUBACK, &ack);
    }
}

static uint64_t client_take(struct client *client, uint8_t qos)
{
    static uint8_t received[SESSION_BURST * 256];
    struct iovec spans[SPANS_MAX];
    struct outbox *outbox = &client->link.outbox;
    struct writer writer = writer_of(received, sizeof(received));
    uint32_t count = outbox_gather(outbox, spans, SPANS_MAX, OUTBOX_SEND_MAX);
    for (uint32_t index = 0; qos > 0 && index < count; index++)
        writer_put_bytes(&writer, (struct bytes){spans[index].iov_base, (uint32_t)spans[index].iov_len});
    outbox_sent(outbox, outbox->sending);
    list_remove(&client->link.dirty);
    client_acknowledge(client, (struct bytes){received, (uint32_t)(writer.at - received)});
    return count;
}

static uint64_t clients_take(uint8_t qos)
{
    uint64_t sum = 0;
    for (uint32_t index = 0; index < SESSIONS; index++)
        sum += client_take(&clients[index], qos);
    return sum;
}

static void finish_sessions(void)
{
    for (uint32_t index = 0; index < SESSIONS; index++) {
        session_detach(clients[index].session);
        session_destroy(clients[index].session, &turn);
        list_remove(&clients[index].link.dirty);
        link_finish(&clients[index].link);
    }
    finish_memory();
}

static uint64_t deliver_to_sessions(uint32_t count, uint8_t qos)
{
    const struct subscription_options options = {.qos = qos};
    uint64_t sum = 0;
    uint32_t published = 0;
    for (uint32_t done = 0; done < count;) {
        struct publication publication = publication_of(qos, SESSIONS);
        publication.pools = &messages;
        for (uint32_t index = 0; index < SESSIONS && done < count; index++, done++)
            session_deliver(clients[index].session, &turn, &publication, options, 0);
        publication_finish(&publication);
        if (++published % SESSION_BURST == 0)
            sum += clients_take(qos);
    }
    return sum + clients_take(qos);
}

static uint64_t run_deliver_qos0(uint32_t count)
{
    return deliver_to_sessions(count, 0);
}

static uint64_t run_deliver_qos1(uint32_t count)
{
    return deliver_to_sessions(count, 1);
}

const struct micro micro_server[] = {
    {"inbox-publish-16k", prepare_inbox, run_inbox, finish_inbox},
    {"match-cached", prepare_match_cached, run_match_cached, finish_router},
    {"match-100k-filters", prepare_match_uncached, run_match_uncached, finish_router},
    {"append-1000-outboxes", prepare_outboxes, run_append, finish_outboxes},
    {"append-send-1000-outboxes", prepare_outboxes, run_append_send, finish_outboxes},
    {"deliver-qos0-100-sessions", prepare_sessions, run_deliver_qos0, finish_sessions},
    {"deliver-qos1-100-sessions", prepare_sessions, run_deliver_qos1, finish_sessions},
    {.name = NULL},
};
