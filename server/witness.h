// SPDX-License-Identifier: MIT
// Tells plugins what happens on a shard. Each function begins with the one test that it costs where nobody
// wants to know; the event is put together behind it.
#ifndef WITNESS_H
#define WITNESS_H

#include "server/plugin/plugin.h"
#include "server/shard.h"

#define WITNESS_PACKET_BYTES 256u // of a packet that is sent, plugins see no more

struct client;

void witness_session_tell(struct shard *shard, enum hbmqtt_plugin_event_kind kind, struct session *session,
                          const char *reason);
void witness_filter_tell(struct shard *shard, enum hbmqtt_plugin_event_kind kind, struct session *session,
                         struct bytes filter, uint8_t qos);
void witness_message_tell(struct shard *shard, enum hbmqtt_plugin_event_kind kind, struct session *session,
                          const struct publication *publication);
void witness_received_tell(struct shard *shard, struct client *client, const struct frame *frame);
void witness_sent_tell(struct shard *shard, struct client *client, uint64_t length);
void witness_delivery_tell(struct shard *shard, struct session *session,
                           const struct publication *publication);
void witness_expiry_tell(struct shard *shard, struct session *session);

// A client has connected, or its connection ends for `reason`.
static inline void witness_session(struct shard *shard, enum hbmqtt_plugin_event_kind kind,
                                   struct session *session, const char *reason)
{
    if (roster_wants(shard->roster, kind))
        witness_session_tell(shard, kind, session, reason);
}

// It has subscribed or unsubscribed.
static inline void witness_filter(struct shard *shard, enum hbmqtt_plugin_event_kind kind,
                                  struct session *session, struct bytes filter, uint8_t qos)
{
    if (roster_wants(shard->roster, kind))
        witness_filter_tell(shard, kind, session, filter, qos);
}

// A message was received from a client, goes to everybody, or is retained; `session` is NULL if it is from
// nobody.
static inline void witness_message(struct shard *shard, enum hbmqtt_plugin_event_kind kind,
                                   struct session *session, const struct publication *publication)
{
    if (roster_wants(shard->roster, kind))
        witness_message_tell(shard, kind, session, publication);
}

// A packet was received.
static inline void witness_received(struct shard *shard, struct client *client, const struct frame *frame)
{
    if (roster_wants(shard->roster, HBMQTT_EVENT_PACKET_RECEIVED))
        witness_received_tell(shard, client, frame);
}

// `length` bytes leave the outbox of a client, and will be in it no more when this returns to the caller.
static inline void witness_sent(struct shard *shard, struct client *client, uint64_t length)
{
    if (roster_wants(shard->roster, HBMQTT_EVENT_PACKET_SENT))
        witness_sent_tell(shard, client, length);
}

// A message goes to a session.
static inline void witness_delivery(struct shard *shard, struct session *session,
                                    const struct publication *publication)
{
    if (roster_concerned(shard->roster, CALL_SENT))
        witness_delivery_tell(shard, session, publication);
}

// A session ends, with what it kept.
static inline void witness_expiry(struct shard *shard, struct session *session)
{
    if (roster_concerned(shard->roster, CALL_EXPIRED))
        witness_expiry_tell(shard, session);
}

#endif
