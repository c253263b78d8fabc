// SPDX-License-Identifier: MIT
// A long message that is given away in pieces as it comes, and so never whole in memory.
#ifndef CLIENT_CHUNKED_H
#define CLIENT_CHUNKED_H

#include "client/hbmqtt.h"
#include "proto/proto.h"

struct chunked {
    struct hbmqtt_message message; // its payload has a length and no bytes
    char *topic;                   // owned; NULL: there is no such message
    uint64_t offset;               // bytes of the payload that came
    uint16_t packet_id;
    bool unwanted; // it was delivered before: its bytes are passed over
};

// Looks for the head of a message of `bytes_min` bytes of payload or more (UINT32_MAX: there is none) at the
// beginning of `input`, of which frame_read has made `frame`. Returns its size, or 0 when there is none, or
// it is not whole.
size_t chunked_find(struct bytes input, const struct frame *frame, uint32_t bytes_min,
                    struct packet_publish *ret_publish);

// Begins with a head that was found. Returns 0 or -ENOMEM.
int chunked_begin(struct chunked *chunked, const struct packet_publish *publish);
void chunked_finish(struct chunked *chunked);

#endif
