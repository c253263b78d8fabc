// SPDX-License-Identifier: MIT
// The client's side of WebSocket (RFC 6455) as far as MQTT needs it: the upgrade, the header of a frame to
// send, and the frames that come. Bytes only: no socket, no memory of its own.
//
//     client  GET /mqtt HTTP/1.1, Upgrade: websocket, Sec-WebSocket-Protocol: mqtt, Sec-WebSocket-Key: K
//     broker  HTTP/1.1 101, Sec-WebSocket-Accept: base64(SHA1(K + a constant)), Sec-WebSocket-Protocol: mqtt
//     both    frames
//
//     FIN, opcode | mask bit, length | length, if >= 126 | mask key, ours only | payload
//     1             1                  2 or 8              4
//
// MQTT packets and frames have nothing to do with each other: a packet may span frames, and a frame may hold
// many packets. [MQTT-6.0.0-2] So the payload is handed on in pieces as it comes, where it lies.
#ifndef BENCH_WEBSOCKET_H
#define BENCH_WEBSOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WEBSOCKET_NONCE_BYTES 16u
#define WEBSOCKET_KEY_SIZE    25u // with the zero at its end, as the next one
#define WEBSOCKET_ACCEPT_SIZE 29u
#define WEBSOCKET_REQUEST_MAX 2048u
#define WEBSOCKET_ANSWER_MAX  4096u
#define WEBSOCKET_HEADER_MAX  14u
#define WEBSOCKET_CONTROL_MAX 125u // payload of a ping, a pong or a close (section 5.5)

enum websocket_opcode {
    WEBSOCKET_CONTINUATION = 0,
    WEBSOCKET_BINARY = 2,
    WEBSOCKET_CLOSE = 8,
    WEBSOCKET_PING = 9,
    WEBSOCKET_PONG = 10,
};

struct websocket_request {
    const char *host; // with the port
    const char *path; // begins with '/'
    const char *key;
};

struct websocket_span {
    uint8_t *at;
    uint8_t *end;
};

enum websocket_event {
    WEBSOCKET_MORE,   // all bytes are taken
    WEBSOCKET_DATA,   // a piece of payload, where it lies
    WEBSOCKET_PINGED, // to be answered with a pong of the same payload
    WEBSOCKET_CLOSED, // to be answered with a close; what comes after it is nothing
    WEBSOCKET_FAILED, // the broker broke the rules: `why`
};

// Where a stream of frames from the broker stands. All zero: at its beginning.
struct websocket {
    uint64_t left;   // payload bytes of this frame that are still to come
    bool in_frame;   // its header is complete
    bool unfinished; // a message, of which more frames must come
    uint8_t opcode;  // of this frame
    uint8_t header_length;
    uint8_t control_length;
    uint8_t header[WEBSOCKET_HEADER_MAX];
    uint8_t control[WEBSOCKET_CONTROL_MAX]; // payload of a control frame
    const char *why;
};

// The key of a request, and what the broker must make of it.
void websocket_make_key(const uint8_t nonce[WEBSOCKET_NONCE_BYTES], char ret_key[WEBSOCKET_KEY_SIZE]);
void websocket_make_accept(const char *key, char ret_accept[WEBSOCKET_ACCEPT_SIZE]);

// Writes the request, at most WEBSOCKET_REQUEST_MAX bytes, and returns its length; 0 if it is longer.
size_t websocket_put_request(char *at, const struct websocket_request *request);

// Judges what has come of the answer. Returns the length of its head, after which frames begin; -EAGAIN if
// more must come; or -EPROTO with the reason.
int websocket_check_answer(const char *answer, size_t length, const char *key, const char **ret_why);

// Writes the header of a frame that is a whole message, at most WEBSOCKET_HEADER_MAX bytes, and returns its
// length.
uint32_t websocket_put_header(uint8_t *at, enum websocket_opcode opcode, uint64_t length);

// Takes bytes up to the next event. Payload of WEBSOCKET_DATA lies in `bytes`, that of the others in
// `websocket` until the next call.
enum websocket_event websocket_next(struct websocket *websocket, struct websocket_span *bytes,
                                    struct websocket_span *ret_payload);

#endif
