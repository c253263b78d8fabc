// SPDX-License-Identifier: MIT
// A client that sends anything, while messages are delivered to it, its connection breaks and it comes back:
// what it gets is well-formed MQTT, packet by packet, and in the end every byte was given back.
//
//     input:  limits (one byte), then steps of
//             0x00 to 0x7f   so many bytes and one more follow, which the client sends
//             0x80 to 0xff   an action, by its low four bits, with three bits for how
#include "server/session/session.h"
#include "test/fuzz.h"

#include <stdlib.h>

#define CHUNK_BYTES  512u // the largest packet that is copied fills one
#define OUTPUT_BYTES (1u << 20)
#define PACKET_MAX   65536u

static struct shard {
    struct limits limits;
    struct access access;
    struct counters counters;
    struct segment_pool log_segments;
    struct segment_pool chunks;
    struct message_pools messages;
    struct wirelog wirelog;
    struct turn turn;
    bool moves; // a client is handed over to another shard after its CONNECT
} shard;

static struct link client;
static struct session *session;

static uint8_t output[OUTPUT_BYTES]; // what the client got and did not look at
static uint32_t output_length;
static bool answered; // its CONNACK came

// What the client gets.

static void expect_from_server(const struct packet *packet)
{
    expect(answered == (packet->type != PACKET_CONNACK)); // first, and once [MQTT-3.2.0-1, MQTT-3.2.0-2]
    answered = true;
    switch (packet->type) {
    case PACKET_CONNACK:
    case PACKET_PUBLISH:
    case PACKET_PUBACK:
    case PACKET_PUBREC:
    case PACKET_PUBREL:
    case PACKET_PUBCOMP:
    case PACKET_SUBACK:
    case PACKET_UNSUBACK:
    case PACKET_PINGRESP:
        break;
    default:
        abort();
    }
}

static void look_at_output(void)
{
    uint32_t at = 0;
    struct frame frame;
    struct packet packet;
    enum frame_status status;
    while ((status = frame_read((struct bytes){output + at, output_length - at}, UINT32_MAX, &frame)) ==
           FRAME_READY) {
        expect(packet_decode(&frame, client.version, &packet) == REASON_SUCCESS);
        expect_from_server(&packet);
        at += frame.size;
    }
    expect(status == FRAME_NEED_MORE);
    output_length -= at;
    memmove(output, output + at, output_length);
}

// The kernel takes up to `length` bytes of at most `count_max` spans. Returns how many.
static uint32_t send_some(uint32_t length, uint32_t count_max)
{
    struct iovec spans[64];
    uint32_t count = outbox_gather(&client.outbox, spans, count_max, OUTBOX_SEND_MAX);
    struct writer writer = writer_of(output + output_length, sizeof output - output_length);
    for (uint32_t i = 0; i < count; i++)
        writer_put_bytes(&writer, (struct bytes){spans[i].iov_base, (uint32_t)spans[i].iov_len});
    expect(!writer.overflow);
    if (length > client.outbox.sending)
        length = client.outbox.sending;
    output_length += length;
    outbox_sent(&client.outbox, length);
    look_at_output();
    return length;
}

static void send_all(void)
{
    while (!outbox_empty(&client.outbox))
        expect(send_some(UINT32_MAX, 64) > 0);
    expect(output_length == 0); // no packet was cut
    list_remove(&client.dirty);
}

// The connection.

static void open_link(void)
{
    const struct link_options options = {.chunks = &shard.chunks,
                                         .outbox_bytes_max = shard.limits.outbox_bytes_max};
    link_init(&client, &options);
    output_length = 0;
    answered = false;
}

static void close_link(void)
{
    if (client.session != NULL)
        session_detach(session);
    if (session != NULL && session->clean) {
        session_destroy(session, &shard.turn);
        session = NULL;
    }
    link_finish(&client);
}

static void feed(struct bytes bytes);

// Hands the client over: what it sent and was not worked off goes along.
static void move(const struct frame *frame)
{
    uint32_t left = inbox_left(&client.inbox);
    uint8_t *moving = malloc(frame->size + left);
    expect(moving != NULL);
    struct writer writer = writer_of(moving, frame->size + left);
    writer_put_bytes(&writer, frame_packet(frame));
    inbox_copy_left(&client.inbox, &writer);
    expect(!writer.overflow && writer.at == writer.end);
    close_link();
    open_link();
    client.authenticated = true;
    feed((struct bytes){moving, frame->size + left});
    free(moving);
}

static void open_session(const struct packet_connect *connect)
{
    if (session != NULL && connect->clean) {
        session_destroy(session, &shard.turn);
        session = NULL;
    }
    bool present = session != NULL;
    if (!present)
        session = session_create(connect->client_id, connect->clean);
    if (connect->has_will) {
        struct publication will = {.topic = connect->will.topic, .payload = connect->will.payload};
        client.will = message_create(&will);
    }
    session_attach(session, &client);
    link_accept(&client, &shard.turn, present);
    session_resume(session, &shard.turn);
}

static void answer_subscribe(const struct packet_subscribe *subscribe)
{
    static uint8_t codes[PACKET_MAX];
    struct bytes entries = subscribe->entries;
    struct bytes filter;
    struct subscription_options options;
    uint32_t count = 0;
    while (subscribe_next(&entries, &filter, &options))
        codes[count++] = options.qos;
    link_put(&client, &shard.turn,
             &(struct packet){.type = PACKET_SUBACK,
                              .suback = {.packet_id = subscribe->packet_id, .codes = {codes, count}}});
}

// One publication for the subscription of the client.
static void deliver(struct publication publication, struct subscription_options options)
{
    session_deliver(session, &shard.turn, &publication, options, 0);
    publication_finish(&publication);
}

// Routes what the client publishes to itself.
static void deliver_back(const struct frame *frame, const struct packet_publish *publish)
{
    struct publication publication;
    publication_from_packet(&publication, publish, frame, client.version);
    publication.audience = publish->retain ? 1 : 100;
    publication.pools = &shard.messages;
    session_deliver(session, &shard.turn, &publication, (struct subscription_options){.qos = 2}, 0);
    publication_finish(&publication);
}

// Returns false if the link ended.
static bool carry_out(const struct frame *frame, const struct effect *effect)
{
    switch (effect->kind) {
    case EFFECT_NONE:
        break;
    case EFFECT_CONNECT:
        if (shard.moves && !client.authenticated) {
            move(frame);
            return false;
        }
        open_session(&effect->packet.connect);
        break;
    case EFFECT_PUBLISH:
        deliver_back(frame, &effect->packet.publish);
        break;
    case EFFECT_ACKNOWLEDGE:
        break;
    case EFFECT_SUBSCRIBE:
        answer_subscribe(&effect->packet.subscribe);
        break;
    case EFFECT_UNSUBSCRIBE:
        link_put(&client, &shard.turn,
                 &(struct packet){.type = PACKET_UNSUBACK,
                                  .suback = {.packet_id = effect->packet.subscribe.packet_id}});
        break;
    case EFFECT_PING:
        link_put(&client, &shard.turn, &(struct packet){.type = PACKET_PINGRESP});
        break;
    case EFFECT_CLOSE:
        return false;
    }
    if (effect->acknowledge != 0)
        link_put_ack(&client, &shard.turn, effect->acknowledge, effect->packet_id, REASON_SUCCESS);
    return true;
}

static void end_link(void)
{
    send_all();
    close_link();
    open_link();
}

static void feed(struct bytes bytes)
{
    struct frame frame;
    struct effect effect;
    enum frame_status status;
    inbox_feed(&client.inbox, bytes);
    while ((status = inbox_next(&client.inbox, PACKET_MAX, &frame)) == FRAME_READY) {
        link_handle(&client, &frame, &shard.turn, &shard.access, &effect);
        if (carry_out(&frame, &effect))
            continue;
        if (effect.kind == EFFECT_CLOSE)
            end_link();
        return; // a link that moved has fed itself
    }
    if (status == FRAME_MALFORMED)
        end_link();
}

// Feeds from memory of the exact size, which is gone afterwards.
static void feed_copy(struct bytes bytes)
{
    uint8_t *copy = malloc(bytes.length);
    expect(copy != NULL || bytes.length == 0);
    if (bytes.length > 0)
        memcpy(copy, bytes.data, bytes.length);
    feed((struct bytes){copy, bytes.length});
    free(copy);
}

// Actions.

static void deliver_something(uint8_t how)
{
    static const uint32_t lengths[] = {0, 495, 494, 9000, 600, 1100, 30, 5000};
    static uint8_t payload[9000]; // with 495 bytes of it a packet has OUTBOX_COPY_MAX bytes
    if (session == NULL)
        return;
    deliver((struct publication){.topic = bytes_of("some/topic"),
                                 .payload = {payload, lengths[how]},
                                 .qos = how % 3,
                                 .audience = how * 2,
                                 .pools = &shard.messages},
            (struct subscription_options){.qos = 2});
}

// Somebody else's message in the log.
static void publish_elsewhere(void)
{
    struct publication publication = {.topic = bytes_of("x"), .payload = bytes_of("y")};
    (void)wirelog_publish(&shard.wirelog, &publication, WIRE_3);
    publication_finish(&publication);
}

static void replay_retained(uint8_t how)
{
    if (session == NULL)
        return;
    struct retained_batch batch = {.messages = malloc(3 * sizeof(struct message *)), .options = {.qos = 2}};
    expect(batch.messages != NULL);
    for (; batch.count < 3; batch.count++) {
        struct publication publication = {
            .topic = bytes_of("r"), .payload = bytes_of("retained"), .qos = batch.count, .retain = true};
        batch.messages[batch.count] = message_create(&publication);
        expect(batch.messages[batch.count] != NULL);
        batch.messages[batch.count]->superseded = (how >> batch.count & 1) != 0;
    }
    session_take_replay(session, &shard.turn, batch);
}

static void act(uint8_t action, uint8_t how)
{
    switch (action) {
    case 0:
        deliver_something(how);
        break;
    case 1:
        publish_elsewhere();
        break;
    case 2:
        replay_retained(how);
        break;
    case 3:
        (void)send_some(1u << (2 * how), 1 + how); // how much does not matter
        break;
    case 4:
        send_all();
        break;
    case 5:
        outbox_detach(&client.outbox);
        break;
    case 6:
        if (client.session != NULL)
            session_pump(session, &shard.turn);
        break;
    case 7:
        close_link(); // the peer is gone, wherever its stream was
        open_link();
        break;
    default:
        for (uint8_t i = 0; i < 9 * how; i++) { // many spans
            deliver_something(6);
            publish_elsewhere();
        }
    }
}

static void open_shard(uint8_t choice)
{
    shard = (struct shard){.limits = limits_default(), .access = {.allow_anonymous = (choice & 0x40) == 0}};
    shard.limits.inflight_max = 1 + (choice & 7);
    shard.limits.outbox_bytes_max = 100u << (choice >> 3 & 7);
    shard.limits.queued_messages_max = 50;
    shard.limits.topic_levels_max = 8;
    shard.moves = (choice & 0x80) != 0;
    segment_pool_init(&shard.log_segments, SEGMENT_LOG_BYTES, 1);
    segment_pool_init(&shard.chunks, CHUNK_BYTES, 1);
    message_pools_init(&shard.messages);
    wirelog_init(&shard.wirelog, &shard.log_segments);
    shard.turn.limits = &shard.limits;
    shard.turn.wirelog = &shard.wirelog;
    shard.turn.counters = &shard.counters;
    list_init(&shard.turn.dirty);
}

static void close_shard(void)
{
    send_all();
    close_link();
    session_destroy(session, &shard.turn);
    session = NULL;
    expect(counter_read(&shard.counters.messages_inflight) == 0);
    expect(counter_read(&shard.counters.messages_inflight_in) == 0);
    expect(counter_read(&shard.counters.messages_queued) == 0);
    expect(message_pools_tally(&shard.messages).messages == 0);
    expect(list_empty(&shard.turn.dirty));
    wirelog_finish(&shard.wirelog);
    segment_pool_finish(&shard.log_segments);
    segment_pool_finish(&shard.chunks);
    message_pools_finish(&shard.messages);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct reader input = reader_of((struct bytes){data, (uint32_t)size});
    open_shard(reader_get_u8(&input));
    open_link();
    while (reader_left(&input) > 0) {
        uint8_t step = reader_get_u8(&input);
        uint32_t length = step + 1u < reader_left(&input) ? step + 1u : reader_left(&input);
        if (step < 0x80)
            feed_copy(reader_get_bytes(&input, length));
        else
            act(step & 0x0f, step >> 4 & 7);
        expect(!client.outbox.failed);
    }
    close_shard();
    return 0;
}
