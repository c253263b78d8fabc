// SPDX-License-Identifier: MIT
#include "server/ring/ring_buffers.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#define BUFFER_COUNT_MAX   32768u // the kernel's
#define BUFFER_COUNT_FLOOR 8u     // fewer would starve more than they help
#define PUT_BACK_BATCH     32u

static void *ring_buffers_map(size_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

static uint8_t *ring_buffers_at(const struct ring_buffers *buffers, uint32_t id)
{
    return buffers->memory + (size_t)id * buffers->bytes;
}

static void ring_buffers_put_back(struct ring_buffers *buffers, uint16_t id)
{
    io_uring_buf_ring_add(buffers->ring, ring_buffers_at(buffers, id), buffers->bytes, id,
                          io_uring_buf_ring_mask(buffers->count), (int)buffers->put_back);
    buffers->put_back++;
}

void ring_buffers_announce(struct ring_buffers *buffers)
{
    if (buffers->put_back == 0)
        return;
    io_uring_buf_ring_advance(buffers->ring, (int)buffers->put_back);
    buffers->put_back = 0;
}

// The memory of the ring itself is locked, and so counted against the memlock limit.
static int ring_buffers_register(struct ring_buffers *buffers, struct io_uring *uring)
{
    for (;;) {
        struct io_uring_buf_reg registration = {.ring_addr = (uint64_t)(uintptr_t)buffers->ring,
                                                .ring_entries = buffers->count,
                                                .bgid = RING_BUFFER_GROUP};
        int result = io_uring_register_buf_ring(uring, &registration, 0);
        if (result != -ENOMEM || buffers->count / 2 < BUFFER_COUNT_FLOOR)
            return result;
        buffers->count /= 2;
    }
}

static void ring_buffers_unmap(struct ring_buffers *buffers)
{
    if (buffers->ring != NULL)
        (void)munmap(buffers->ring, buffers->ring_bytes); // our own mapping: cannot fail
    if (buffers->memory != NULL)
        (void)munmap(buffers->memory, buffers->memory_bytes);
}

int ring_buffers_init(struct ring_buffers *buffers, struct io_uring *uring, uint32_t count, uint32_t bytes)
{
    assert(count > 0 && (count & (count - 1)) == 0 && count <= BUFFER_COUNT_MAX);
    *buffers = (struct ring_buffers){.count = count, .bytes = bytes};
    buffers->ring_bytes = count * sizeof(struct io_uring_buf);
    buffers->ring = ring_buffers_map(buffers->ring_bytes);
    buffers->memory_bytes = (size_t)count * bytes;
    buffers->memory = ring_buffers_map(buffers->memory_bytes);
    int result =
        buffers->ring == NULL || buffers->memory == NULL ? -ENOMEM : ring_buffers_register(buffers, uring);
    if (result < 0) {
        ring_buffers_unmap(buffers);
        return result;
    }
    io_uring_buf_ring_init(buffers->ring);
    for (uint32_t id = 0; id < buffers->count; id++)
        ring_buffers_put_back(buffers, (uint16_t)id);
    ring_buffers_announce(buffers);
    return 0;
}

void ring_buffers_init_single(struct ring_buffers *buffers, uint32_t bytes)
{
    *buffers = (struct ring_buffers){.count = 1, .bytes = bytes, .memory = memory_require(bytes)};
}

void ring_buffers_finish(struct ring_buffers *buffers)
{
    if (buffers->ring == NULL) {
        free(buffers->memory);
        return;
    }
    ring_buffers_unmap(buffers);
}

uint8_t *ring_buffers_lend(struct ring_buffers *buffers, uint32_t completion_flags)
{
    uint32_t id = completion_flags >> IORING_CQE_BUFFER_SHIFT;
    assert(buffers->ring != NULL && id < buffers->count && !buffers->lending);
    buffers->lent = (uint16_t)id;
    buffers->lending = true;
    return ring_buffers_at(buffers, id);
}

void ring_buffers_release(struct ring_buffers *buffers)
{
    if (!buffers->lending)
        return;
    buffers->lending = false;
    ring_buffers_put_back(buffers, buffers->lent);
    if (buffers->put_back == PUT_BACK_BATCH)
        ring_buffers_announce(buffers);
}
