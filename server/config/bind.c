// SPDX-License-Identifier: MIT
#include "server/config/bind.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <string.h>

#define DIGITS      "0123456789"
#define UNIX_PREFIX "unix:"

static const char port_fault[] = "a port from 0 to 65535";
static const char long_fault[] = "a shorter host";

static bool port_parse(const char *text, uint16_t *ret_port)
{
    size_t length = strlen(text);
    if (length == 0 || length > 5 || strspn(text, DIGITS) != length)
        return false;
    uint32_t port = 0;
    for (const char *digit = text; *digit != '\0'; digit++)
        port = port * 10 + (uint32_t)(*digit - '0');
    if (port > UINT16_MAX)
        return false;
    *ret_port = (uint16_t)port;
    return true;
}

// An IPv6 address, which may name an interface: fe80::1%eth0.
static bool ipv6_valid(const char *text)
{
    char address[INET6_ADDRSTRLEN];
    struct in6_addr parsed;
    size_t length = strcspn(text, "%");
    size_t interface_length = text[length] == '%' ? strlen(text + length + 1) : 1;
    if (length >= sizeof(address) || interface_length == 0 || interface_length >= IF_NAMESIZE)
        return false;
    memcpy(address, text, length);
    address[length] = '\0';
    return inet_pton(AF_INET6, address, &parsed) == 1;
}

// An IPv4 address or a name; whether it exists is for the resolver to say.
static bool name_valid(const char *text)
{
    size_t length = strlen(text);
    return length == strspn(text, DIGITS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-._") &&
           text[0] != '-';
}

static bool host_copy(struct bind *bind, const char *text, size_t length)
{
    if (length >= sizeof(bind->host))
        return false;
    memcpy(bind->host, text, length);
    bind->host[length] = '\0';
    return true;
}

static const char *bracketed_parse(const char *text, struct bind *bind)
{
    const char *end = strchr(text, ']');
    if (end == NULL)
        return "']' after the address";
    if (!host_copy(bind, text + 1, (size_t)(end - text - 1)))
        return long_fault;
    if (!ipv6_valid(bind->host))
        return "an IPv6 address between '[' and ']'";
    if (end[1] == '\0')
        return NULL;
    bind->port_given = true;
    return end[1] == ':' && port_parse(end + 2, &bind->port) ? NULL : port_fault;
}

static const char *host_and_port_parse(const char *text, struct bind *bind)
{
    size_t length = strcspn(text, ":");
    if (!host_copy(bind, text, length))
        return long_fault;
    if (!name_valid(bind->host))
        return "an address or a name, then ':' and a port";
    if (text[length] == '\0')
        return NULL;
    bind->port_given = true;
    return port_parse(text + length + 1, &bind->port) ? NULL : port_fault;
}

static const char *port_alone_parse(const char *text, struct bind *bind)
{
    bind->port_given = true;
    return port_parse(text, &bind->port) ? NULL : port_fault;
}

static const char *unix_parse(const char *path, struct bind *bind)
{
    size_t length = strlen(path);
    if (path[0] != '/' || path[length - 1] == '/')
        return "the absolute path of a socket after 'unix:'";
    if (length >= sizeof(bind->unix_path))
        return "a path of at most 107 bytes after 'unix:'";
    memcpy(bind->unix_path, path, length + 1);
    return NULL;
}

const char *bind_parse(const char *text, struct bind *ret_bind)
{
    struct bind bind = {.port = 0};
    const char *colon = strchr(text, ':');
    const char *fault = NULL;

    if (text[0] == '\0')
        fault = "host:port";
    else if (strncmp(text, UNIX_PREFIX, strlen(UNIX_PREFIX)) == 0)
        fault = unix_parse(text + strlen(UNIX_PREFIX), &bind);
    else if (text[0] == '[')
        fault = bracketed_parse(text, &bind);
    else if (strspn(text, DIGITS) == strlen(text))
        fault = port_alone_parse(text, &bind);
    else if (colon == NULL || strchr(colon + 1, ':') == NULL)
        fault = host_and_port_parse(text, &bind);
    else if (!ipv6_valid(text))
        fault = "an IPv6 address, in brackets where a port follows: [address]:port";
    else if (!host_copy(&bind, text, strlen(text)))
        fault = long_fault;
    if (fault == NULL)
        *ret_bind = bind;
    return fault;
}
