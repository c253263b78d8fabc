// SPDX-License-Identifier: MIT
// Starts, cancels, sends, reads and writes in any order, on a ring that is short of everything. Whatever
// happens: each start has one final event, and no byte of any stream is lost, repeated or out of order.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/ring/test/rig.h"

#define PEERS      24
#define STEPS      20000
#define CHUNK_MAX  700
#define SEND_BYTES 60000 // sometimes more than a socket takes

struct peer {
    struct record receive;
    struct record send;
    uint32_t receive_starts;
    uint32_t send_starts;
    int ring_end;
    int own_end;
    uint64_t written; // to the ring
    uint64_t sent;    // by the ring, as its events say
    uint64_t read;    // of that
    uint8_t bytes[SEND_BYTES];
};

static struct peer peers[PEERS];
static struct random random_state;

static uint32_t random_below(uint32_t limit)
{
    return (uint32_t)(random_next(&random_state) % limit);
}

static void count_sent(struct record *record, const struct ring_event *event)
{
    struct peer *peer = container_of(record, struct peer, send);
    CU_ASSERT_TRUE_FATAL(event->final && (event->result >= 0 || event->result == -ECANCELED));
    peer->sent += event->result > 0 ? (uint64_t)event->result : 0;
}

static void start_receive(struct peer *peer)
{
    if (peer->receive.operation.kind != RING_IDLE)
        return;
    peer->receive_starts++;
    ring_receive(rig_ring, &peer->receive.operation, peer->ring_end);
}

static void start_send(struct peer *peer)
{
    if (peer->send.operation.kind != RING_IDLE)
        return;
    struct iovec spans[RING_SPANS_MAX];
    uint32_t count = 1 + random_below(RING_SPANS_MAX);
    size_t length = random_below(4) == 0 ? SEND_BYTES : CHUNK_MAX;
    for (uint32_t i = 0; i < count; i++)
        spans[i] =
            (struct iovec){peer->bytes + length * i / count, length * (i + 1) / count - length * i / count};
    rig_pattern_fill(peer->bytes, length, peer->sent);
    peer->send_starts++;
    ring_send(rig_ring, &peer->send.operation, peer->ring_end, spans, count);
}

static void write_some(struct peer *peer)
{
    uint8_t chunk[CHUNK_MAX];
    rig_pattern_fill(chunk, sizeof chunk, peer->written);
    ssize_t written = send(peer->own_end, chunk, 1 + random_below(CHUNK_MAX), MSG_DONTWAIT | MSG_NOSIGNAL);
    peer->written += written > 0 ? (uint64_t)written : 0;
}

// Reads without waiting, or, when `flags` is 0, waits for bytes up to a deadline.
static bool read_some(struct peer *peer, int flags)
{
    uint8_t got[8192];
    uint8_t expected[sizeof got];
    size_t room = 1 + random_below(sizeof got);
    ssize_t size;
    do // work that the kernel does for the ring interrupts a wait with a deadline
        size = recv(peer->own_end, got, room, flags);
    while (size < 0 && errno == EINTR);
    if (size <= 0)
        return false;
    rig_pattern_fill(expected, (size_t)size, peer->read);
    CU_ASSERT_TRUE_FATAL(memcmp(got, expected, (size_t)size) == 0);
    peer->read += (uint64_t)size;
    return true;
}

static void step(void)
{
    struct peer *peer = &peers[random_below(PEERS)];
    switch (random_below(12)) {
    case 0:
        ring_cancel(rig_ring, &peer->receive.operation);
        break;
    case 1:
        ring_cancel(rig_ring, &peer->send.operation);
        break;
    case 2:
    case 3:
        start_send(peer);
        break;
    case 4:
    case 5:
        (void)read_some(peer, MSG_DONTWAIT); // there may be nothing to read
        break;
    case 6:
    case 7:
        write_some(peer);
        break;
    case 8:
    case 9:
        start_receive(peer);
        break;
    default:
        rig_turn(random_below(2) * 1000);
    }
}

// Lets every send come to its end, every byte to its reader, and ends all.
static void wind_up(struct peer *peer)
{
    while (peer->send.operation.kind != RING_IDLE) {
        (void)read_some(peer, MSG_DONTWAIT); // makes room
        rig_turn(0);
    }
    while (peer->read < peer->sent && read_some(peer, 0))
        continue;
    CU_ASSERT_EQUAL(peer->read, peer->sent);
    CU_ASSERT_FALSE(read_some(peer, MSG_DONTWAIT));
    if (peer->receive.operation.cancelled)
        rig_finish(&peer->receive);
    start_receive(peer);
    rig_until_bytes(&peer->receive, peer->written);
    rig_finish(&peer->receive);
    CU_ASSERT_FALSE(peer->receive.mangled);
    CU_ASSERT_EQUAL(peer->receive.bytes, peer->written);
}

static void run_random(const struct ring_options *options)
{
    rig_begin(*options, NULL);
    for (int i = 0; i < PEERS; i++) {
        peers[i] = (struct peer){.send.then = count_sent};
        int pair[2];
        if (i % 2 == 0)
            rig_tcp_pair(pair);
        else
            rig_unix_pair(pair);
        peers[i].ring_end = pair[0];
        peers[i].own_end = pair[1];
        struct timeval deadline = {.tv_sec = 30};
        CU_ASSERT_EQUAL_FATAL(setsockopt(pair[1], SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof deadline), 0);
    }
    for (int i = 0; i < STEPS; i++)
        step();
    for (int i = 0; i < PEERS; i++)
        wind_up(&peers[i]);
    rig_turn(0);
    for (int i = 0; i < PEERS; i++) {
        CU_ASSERT_EQUAL(peers[i].receive.finals, peers[i].receive_starts);
        CU_ASSERT_EQUAL(peers[i].send.finals, peers[i].send_starts);
        rig_close(peers[i].ring_end);
        rig_close(peers[i].own_end);
    }
    rig_end();
}

static void test_few_entries_and_buffers(void)
{
    run_random(&(struct ring_options){.entries = 4, .buffer_count = 4, .buffer_bytes = 128});
}

static void test_many_entries_few_buffers(void)
{
    run_random(&(struct ring_options){.entries = 256, .buffer_count = 2, .buffer_bytes = 256});
}

static void test_enough_of_all(void)
{
    run_random(&(struct ring_options){.entries = 256, .buffer_count = 64, .buffer_bytes = 4096});
}

int main(int argc, char **argv)
{
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : random_entropy();
    printf("seed 0x%llx (give it as the second argument to repeat this run)\n", (unsigned long long)seed);
    random_seed(&random_state, seed);
    static const CU_TestInfo tests[] = {
        {"few entries, few buffers", test_few_entries_and_buffers},
        {"many entries, few buffers", test_many_entries_few_buffers},
        {"enough of all", test_enough_of_all},
    };
    return RIG_RUN("ring random", tests);
}
