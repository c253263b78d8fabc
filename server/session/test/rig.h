// SPDX-License-Identifier: MIT
// Clients and the part of a shard that serves them, without router, ring and clock: a test writes the bytes
// that a client sends and reads those that it gets. There is one shard; each client is a link and, once
// connected, a session.
#ifndef SESSION_TEST_RIG_H
#define SESSION_TEST_RIG_H

#include "server/session/session.h"
#include "test/heap.h"
#include "test/hex.h"
#include "test/suite.h"

#define RIG_STREAM_BYTES (1u << 20)
#define RIG_START_NS     (1000 * NS_PER_S)
#define RIG_MANY         100u // an audience for which a packet is encoded once

// The shard. Tests change its limits and its clock.
struct rig {
    struct limits limits;
    struct access access;
    struct counters counters;
    struct segment_pool log_segments;
    struct segment_pool chunks;
    struct message_pools messages;
    struct wirelog wirelog;
    struct turn turn;
    uint64_t blocks; // on the heap before it was opened
};
extern struct rig rig;

struct client {
    struct link link;
    struct session *session; // also while the link is closed
    struct effect effect;    // of the last packet that it sent
    uint32_t routed;         // PUBLISH packets that were to be routed
};

void rig_open(void);
void rig_close(void); // everything was given back and every gauge is at 0 again

// A link as it is accepted. client_hang_up ends it and keeps the session, client_end ends both.
void client_open(struct client *client);
void client_hang_up(struct client *client);
void client_end(struct client *client);

// Sends bytes, which are handled packet by packet; effects are carried out as a shard would do it: a CONNECT
// gets the session of the client, a PUBLISH and a PUBREL are acknowledged at once.
void client_sends_bytes(struct client *client, struct bytes bytes);
void client_sends(struct client *client, const char *hex);

// All that the client gets now; in a buffer that the next call uses again. What it reads is what is in the
// outbox: nothing is pumped after it.
struct bytes client_reads(struct client *client);
bool client_gets(struct client *client, const char *hex);

// The outbox was emptied: what waits goes on.
void client_pumps(struct client *client);

// Opens a link and sends a CONNECT as client id "c" with 3.1.1. client_connects takes the CONNACK as well.
void client_comes(struct client *client, bool clean);
void client_connects(struct client *client, bool clean);

// A publication at `qos` for a subscription granted `granted`, for this client alone or for it and many.
void client_is_sent(struct client *client, const char *topic, const char *payload, uint8_t qos,
                    uint8_t granted);
void client_is_sent_as_many(struct client *client, const char *topic, const char *payload, uint8_t qos,
                            uint8_t granted);

// Whether the link has something to tell the shard.
bool client_is_dirty(const struct client *client);

// A retained batch of these messages; takes the references.
struct retained_batch rig_batch(struct message **messages, uint32_t count, uint8_t qos_granted);
struct message *rig_message(const char *topic, const char *payload, uint8_t qos);

#endif
