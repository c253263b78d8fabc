// SPDX-License-Identifier: MIT
// What the way of a message from the router to the outboxes allocates once it is warm: nothing. Above QoS 0
// one counted message is made for each publication, whatever the number of sessions that keep it; it comes
// from a pool, or from the heap where there are no pools or it is larger than their blocks.
#include "server/session/test/rig.h"

#define CLIENTS 3u
#define ROUNDS  1000u

static struct client clients[CLIENTS];
static uint32_t audience;           // of each publication
static struct message_pools *pools; // for its message

// The log goes round in two segments, which it would allocate when the first is full.
static void warm_log(void)
{
    struct segment *first = segment_take(&rig.log_segments);
    struct segment *second = segment_take(&rig.log_segments);
    segment_unref(first);
    segment_unref(second);
}

static void open_clients(void)
{
    rig_open();
    warm_log();
    pools = &rig.messages;
    for (uint32_t i = 0; i < CLIENTS; i++)
        client_connects(&clients[i], true);
}

static void end_clients(void)
{
    for (uint32_t i = 0; i < CLIENTS; i++)
        client_end(&clients[i]);
    rig_close();
}

static void publish(const char *payload, uint8_t qos)
{
    struct publication publication = {.topic = bytes_of("a/b"),
                                      .payload = bytes_of(payload),
                                      .qos = qos,
                                      .audience = audience,
                                      .pools = pools};
    for (uint32_t i = 0; i < CLIENTS; i++)
        session_deliver(clients[i].session, &rig.turn, &publication,
                        (struct subscription_options){.qos = qos}, 0);
    publication_finish(&publication);
}

// Each client takes what there is and acknowledges every PUBLISH and PUBREC in it.
static void read_and_acknowledge(struct client *client)
{
    static uint8_t acks[4096];
    struct bytes got = client_reads(client);
    struct writer writer = writer_of(acks, sizeof acks);
    struct frame frame;
    struct packet packet;
    while (frame_read(got, UINT32_MAX, &frame) == FRAME_READY) {
        got = (struct bytes){got.data + frame.size, got.length - frame.size};
        CU_ASSERT_EQUAL_FATAL(packet_decode(&frame, MQTT_VERSION_3_1_1, &packet), REASON_SUCCESS);
        struct packet ack = {.ack = {.packet_id = packet.type == PACKET_PUBLISH ? packet.publish.packet_id
                                                                                : packet.ack.packet_id}};
        if (packet.type == PACKET_PUBLISH && packet.publish.qos > 0)
            ack.type = packet.publish.qos == 1 ? PACKET_PUBACK : PACKET_PUBREC;
        if (packet.type == PACKET_PUBREL)
            ack.type = PACKET_PUBCOMP;
        if (ack.type != 0)
            packet_encode(&ack, MQTT_VERSION_3_1_1, &writer);
    }
    CU_ASSERT_FALSE_FATAL(writer.overflow);
    if (writer.at > acks)
        client_sends_bytes(client, (struct bytes){acks, (uint32_t)(writer.at - acks)});
}

// `burst` publications at a time, read and acknowledged to the end.
static void run(const char *payload, uint8_t qos, uint32_t burst)
{
    for (uint32_t round = 0; round < ROUNDS / burst; round++) {
        for (uint32_t i = 0; i < burst; i++)
            publish(payload, qos);
        for (uint32_t i = 0; i < CLIENTS; i++)
            while (!outbox_empty(&clients[i].link.outbox))
                read_and_acknowledge(&clients[i]);
    }
}

static uint64_t allocations_of(const char *payload, uint8_t qos, uint32_t burst)
{
    run(payload, qos, burst); // it warms up
    uint64_t before = heap_allocations();
    run(payload, qos, burst);
    return heap_allocations() - before;
}

static void qos_0_allocates_nothing(void)
{
    open_clients();
    CU_ASSERT_EQUAL(allocations_of("hi", 0, 1), 0);
    CU_ASSERT_EQUAL(allocations_of("hi", 0, 100), 0);
    CU_ASSERT_EQUAL(counter_read(&rig.counters.publishes_sent), 4 * ROUNDS * CLIENTS);
    end_clients();
}

static void check_messages(uint8_t qos)
{
    static const uint32_t audiences[] = {1, RIG_MANY};
    for (int i = 0; i < 2; i++) {
        audience = audiences[i];
        open_clients();
        CU_ASSERT_EQUAL(allocations_of("hi", qos, 1), 0);
        CU_ASSERT_EQUAL(allocations_of("hi", qos, 50), 0);
        pools = NULL;
        CU_ASSERT_EQUAL(allocations_of("hi", qos, 50), ROUNDS);
        CU_ASSERT_EQUAL(counter_read(&rig.counters.publishes_sent), 6 * ROUNDS * CLIENTS);
        end_clients();
    }
}

static void qos_1_takes_one_message_for_each_publication_from_a_pool(void)
{
    check_messages(1);
}

static void qos_2_takes_one_message_for_each_publication_from_a_pool(void)
{
    check_messages(2);
}

// Above OUTBOX_COPY_MAX the outboxes share the message: no copies are made for them. Above the pools' largest
// block the message comes from the heap.
static void large_payloads_allocate_the_message_alone(void)
{
    static char payload[5001];
    memset(payload, 'x', sizeof payload - 1);
    open_clients();
    CU_ASSERT_EQUAL(allocations_of(payload, 0, 10), 0);
    CU_ASSERT_EQUAL(allocations_of(payload + 3000, 1, 10), 0);
    CU_ASSERT_EQUAL(allocations_of(payload, 1, 10), ROUNDS);
    end_clients();
}

static void publish_to_absent(uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        publish("hi", 1);
}

// A queue that grows doubles: its slots cost less and less for each message.
static void absent_clients_cost_the_message_and_their_queues(void)
{
    open_clients();
    for (uint32_t i = 0; i < CLIENTS; i++)
        client_hang_up(&clients[i]);
    publish_to_absent(512);
    uint64_t before = heap_allocations();
    publish_to_absent(512);
    CU_ASSERT_EQUAL(heap_allocations() - before, 512 + CLIENTS * 1);
    for (uint32_t i = 0; i < CLIENTS; i++)
        client_open(&clients[i]); // links of nobody, for the end
    end_clients();
}

static void packets_from_clients_allocate_nothing(void)
{
    open_clients();
    static const char *const packets[] = {"c0 00", "30 05 0001 'a' 'hi'", "32 07 0001 'a' 0001 'hi'",
                                          "34 07 0001 'a' 0001 'hi' 62 02 0001"};
    for (int round = 0; round < 2; round++) {
        uint64_t before = heap_allocations();
        for (uint32_t i = 0; i < ROUNDS; i++) {
            client_sends(&clients[0], packets[i % 4]);
            (void)client_reads(&clients[0]);
        }
        CU_ASSERT_TRUE(round == 0 || heap_allocations() == before);
    }
    end_clients();
}

int main(void)
{
    static const CU_TestInfo cases[] = {
        {"QoS 0 allocates nothing", qos_0_allocates_nothing},
        {"QoS 1 takes one message for each publication from a pool",
         qos_1_takes_one_message_for_each_publication_from_a_pool},
        {"QoS 2 takes one message for each publication from a pool",
         qos_2_takes_one_message_for_each_publication_from_a_pool},
        {"large payloads allocate the message alone", large_payloads_allocate_the_message_alone},
        {"absent clients cost the message and their queues",
         absent_clients_cost_the_message_and_their_queues},
        {"packets from clients allocate nothing", packets_from_clients_allocate_nothing},
    };
    return RUN_TESTS("allocations", cases);
}
