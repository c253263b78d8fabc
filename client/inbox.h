// SPDX-License-Identifier: MIT
// Messages that came and that the program has not finished with, oldest first.
//
//     push -> [ waiting ... waiting ] -> take -> taken -> release
//
// One message at a time is taken. A QoS 1 or 2 message is acknowledged when it is released, so that a broker
// holds on to all that the program has not seen; the acknowledgement belongs to the connection on which the
// message came, and `acknowledgeable` ends with it.
#ifndef CLIENT_INBOX_H
#define CLIENT_INBOX_H

#include "client/hbmqtt.h"
#include "proto/proto.h"

struct inbox_message {
    struct inbox_message *next;
    struct hbmqtt_message message; // points into `text`
    uint32_t held_bytes;           // what it counts against the ceiling
    uint16_t packet_id;            // 0 at QoS 0, and when the session in which it came is over
    bool acknowledgeable;
    char text[]; // topic, NUL, payload
};

struct inbox {
    struct inbox_message *first;
    struct inbox_message *last;
    struct inbox_message *taken;
    size_t count;        // waiting
    uint64_t held_bytes; // waiting
    uint32_t bytes_max;
};

void inbox_init(struct inbox *inbox, uint32_t bytes_max);
void inbox_finish(struct inbox *inbox);

// True if no more may be pushed. One message may go over the ceiling, so that every message fits an empty
// inbox.
static inline bool inbox_full(const struct inbox *inbox)
{
    return inbox->held_bytes >= inbox->bytes_max;
}

// Copies a message to the end. Returns 0 or -ENOMEM.
int inbox_push(struct inbox *inbox, const struct packet_publish *publish);

// Takes the oldest message, or returns NULL. The one taken before must be released.
const struct hbmqtt_message *inbox_take(struct inbox *inbox);

// Forgets the message that was taken.
void inbox_release(struct inbox *inbox);

// The QoS 2 message that came under `packet_id` and is still here, or NULL.
struct inbox_message *inbox_find(struct inbox *inbox, uint16_t packet_id);

// The connection is over: nothing here can be acknowledged on the next one.
void inbox_detach(struct inbox *inbox);

// The session is over as well: the identifiers mean nothing now.
void inbox_forget_ids(struct inbox *inbox);

#endif
