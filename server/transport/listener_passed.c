// SPDX-License-Identifier: MIT
#include "server/transport/listener_passed.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

static int socket_option(int fd, int option)
{
    int value = -1;
    socklen_t length = sizeof value;
    return getsockopt(fd, SOL_SOCKET, option, &value, &length) < 0 ? -errno : value;
}

static bool socket_address(int fd, struct sockaddr_storage *ret_address)
{
    socklen_t length = sizeof *ret_address;
    *ret_address = (struct sockaddr_storage){0};
    return getsockname(fd, (struct sockaddr *)ret_address, &length) == 0;
}

int listener_passed_check(int fd, bool *ret_is_unix, char *ret_error)
{
    const char *fault = NULL;
    struct sockaddr_storage address = {0};
    if (!socket_address(fd, &address))
        fault = "it is no socket";
    else if (socket_option(fd, SO_TYPE) != SOCK_STREAM)
        fault = "it is not a stream of bytes (ListenStream= of a .socket unit)";
    else if (address.ss_family != AF_INET && address.ss_family != AF_INET6 && address.ss_family != AF_UNIX)
        fault = "it belongs neither to the internet nor to unix sockets";
    else if (socket_option(fd, SO_ACCEPTCONN) != 1)
        fault = "nobody listens on it (a .socket unit with Accept=yes passes connections instead)";
    if (fault != NULL) {
        (void)snprintf(ret_error, LISTENER_ERROR_BYTES, "cannot use the passed descriptor %d: %s", fd,
                       fault); // fits
        return -ENOTSOCK;
    }
    *ret_is_unix = address.ss_family == AF_UNIX;
    return 0;
}

void listener_describe_socket(int fd, char ret_text[ADDRESS_TEXT_BYTES])
{
    struct sockaddr_storage address;
    const struct sockaddr_un *local = (const struct sockaddr_un *)&address;
    if (!socket_address(fd, &address))
        (void)snprintf(ret_text, ADDRESS_TEXT_BYTES, "no socket"); // fits
    else if (address.ss_family == AF_UNIX)
        (void)snprintf(ret_text, ADDRESS_TEXT_BYTES, "unix:%.108s", local->sun_path); // fits
    else
        address_text(&address, ret_text);
}

static bool same_address(const struct sockaddr_storage *bound, const struct sockaddr *wanted)
{
    if (bound->ss_family != wanted->sa_family)
        return false;
    const struct sockaddr_in *bound_4 = (const struct sockaddr_in *)bound;
    const struct sockaddr_in *wanted_4 = (const struct sockaddr_in *)wanted;
    const struct sockaddr_in6 *bound_6 = (const struct sockaddr_in6 *)bound;
    const struct sockaddr_in6 *wanted_6 = (const struct sockaddr_in6 *)wanted;
    if (wanted->sa_family == AF_INET)
        return bound_4->sin_port == wanted_4->sin_port &&
               bound_4->sin_addr.s_addr == wanted_4->sin_addr.s_addr;
    return bound_6->sin6_port == wanted_6->sin6_port && bound_6->sin6_scope_id == wanted_6->sin6_scope_id &&
           memcmp(&bound_6->sin6_addr, &wanted_6->sin6_addr, sizeof bound_6->sin6_addr) == 0;
}

static bool fits_internet(const struct listener_options *options, const struct sockaddr_storage *bound)
{
    char port[8];
    (void)snprintf(port, sizeof port, "%u", options->port); // fits
    struct addrinfo hints = {
        .ai_flags = AI_PASSIVE | AI_NUMERICSERV, .ai_family = bound->ss_family, .ai_socktype = SOCK_STREAM};
    struct addrinfo *addresses;
    if (options->port == 0 ||
        getaddrinfo(options->host[0] ? options->host : NULL, port, &hints, &addresses) != 0)
        return false;
    bool fits = false;
    for (const struct addrinfo *at = addresses; at != NULL && !fits; at = at->ai_next)
        fits = same_address(bound, at->ai_addr);
    freeaddrinfo(addresses);
    return fits;
}

bool listener_fits(const struct listener_options *options, int fd)
{
    struct sockaddr_storage bound;
    const struct sockaddr_un *local = (const struct sockaddr_un *)&bound;
    if (!socket_address(fd, &bound))
        return false;
    if (options->unix_path != NULL)
        return bound.ss_family == AF_UNIX &&
               strncmp(local->sun_path, options->unix_path, sizeof local->sun_path) == 0;
    return (bound.ss_family == AF_INET || bound.ss_family == AF_INET6) && fits_internet(options, &bound);
}
