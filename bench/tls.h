// SPDX-License-Identifier: MIT
// The client's side of TLS over bytes: what came from the broker goes in, what is for it comes out, and
// neither touches a socket.
//
//     received --tls_open--> data          data --tls_seal--> sealed: to be sent
//              '-----------> sealed: the handshake's answers
//
// So one receive call serves many records, and so does one send. All connections of a run share one context
// with its buffers; what is sealed is sent, or kept by the connection, before another one is used.
#ifndef BENCH_TLS_H
#define BENCH_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/bytes.h"

// More than the protocol and OpenSSL hold back of a record of which the rest has not come.
#define TLS_HELD_MAX 20480u

struct tls_context;
struct tls; // of one connection

struct tls_room {
    uint8_t *data;
    size_t size;
};

// `host` is the broker's name or address; its certificate is checked if there is a `cafile` to check it
// against. `resume`: connections take up the session of one before them. Returns NULL after one line on
// stderr.
struct tls_context *tls_context_create(const char *host, const char *cafile, bool resume);
void tls_context_destroy(struct tls_context *context);

struct tls_use {
    char cipher[96];     // with its version, of the last connection that stood; "" before
    uint64_t handshakes; // that went to their end
    uint64_t resumed;    // of them, those that took up a session
};

// What its connections have come to so far; lives as long as the context.
const struct tls_use *tls_context_use(const struct tls_context *context);

// What is for the broker. The caller sends and clears it after each of the calls below.
struct bytes *tls_context_sealed(struct tls_context *context);

// Begins a handshake: its first bytes are sealed. Returns NULL if it cannot: no memory.
struct tls *tls_create(struct tls_context *context);
void tls_destroy(struct tls *tls);

// Whether the handshake is over, so that something may be sealed.
bool tls_stands(const struct tls *tls);

// Takes all of the input and writes what it says to `room`, which has TLS_HELD_MAX bytes more than the input.
// Returns the number of bytes written, 0 if more must come; -ECONNRESET if the broker has ended TLS, or
// another negative errno: see tls_why.
int tls_open(struct tls *tls, struct span input, struct tls_room room);

// Seals `head` and `body` as if they were one. Returns 0 or a negative errno.
int tls_seal(struct tls *tls, struct span head, struct span body);

// Why a call has failed, in words that stay; NULL if the error number says it all.
const char *tls_why(const struct tls *tls);

#endif
