// SPDX-License-Identifier: MIT
#include "client/lookup.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct lookup {
    pthread_mutex_t mutex;
    int owners; // whoever asked, and the thread
    int fd;     // an eventfd: the answer is here
    int fault;  // of getaddrinfo
    int fault_errno;
    bool answered;
    struct addrinfo *addresses;
    uint16_t port;
    char host[];
};

static void lookup_unref(struct lookup *lookup)
{
    pthread_mutex_lock(&lookup->mutex);
    bool last = --lookup->owners == 0;
    pthread_mutex_unlock(&lookup->mutex);
    if (!last)
        return;
    if (lookup->addresses != NULL)
        freeaddrinfo(lookup->addresses);
    close(lookup->fd);
    pthread_mutex_destroy(&lookup->mutex);
    free(lookup);
}

static void lookup_ask(struct lookup *lookup, int flags)
{
    char service[6];
    snprintf(service, sizeof service, "%u", lookup->port);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV | flags};
    struct addrinfo *addresses = NULL;
    int fault = getaddrinfo(lookup->host, service, &hints, &addresses);
    int fault_errno = errno;
    if (fault != 0 && (flags & AI_NUMERICHOST) != 0)
        return; // a name, then
    pthread_mutex_lock(&lookup->mutex);
    lookup->fault = fault;
    lookup->fault_errno = fault_errno;
    lookup->addresses = fault == 0 ? addresses : NULL;
    lookup->answered = true;
    uint64_t one = 1;
    (void)!write(lookup->fd, &one, sizeof one); // the counter cannot be full
    pthread_mutex_unlock(&lookup->mutex);
}

static void *lookup_run(void *context)
{
    struct lookup *lookup = context;
    lookup_ask(lookup, 0);
    lookup_unref(lookup);
    return NULL;
}

// Signals of the program are for its own threads.
static int lookup_start(struct lookup *lookup)
{
    pthread_t thread;
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    lookup->owners++;
    int status = pthread_create(&thread, NULL, lookup_run, lookup);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (status == 0)
        pthread_detach(thread);
    else
        lookup->owners--;
    return status;
}

int lookup_create(const char *host, uint16_t port, struct lookup **ret_lookup, struct error *ret_error)
{
    size_t size = strlen(host) + 1;
    struct lookup *lookup = calloc(1, sizeof *lookup + size);
    if (lookup == NULL)
        return error_set(ret_error, HBMQTT_ERROR_SYSTEM, "out of memory");
    memcpy(lookup->host, host, size);
    lookup->port = port;
    lookup->owners = 1;
    lookup->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (lookup->fd < 0) {
        free(lookup);
        return error_set(ret_error, HBMQTT_ERROR_SYSTEM, "cannot make a descriptor: %s", strerror(errno));
    }
    pthread_mutex_init(&lookup->mutex, NULL);
    lookup_ask(lookup, AI_NUMERICHOST);
    int status = lookup->answered ? 0 : lookup_start(lookup);
    if (status == 0) {
        *ret_lookup = lookup;
        return 0;
    }
    lookup_unref(lookup);
    return error_set(ret_error, HBMQTT_ERROR_SYSTEM, "cannot start a thread: %s", strerror(status));
}

void lookup_destroy(struct lookup *lookup)
{
    if (lookup != NULL)
        lookup_unref(lookup);
}

int lookup_descriptor(const struct lookup *lookup)
{
    return lookup->fd;
}

int lookup_take(struct lookup *lookup, struct addrinfo **ret_addresses, struct error *ret_error)
{
    pthread_mutex_lock(&lookup->mutex);
    bool answered = lookup->answered;
    pthread_mutex_unlock(&lookup->mutex);
    if (!answered)
        return LOOKUP_AGAIN;
    if (lookup->fault != 0)
        return error_set(
            ret_error, HBMQTT_ERROR_UNREACHABLE, "cannot find the address of %s: %s", lookup->host,
            lookup->fault == EAI_SYSTEM ? strerror(lookup->fault_errno) : gai_strerror(lookup->fault));
    *ret_addresses = lookup->addresses;
    lookup->addresses = NULL;
    return 0;
}
