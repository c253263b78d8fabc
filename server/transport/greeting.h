// SPDX-License-Identifier: MIT
// Who has mistaken the port: what the first bytes of a stream say, and what its sender is told in its own
// protocol.
#ifndef TRANSPORT_GREETING_H
#define TRANSPORT_GREETING_H

#include "proto/proto.h"

#define GREETING_ANSWER_MAX WEBSOCKET_ANSWER_MAX

enum greeting {
    GREETING_OTHER,
    GREETING_MQTT,  // a CONNECT
    GREETING_TLS,   // a record of a handshake, or an alert
    GREETING_HTTP,  // a request
    GREETING_PROXY, // a header of the PROXY protocol
};

// What a stream is that begins with `first`, one byte or more.
enum greeting greeting_of(struct bytes first);

// How it comes that this is heard where it is not served, for the log; NULL where nothing can be said.
const char *greeting_why(enum greeting greeting);

// Writes what ends a connection, at most GREETING_ANSWER_MAX bytes: to TLS a fatal alert, to HTTP a refusal
// with `text` of at most 128 bytes, to others, who have no words for it, nothing.
void greeting_answer(enum greeting greeting, const char *text, struct writer *writer);

#endif
