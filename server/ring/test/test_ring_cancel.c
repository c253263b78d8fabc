// SPDX-License-Identifier: MIT
// Cancelling in every state that an operation can be in: one final event, always, and nothing after it.
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/ring/test/rig.h"

static void expect_one_final(const struct record *record)
{
    rig_until_final(record);
    rig_settle(record);
    CU_ASSERT_EQUAL(record->finals, 1);
    CU_ASSERT_EQUAL(record->operation.kind, RING_IDLE);
}

static void test_idle_is_harmless(void)
{
    rig_begin(RIG_SMALL, NULL);
    struct record record = {0};
    ring_cancel(rig_ring, &record.operation);
    rig_settle(&record);
    rig_end();
}

// Starts each kind on something that stays quiet and cancels after `turns`: 0 = before the kernel has seen
// it.
static void run_cancel_quiet(int turns, int cancels)
{
    rig_begin(RIG_SMALL, NULL);
    uint16_t port;
    int listener = rig_listener(&port);
    int raised = eventfd(0, EFD_CLOEXEC);
    int pair[2];
    rig_tcp_pair(pair);
    struct record records[3] = {0};
    ring_accept(rig_ring, &records[0].operation, listener);
    ring_receive(rig_ring, &records[1].operation, pair[0]);
    ring_watch(rig_ring, &records[2].operation, raised);
    for (int i = 0; i < turns; i++)
        rig_turn(0);
    for (int i = 0; i < 3 * cancels; i++)
        ring_cancel(rig_ring, &records[i % 3].operation);
    for (int i = 0; i < 3; i++) {
        expect_one_final(&records[i]);
        CU_ASSERT_EQUAL(records[i].result, -ECANCELED);
        CU_ASSERT_EQUAL(records[i].events, 1);
    }
    rig_close(pair[0]);
    rig_close(pair[1]);
    rig_close(raised);
    rig_close(listener);
    rig_end();
}

static void test_before_submission(void)
{
    run_cancel_quiet(0, 1);
}

static void test_while_armed(void)
{
    run_cancel_quiet(2, 1);
}

static void test_twice(void)
{
    run_cancel_quiet(2, 2);
}

// The completion waits to be looked at: what had been received is still told.
static void test_data_already_completed(void)
{
    rig_begin(RIG_SMALL, NULL);
    int pair[2];
    rig_tcp_pair(pair);
    struct record receive = {0};
    uint8_t data[100];
    rig_pattern_fill(data, sizeof data, 0);
    rig_write(pair[1], data, sizeof data);
    ring_receive(rig_ring, &receive.operation, pair[0]);
    CU_ASSERT_EQUAL_FATAL(ring_wait(rig_ring, RING_WAIT_FOREVER), 0);
    ring_cancel(rig_ring, &receive.operation);
    expect_one_final(&receive);
    CU_ASSERT_EQUAL(receive.result, -ECANCELED);
    CU_ASSERT_EQUAL(receive.bytes, rig_has("buffer-ring") ? sizeof data : 0);
    CU_ASSERT_FALSE(receive.mangled);
    rig_close(pair[0]);
    rig_close(pair[1]);
    rig_end();
}

static void test_end_already_completed(void)
{
    rig_begin(RIG_SMALL, NULL);
    int pair[2];
    rig_tcp_pair(pair);
    rig_close(pair[1]);
    struct record receive = {0};
    ring_receive(rig_ring, &receive.operation, pair[0]);
    CU_ASSERT_EQUAL_FATAL(ring_wait(rig_ring, RING_WAIT_FOREVER), 0);
    ring_cancel(rig_ring, &receive.operation);
    expect_one_final(&receive);
    CU_ASSERT_TRUE(receive.result == 0 || receive.result == -ECANCELED);
    rig_close(pair[0]);
    rig_end();
}

static void test_connection_already_accepted(void)
{
    rig_begin(RIG_SMALL, NULL);
    uint16_t port;
    int listener = rig_listener(&port);
    int client = rig_connect(port);
    struct record accept = {0};
    ring_accept(rig_ring, &accept.operation, listener);
    CU_ASSERT_EQUAL_FATAL(ring_wait(rig_ring, RING_WAIT_FOREVER), 0);
    ring_cancel(rig_ring, &accept.operation);
    expect_one_final(&accept);
    CU_ASSERT_EQUAL(accept.result, -ECANCELED);
    CU_ASSERT_EQUAL_FATAL(accept.events, 2); // the descriptor is not lost, and not in the final event
    rig_close(accept.accepted[0]);
    rig_close(client);
    rig_close(listener);
    rig_end();
}

static void test_counter_already_raised(void)
{
    rig_begin(RIG_SMALL, NULL);
    int raised = eventfd(1, EFD_CLOEXEC);
    struct record watch = {0};
    ring_watch(rig_ring, &watch.operation, raised);
    CU_ASSERT_EQUAL_FATAL(ring_wait(rig_ring, RING_WAIT_FOREVER), 0);
    ring_cancel(rig_ring, &watch.operation);
    expect_one_final(&watch);
    CU_ASSERT_EQUAL(watch.result, -ECANCELED);
    rig_close(raised);
    rig_end();
}

static void cancel_at_first(struct record *record, const struct ring_event *event)
{
    if (!event->final)
        ring_cancel(rig_ring, &record->operation);
}

// In the handler of an event, where an old kernel's operation has just been armed again.
static void test_from_its_own_event(void)
{
    rig_begin(RIG_SMALL, NULL);
    uint16_t port;
    int listener = rig_listener(&port);
    int raised = eventfd(1, EFD_CLOEXEC);
    int pair[2];
    rig_tcp_pair(pair);
    rig_write(pair[1], (uint8_t[]){0}, 1);
    int client = rig_connect(port);
    struct record records[3] = {
        {.then = cancel_at_first}, {.then = cancel_at_first}, {.then = cancel_at_first}};
    ring_accept(rig_ring, &records[0].operation, listener);
    ring_receive(rig_ring, &records[1].operation, pair[0]);
    ring_watch(rig_ring, &records[2].operation, raised);
    for (int i = 0; i < 3; i++) {
        expect_one_final(&records[i]);
        CU_ASSERT_EQUAL(records[i].events, 2);
        CU_ASSERT_EQUAL(records[i].result, -ECANCELED);
    }
    rig_close(records[0].accepted[0]);
    rig_close(client);
    rig_close(pair[0]);
    rig_close(pair[1]);
    rig_close(raised);
    rig_close(listener);
    rig_end();
}

// Two buffers and many who want one: those who wait without a buffer are not with the kernel.
static void test_while_starved(void)
{
    rig_begin((struct ring_options){.entries = 64, .buffer_count = 2, .buffer_bytes = 64}, NULL);
    enum { PEERS = 20 };
    static struct record records[PEERS];
    int pairs[PEERS][2];
    uint8_t data[1000];
    rig_pattern_fill(data, sizeof data, 0);
    for (int i = 0; i < PEERS; i++) {
        records[i] = (struct record){0};
        rig_unix_pair(pairs[i]);
        rig_write(pairs[i][1], data, sizeof data);
        ring_receive(rig_ring, &records[i].operation, pairs[i][0]);
    }
    rig_turn(RING_WAIT_FOREVER);
    if (rig_has("buffer-ring"))
        CU_ASSERT_TRUE(ring_counters(rig_ring).starved > 0);
    for (int i = 0; i < PEERS; i++)
        ring_cancel(rig_ring, &records[i].operation);
    for (int i = 0; i < PEERS; i++) {
        expect_one_final(&records[i]);
        CU_ASSERT_EQUAL(records[i].result, -ECANCELED);
        CU_ASSERT_FALSE(records[i].mangled);
        rig_close(pairs[i][0]);
        rig_close(pairs[i][1]);
    }
    rig_end();
}

// A send that waits for room: the count in its event is what the peer gets, to the byte.
static void test_send_to_full_socket(void)
{
    rig_begin(RIG_SMALL, NULL);
    int pair[2];
    rig_tcp_pair(pair);
    static uint8_t data[16 << 20];
    rig_pattern_fill(data, sizeof data, 0);
    struct record send = {0};
    ring_send(rig_ring, &send.operation, pair[0], &(struct iovec){data, sizeof data}, 1);
    rig_turn(0);
    CU_ASSERT_EQUAL(send.events, 0);
    ring_cancel(rig_ring, &send.operation);
    expect_one_final(&send);
    CU_ASSERT_TRUE(send.result > 0 && send.result < (int32_t)sizeof data);
    CU_ASSERT_EQUAL(shutdown(pair[0], SHUT_WR), 0);
    rig_read_pattern(pair[1], (size_t)send.result);
    uint8_t beyond;
    CU_ASSERT_EQUAL(recv(pair[1], &beyond, 1, 0), 0);
    rig_close(pair[0]);
    rig_close(pair[1]);
    rig_end();
}

static void test_send_before_submission(void)
{
    rig_begin(RIG_SMALL, NULL);
    int pair[2];
    rig_tcp_pair(pair);
    struct record send = {0};
    ring_send(rig_ring, &send.operation, pair[0], &(struct iovec){(uint8_t[]){0}, 1}, 1);
    ring_cancel(rig_ring, &send.operation);
    expect_one_final(&send);
    CU_ASSERT_EQUAL(send.result, 1); // sent before the cancel was read
    rig_close(pair[0]);
    rig_close(pair[1]);
    rig_end();
}

// The way a connection ends while its operations are with the kernel: shut down, cancel, take the finals,
// close.
static void test_shutdown_then_cancel(void)
{
    rig_begin(RIG_SMALL, NULL);
    int pair[2];
    rig_tcp_pair(pair);
    struct record receive = {0};
    ring_receive(rig_ring, &receive.operation, pair[0]);
    rig_turn(0);
    CU_ASSERT_EQUAL(shutdown(pair[0], SHUT_RDWR), 0);
    ring_cancel(rig_ring, &receive.operation);
    expect_one_final(&receive);
    uint8_t none;
    CU_ASSERT_EQUAL(recv(pair[1], &none, 1, 0), 0);
    rig_close(pair[0]);
    rig_close(pair[1]);
    rig_end();
}

int main(int argc, char **argv)
{
    static const CU_TestInfo tests[] = {
        {"idle: harmless", test_idle_is_harmless},
        {"before the submission", test_before_submission},
        {"while armed", test_while_armed},
        {"twice", test_twice},
        {"data already completed", test_data_already_completed},
        {"the end already completed", test_end_already_completed},
        {"a connection already accepted", test_connection_already_accepted},
        {"a counter already raised", test_counter_already_raised},
        {"from its own event", test_from_its_own_event},
        {"while starved of buffers", test_while_starved},
        {"a send to a full socket", test_send_to_full_socket},
        {"a send before its submission", test_send_before_submission},
        {"shut down, then cancelled", test_shutdown_then_cancel},
    };
    return RIG_RUN("ring cancel", tests);
}
