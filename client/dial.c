// SPDX-License-Identifier: MIT
#include "client/dial.h"

#include "client/lookup.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define ADDRESSES_MAX 32u // of a host that are tried

struct dial {
    const char *host;
    const char *path;
    uint16_t port;
    int epoll_fd;
    struct lookup *lookup; // NULL: it has answered
    struct addrinfo *found;
    const struct addrinfo *addresses[ADDRESSES_MAX]; // in the order in which they are tried
    int sockets[ADDRESSES_MAX];                      // -1: not tried yet, or failed
    size_t count;
    size_t tried;
    size_t pending;   // sockets that have not answered
    uint64_t next_ms; // when the next address is tried
    int fault;        // of the one that failed last, a positive errno
};

static int watch(int epoll_fd, int fd, uint32_t events)
{
    struct epoll_event event = {.events = events};
    return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : errno;
}

int dial_create(const char *host, uint16_t port, const char *path, int epoll_fd, struct dial **ret_dial,
                struct error *ret_error)
{
    struct dial *dial = calloc(1, sizeof *dial);
    if (dial == NULL)
        return error_set(ret_error, HBMQTT_ERROR_SYSTEM, "out of memory");
    *dial = (struct dial){.host = host, .port = port, .path = path, .epoll_fd = epoll_fd};
    dial->next_ms = UINT64_MAX;
    int status = host == NULL ? 0 : lookup_create(host, port, &dial->lookup, ret_error);
    int fault = status != 0 || host == NULL ? 0 : watch(epoll_fd, lookup_descriptor(dial->lookup), EPOLLIN);
    if (fault != 0)
        status = error_set(ret_error, HBMQTT_ERROR_SYSTEM, "cannot wait: %s", strerror(fault));
    if (status != 0)
        dial_destroy(dial);
    else
        *ret_dial = dial;
    return status;
}

static void forget_lookup(struct dial *dial)
{
    if (dial->lookup == NULL)
        return;
    // The thread may hold the descriptor open for longer.
    (void)epoll_ctl(dial->epoll_fd, EPOLL_CTL_DEL, lookup_descriptor(dial->lookup), NULL);
    lookup_destroy(dial->lookup);
    dial->lookup = NULL;
}

void dial_destroy(struct dial *dial)
{
    if (dial == NULL)
        return;
    forget_lookup(dial);
    for (size_t i = 0; i < dial->tried; i++)
        if (dial->sockets[i] >= 0)
            close(dial->sockets[i]);
    if (dial->found != NULL)
        freeaddrinfo(dial->found);
    free(dial);
}

static int dial_report(const struct dial *dial, int fault, struct error *ret_error)
{
    if (fault == EMFILE || fault == ENFILE || fault == ENOBUFS || fault == ENOMEM)
        return error_set(ret_error, HBMQTT_ERROR_SYSTEM, "cannot make a socket: %s", strerror(fault));
    if (dial->host == NULL)
        return error_set(ret_error, HBMQTT_ERROR_UNREACHABLE, "cannot connect to %s: %s", dial->path,
                         strerror(fault));
    return error_set(ret_error, HBMQTT_ERROR_UNREACHABLE, "cannot connect to %s port %u: %s", dial->host,
                     dial->port, strerror(fault));
}

// A local socket connects at once or not at all.
static int dial_local(const struct dial *dial, int *ret_fd, struct error *ret_error)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(dial->path) >= sizeof address.sun_path)
        return error_set(ret_error, HBMQTT_ERROR_ARGUMENT,
                         "bad URL: the path of a unix socket has at most %zu bytes",
                         sizeof address.sun_path - 1);
    memcpy(address.sun_path, dial->path, strlen(dial->path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return dial_report(dial, errno, ret_error);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0) {
        *ret_fd = fd;
        return 0;
    }
    int fault = errno;
    close(fd);
    return dial_report(dial, fault, ret_error);
}

// The next address from `at` on that is (or is not) of `family`.
static const struct addrinfo *next_of(const struct addrinfo *at, int family, bool same)
{
    while (at != NULL && (at->ai_family == family) != same)
        at = at->ai_next;
    return at;
}

static void arrange(struct dial *dial)
{
    int family = dial->found->ai_family;
    const struct addrinfo *same = dial->found;
    const struct addrinfo *other = next_of(dial->found, family, false);
    for (bool turn = true; (same != NULL || other != NULL) && dial->count < ADDRESSES_MAX; turn = !turn) {
        bool take_same = other == NULL || (turn && same != NULL);
        const struct addrinfo **from = take_same ? &same : &other;
        dial->addresses[dial->count++] = *from;
        *from = next_of((*from)->ai_next, family, take_same);
    }
}

// Begins with the next address. A failure is noted, and the one after it is due at once.
static void try_next(struct dial *dial, uint64_t now_ms)
{
    const struct addrinfo *address = dial->addresses[dial->tried];
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int fault = fd < 0 ? errno : 0;
    if (fd >= 0 && connect(fd, address->ai_addr, address->ai_addrlen) != 0 && errno != EINPROGRESS)
        fault = errno;
    if (fault == 0)
        fault = watch(dial->epoll_fd, fd, EPOLLOUT);
    if (fault != 0 && fd >= 0)
        close(fd);
    dial->sockets[dial->tried++] = fault == 0 ? fd : -1;
    dial->pending += fault == 0;
    if (fault != 0)
        dial->fault = fault;
    bool more = dial->tried < dial->count;
    dial->next_ms = !more ? UINT64_MAX : fault != 0 ? now_ms : now_ms + DIAL_STAGGER_MS;
}

// Looks whether a socket has answered. Returns a connected one, or -1.
static int look(struct dial *dial, uint64_t now_ms)
{
    for (size_t i = 0; i < dial->tried; i++) {
        struct pollfd ready = {.fd = dial->sockets[i], .events = POLLOUT};
        if (dial->sockets[i] < 0 || poll(&ready, 1, 0) <= 0)
            continue;
        int fd = dial->sockets[i];
        int fault = 0;
        socklen_t size = sizeof fault;
        if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &fault, &size) != 0)
            fault = errno;
        dial->sockets[i] = -1;
        dial->pending--;
        if (fault == 0)
            return fd;
        close(fd);
        dial->fault = fault;
        if (dial->tried < dial->count)
            dial->next_ms = now_ms;
    }
    return -1;
}

static int take_addresses(struct dial *dial, uint64_t now_ms, struct error *ret_error)
{
    int status = lookup_take(dial->lookup, &dial->found, ret_error);
    if (status != 0)
        return status == LOOKUP_AGAIN ? DIAL_AGAIN : status;
    forget_lookup(dial);
    arrange(dial);
    dial->next_ms = now_ms;
    return 0;
}

int dial_step(struct dial *dial, uint64_t now_ms, int *ret_fd, struct error *ret_error)
{
    if (dial->host == NULL)
        return dial_local(dial, ret_fd, ret_error);
    if (dial->lookup != NULL) {
        int status = take_addresses(dial, now_ms, ret_error);
        if (status != 0)
            return status;
    }
    int fd;
    while ((fd = look(dial, now_ms)) < 0 && now_ms >= dial->next_ms)
        try_next(dial, now_ms);
    if (fd < 0)
        return dial->pending != 0 || dial->tried < dial->count ? DIAL_AGAIN
                                                               : dial_report(dial, dial->fault, ret_error);
    int on = 1;
    (void)epoll_ctl(dial->epoll_fd, EPOLL_CTL_DEL, fd, NULL);       // whoever gets it waits for other events
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); // only latency suffers without it
    *ret_fd = fd;
    return 0;
}

uint64_t dial_deadline_ms(const struct dial *dial)
{
    return dial->host == NULL ? 0 : dial->next_ms;
}
