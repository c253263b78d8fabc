// SPDX-License-Identifier: MIT
// Sets of packet types: the columns of the tables reason.def and property.def. Bit n stands for packet type
// n, and bit 0, which is no packet, for the will inside a CONNECT.
#ifndef PROTO_PACKET_BIT_H
#define PROTO_PACKET_BIT_H

#include "proto/packet.h"

enum packet_bit {
    IN_WILL = 1 << PROPERTY_WILL,
    IN_CONNECT = 1 << PACKET_CONNECT,
    IN_CONNACK = 1 << PACKET_CONNACK,
    IN_PUBLISH = 1 << PACKET_PUBLISH,
    IN_PUBACK = 1 << PACKET_PUBACK,
    IN_PUBREC = 1 << PACKET_PUBREC,
    IN_PUBREL = 1 << PACKET_PUBREL,
    IN_PUBCOMP = 1 << PACKET_PUBCOMP,
    IN_SUBSCRIBE = 1 << PACKET_SUBSCRIBE,
    IN_SUBACK = 1 << PACKET_SUBACK,
    IN_UNSUBSCRIBE = 1 << PACKET_UNSUBSCRIBE,
    IN_UNSUBACK = 1 << PACKET_UNSUBACK,
    IN_DISCONNECT = 1 << PACKET_DISCONNECT,
    IN_AUTH = 1 << PACKET_AUTH,
    // Every list of properties; PINGREQ and PINGRESP have none.
    IN_ALL = IN_WILL | IN_CONNECT | IN_CONNACK | IN_PUBLISH | IN_PUBACK | IN_PUBREC | IN_PUBREL | IN_PUBCOMP |
             IN_SUBSCRIBE | IN_SUBACK | IN_UNSUBSCRIBE | IN_UNSUBACK | IN_DISCONNECT | IN_AUTH,
};

#endif
