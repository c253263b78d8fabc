// SPDX-License-Identifier: MIT
// A peer as those see it who limit what one of them may do: its IPv4 address, or the /64 of its IPv6 address,
// since whoever has one address of it has them all. All peers of unix sockets are one.
//
// The key of an IPv6 address is its upper half; those of everything else begin with 0, where IPv6 has no
// networks.
#ifndef ACCESS_PEER_KEY_H
#define ACCESS_PEER_KEY_H

#include <stdint.h>
#include <sys/socket.h>

#define PEER_KEY_UNIX UINT64_C(0x100000000) // and of every peer without an address

uint64_t peer_key_of(const struct sockaddr_storage *address);

// The same from the text of an address, as connection_peer gives it: "192.0.2.1:1883", "[2001:db8::1]:1883",
// "unix".
uint64_t peer_key_of_text(const char *text);

#endif
