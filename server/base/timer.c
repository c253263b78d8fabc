// SPDX-License-Identifier: MIT
#include "server/base/timer.h"

#include <assert.h>
#include <stdlib.h>

#include "server/base/memory.h"

#define TIMERS_FIRST 64u

void timer_queue_init(struct timer_queue *queue)
{
    *queue = (struct timer_queue){0};
}

void timer_queue_finish(struct timer_queue *queue)
{
    free(queue->heap);
    *queue = (struct timer_queue){0};
}

static void timer_place(struct timer_queue *queue, struct timer *timer, uint32_t position)
{
    queue->heap[position] = timer;
    timer->position = position;
}

static void timer_sift_up(struct timer_queue *queue, struct timer *timer, uint32_t position)
{
    while (position > 1 && queue->heap[position / 2]->deadline_ns > timer->deadline_ns) {
        timer_place(queue, queue->heap[position / 2], position);
        position /= 2;
    }
    timer_place(queue, timer, position);
}

static void timer_sift_down(struct timer_queue *queue, struct timer *timer, uint32_t position)
{
    for (;;) {
        uint32_t child = position * 2;
        if (child < queue->count && queue->heap[child + 1]->deadline_ns < queue->heap[child]->deadline_ns)
            child++;
        if (child > queue->count || queue->heap[child]->deadline_ns >= timer->deadline_ns)
            break;
        timer_place(queue, queue->heap[child], position);
        position = child;
    }
    timer_place(queue, timer, position);
}

static void timer_settle(struct timer_queue *queue, struct timer *timer, uint32_t position)
{
    if (position > 1 && queue->heap[position / 2]->deadline_ns > timer->deadline_ns)
        timer_sift_up(queue, timer, position);
    else
        timer_sift_down(queue, timer, position);
}

void timer_arm(struct timer_queue *queue, struct timer *timer, uint64_t deadline_ns)
{
    timer->deadline_ns = deadline_ns;
    if (timer_armed(timer)) {
        timer_settle(queue, timer, timer->position);
        return;
    }
    if (queue->count + 1 >= queue->capacity) {
        queue->capacity = queue->capacity ? queue->capacity * 2 : TIMERS_FIRST;
        queue->heap = memory_require_again(queue->heap, queue->capacity * sizeof *queue->heap);
    }
    timer_sift_up(queue, timer, ++queue->count);
}

void timer_cancel(struct timer_queue *queue, struct timer *timer)
{
    if (!timer_armed(timer))
        return;
    uint32_t position = timer->position;
    assert(queue->heap[position] == timer);
    timer->position = 0;
    struct timer *last = queue->heap[queue->count--];
    if (last != timer)
        timer_settle(queue, last, position);
}

uint64_t timer_queue_deadline(const struct timer_queue *queue)
{
    return queue->count == 0 ? TIMER_NEVER : queue->heap[1]->deadline_ns;
}

struct timer *timer_queue_expire(struct timer_queue *queue, uint64_t now_ns)
{
    if (timer_queue_deadline(queue) > now_ns || queue->count == 0)
        return NULL;
    struct timer *timer = queue->heap[1];
    timer_cancel(queue, timer);
    return timer;
}
