// SPDX-License-Identifier: MIT
// Deadlines in a binary heap: arming, moving and cancelling cost the logarithm of how many there are; reading
// the next one costs nothing. The owner embeds the timer and finds itself with container_of; `kind` is the
// owner's, to tell owners apart.
#ifndef BASE_TIMER_H
#define BASE_TIMER_H

#include <stdbool.h>
#include <stdint.h>

#define TIMER_NEVER UINT64_MAX

struct timer {
    uint64_t deadline_ns; // on the monotonic clock
    uint32_t position;    // in the heap, counted from 1; 0 = not armed
    uint32_t kind;
};

struct timer_queue {
    struct timer **heap; // heap[0] is not used
    uint32_t count;
    uint32_t capacity;
};

void timer_queue_init(struct timer_queue *queue);
void timer_queue_finish(struct timer_queue *queue);

// Arms a timer, or moves it to another deadline if it is armed.
void timer_arm(struct timer_queue *queue, struct timer *timer, uint64_t deadline_ns);

// Harmless if it is not armed.
void timer_cancel(struct timer_queue *queue, struct timer *timer);

static inline bool timer_armed(const struct timer *timer)
{
    return timer->position != 0;
}

// The earliest deadline, or TIMER_NEVER.
uint64_t timer_queue_deadline(const struct timer_queue *queue);

// Takes out the earliest timer whose deadline is not after `now_ns`; NULL if there is none.
struct timer *timer_queue_expire(struct timer_queue *queue, uint64_t now_ns);

#endif
