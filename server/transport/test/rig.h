// SPDX-License-Identifier: MIT
// A connection in memory: the broker's side of TLS, and a client that is OpenSSL's own.
#ifndef TRANSPORT_TEST_RIG_H
#define TRANSPORT_TEST_RIG_H

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "server/transport/tls.h"
#include "test/suite.h"

#define RIG_QUEUED_MAX 65536u

// The path of a file that ci/certs made.
const char *rig_file(const char *name);

// Options with the certificate "server".
struct tls_options rig_options(void);

// The context of these options; a failure is the test's, and prints the line.
struct tls_context *rig_context(const struct tls_options *options);

// Settings of a client that speaks `version` (0 = any) and shows the certificate of that name (NULL = none).
SSL_CTX *rig_client(int version, const char *certificate);

struct rig_text {
    uint8_t *data;
    size_t length;
    size_t capacity;
};

void rig_text_add(struct rig_text *text, const void *data, size_t length);

struct rig {
    struct tls_pool pool;
    struct tls *tls;
    SSL *client;
    struct rig_text server_got; // plaintext
    struct rig_text client_got;
    struct random *random; // cuts at random if given
    size_t piece_max;      // of what is carried over at once, both ways; 0 = all
    int server_error;      // the first negative result of tls_open
    int client_error;      // SSL_get_error, of the first call that did not just want more
    int client_alert;      // received, -1 = none
    uint32_t sends;        // of the broker
};

// Makes both sides; no byte has been exchanged. `settings` stays the caller's.
void rig_init(struct rig *rig, struct tls_context *context, SSL_CTX *settings);

// Exchanges bytes until there are none.
void rig_run(struct rig *rig);

// The parts of it.
bool rig_client_turn(struct rig *rig); // true if the client did something
void rig_server_take(struct rig *rig, const void *data, size_t length);
bool rig_carry_to_server(struct rig *rig);
bool rig_carry_to_client(struct rig *rig);

// Sends a text from either side.
void rig_client_write(struct rig *rig, const void *data, size_t length);
void rig_server_write(struct rig *rig, const void *data, size_t length);

bool rig_established(const struct rig *rig); // on both sides
bool rig_echoes(struct rig *rig);            // a text goes each way
bool rig_fault_is(const struct rig *rig, const char *text);

void rig_finish(struct rig *rig);

#endif
