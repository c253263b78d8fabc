// SPDX-License-Identifier: MIT
#include "client/net.h"

#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

uint64_t net_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

int net_wait_ms(uint64_t deadline_ms, uint64_t now_ms)
{
    if (deadline_ms == UINT64_MAX)
        return -1;
    if (deadline_ms <= now_ms)
        return 0;
    uint64_t wait_ms = deadline_ms - now_ms;
    return wait_ms > INT_MAX ? INT_MAX : (int)wait_ms;
}

int net_wait(int fd, short events, uint64_t deadline_ms, int interrupt_fd)
{
    for (;;) {
        struct pollfd fds[] = {{.fd = fd, .events = events}, {.fd = interrupt_fd, .events = POLLIN}};
        int count = poll(fds, 2, net_wait_ms(deadline_ms, net_now_ms()));
        if (count < 0 && errno != EINTR)
            return -errno;
        if (count > 0 && fds[1].revents != 0)
            return -ECANCELED;
        if (count > 0)
            return 0;
        if (count == 0)
            return -ETIMEDOUT;
    }
}

// Returns a connected socket or a negative errno.
static int net_connect_address(const struct addrinfo *address, uint64_t deadline_ms, int interrupt_fd)
{
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    int status = connect(fd, address->ai_addr, address->ai_addrlen) == 0 ? 0 : -errno;
    if (status == -EINPROGRESS)
        status = net_wait(fd, POLLOUT, deadline_ms, interrupt_fd);
    if (status == 0) {
        int fault = 0;
        socklen_t size = sizeof fault;
        status = getsockopt(fd, SOL_SOCKET, SO_ERROR, &fault, &size) == 0 ? -fault : -errno;
    }
    if (status != 0) {
        close(fd);
        return status;
    }
    int on = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); // only latency suffers without it
    return fd;
}

static int net_report(const char *host, uint16_t port, int status, struct error *ret_error)
{
    if (status == -ECANCELED)
        return error_set(ret_error, HBMQTT_ERROR_INTERRUPTED, "interrupted while connecting");
    if (status == -ETIMEDOUT)
        return error_set(ret_error, HBMQTT_ERROR_TIMEOUT, "cannot connect to %s port %u: no answer in time",
                         host, port);
    if (status == -EMFILE || status == -ENFILE || status == -ENOBUFS || status == -ENOMEM)
        return error_set(ret_error, HBMQTT_ERROR_SYSTEM, "cannot make a socket: %s", strerror(-status));
    return error_set(ret_error, HBMQTT_ERROR_UNREACHABLE, "cannot connect to %s port %u: %s", host, port,
                     strerror(-status));
}

static int net_connect_addresses(const struct addrinfo *addresses, uint64_t deadline_ms, int interrupt_fd)
{
    unsigned left = 0;
    for (const struct addrinfo *at = addresses; at != NULL; at = at->ai_next)
        left++;
    int status = -EHOSTUNREACH;
    for (const struct addrinfo *at = addresses; at != NULL && status != -ECANCELED;
         at = at->ai_next, left--) {
        uint64_t now_ms = net_now_ms();
        uint64_t share_ms = deadline_ms > now_ms ? (deadline_ms - now_ms) / left : 0;
        status = net_connect_address(at, now_ms + share_ms, interrupt_fd);
        if (status >= 0)
            return status;
    }
    return status;
}

int net_connect(const char *host, uint16_t port, uint64_t deadline_ms, int interrupt_fd, int *ret_fd,
                struct error *ret_error)
{
    char service[6];
    snprintf(service, sizeof service, "%u", port);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *addresses = NULL;
    int found = getaddrinfo(host, service, &hints, &addresses);
    if (found != 0) {
        const char *why = found == EAI_SYSTEM ? strerror(errno) : gai_strerror(found);
        return error_set(ret_error, HBMQTT_ERROR_UNREACHABLE, "cannot find the address of %s: %s", host, why);
    }
    int fd = net_connect_addresses(addresses, deadline_ms, interrupt_fd);
    freeaddrinfo(addresses);
    if (fd < 0)
        return net_report(host, port, fd, ret_error);
    *ret_fd = fd;
    return 0;
}

void net_close_gently(int fd, uint64_t deadline_ms, int interrupt_fd)
{
    char late[4096];
    ssize_t count = 1;
    if (shutdown(fd, SHUT_WR) != 0)
        count = 0;
    while (count > 0 && net_wait(fd, POLLIN, deadline_ms, interrupt_fd) == 0) {
        count = recv(fd, late, sizeof late, 0);
        if (count < 0 && (errno == EAGAIN || errno == EINTR))
            count = 1;
    }
    close(fd);
}
