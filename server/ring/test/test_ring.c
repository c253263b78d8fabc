// SPDX-License-Identifier: MIT
// Each kind of operation, doing what it is for.
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/ring/test/rig.h"

static void test_accept_many(void)
{
    rig_begin(RIG_SMALL, NULL);
    uint16_t port;
    int listener = rig_listener(&port);
    struct record accept = {0};
    int clients[40];
    ring_accept(rig_ring, &accept.operation, listener);
    for (int i = 0; i < 40; i++) {
        clients[i] = rig_connect(port);
        if (i % 10 == 0)
            rig_turn(0);
    }
    rig_until_events(&accept, 40);
    CU_ASSERT_EQUAL(accept.finals, 0);
    for (int i = 0; i < 40; i++) {
        CU_ASSERT_TRUE(fcntl(accept.accepted[i], F_GETFD) & FD_CLOEXEC);
        CU_ASSERT_FALSE(fcntl(accept.accepted[i], F_GETFL) & O_NONBLOCK);
        rig_close(accept.accepted[i]);
        rig_close(clients[i]);
    }
    rig_finish(&accept);
    CU_ASSERT_EQUAL(accept.result, -ECANCELED);
    rig_close(listener);
    rig_end();
}

// Without a descriptor to give, the accept ends and says so; it works again when there are some.
static void test_accept_out_of_descriptors(void)
{
    rig_begin(RIG_SMALL, NULL);
    uint16_t port;
    int listener = rig_listener(&port);
    int client = rig_connect(port);
    struct rlimit before;
    CU_ASSERT_EQUAL_FATAL(getrlimit(RLIMIT_NOFILE, &before), 0);
    struct rlimit none = {.rlim_cur = 3, .rlim_max = before.rlim_max};
    CU_ASSERT_EQUAL_FATAL(setrlimit(RLIMIT_NOFILE, &none), 0);
    struct record accept = {0};
    ring_accept(rig_ring, &accept.operation, listener);
    rig_until_final(&accept);
    CU_ASSERT_EQUAL_FATAL(setrlimit(RLIMIT_NOFILE, &before), 0);
    CU_ASSERT_EQUAL(accept.result, -EMFILE);

    // The kernel may or may not have dropped the connection that it could not hand out.
    int another = rig_connect(port);
    uint32_t events = accept.events;
    ring_accept(rig_ring, &accept.operation, listener);
    rig_until_events(&accept, events + 1);
    CU_ASSERT_TRUE(accept.result >= 0);
    rig_finish(&accept);
    for (uint32_t i = events; i + 1 < accept.events; i++)
        rig_close(accept.accepted[i % 128]);
    rig_close(client);
    rig_close(another);
    rig_close(listener);
    rig_end();
}

static void echo(struct record *record, const struct ring_event *event)
{
    static uint8_t copy[65536];
    if (event->data == NULL)
        return;
    CU_ASSERT_EQUAL_FATAL(record->partner->operation.kind, RING_IDLE);
    memcpy(copy, event->data, (size_t)event->result);
    struct iovec span = {copy, (size_t)event->result};
    ring_send(rig_ring, &record->partner->operation, record->operation.fd, &span, 1);
}

static void run_echo(const int pair[2])
{
    struct record send = {0};
    struct record receive = {.then = echo, .partner = &send};
    ring_receive(rig_ring, &receive.operation, pair[0]);
    size_t at = 0;
    for (uint32_t round = 1; round <= 100; round++) {
        uint8_t data[64];
        rig_pattern_fill(data, sizeof data, at);
        rig_write(pair[1], data, sizeof data);
        at += sizeof data;
        rig_until_bytes(&receive, at);
        rig_until_events(&send, round);
        CU_ASSERT_EQUAL(send.result, sizeof data);
    }
    rig_read_pattern(pair[1], at);
    CU_ASSERT_FALSE(receive.mangled);
    rig_close(pair[1]);
    rig_until_final(&receive);
    CU_ASSERT_EQUAL(receive.result, 0);
    rig_settle(&receive);
    rig_close(pair[0]);
}

static void test_echo_tcp(void)
{
    rig_begin(RIG_SMALL, NULL);
    int pair[2];
    rig_tcp_pair(pair);
    run_echo(pair);
    rig_end();
}

static void test_echo_unix(void)
{
    rig_begin(RIG_SMALL, NULL);
    int pair[2];
    rig_unix_pair(pair);
    run_echo(pair);
    rig_end();
}

// The array may change as soon as ring_send returns; the bytes may not.
static void test_gather_all_spans(void)
{
    rig_begin(RIG_SMALL, NULL);
    int pair[2];
    rig_tcp_pair(pair);
    uint8_t data[RING_SPANS_MAX * 65];
    rig_pattern_fill(data, sizeof data, 0);
    struct record send = {0};
    size_t total = 0;
    for (uint32_t count = 1; count <= RING_SPANS_MAX; count++) {
        struct iovec spans[RING_SPANS_MAX];
        size_t at = 0;
        for (uint32_t i = 0; i < count; at += spans[i++].iov_len)
            spans[i] = (struct iovec){data + at, 1 + (i * 7) % 64};
        ring_send(rig_ring, &send.operation, pair[0], spans, count);
        memset(spans, 0xff, sizeof spans);
        rig_until_events(&send, count);
        CU_ASSERT_EQUAL(send.result, (int32_t)at);
        rig_read_pattern(pair[1], at);
        total += at;
    }
    CU_ASSERT_TRUE(total > 0);
    rig_close(pair[0]);
    rig_close(pair[1]);
    rig_end();
}

static void test_send_to_closed_peer(void)
{
    rig_begin(RIG_SMALL, NULL);
    int pair[2];
    rig_unix_pair(pair);
    rig_close(pair[1]);
    struct record send = {0};
    struct iovec span = {(uint8_t[]){1}, 1};
    ring_send(rig_ring, &send.operation, pair[0], &span, 1);
    rig_until_final(&send);
    CU_ASSERT_EQUAL(send.result, -EPIPE);
    rig_close(pair[0]);
    rig_end();
}

static void test_end_after_data(void)
{
    rig_begin(RIG_SMALL, NULL);
    int pair[2];
    rig_tcp_pair(pair);
    uint8_t data[10000];
    rig_pattern_fill(data, sizeof data, 0);
    rig_write(pair[1], data, sizeof data);
    rig_close(pair[1]);
    struct record receive = {0};
    ring_receive(rig_ring, &receive.operation, pair[0]);
    rig_until_final(&receive);
    CU_ASSERT_EQUAL(receive.bytes, sizeof data);
    CU_ASSERT_FALSE(receive.mangled);
    CU_ASSERT_EQUAL(receive.result, 0);
    rig_close(pair[0]);
    rig_end();
}

// What readiness announced may be gone: by a process that shares the socket or the counter.
static void test_ready_for_nothing(void)
{
    rig_begin(RIG_SMALL, NULL);
    int pair[2];
    rig_tcp_pair(pair);
    int raised = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
    uint8_t byte = 0;
    uint64_t count;
    rig_write(pair[1], &byte, 1);
    struct record receive = {0};
    struct record watch = {0};
    ring_receive(rig_ring, &receive.operation, pair[0]);
    ring_watch(rig_ring, &watch.operation, raised);
    CU_ASSERT_EQUAL_FATAL(ring_wait(rig_ring, RING_WAIT_FOREVER), 0);
    bool taken = recv(pair[0], &byte, 1, MSG_DONTWAIT) == 1; // a kernel that received it already has it
    CU_ASSERT_EQUAL(read(raised, &count, sizeof count), sizeof count);
    rig_turn(0);
    CU_ASSERT_EQUAL(receive.events, taken ? 0 : 1);
    CU_ASSERT_EQUAL(watch.events, 0);
    // Both still listen.
    CU_ASSERT_EQUAL(write(raised, &count, sizeof count), sizeof count);
    rig_write(pair[1], &byte, 1);
    rig_until_events(&receive, receive.events + 1);
    rig_until_events(&watch, 1);
    rig_finish(&receive);
    rig_finish(&watch);
    rig_close(raised);
    rig_close(pair[0]);
    rig_close(pair[1]);
    rig_end();
}

static void test_reset(void)
{
    rig_begin(RIG_SMALL, NULL);
    int pair[2];
    rig_tcp_pair(pair);
    struct record receive = {0};
    ring_receive(rig_ring, &receive.operation, pair[0]);
    rig_turn(0);
    struct linger linger = {.l_onoff = 1, .l_linger = 0};
    CU_ASSERT_EQUAL_FATAL(setsockopt(pair[1], SOL_SOCKET, SO_LINGER, &linger, sizeof linger), 0);
    rig_close(pair[1]);
    rig_until_final(&receive);
    CU_ASSERT_EQUAL(receive.result, -ECONNRESET);
    CU_ASSERT_EQUAL(receive.events, 1);
    rig_settle(&receive);
    rig_close(pair[0]);
    rig_end();
}

struct waker {
    int wake;   // raised by the thread
    int answer; // raised by the test
    int rounds;
};

static void *wake_rounds(void *argument)
{
    const struct waker *waker = argument;
    for (int i = 0; i < waker->rounds; i++) {
        uint64_t count = 1;
        if (write(waker->wake, &count, sizeof count) != sizeof count ||
            read(waker->answer, &count, sizeof count) != sizeof count)
            abort();
    }
    return NULL;
}

static void test_watch_from_another_thread(void)
{
    rig_begin(RIG_SMALL, NULL);
    struct waker waker = {eventfd(0, EFD_CLOEXEC), eventfd(0, EFD_CLOEXEC), 500};
    struct record watch = {0};
    ring_watch(rig_ring, &watch.operation, waker.wake);
    pthread_t thread;
    CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, wake_rounds, &waker), 0);
    for (uint32_t round = 1; round <= 500; round++) {
        rig_until_events(&watch, round);
        CU_ASSERT_EQUAL(watch.events, round);
        uint64_t count = 1;
        CU_ASSERT_EQUAL_FATAL(write(waker.answer, &count, sizeof count), sizeof count);
    }
    (void)pthread_join(thread, NULL); // it was just created
    rig_finish(&watch);
    CU_ASSERT_EQUAL(watch.finals, 1);
    rig_close(waker.wake);
    rig_close(waker.answer);
    rig_end();
}

// Several raises before the ring looks are one event, and the counter is at zero afterwards.
static void test_watch_collects(void)
{
    rig_begin(RIG_SMALL, NULL);
    int fd = eventfd(5, EFD_CLOEXEC | EFD_NONBLOCK);
    struct record watch = {0};
    ring_watch(rig_ring, &watch.operation, fd);
    rig_until_events(&watch, 1);
    rig_settle(&watch);
    uint64_t count;
    CU_ASSERT_EQUAL(read(fd, &count, sizeof count), -1);
    rig_finish(&watch);
    rig_close(fd);
    rig_end();
}

#define WAITS_MAX 8u // a wait that did not sleep would take thousands

static void test_wait_returns_after_its_timeout(void)
{
    rig_begin(RIG_SMALL, NULL);
    int pair[2];
    rig_unix_pair(pair);
    struct record receive = {0};
    ring_receive(rig_ring, &receive.operation, pair[0]);
    for (uint64_t timeout_ms = 0; timeout_ms <= 20; timeout_ms += 5) {
        uint64_t start_ns = clock_monotonic_ns();
        uint64_t enters = ring_counters(rig_ring).enters;
        struct ring_event event;
        uint64_t waits = 0;
        do { // work for the process may end a wait early, which is no event
            CU_ASSERT_EQUAL(ring_wait(rig_ring, timeout_ms * NS_PER_MS), 0);
            CU_ASSERT_FALSE(ring_next(rig_ring, &event));
            waits++;
        } while (clock_monotonic_ns() - start_ns < timeout_ms * NS_PER_MS);
        CU_ASSERT_TRUE(waits <= WAITS_MAX);
        // One system call for each, also when it submitted something first.
        CU_ASSERT_EQUAL(ring_counters(rig_ring).enters, enters + waits);
    }
    rig_finish(&receive);
    rig_close(pair[0]);
    rig_close(pair[1]);
    rig_end();
}

static void test_wait_ends_at_an_event(void)
{
    rig_begin(RIG_SMALL, NULL);
    int fd = eventfd(1, EFD_CLOEXEC);
    struct record watch = {0};
    ring_watch(rig_ring, &watch.operation, fd);
    rig_turn(RING_WAIT_FOREVER);
    CU_ASSERT_EQUAL(watch.events, 1);
    rig_finish(&watch);
    rig_close(fd);
    rig_end();
}

static void start_again(struct record *record, const struct ring_event *event)
{
    if (event->final && record->finals < 5)
        ring_send(rig_ring, &record->operation, record->operation.fd, &(struct iovec){(uint8_t[]){0}, 1}, 1);
}

// From the final event on an operation is the caller's, who may start it in the same breath.
static void test_start_again_from_the_event(void)
{
    rig_begin(RIG_SMALL, NULL);
    int pair[2];
    rig_unix_pair(pair);
    struct record send = {.then = start_again};
    ring_send(rig_ring, &send.operation, pair[0], &(struct iovec){(uint8_t[]){0}, 1}, 1);
    rig_until_events(&send, 5);
    CU_ASSERT_EQUAL(send.finals, 5);
    rig_close(pair[0]);
    rig_close(pair[1]);
    rig_end();
}

int main(int argc, char **argv)
{
    static const CU_TestInfo tests[] = {
        {"accept: one after the other until cancelled", test_accept_many},
        {"accept: out of descriptors is an end", test_accept_out_of_descriptors},
        {"echo over loopback", test_echo_tcp},
        {"echo over a socket pair", test_echo_unix},
        {"send: 1 to 64 spans in order", test_gather_all_spans},
        {"send: the peer is gone", test_send_to_closed_peer},
        {"receive: all data, then the end", test_end_after_data},
        {"receive: reset by the peer", test_reset},
        {"receive and watch: ready for nothing", test_ready_for_nothing},
        {"watch: woken from another thread", test_watch_from_another_thread},
        {"watch: several raises, one event", test_watch_collects},
        {"wait: returns after its timeout", test_wait_returns_after_its_timeout},
        {"wait: ends at an event", test_wait_ends_at_an_event},
        {"an operation starts again from its final event", test_start_again_from_the_event},
    };
    return RIG_RUN("ring", tests);
}
