// SPDX-License-Identifier: MIT
// What must hold of every frame, whoever made its bytes: shared by the unit tests and the fuzzers.
#ifndef PROTO_TEST_ROUND_TRIP_H
#define PROTO_TEST_ROUND_TRIP_H

#include "proto/packet.h"

// Field by field; properties and lists as bytes.
bool packet_equal(const struct packet *a, const struct packet *b);

// Decodes a ready frame. If it decodes, walks its lists, encodes it, and decodes and encodes that again.
// Returns NULL, or what does not hold, with the decoder's verdict in *ret_reason.
const char *round_trip_fault(const struct frame *frame, uint8_t version, uint8_t *ret_reason);

#endif
