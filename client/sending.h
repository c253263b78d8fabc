// SPDX-License-Identifier: MIT
// One message or request of ours, as its packet, from the call that brought it until it has come to its end.
//
// What leaves once only (QoS 0, PINGREQ) has a `sending` when somebody wants to know of its end, or when it
// has to wait.
#ifndef CLIENT_SENDING_H
#define CLIENT_SENDING_H

#include "client/hbmqtt.h"
#include "proto/proto.h"

struct sending {
    struct sending *next;   // in a list of the outbound
    hbmqtt_done done;       // NULL: nobody wants to know
    void *context;          // for `done`
    uint64_t serial;        // its number in the journal; 0: it is not there
    uint64_t sent_end;      // while it waits for the kernel: where it ends in all that was ever sent
    uint32_t round;         // the connection on which it went out last; 0: on none
    uint32_t filter_count;  // of a request
    uint32_t packet_bytes;  // in `packet`: the whole, or with a file its head
    uint32_t id_offset;     // where the identifier stands in it; 0: it has none
    uint8_t type;           // enum packet_type
    uint8_t qos;            // of a PUBLISH
    bool own;               // made by the library, to subscribe again
    int file;               // where its payload is read from; -1: it is in `packet`
    uint64_t file_offset;   // where in `file` it begins
    uint64_t payload_bytes; // in `file`
    uint8_t packet[];
};

// NULL: memory is lacking. With a `file` the payload of `publish` has a length and no bytes.
struct sending *sending_of_publish(const struct packet_publish *publish, const struct hbmqtt_call *call);
struct sending *sending_of_request(uint8_t packet_type, struct bytes entries, uint32_t count,
                                   const struct hbmqtt_call *call);
// A message whose packet was written down before.
struct sending *sending_of_bytes(struct bytes packet, uint32_t id_offset);
// Something without a packet of its own here.
struct sending *sending_of_call(uint8_t packet_type, const struct hbmqtt_call *call);

// Has the end told as `call` says; NULL: to nobody.
void sending_set_call(struct sending *sending, const struct hbmqtt_call *call);
void sending_set_id(struct sending *sending, uint16_t packet_id);
void sending_set_dup(struct sending *sending, bool dup);

static inline bool sending_is_publish(const struct sending *sending)
{
    return sending->type == PACKET_PUBLISH;
}

// What it counts against the ceiling of what is kept.
static inline size_t sending_held_bytes(const struct sending *sending)
{
    return sizeof *sending + sending->packet_bytes;
}

#endif
