// SPDX-License-Identifier: MIT
// Valid packets of every type and version from a seed: the input of the round-trip test and of the fuzzers'
// corpora.
#ifndef PROTO_TEST_RANDOM_PACKET_H
#define PROTO_TEST_RANDOM_PACKET_H

#include "proto/packet.h"

struct random_source {
    uint64_t state;
};

uint32_t random_below(struct random_source *source, uint32_t limit); // 0 to limit - 1

// Room for the texts and lists of one packet.
struct random_arena {
    struct random_source source;
    uint32_t used;
    uint8_t bytes[1u << 18];
};

void random_arena_init(struct random_arena *arena, uint64_t seed);

// A packet that decodes without fault in `version`, as packet_encode would write it; its views are into the
// arena, until the next call. AUTH is only there in 5.0.
void random_packet(struct random_arena *arena, uint8_t version, uint8_t type, struct packet *ret_packet);

#endif
