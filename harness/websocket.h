// SPDX-License-Identifier: MIT
// WebSocket in bytes of our own, for what libwebsockets would not send or would not show: broken frames to a
// server, and the server's side of it for clients. Over plain or encrypted streams.
#ifndef HARNESS_WEBSOCKET_H
#define HARNESS_WEBSOCKET_H

#include "harness/stream.h"

enum websocket_opcode {
    OPCODE_CONTINUATION = 0,
    OPCODE_TEXT = 1,
    OPCODE_BINARY = 2,
    OPCODE_CLOSE = 8,
    OPCODE_PING = 9,
    OPCODE_PONG = 10
};

struct websocket_frame {
    unsigned first; // FIN, reserved bits and opcode as they are sent
    bool masked;
    struct bytes payload; // unmasked
};

// The bytes of a frame. `first` is 0x82 for a whole binary one.
struct bytes websocket_frame(unsigned first, bool masked, struct bytes payload);

// Sends an upgrade request that offers `protocols` (NULL: none), and reads the head of the answer: its first
// line and headers as one text; NULL, with a line in *ret_why, when none came.
const char *websocket_ask(struct stream *stream, const char *path, const char *protocols,
                          struct deadline deadline, struct buffer *rest, const char **ret_why);

// Reads an upgrade request and accepts it with the subprotocol `protocol`. The head of the request; NULL as
// above.
const char *websocket_accept(struct stream *stream, const char *protocol, struct deadline deadline,
                             struct buffer *rest, const char **ret_why);

// The value of a header in a head, without spaces around; NULL when it is not there. Names are compared
// without regard to case.
const char *websocket_header(const char *head, const char *name);

// Reads the next frame from what is in `rest` and what comes: 1, 0 at the end of the stream, or a negative
// errno.
int websocket_read(struct stream *stream, struct buffer *rest, struct deadline deadline,
                   struct websocket_frame *ret_frame);

// A stream whose bytes are the payloads of binary frames, at the server's end of a connection that was
// accepted. It takes `inner` and what had been read beyond the head. Frames that a client must not send make
// receiving fail with -EPROTO.
struct stream *websocket_serve(struct stream *inner, struct buffer *rest);

#endif
