// SPDX-License-Identifier: MIT
// The broker's side of TLS for one connection, over bytes: nothing here touches a socket, blocks or waits.
//
//     bytes received --tls_open--> plaintext           plaintext --tls_seal--.
//                        |                                                   v
//                        '--handshake, tickets, alerts--> queue --tls_gather--> bytes to send
//
//     HANDSHAKING --handshake done--> ESTABLISHED --tls_close, fault--> CLOSED
//
// Call tls_open until it has no more plaintext; then send what is queued, in one send, whatever it came to:
// the server's flight, tickets together with the first answer, an alert that says why. At a fault the alert
// is in the queue; send it, then close. A context may be shared by threads; a connection, and its pool,
// belong to one at a time.
#ifndef TRANSPORT_TLS_H
#define TRANSPORT_TLS_H

#include "proto/proto.h"
#include "server/transport/tls_context.h"
#include "server/transport/tls_fault.h"
#include "server/transport/tls_file.h"
#include "server/transport/tls_queue.h"

#define TLS_HANDSHAKE_MAX      65536u // bytes that may be queued beyond `queued_max` before the peer is given up
#define TLS_KEY_UPDATES_MAX    32u    // of the peer, and one more for
#define TLS_KEY_UPDATE_BYTES   65536u // each so many bytes that it sent
#define TLS_RENEGOTIATIONS_MAX 3u     // that are answered with a refusal

enum tls_state { TLS_HANDSHAKING, TLS_ESTABLISHED, TLS_CLOSED };

struct tls;

// Refers to the context. `queued_max` is how many sealed bytes may wait, such as 131,072; the record that
// reaches it may go beyond. NULL if there is no memory.
WARN_UNUSED struct tls *tls_create(struct tls_context *context, struct tls_pool *pool, uint32_t queued_max);

// Nothing may be in the kernel's hands. NULL is accepted.
void tls_destroy(struct tls *tls);

// The connection goes on with the pool of another thread. Nothing may be in the kernel's hands.
void tls_move(struct tls *tls, struct tls_pool *pool);

// Opens what was received, and takes it off `input`. Call it again while it returns plaintext:
//
//     > 0      so many bytes of plaintext are in `into`, of `room` bytes: at least 1; 16,384 is good
//     0        all input is taken, and there is no more plaintext until more is received
//     -EPIPE   the peer said that nothing more comes (close_notify); it may still be sent to
//     -EPROTO  a fault: see tls_fault
//     -ENOMEM  the same, ours
//
// Errors stay. Each call may have queued something, may have ended the handshake, and may have made room.
WARN_UNUSED int tls_open(struct tls *tls, struct bytes *input, uint8_t *into, uint32_t room);

// How many bytes of plaintext tls_seal takes now; 0 while handshaking, when enough is queued, after the end,
// and for the moment in which half a message of the peer's TLS is here.
uint32_t tls_room(const struct tls *tls);

// Seals the spans, gathered into full records, as far as there is room, and returns how many bytes it took;
// or -EPROTO or -ENOMEM, with a gap in the stream: the connection must end.
WARN_UNUSED int tls_seal(struct tls *tls, const struct iovec *spans, uint32_t count);

// Says to the peer that nothing more comes, behind what is queued. Nothing can be sealed afterwards; it may
// be opened still. Harmless when done before, after a fault, and in a handshake, which it ends.
void tls_close(struct tls *tls);

// The bytes to send next, as at tls_queue_gather and tls_queue_sent: one send at a time.
uint32_t tls_gather(struct tls *tls, struct iovec *ret_spans, uint32_t count_max);
void tls_sent(struct tls *tls, uint32_t length);
uint32_t tls_queued(const struct tls *tls); // bytes, those being sent included
bool tls_sending(const struct tls *tls);

enum tls_state tls_state(const struct tls *tls);

// Whether the peer's close_notify has come. An end of the stream without it may be somebody else's doing.
bool tls_peer_ended(const struct tls *tls);

// What went wrong; its kind is TLS_FAULT_NONE while nothing did. See tls_fault_text.
const struct tls_fault *tls_fault(const struct tls *tls);

// Of an established connection. Texts live as long as it does; those of the peer's choice may hold any
// character but NUL. NULL where there is none.
const char *tls_version_name(const struct tls *tls); // "TLSv1.3"
const char *tls_cipher_name(const struct tls *tls);
bool tls_resumed(const struct tls *tls);            // a session of before, or a PSK in TLS 1.3
const char *tls_server_name(const struct tls *tls); // whom the client wanted: SNI
struct bytes tls_protocol(const struct tls *tls);   // agreed by ALPN; empty if the client offered none
const char *tls_user_name(const struct tls *tls);   // by the context's `identity`
bool tls_has_certificate(const struct tls *tls);    // the client showed one, and it is good

#endif
