// SPDX-License-Identifier: MIT
#include "client/post.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

int post_init(struct post *post, uint64_t bytes_max)
{
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd < 0)
        return -errno;
    *post = (struct post){.fd = fd, .bytes_max = bytes_max};
    int status = pthread_mutex_init(&post->mutex, NULL);
    if (status != 0)
        close(fd);
    return -status;
}

void post_finish(struct post *post)
{
    struct sending *sending = post_take_all(post);
    while (sending != NULL) {
        struct sending *next = sending->next;
        free(sending);
        sending = next;
    }
    pthread_mutex_destroy(&post->mutex);
    close(post->fd);
}

int post_put(struct post *post, struct sending *sending)
{
    pthread_mutex_lock(&post->mutex);
    bool full = post->held_bytes >= post->bytes_max;
    bool first = post->first == NULL;
    if (!full) {
        sending->next = NULL;
        if (first)
            post->first = sending;
        else
            post->last->next = sending;
        post->last = sending;
        post->held_bytes += sending_held_bytes(sending);
    }
    pthread_mutex_unlock(&post->mutex);
    uint64_t one = 1;
    if (!full && first)
        (void)!write(post->fd, &one, sizeof one); // the counter cannot be full
    return full ? HBMQTT_ERROR_FULL : 0;
}

struct sending *post_take_all(struct post *post)
{
    uint64_t count;
    (void)!read(post->fd, &count, sizeof count); // it may be empty
    pthread_mutex_lock(&post->mutex);
    struct sending *first = post->first;
    post->first = post->last = NULL;
    post->held_bytes = 0;
    pthread_mutex_unlock(&post->mutex);
    return first;
}
