// SPDX-License-Identifier: MIT
#include "server/access/peer_key.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "test/suite.h"

static uint64_t key_of(int family, const char *host)
{
    struct sockaddr_storage address = {.ss_family = (sa_family_t)family};
    void *to = family == AF_INET ? (void *)&((struct sockaddr_in *)&address)->sin_addr
                                 : (void *)&((struct sockaddr_in6 *)&address)->sin6_addr;
    CU_ASSERT_EQUAL_FATAL(inet_pton(family, host, to), 1);
    return peer_key_of(&address);
}

static void an_ipv4_address_is_a_peer(void)
{
    CU_ASSERT_EQUAL(key_of(AF_INET, "192.0.2.1"), 0xc0000201u);
    CU_ASSERT_NOT_EQUAL(key_of(AF_INET, "192.0.2.1"), key_of(AF_INET, "192.0.2.2"));
    CU_ASSERT_EQUAL(key_of(AF_INET6, "::ffff:192.0.2.1"), key_of(AF_INET, "192.0.2.1"));
}

static void a_64_of_ipv6_is_a_peer(void)
{
    uint64_t key = key_of(AF_INET6, "2001:db8:0:1::1");
    CU_ASSERT_EQUAL(key, UINT64_C(0x20010db800000001));
    CU_ASSERT_EQUAL(key, key_of(AF_INET6, "2001:db8:0:1:ffff:ffff:ffff:ffff"));
    CU_ASSERT_NOT_EQUAL(key, key_of(AF_INET6, "2001:db8:0:2::1"));
}

static void all_peers_of_unix_sockets_are_one(void)
{
    struct sockaddr_storage address = {.ss_family = AF_UNIX};
    CU_ASSERT_EQUAL(peer_key_of(&address), PEER_KEY_UNIX);
    CU_ASSERT_NOT_EQUAL(PEER_KEY_UNIX, key_of(AF_INET, "255.255.255.255"));
    CU_ASSERT_NOT_EQUAL(PEER_KEY_UNIX, key_of(AF_INET6, "::1"));
}

static void the_text_of_an_address_has_the_same_key(void)
{
    CU_ASSERT_EQUAL(peer_key_of_text("192.0.2.1:1883"), key_of(AF_INET, "192.0.2.1"));
    CU_ASSERT_EQUAL(peer_key_of_text("[2001:db8::1]:1883"), key_of(AF_INET6, "2001:db8::1"));
    CU_ASSERT_EQUAL(peer_key_of_text("[fe80::1%eth0]:1883"), key_of(AF_INET6, "fe80::1"));
    CU_ASSERT_EQUAL(peer_key_of_text("[::ffff:192.0.2.1]:1"), key_of(AF_INET, "192.0.2.1"));
    static const char *const others[] = {
        "unix", "", "a peer that has gone", "[192.0.2.1]:1883", "2001:db8::1", "[", "]"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        CU_ASSERT_EQUAL(peer_key_of_text(others[i]), PEER_KEY_UNIX);
    CU_ASSERT_EQUAL(peer_key_of_text("0000000000000000000000000000000000000000000000000000000001.2.3.4:1"),
                    PEER_KEY_UNIX);
}

int main(void)
{
    static const CU_TestInfo cases[] = {
        {"an IPv4 address is a peer", an_ipv4_address_is_a_peer},
        {"a /64 of IPv6 is a peer", a_64_of_ipv6_is_a_peer},
        {"all peers of unix sockets are one", all_peers_of_unix_sockets_are_one},
        {"the text of an address has the same key", the_text_of_an_address_has_the_same_key},
    };
    return RUN_TESTS("peer_key", cases);
}
