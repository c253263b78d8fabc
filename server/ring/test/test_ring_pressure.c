// SPDX-License-Identifier: MIT
// More of everything than there is room for.
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/ring/test/rig.h"

#define PEERS_MAX 300

static struct record receives[PEERS_MAX];
static struct record sends[PEERS_MAX];
static int pairs[PEERS_MAX][2];

static void open_peers(int count)
{
    for (int i = 0; i < count; i++) {
        receives[i] = (struct record){0};
        sends[i] = (struct record){0};
        rig_unix_pair(pairs[i]);
    }
}

static void close_peers(int count)
{
    for (int i = 0; i < count; i++) {
        rig_finish(&receives[i]);
        CU_ASSERT_FALSE(receives[i].mangled);
        rig_close(pairs[i][0]);
        rig_close(pairs[i][1]);
    }
}

// 50 connections share two buffers: nobody is forgotten, nothing is lost, nothing changes its order.
static void test_two_buffers_for_fifty(void)
{
    rig_begin((struct ring_options){.entries = 256, .buffer_count = 2, .buffer_bytes = 256}, NULL);
    enum { PEERS = 50, BYTES = 5000 };
    open_peers(PEERS);
    uint8_t data[BYTES];
    for (int round = 0; round < 3; round++) {
        rig_pattern_fill(data, BYTES, (uint64_t)round * BYTES);
        for (int i = 0; i < PEERS; i++) {
            rig_write(pairs[i][1], data, BYTES);
            if (round == 0)
                ring_receive(rig_ring, &receives[i].operation, pairs[i][0]);
        }
        for (int i = 0; i < PEERS; i++)
            rig_until_bytes(&receives[i], (uint64_t)(round + 1) * BYTES);
    }
    if (rig_has("buffer-ring"))
        CU_ASSERT_TRUE(ring_counters(rig_ring).starved > 0);
    // Those who starved are armed again even when they have nothing to receive yet: a byte for each arrives.
    rig_pattern_fill(data, 1, 3 * BYTES);
    for (int i = PEERS - 1; i >= 0; i--) {
        rig_write(pairs[i][1], data, 1);
        rig_until_bytes(&receives[i], 3 * BYTES + 1);
    }
    close_peers(PEERS);
    rig_end();
}

// The first connection never stops; the others get their bytes nevertheless.
static void test_one_peer_cannot_starve_others(void)
{
    rig_begin((struct ring_options){.entries = 64, .buffer_count = 2, .buffer_bytes = 128}, NULL);
    enum { PEERS = 10 };
    open_peers(PEERS);
    uint8_t data[8192];
    rig_pattern_fill(data, sizeof data, 0);
    for (int i = 0; i < PEERS; i++) {
        ring_receive(rig_ring, &receives[i].operation, pairs[i][0]);
        rig_write(pairs[i][1], data, i == 0 ? sizeof data : 128);
    }
    for (int i = 1; i < PEERS; i++)
        rig_until_bytes(&receives[i], 128);
    CU_ASSERT_TRUE(receives[0].bytes < sizeof data);
    rig_until_bytes(&receives[0], sizeof data);
    close_peers(PEERS);
    rig_end();
}

// Each peer receives and sends at once, on a ring with `entries` submissions.
static void run_more_than_entries(uint32_t entries, int peers, bool gathered)
{
    rig_begin((struct ring_options){.entries = entries, .buffer_count = 1024, .buffer_bytes = 64}, NULL);
    open_peers(peers);
    uint8_t data[64];
    rig_pattern_fill(data, sizeof data, 0);
    const struct iovec spans[2] = {{data, 32}, {data + 32, 32}};
    for (int i = 0; i < peers; i++)
        ring_receive(rig_ring, &receives[i].operation, pairs[i][0]);
    for (int i = 0; i < peers; i++)
        ring_send(rig_ring, &sends[i].operation, pairs[i][1], gathered ? spans : &(struct iovec){data, 64},
                  gathered ? 2 : 1);
    for (int i = 0; i < peers; i++) {
        rig_until_final(&sends[i]);
        CU_ASSERT_EQUAL(sends[i].result, 64);
        rig_until_bytes(&receives[i], 64);
    }
    for (int i = 0; i < peers; i++)
        ring_cancel(rig_ring, &receives[i].operation);
    for (int i = 0; i < peers; i++)
        rig_until_final(&receives[i]);
    for (int i = 0; i < peers; i++)
        CU_ASSERT_EQUAL(receives[i].finals, 1);
    close_peers(peers);
    rig_end();
}

static void test_more_operations_than_entries(void)
{
    run_more_than_entries(8, 100, true);
}

// A queue of four completions: most of 300 wait in the kernel's backlog.
static void test_completion_queue_overflows(void)
{
    run_more_than_entries(1, PEERS_MAX, false);
    run_more_than_entries(4, PEERS_MAX, true);
}

// Headers of gathered sends, full-size, until their arena has run over several times within one turn.
static void test_arena_runs_over(void)
{
    rig_begin((struct ring_options){.entries = 1024, .buffer_count = 16, .buffer_bytes = 4096}, NULL);
    enum { PEERS = 250 };
    open_peers(PEERS);
    uint8_t data[RING_SPANS_MAX * 2];
    rig_pattern_fill(data, sizeof data, 0);
    struct iovec spans[RING_SPANS_MAX];
    for (uint32_t i = 0; i < RING_SPANS_MAX; i++)
        spans[i] = (struct iovec){data + (size_t)i * 2, 2};
    for (int i = 0; i < PEERS; i++)
        ring_send(rig_ring, &sends[i].operation, pairs[i][1], spans, RING_SPANS_MAX);
    for (int i = 0; i < PEERS; i++) {
        rig_until_final(&sends[i]);
        CU_ASSERT_EQUAL(sends[i].result, sizeof data);
        rig_read_pattern(pairs[i][0], sizeof data);
    }
    close_peers(PEERS);
    rig_end();
}

// Takes what is there, at most `length`, and checks it; returns how much it was.
static size_t read_some(int fd, size_t length, uint64_t offset)
{
    static uint8_t got[65536];
    static uint8_t expected[65536];
    ssize_t size = recv(fd, got, length < sizeof got ? length : sizeof got, MSG_DONTWAIT);
    if (size <= 0)
        return 0;
    rig_pattern_fill(expected, (size_t)size, offset);
    CU_ASSERT_TRUE_FATAL(memcmp(got, expected, (size_t)size) == 0);
    return (size_t)size;
}

// Sends 8 MB in pieces of `count` spans to a peer that takes 64 KiB at a time; a send may come back short.
static void run_slow_reader(const int pair[2], uint32_t count)
{
    enum { BYTES = 8 << 20 };
    static uint8_t data[BYTES];
    rig_pattern_fill(data, BYTES, 0);
    struct record send = {0};
    size_t sent = 0;
    for (size_t taken = 0; taken < BYTES;) {
        if (send.operation.kind == RING_IDLE && sent < BYTES) {
            size_t piece = (BYTES - sent + count - 1) / count;
            struct iovec spans[RING_SPANS_MAX];
            uint32_t used = 0;
            for (size_t at = sent; at < BYTES; at += spans[used++].iov_len)
                spans[used] = (struct iovec){data + at, piece < BYTES - at ? piece : BYTES - at};
            ring_send(rig_ring, &send.operation, pair[0], spans, used);
        }
        uint32_t events = send.events;
        rig_turn(0);
        if (send.events > events) {
            CU_ASSERT_TRUE_FATAL(send.result >= 0);
            sent += (size_t)send.result;
        }
        taken += read_some(pair[1], BYTES - taken, taken);
    }
    rig_until_final(&send);
    CU_ASSERT_EQUAL(sent, BYTES);
    rig_close(pair[0]);
    rig_close(pair[1]);
}

static void test_slow_reader(void)
{
    rig_begin(RIG_SMALL, NULL);
    int pair[2];
    rig_tcp_pair(pair);
    run_slow_reader(pair, 1);
    rig_tcp_pair(pair);
    run_slow_reader(pair, RING_SPANS_MAX);
    rig_unix_pair(pair);
    run_slow_reader(pair, 3);
    rig_end();
}

// A stream much larger than all buffers together, through one receive.
static void test_fast_writer(void)
{
    rig_begin((struct ring_options){.entries = 16, .buffer_count = 8, .buffer_bytes = 1024}, NULL);
    open_peers(1);
    ring_receive(rig_ring, &receives[0].operation, pairs[0][0]);
    uint8_t data[20000];
    for (uint64_t at = 0; at < 100 * sizeof data; at += sizeof data) {
        rig_pattern_fill(data, sizeof data, at);
        rig_write(pairs[0][1], data, sizeof data);
        rig_until_bytes(&receives[0], at + sizeof data);
    }
    close_peers(1);
    rig_end();
}

// System calls do not follow the number of events: what is started in a turn goes to the kernel with its
// wait.
static void test_few_system_calls(void)
{
    rig_begin((struct ring_options){.entries = 1024, .buffer_count = 256, .buffer_bytes = 64}, NULL);
    enum { PEERS = 100, ROUNDS = 20 };
    open_peers(PEERS);
    for (int i = 0; i < PEERS; i++)
        ring_receive(rig_ring, &receives[i].operation, pairs[i][0]);
    rig_turn(0);
    uint64_t enters = ring_counters(rig_ring).enters;
    uint8_t byte;
    for (uint32_t round = 0; round < ROUNDS; round++) {
        rig_pattern_fill(&byte, 1, round);
        for (int i = 0; i < PEERS; i++)
            ring_send(rig_ring, &sends[i].operation, pairs[i][1], &(struct iovec){&byte, 1}, 1);
        for (int i = 0; i < PEERS; i++) {
            rig_until_bytes(&receives[i], round + 1);
            rig_until_events(&sends[i], round + 1);
        }
    }
    enters = ring_counters(rig_ring).enters - enters;
    printf("  %llu system calls for %d sends and %d receives\n", (unsigned long long)enters, PEERS * ROUNDS,
           PEERS * ROUNDS);
    uint64_t reads = rig_has("buffer-ring") ? 0 : PEERS; // in each round
    CU_ASSERT_TRUE(enters <= ROUNDS * (reads + 8));
    close_peers(PEERS);
    rig_end();
}

int main(int argc, char **argv)
{
    static const CU_TestInfo tests[] = {
        {"two buffers for fifty connections", test_two_buffers_for_fifty},
        {"one peer cannot starve others", test_one_peer_cannot_starve_others},
        {"more operations than entries", test_more_operations_than_entries},
        {"the completion queue overflows", test_completion_queue_overflows},
        {"the arena of headers runs over", test_arena_runs_over},
        {"8 MB to a slow reader", test_slow_reader},
        {"a fast writer", test_fast_writer},
        {"few system calls", test_few_system_calls},
    };
    return RIG_RUN("ring pressure", tests);
}
