// SPDX-License-Identifier: MIT
#include "server/session/test/rig.h"

struct rig rig;

void rig_open(void)
{
    rig = (struct rig){.limits = limits_default(), .access = {.allow_anonymous = true}};
    rig.blocks = heap_blocks();
    segment_pool_init(&rig.log_segments, SEGMENT_LOG_BYTES, 2);
    segment_pool_init(&rig.chunks, SEGMENT_CHUNK_BYTES, 8);
    message_pools_init(&rig.messages);
    wirelog_init(&rig.wirelog, &rig.log_segments);
    rig.turn.now_ns = RIG_START_NS;
    rig.turn.limits = &rig.limits;
    rig.turn.wirelog = &rig.wirelog;
    rig.turn.counters = &rig.counters;
    list_init(&rig.turn.dirty);
}

void rig_close(void)
{
    CU_ASSERT_TRUE(list_empty(&rig.turn.dirty));
    CU_ASSERT_EQUAL(counter_read(&rig.counters.messages_inflight), 0);
    CU_ASSERT_EQUAL(counter_read(&rig.counters.messages_inflight_in), 0);
    CU_ASSERT_EQUAL(counter_read(&rig.counters.messages_queued), 0);
    CU_ASSERT_EQUAL(message_pools_tally(&rig.messages).messages, 0);
    wirelog_finish(&rig.wirelog);
    segment_pool_finish(&rig.log_segments);
    segment_pool_finish(&rig.chunks);
    message_pools_finish(&rig.messages);
    CU_ASSERT_EQUAL(heap_blocks(), rig.blocks);
}

void client_open(struct client *client)
{
    struct session *session = client->session;
    const struct link_options options = {
        .chunks = &rig.chunks, .outbox_bytes_max = rig.limits.outbox_bytes_max, .now_ns = rig.turn.now_ns};
    *client = (struct client){.session = session};
    link_init(&client->link, &options);
}

void client_hang_up(struct client *client)
{
    if (client->link.session != NULL)
        session_detach(client->link.session);
    if (outbox_sending(&client->link.outbox))
        outbox_sent(&client->link.outbox, 0);
    link_finish(&client->link);
}

void client_end(struct client *client)
{
    client_hang_up(client);
    session_destroy(client->session, &rig.turn);
    client->session = NULL;
}

static void client_attach(struct client *client)
{
    const struct packet_connect *connect = &client->effect.packet.connect;
    bool present = client->session != NULL;
    if (!present)
        client->session = session_create(connect->client_id, connect->clean);
    session_attach(client->session, &client->link);
    link_accept(&client->link, &rig.turn, present);
    session_resume(client->session, &rig.turn);
}

static void client_carry_out(struct client *client)
{
    const struct effect *effect = &client->effect;
    if (effect->kind == EFFECT_CONNECT)
        client_attach(client);
    if (effect->kind == EFFECT_PING)
        link_put(&client->link, &rig.turn, &(struct packet){.type = PACKET_PINGRESP});
    client->routed += effect->kind == EFFECT_PUBLISH;
    if ((effect->kind == EFFECT_PUBLISH || effect->kind == EFFECT_ACKNOWLEDGE) && effect->acknowledge != 0)
        link_put_ack(&client->link, &rig.turn, effect->acknowledge, effect->packet_id, REASON_SUCCESS);
}

void client_sends_bytes(struct client *client, struct bytes bytes)
{
    struct frame frame;
    enum frame_status status;
    inbox_feed(&client->link.inbox, bytes);
    while ((status = inbox_next(&client->link.inbox, UINT32_MAX, &frame)) == FRAME_READY) {
        link_handle(&client->link, &frame, &rig.turn, &rig.access, &client->effect);
        client_carry_out(client);
    }
    CU_ASSERT_EQUAL_FATAL(status, FRAME_NEED_MORE);
}

void client_sends(struct client *client, const char *hex)
{
    client_sends_bytes(client, hex_bytes(hex));
}

struct bytes client_reads(struct client *client)
{
    static uint8_t stream[RIG_STREAM_BYTES];
    struct writer writer = writer_of(stream, sizeof stream);
    struct iovec spans[64];
    struct outbox *outbox = &client->link.outbox;
    for (uint32_t count; (count = outbox_gather(outbox, spans, 64, OUTBOX_SEND_MAX)) > 0;) {
        for (uint32_t i = 0; i < count; i++)
            writer_put_bytes(&writer, (struct bytes){spans[i].iov_base, (uint32_t)spans[i].iov_len});
        outbox_sent(outbox, outbox->sending);
    }
    CU_ASSERT_FALSE_FATAL(writer.overflow);
    CU_ASSERT_TRUE_FATAL(outbox_empty(outbox));
    list_remove(&client->link.dirty);
    return (struct bytes){stream, (uint32_t)(writer.at - stream)};
}

bool client_gets(struct client *client, const char *hex)
{
    struct bytes got = client_reads(client);
    bool equal = bytes_equal(got, hex_bytes(hex));
    if (!equal) {
        printf("\n    expected %s\n    got     ", hex);
        for (uint32_t i = 0; i < got.length && i < 200; i++)
            printf(" %02x", got.data[i]);
        printf("\n");
    }
    return equal;
}

void client_pumps(struct client *client)
{
    session_pump(client->session, &rig.turn);
}

void client_comes(struct client *client, bool clean)
{
    client_open(client);
    client_sends(client,
                 clean ? "10 0d 0004 'MQTT' 04 02 0000 0001 'c'" : "10 0d 0004 'MQTT' 04 00 0000 0001 'c'");
    CU_ASSERT_EQUAL_FATAL(client->link.state, LINK_OPEN);
}

void client_connects(struct client *client, bool clean)
{
    bool present = client->session != NULL;
    client_comes(client, clean);
    CU_ASSERT_TRUE_FATAL(client_gets(client, present ? "20 02 01 00" : "20 02 00 00"));
}

static void client_is_sent_one(struct client *client, struct publication publication, uint8_t granted)
{
    publication.pools = &rig.messages;
    session_deliver(client->session, &rig.turn, &publication, (struct subscription_options){.qos = granted},
                    0);
    publication_finish(&publication);
}

void client_is_sent(struct client *client, const char *topic, const char *payload, uint8_t qos,
                    uint8_t granted)
{
    struct publication publication = {
        .topic = bytes_of(topic), .payload = bytes_of(payload), .qos = qos, .audience = 1};
    client_is_sent_one(client, publication, granted);
}

void client_is_sent_as_many(struct client *client, const char *topic, const char *payload, uint8_t qos,
                            uint8_t granted)
{
    struct publication publication = {
        .topic = bytes_of(topic), .payload = bytes_of(payload), .qos = qos, .audience = RIG_MANY};
    client_is_sent_one(client, publication, granted);
}

bool client_is_dirty(const struct client *client)
{
    return !list_empty(&client->link.dirty);
}

struct message *rig_message(const char *topic, const char *payload, uint8_t qos)
{
    const struct publication publication = {
        .topic = bytes_of(topic), .payload = bytes_of(payload), .qos = qos, .retain = true};
    struct message *message = message_create(&publication);
    CU_ASSERT_PTR_NOT_NULL_FATAL(message);
    return message;
}

struct retained_batch rig_batch(struct message **messages, uint32_t count, uint8_t qos_granted)
{
    struct retained_batch batch = {
        .messages = malloc(count * sizeof(struct message *)),
        .count = count,
        .options = {.qos = qos_granted},
    };
    CU_ASSERT_PTR_NOT_NULL_FATAL(batch.messages);
    memcpy(batch.messages, messages, count * sizeof(struct message *));
    return batch;
}
