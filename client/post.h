// SPDX-License-Identifier: MIT
// Messages that other threads hand over to the one that serves the handle.
#ifndef CLIENT_POST_H
#define CLIENT_POST_H

#include "client/sending.h"

#include <pthread.h>

struct post {
    pthread_mutex_t mutex; // holds what follows, but the descriptor
    struct sending *first;
    struct sending *last;
    uint64_t held_bytes;
    uint64_t bytes_max;
    int fd; // an eventfd: readable when something was handed over
};

// Returns 0 or a negative errno with nothing held.
int post_init(struct post *post, uint64_t bytes_max);
void post_finish(struct post *post);

// From any thread: takes `sending` over. Returns 0 or HBMQTT_ERROR_FULL.
int post_put(struct post *post, struct sending *sending);

// Takes all of it, linked by `next`; NULL when there is none.
struct sending *post_take_all(struct post *post);

#endif
