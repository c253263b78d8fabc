// SPDX-License-Identifier: MIT
#include "server/transport/listener.h"

#include "server/transport/listener_passed.h"
#include "server/transport/listener_unix.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ADDRESS_ATTEMPTS 50u
#define ADDRESS_WAIT_MS  10

void address_text(const struct sockaddr_storage *address, char ret_text[ADDRESS_TEXT_BYTES])
{
    if (address->ss_family == AF_UNIX) {
        (void)snprintf(ret_text, ADDRESS_TEXT_BYTES, "unix"); // a client's socket has no name
        return;
    }
    char host[64];
    char port[8];
    socklen_t length =
        address->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
    if (getnameinfo((const struct sockaddr *)address, length, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
        (void)snprintf(ret_text, ADDRESS_TEXT_BYTES, "unknown"); // fits
        return;
    }
    bool v6 = address->ss_family == AF_INET6;
    (void)snprintf(ret_text, ADDRESS_TEXT_BYTES, "%s%s%s:%s", v6 ? "[" : "", host, v6 ? "]" : "",
                   port); // 75 at most
}

static int listener_fail(int error, const struct listener_options *options, const char *what, char *ret_error)
{
    const char *advice = error == EADDRINUSE
                             ? "; another process listens there: stop it or choose another bind"
                         : error == EACCES ? "; ports below 1024 need the capability CAP_NET_BIND_SERVICE"
                         : error == EADDRNOTAVAIL ? "; no interface of this machine has that address"
                                                  : "";
    bool v6 = strchr(options->host, ':') != NULL;
    (void)snprintf(ret_error, LISTENER_ERROR_BYTES, "cannot %s %s%s%s:%u: %s%s", what, v6 ? "[" : "",
                   options->host[0] ? options->host : "*", v6 ? "]" : "", options->port, strerror(error),
                   advice); // cut if ever too long
    return -error;
}

static int listener_resolve(const struct listener_options *options, struct addrinfo **ret_addresses,
                            char *ret_error)
{
    char port[8];
    (void)snprintf(port, sizeof port, "%u", options->port); // fits
    struct addrinfo hints = {
        .ai_flags = AI_PASSIVE | AI_NUMERICSERV, .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    int failed = getaddrinfo(options->host[0] ? options->host : NULL, port, &hints, ret_addresses);
    if (failed == 0)
        return 0;
    (void)snprintf(ret_error, LISTENER_ERROR_BYTES,
                   "cannot listen on '%s': the name has no address (%s); correct its bind", options->host,
                   gai_strerror(failed)); // cut if ever too long
    return -EADDRNOTAVAIL;
}

static int listener_try_socket(const struct addrinfo *address, int backlog)
{
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    int on = 1;
    int off = 0;
    // Both are conveniences: an address that lingers from the last run, and IPv4 through an IPv6 socket.
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (address->ai_family == AF_INET6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    if (bind(fd, address->ai_addr, address->ai_addrlen) == 0 && listen(fd, backlog) == 0)
        return fd;
    int error = errno;
    (void)close(fd); // nothing was written to it
    return -error;
}

bool listener_wait_for_address(uint32_t *attempt)
{
    if (++*attempt > ADDRESS_ATTEMPTS)
        return false;
    (void)poll(NULL, 0, ADDRESS_WAIT_MS); // a signal only makes it shorter
    return true;
}

// Returns a listening socket or -errno.
static int listener_socket(const struct addrinfo *address, int backlog)
{
    int fd;
    uint32_t attempt = 0;
    do
        fd = listener_try_socket(address, backlog);
    while (fd == -EADDRINUSE && listener_wait_for_address(&attempt));
    return fd;
}

// An IPv6 socket on all addresses serves IPv4 as well, so where no host is named it is tried first.
static const struct addrinfo *address_best(const struct addrinfo *first, bool any_host)
{
    for (const struct addrinfo *at = first; any_host && at != NULL; at = at->ai_next)
        if (at->ai_family == AF_INET6)
            return at;
    return first;
}

static int listener_open_tcp(struct listener *listener, const struct listener_options *options,
                             char *ret_error)
{
    struct addrinfo *addresses;
    int failed = listener_resolve(options, &addresses, ret_error);
    if (failed)
        return failed;
    const struct addrinfo *best = address_best(addresses, options->host[0] == '\0');
    int fd = listener_socket(best, options->backlog);
    if (fd == -EAFNOSUPPORT && best != addresses)
        fd = listener_socket(addresses, options->backlog); // a machine without IPv6
    freeaddrinfo(addresses);
    if (fd < 0)
        return listener_fail(-fd, options, "listen on", ret_error);
    struct sockaddr_storage bound = {0};
    socklen_t length = sizeof bound;
    if (getsockname(fd, (struct sockaddr *)&bound, &length) < 0) {
        int error = errno;
        (void)close(fd); // nothing was written to it
        return listener_fail(error, options, "learn the address of", ret_error);
    }
    listener->fd = fd;
    address_text(&bound, listener->address);
    return 0;
}

static int listener_open_unix(struct listener *listener, const struct listener_options *options,
                              char *ret_error)
{
    int fd = listener_unix_open(options, ret_error);
    if (fd < 0)
        return fd;
    listener->fd = fd;
    listener->is_unix = true;
    listener->unix_path = memory_require(strlen(options->unix_path) + 1);
    memcpy(listener->unix_path, options->unix_path, strlen(options->unix_path) + 1);
    (void)snprintf(listener->address, ADDRESS_TEXT_BYTES, "unix:%s",
                   options->unix_path); // a path of 107 at most fits
    return 0;
}

static void listener_clear(struct listener *listener)
{
    listener->fd = -1;
    listener->is_unix = listener->is_passed = false;
    listener->unix_path = NULL;
    atomic_store(&listener->connections, 0);
    atomic_store(&listener->sessions, 0);
}

int listener_open(struct listener *listener, const struct listener_options *options, char *ret_error)
{
    listener_clear(listener);
    return options->unix_path != NULL ? listener_open_unix(listener, options, ret_error)
                                      : listener_open_tcp(listener, options, ret_error);
}

int listener_adopt(struct listener *listener, int fd, char *ret_error)
{
    listener_clear(listener);
    int failed = listener_passed_check(fd, &listener->is_unix, ret_error);
    if (failed)
        return failed;
    listener->fd = fd;
    listener->is_passed = true;
    listener_describe_socket(fd, listener->address);
    return 0;
}

int listener_adjust(const struct listener *listener, const struct listener_options *options, char *ret_error)
{
    if (listener->is_passed)
        return 0;
    if (listen(listener->fd, options->backlog) < 0)
        return listener_fail(errno, options, "change the backlog of", ret_error);
    return listener->is_unix ? listener_unix_admit(options, ret_error) : 0;
}

bool listener_is_local(const struct listener *listener)
{
    struct sockaddr_storage bound = {0};
    socklen_t length = sizeof bound;
    (void)getsockname(listener->fd, (struct sockaddr *)&bound, &length); // cannot fail: it is bound
    if (bound.ss_family == AF_INET)
        return ((const uint8_t *)&((const struct sockaddr_in *)&bound)->sin_addr)[0] == IN_LOOPBACKNET;
    if (bound.ss_family != AF_INET6)
        return true;
    const struct in6_addr *address = &((const struct sockaddr_in6 *)&bound)->sin6_addr;
    return IN6_IS_ADDR_LOOPBACK(address) ||
           (IN6_IS_ADDR_V4MAPPED(address) && address->s6_addr[12] == IN_LOOPBACKNET);
}

void listener_close(struct listener *listener)
{
    if (!listener->is_passed)
        (void)close(listener->fd); // nothing was written to it
    listener->fd = -1;
    if (listener->unix_path != NULL)
        (void)unlink(listener->unix_path); // whoever removed it before us did no harm
    free(listener->unix_path);
    listener->unix_path = NULL;
}
