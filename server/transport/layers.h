// SPDX-License-Identifier: MIT
// What lies between the bytes of a socket and those of MQTT, from the socket up. Any of it may be missing;
// where all of it is, a connection has no layers at all.
//
//     socket -- received --> [PROXY header] --> [TLS: opened] --> [upgrade] --> [frames] --> MQTT
//     socket <-- sent ------------------------- [TLS: sealed] <-- [answers]  <-- [header] <-- MQTT
//
// Bytes only: nothing here touches the socket, so that a connection's layers move with it from shard to
// shard.
//
// Received bytes are pulled through piece by piece. What is sent is gathered by the caller and wrapped:
// WebSocket puts the header of one frame in front of the spans, and the bytes stay where they are; TLS takes
// the bytes, so that they are the caller's again at once, and gives what it made of them.
#ifndef TRANSPORT_LAYERS_H
#define TRANSPORT_LAYERS_H

#include <sys/uio.h>

#include "proto/proto.h"
#include "server/ring/ring.h"
#include "server/transport/listener_terms.h"

#define LAYERS_SPANS_MAX RING_SPANS_MAX
#define LAYERS_SPANS_OWN 2u     // of a send: answers, and the header of a frame
#define LAYERS_SCRATCH   16384u // room for what one pull opens: the payload of a TLS record

struct layers;
struct tls_pool;

enum layers_status {
    LAYERS_GOING,
    LAYERS_ENDED,  // the peer has said goodbye in its layer
    LAYERS_FAILED, // it broke the rules of a layer, or memory ran out: see layers_why
};

// What the terms ask for; NULL where they ask for nothing, or if there is no memory (then *ret_failed is
// true). The terms must outlive them; `pool` is the shard's.
struct layers *layers_create(const struct listener_terms *terms, struct tls_pool *pool, bool *ret_failed);

// They go on in another shard. NULL accepted.
void layers_move(struct layers *layers, struct tls_pool *pool);

void layers_destroy(struct layers *layers); // NULL accepted

// Gives the layers what was received. The bytes are theirs to change until layers_next has returned false.
void layers_receive(struct layers *layers, struct iovec received);

// The next piece of MQTT, which lies in what was received or in `scratch` (of LAYERS_SCRATCH bytes, one for a
// thread) until the next call. Returns false when there is none: the status says whether more may come.
bool layers_next(struct layers *layers, uint8_t *scratch, struct bytes *ret_piece);

enum layers_status layers_status(const struct layers *layers);
const char *layers_why(const struct layers *layers); // a phrase for a line of the log

// Whether MQTT may be sent, and how much of it the next wrapping takes: 0 before all layers stand.
uint32_t layers_room(const struct layers *layers);

// Whether there is something to send beside MQTT.
bool layers_waiting(const struct layers *layers);

// Makes the spans to send of `count` spans of MQTT, no more bytes than layers_room: in place, in an array of
// LAYERS_SPANS_MAX of which LAYERS_SPANS_OWN are free. Returns how many they are; 0 where nothing is to be
// sent. *ret_taken: the bytes of MQTT were taken, and layers_sent will not tell of them.
uint32_t layers_wrap(struct layers *layers, struct iovec *spans, uint32_t count, bool *ret_taken);

// `length` bytes of what was wrapped last have left. Returns how many of them were of MQTT, without what was
// taken.
uint32_t layers_sent(struct layers *layers, uint32_t length);

// MQTT is over: what each layer has to say at its end waits to be sent. Nothing more may be wrapped.
void layers_end(struct layers *layers, uint16_t close_code);

// Whether a TLS handshake is under way; who the peer is by its certificate, also by one that a proxy has seen
// ("" if it showed none, or the listener does not want to know); what a PROXY header says of where it is (""
// if there was none).
bool layers_shaking_hands(const struct layers *layers);
const char *layers_user_name(const struct layers *layers);
const char *layers_peer(const struct layers *layers);

#endif
