// SPDX-License-Identifier: MIT
// A burst: messages of QoS 0 that one publisher, or another shard, sends to one topic without a break. The
// topic is looked up, and each subscriber touched, once for all of them:
//
//     the first message --routed as any other; all who got it got the same bytes--> open
//     the next ones, same topic --only the wire log grows, and the burst's span with it--> open
//     anything else, or the end of what was received --the span goes to every subscriber--> ended
//
// While a burst is open nothing else happens in the shard: no session comes, goes or is sent anything, no
// subscription changes, no other topic is looked up. client_feed and mail_receive, which alone publish in
// bursts, end it before.
#ifndef BURST_H
#define BURST_H

#include "server/outbox/outbox.h"
#include "server/router/router.h"

#define BURST_TOPIC_MAX 256u // a longer topic makes no burst

struct shard;

struct burst {
    bool open;
    bool unasked;              // the client may send the next ones without anybody being asked
    bool wanted_here;          // else only other shards get the messages
    enum wire_variant variant; // in which all here get them
    uint32_t topic_length;
    struct matches matches; // borrowed from the router
    struct span span;       // what the subscribers are still to get, counted; without segment: nothing
    uint32_t count;         // messages in it
    uint64_t payload_bytes; // of these
    uint8_t topic[BURST_TOPIC_MAX];
};

// Whether a burst is open on this topic.
static inline bool burst_is_on(const struct burst *burst, struct bytes topic)
{
    return burst->open && bytes_equal(topic, (struct bytes){burst->topic, burst->topic_length});
}

// Takes a publication that continues the open burst, and returns true; false where it does not.
bool burst_take(struct shard *shard, struct publication *publication);

// Opens a burst with a publication that has just been routed to `matches`, if it was of the kind.
void burst_begin(struct shard *shard, const struct publication *publication, struct matches matches);

// Gives the subscribers what they are still to get. Harmless when no burst is open.
void burst_end(struct shard *shard);

#endif
