// SPDX-License-Identifier: MIT
// All that we have to send: what leaves now, what the broker has not acknowledged, and what waits behind it.
//
//     queue --room in the window--> exchanges --> output --> the connection
//                                       ^------ sent again on the next connection
//
// Exchanges are messages of QoS 1 and 2, SUBSCRIBE and UNSUBSCRIBE: each is kept until its acknowledgement.
// On a new connection they go out again in their order, and only then the queue goes on [MQTT-4.4.0-1,
// MQTT-4.6.0-1].
//
// A message whose payload is in a file has the output to itself while it is read: what comes meanwhile waits
// behind.
#ifndef CLIENT_OUTBOUND_H
#define CLIENT_OUTBOUND_H

#include "client/buffer.h"
#include "client/journal.h"
#include "client/sending.h"

struct outbound_limits {
    uint32_t output_bytes_max; // at it, nothing but answers is added. One packet may go over
    uint32_t inflight_max;     // messages of QoS 1 and 2 under way
    uint32_t held_bytes_max;   // of messages and requests that are kept
};

struct sending_list {
    struct sending *first;
    struct sending *last;
};

struct outbound {
    struct outbound_limits limits;
    struct journal *journal; // NULL: nothing is written down

    struct buffer output;
    struct buffer behind;        // what follows the message that is read from a file
    struct sending *streamed;    // that message; NULL: none
    uint64_t streamed_bytes;     // of it that were read
    uint64_t output_total;       // bytes ever appended on this connection
    uint64_t sent_total;         // and sent
    uint32_t round;              // connections so far
    struct sending_list leaving; // QoS 0 that somebody waits for, by sent_end

    struct inflight window;
    struct sending **exchanges; // by identifier, as many as the window has slots
    uint32_t publishing;        // exchanges that are messages
    bool resuming;              // those of the last connection are being sent again
    uint16_t resumed_id;        // up to here

    struct sending_list queue;
    size_t queued; // messages of QoS 1 and 2 in it
    uint64_t held_bytes;
};

void outbound_init(struct outbound *outbound, const struct outbound_limits *limits);
void outbound_finish(struct outbound *outbound);

// A connection begins, and with it an empty output.
void outbound_begin(struct outbound *outbound);
// The broker has accepted: what was under way is sent again, or, in a session that is new, once more from its
// beginning.
void outbound_resume(struct outbound *outbound, bool session_present);

// Room for `size` bytes of a packet at the end of the output, or NULL; and that they were written there.
uint8_t *outbound_reserve(struct outbound *outbound, size_t size);
void outbound_added(struct outbound *outbound, size_t size);

// True if the output takes another packet, and one of `qos` can begin at once.
bool outbound_has_room(const struct outbound *outbound);
bool outbound_can_publish(const struct outbound *outbound, uint8_t qos);

// Takes `sending` over: begins it if `open` and there is room, else queues it. *ret_packet_id is that of an
// exchange that has begun, else 0. Returns 0 or -ENOMEM; it is then still the caller's.
int outbound_take(struct outbound *outbound, struct sending *sending, bool open, uint16_t *ret_packet_id);
// Begins it before all that is kept: right after outbound_resume of a new session. Returns as outbound_take.
int outbound_take_ahead(struct outbound *outbound, struct sending *sending);
// Adds what was under way when the process before this one ended.
int outbound_restore(struct outbound *outbound, struct sending *sending, uint16_t packet_id, bool released);

// Sends again and begins what there is room for. Calls `show` (may be NULL) for each packet. Returns 0 or
// -ENOMEM.
typedef void (*outbound_show)(void *context, const struct sending *sending, uint8_t packet_type,
                              uint16_t packet_id, size_t packet_bytes);
int outbound_pump(struct outbound *outbound, outbound_show show, void *context);

// Bytes to send; borrowed until the next call. Reads on in a file; a negative errno when that fails.
int outbound_output(struct outbound *outbound, struct bytes *ret_bytes);
void outbound_sent(struct outbound *outbound, size_t size);
// Takes out the oldest of `leaving` that has left, or NULL.
struct sending *outbound_take_left(struct outbound *outbound);
// Takes out the oldest that has not, after outbound_begin.
struct sending *outbound_take_lost(struct outbound *outbound);
// Takes out what is read from a file, which cannot be read on. NULL: nothing is.
struct sending *outbound_drop_streamed(struct outbound *outbound);

// Judges an acknowledgement as inflight_acknowledge does. *ret_sending is that of the exchange, taken out of
// here if it has ended; NULL when it is unknown.
enum inflight_result outbound_acknowledge(struct outbound *outbound, uint8_t packet_type, uint16_t packet_id,
                                          struct sending **ret_sending);

// Takes out one after the other of what will not be sent any more: requests, messages of QoS 0 and, if `all`,
// of QoS 1 and 2. NULL when there is none.
struct sending *outbound_give_up(struct outbound *outbound, bool all);
// Takes out the oldest queued message, or NULL.
struct sending *outbound_drop_oldest(struct outbound *outbound);

// As core_hand_over.
void outbound_hand_over(struct outbound *outbound, const void *context, const struct hbmqtt_call *call);

// Messages of QoS 1 and 2 that are kept.
static inline size_t outbound_unacknowledged(const struct outbound *outbound)
{
    return outbound->publishing + outbound->queued;
}

// Writes the journal anew when it is mostly history. Returns 0 or a negative errno.
int outbound_tidy_journal(struct outbound *outbound, const struct packet_id_set *incoming);

#endif
