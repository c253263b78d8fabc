// SPDX-License-Identifier: MIT
#include "server/access/peer_key.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

static uint64_t key_of_v4(const struct in_addr *address)
{
    return ntohl(address->s_addr);
}

static uint64_t key_of_v6(const struct in6_addr *address)
{
    uint64_t key = 0;
    if (IN6_IS_ADDR_V4MAPPED(address)) { // of a socket that takes both
        struct in_addr v4;
        memcpy(&v4, address->s6_addr + 12, sizeof v4);
        return key_of_v4(&v4);
    }
    for (size_t i = 0; i < sizeof key; i++)
        key = key << 8 | address->s6_addr[i];
    return key;
}

uint64_t peer_key_of(const struct sockaddr_storage *address)
{
    if (address->ss_family == AF_INET)
        return key_of_v4(&((const struct sockaddr_in *)address)->sin_addr);
    if (address->ss_family == AF_INET6)
        return key_of_v6(&((const struct sockaddr_in6 *)address)->sin6_addr);
    return PEER_KEY_UNIX;
}

uint64_t peer_key_of_text(const char *text)
{
    char host[INET6_ADDRSTRLEN];
    struct in_addr v4;
    struct in6_addr v6;
    bool bracketed = text[0] == '[';
    const char *from = bracketed ? text + 1 : text;
    size_t length = strcspn(from, bracketed ? "]%" : ":"); // a link-local address may name its interface
    if (length >= sizeof host)
        return PEER_KEY_UNIX;
    memcpy(host, from, length);
    host[length] = '\0';
    if (!bracketed && inet_pton(AF_INET, host, &v4) == 1)
        return key_of_v4(&v4);
    return bracketed && inet_pton(AF_INET6, host, &v6) == 1 ? key_of_v6(&v6) : PEER_KEY_UNIX;
}
