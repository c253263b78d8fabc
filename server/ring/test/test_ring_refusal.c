// SPDX-License-Identifier: MIT
// Kernels that refuse: the system call of the ring is replaced by one that fails now and then, as old kernels
// do while their backlog of completions is full, and as any kernel does for a signal.
#include <errno.h>
#include <liburing.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "server/ring/test/rig.h"

#define PEERS 60

static int refusal;          // the error to fail with; 0 = none
static uint32_t refused;     // how often
static uint32_t submissions; // attempts while refusing

// Stands in front of liburing's: every second attempt to submit fails before anything was taken.
int io_uring_enter2(unsigned int fd, unsigned int to_submit, unsigned int min_complete, unsigned int flags,
                    sigset_t *sig, size_t sz)
{
    if (refusal != 0 && to_submit > 0 && submissions++ % 2 == 0) {
        refused++;
        return refusal;
    }
    long result = syscall(SYS_io_uring_enter, fd, to_submit, min_complete, flags, sig, sz);
    return result < 0 ? -errno : (int)result;
}

static void echo(struct record *record, const struct ring_event *event)
{
    static uint8_t copies[PEERS][64];
    if (event->data == NULL)
        return;
    uint8_t *copy = copies[record->operation.owner];
    memcpy(copy, event->data, (size_t)event->result);
    const struct iovec spans[2] = {{copy, 1}, {copy + 1, (size_t)event->result - 1}};
    ring_send(rig_ring, &record->partner->operation, record->operation.fd, spans, 2);
}

// All peers echo in every turn, on a ring so small that submissions go out in the middle of turns, while
// completions wait.
static void run_refused(int error)
{
    static struct record receives[PEERS];
    static struct record sends[PEERS];
    int pairs[PEERS][2];
    rig_begin((struct ring_options){.entries = 8, .buffer_count = 64, .buffer_bytes = 64}, NULL);
    for (uint32_t i = 0; i < PEERS; i++) {
        rig_unix_pair(pairs[i]);
        sends[i] = (struct record){0};
        receives[i] = (struct record){.then = echo, .partner = &sends[i], .operation.owner = i};
        ring_receive(rig_ring, &receives[i].operation, pairs[i][0]);
    }
    refused = 0;
    refusal = error;
    for (uint32_t round = 0; round < 10; round++) {
        uint8_t data[64];
        rig_pattern_fill(data, sizeof data, round * sizeof data);
        for (int i = 0; i < PEERS; i++)
            rig_write(pairs[i][1], data, sizeof data);
        for (int i = 0; i < PEERS; i++) {
            rig_until_bytes(&receives[i], (round + 1) * sizeof data);
            rig_until_events(&sends[i], round + 1);
        }
    }
    CU_ASSERT_TRUE(refused > 20);
    for (int i = 0; i < PEERS; i++)
        ring_cancel(rig_ring, &receives[i].operation);
    for (int i = 0; i < PEERS; i++) {
        rig_until_final(&receives[i]);
        CU_ASSERT_EQUAL(receives[i].finals, 1);
        CU_ASSERT_FALSE(receives[i].mangled);
        rig_read_pattern(pairs[i][1], 10 * 64);
        rig_close(pairs[i][0]);
        rig_close(pairs[i][1]);
    }
    refusal = 0;
    rig_end();
}

static void test_busy(void)
{
    run_refused(-EBUSY);
}

static void test_again(void)
{
    run_refused(-EAGAIN);
}

static void test_interrupted(void)
{
    run_refused(-EINTR);
}

int main(int argc, char **argv)
{
    static const CU_TestInfo tests[] = {
        {"a full backlog of completions", test_busy},
        {"a kernel short of memory", test_again},
        {"signals", test_interrupted},
    };
    return RIG_RUN("ring refusal", tests);
}
