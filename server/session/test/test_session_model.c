// SPDX-License-Identifier: MIT
// Numbered messages at every QoS in both directions, while the connection breaks at any byte again and again
// and the client acknowledges in any order. In the end, of every QoS, in order of first arrival:
//
//     QoS 0   rising numbers, some may be missing
//     QoS 1   every number, some more than once
//     QoS 2   every number once
#include "server/session/test/rig.h"

#define RUNS        60
#define STEPS       1500
#define ACKS_MAX    4096u
#define INPUT_BYTES (1u << 20)

static struct random random_state;
static struct client client;
static bool connected;

// What the client remembers over its connections.
static uint32_t numbers[3];               // of the last message sent to it, by QoS
static uint32_t seen[3];                  // of the last message new to it, by QoS
static struct packet_id_set unreleased;   // QoS 2 that it has received
static uint32_t unreleased_number[65536]; // and which message it was
static uint32_t published;                // at QoS 2, to the broker
static uint16_t publishing;               // the identifier of the one under way, or 0
static bool publishing_released;          // its PUBREC has come

// What it knows of this connection only.
static uint8_t input[INPUT_BYTES]; // read and not worked off
static uint32_t input_length;
static struct packet acks[ACKS_MAX]; // not sent yet
static uint32_t ack_count;

static uint32_t below(uint32_t bound)
{
    return suite_below(&random_state, bound);
}

static void send_packet(const struct packet *packet)
{
    uint8_t bytes[64];
    struct writer writer = writer_of(bytes, sizeof bytes);
    packet_encode(packet, MQTT_VERSION_3_1_1, &writer);
    CU_ASSERT_FALSE_FATAL(writer.overflow);
    client_sends_bytes(&client, (struct bytes){bytes, (uint32_t)(writer.at - bytes)});
    CU_ASSERT_NOT_EQUAL_FATAL(client.effect.kind, EFFECT_CLOSE);
}

static void note_ack(uint8_t type, uint16_t packet_id)
{
    CU_ASSERT_TRUE_FATAL(ack_count < ACKS_MAX);
    acks[ack_count++] = (struct packet){.type = type, .ack = {.packet_id = packet_id}};
}

// The client's own QoS 2.
static void publish(bool dup)
{
    send_packet(&(struct packet){.type = PACKET_PUBLISH,
                                 .publish = {.dup = dup,
                                             .qos = 2,
                                             .packet_id = publishing,
                                             .topic = bytes_of("up"),
                                             .payload = bytes_of("x")}});
}

static void release(void)
{
    send_packet(&(struct packet){.type = PACKET_PUBREL, .ack = {.packet_id = publishing}});
}

// What the broker sends.
static void take_publish(const struct packet_publish *publish)
{
    uint32_t number;
    CU_ASSERT_TRUE_FATAL(publish->payload.length >= sizeof number);
    memcpy(&number, publish->payload.data, sizeof number);
    uint16_t id = publish->packet_id;
    bool again = false;
    if (publish->qos == 0)
        CU_ASSERT_TRUE_FATAL(number > seen[0] && number <= numbers[0] && !publish->dup);
    if (publish->qos == 1)
        again = number <= seen[1];
    if (publish->qos == 2)
        again = packet_id_set_has(&unreleased, id);
    if (publish->qos > 0)
        CU_ASSERT_TRUE_FATAL(again ? publish->dup : number == seen[publish->qos] + 1);
    if (publish->qos == 2 && again)
        CU_ASSERT_EQUAL_FATAL(unreleased_number[id], number);
    if (publish->qos == 2) {
        packet_id_set_add(&unreleased, id);
        unreleased_number[id] = number;
    }
    if (!again)
        seen[publish->qos] = number;
    if (publish->qos > 0)
        note_ack(publish->qos == 1 ? PACKET_PUBACK : PACKET_PUBREC, id);
}

static void take_packet(const struct packet *packet)
{
    switch (packet->type) {
    case PACKET_CONNACK:
        break;
    case PACKET_PUBLISH:
        take_publish(&packet->publish);
        break;
    case PACKET_PUBREL:
        (void)packet_id_set_remove(&unreleased, packet->ack.packet_id); // it may have come before
        note_ack(PACKET_PUBCOMP, packet->ack.packet_id);
        break;
    case PACKET_PUBREC:
        CU_ASSERT_EQUAL_FATAL(packet->ack.packet_id, publishing);
        publishing_released = true;
        release();
        break;
    case PACKET_PUBCOMP:
        CU_ASSERT_EQUAL_FATAL(packet->ack.packet_id, publishing);
        publishing = 0;
        break;
    default:
        CU_FAIL_FATAL("a packet of a kind that nobody asked for");
    }
}

static void work_off_input(void)
{
    struct frame frame;
    struct packet packet;
    uint32_t at = 0;
    while (frame_read((struct bytes){input + at, input_length - at}, UINT32_MAX, &frame) == FRAME_READY) {
        CU_ASSERT_EQUAL_FATAL(packet_decode(&frame, MQTT_VERSION_3_1_1, &packet), REASON_SUCCESS);
        take_packet(&packet);
        at += frame.size;
    }
    input_length -= at;
    memmove(input, input + at, input_length);
}

// Reads up to `length` bytes of what the broker has for it.
static void read_some(uint32_t length)
{
    struct iovec spans[64];
    uint32_t count = outbox_gather(&client.link.outbox, spans, 64, OUTBOX_SEND_MAX);
    uint32_t sending = client.link.outbox.sending;
    if (length > sending)
        length = sending;
    struct writer writer = writer_of(input + input_length, sizeof input - input_length);
    for (uint32_t i = 0; i < count; i++)
        writer_put_bytes(&writer, (struct bytes){spans[i].iov_base, (uint32_t)spans[i].iov_len});
    CU_ASSERT_FALSE_FATAL(writer.overflow);
    input_length += length;
    outbox_sent(&client.link.outbox, length);
    client_pumps(&client);
    work_off_input();
}

static void send_acks(uint32_t count)
{
    for (; count > 0 && ack_count > 0; count--) {
        uint32_t index = below(ack_count);
        struct packet ack = acks[index];
        acks[index] = acks[--ack_count];
        send_packet(&ack);
    }
}

static void hang_up(void)
{
    list_remove(&client.link.dirty);
    client_hang_up(&client);
    connected = false;
    input_length = 0;
    ack_count = 0;
}

static void come_back(void)
{
    client_comes(&client, false);
    connected = true;
    if (publishing != 0 && publishing_released)
        release();
    else if (publishing != 0)
        publish(true);
}

static uint32_t routed;

static void deliver(void)
{
    static uint8_t payload[3000];
    uint8_t qos = (uint8_t)below(3);
    if (qos == 0 && !connected)
        return;
    uint32_t number = ++numbers[qos];
    memcpy(payload, &number, sizeof number);
    struct publication publication = {
        .topic = bytes_of("t"),
        .payload = {payload, (uint32_t)sizeof number + (below(8) == 0 ? below(2900) : below(30))},
        .qos = qos,
        .audience = below(2) == 0 ? 1 : RIG_MANY,
        .pools = below(2) == 0 ? NULL : &rig.messages,
    };
    session_deliver(client.session, &rig.turn, &publication, (struct subscription_options){.qos = 2}, 0);
    publication_finish(&publication);
}

static void connected_step(void)
{
    switch (below(8)) {
    case 0:
    case 1:
    case 2:
        read_some(below(4) == 0 ? below(20) : below(5000));
        break;
    case 3:
    case 4:
        send_acks(below(6));
        break;
    case 5:
        if (publishing == 0) {
            publishing = (uint16_t)(1 + below(65535));
            publishing_released = false;
            published++;
            publish(false);
        }
        break;
    default:
        if (below(20) == 0)
            hang_up();
    }
}

static void random_step(void)
{
    routed += client.routed;
    client.routed = 0;
    if (below(3) == 0)
        deliver();
    else if (connected)
        connected_step();
    else if (below(4) == 0)
        come_back();
}

static void begin_run(void)
{
    rig_open();
    rig.limits.inflight_max = 1 + below(below(2) == 0 ? 4 : 100);
    rig.limits.outbox_bytes_max = 100 + below(20000);
    memset(numbers, 0, sizeof numbers);
    memset(seen, 0, sizeof seen);
    packet_id_set_init(&unreleased);
    published = 0;
    publishing = 0;
    routed = 0;
    client_connects(&client, false);
    connected = true;
}

static void end_run(void)
{
    if (!connected)
        come_back();
    while (!outbox_empty(&client.link.outbox) || ack_count > 0) {
        read_some(UINT32_MAX);
        send_acks(UINT32_MAX);
    }
    routed += client.routed;
    CU_ASSERT_FALSE(session_waiting(client.session));
    CU_ASSERT_EQUAL(counter_read(&rig.counters.messages_inflight), 0);
    CU_ASSERT_EQUAL(counter_read(&rig.counters.messages_queued), 0);
    CU_ASSERT_EQUAL(seen[1], numbers[1]);
    CU_ASSERT_EQUAL(seen[2], numbers[2]);
    CU_ASSERT_EQUAL(unreleased.count, 0);
    CU_ASSERT_EQUAL(publishing, 0);
    CU_ASSERT_EQUAL(routed, published);
    hang_up();
    session_destroy(client.session, &rig.turn);
    client.session = NULL;
    rig_close();
}

static void every_message_arrives_as_its_qos_promises(void)
{
    suite_seed(&random_state);
    for (int run = 0; run < RUNS; run++) {
        begin_run();
        for (int step = 0; step < STEPS; step++)
            random_step();
        end_run();
    }
}

int main(void)
{
    static const CU_TestInfo cases[] = {
        {"every message arrives as its QoS promises", every_message_arrives_as_its_qos_promises},
    };
    return RUN_TESTS("session model", cases);
}
