// SPDX-License-Identifier: MIT
// The server's side of WebSocket (RFC 6455) as far as MQTT needs it: the upgrade from HTTP/1.1, frames in,
// frames out.
//
//     client   GET /mqtt HTTP/1.1, Upgrade: websocket, Sec-WebSocket-Protocol: mqtt, Sec-WebSocket-Key: K
//     server   HTTP/1.1 101, Sec-WebSocket-Accept: base64(SHA1(K + WEBSOCKET_GUID))
//     both     frames: FIN, reserved (3), opcode (4) | MASK, length (7) | longer length | mask | payload
//                      1 byte                          1 byte             0, 2 or 8       0, 4
//
// Frames are only an envelope: an MQTT packet may span frames, and a frame may hold many packets
// [MQTT-6.0.0-2]. So payload is handed on in pieces as it comes, and there is no limit for a message, only
// one for a frame. Sections without a document are those of RFC 6455.
#ifndef PROTO_WEBSOCKET_H
#define PROTO_WEBSOCKET_H

#include "proto/bytes.h"

// ---- The upgrade ----

// What the key is followed by before it is hashed (section 1.3). The hash is the caller's: this folder has no
// SHA-1.
#define WEBSOCKET_GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

#define WEBSOCKET_KEY_BYTES    24u  // 16 random bytes in base64
#define WEBSOCKET_ACCEPT_BYTES 28u  // 20 bytes of SHA-1 in base64
#define WEBSOCKET_ANSWER_MAX   512u // room that is enough for every answer

enum websocket_upgrade_status {
    WEBSOCKET_UPGRADE_NEED_MORE, // the request is cut
    WEBSOCKET_UPGRADE_READY,
    WEBSOCKET_UPGRADE_REFUSED, // see http_status and why
};

struct websocket_upgrade_limits {
    uint32_t request_bytes_max; // of the request up to its empty line, which counts as well
    uint32_t header_lines_max;  // behind the request line
};

// A request that is being read. All zero: at its beginning.
struct websocket_upgrade {
    // How far the stream has been looked at, so that no byte is looked at again when more have come.
    uint32_t seen;
    uint32_t lines_seen;
    // When ready. Views into the stream, but for `subprotocol` and a path that was left out, which are
    // literals.
    uint32_t size;            // of the request: what follows it are frames
    struct bytes path;        // begins with '/', not decoded, without the query
    struct bytes query;       // what follows '?'; may be empty
    struct bytes host;        // with the port, if the client gave one
    struct bytes origin;      // empty if there is none, which no browser does
    struct bytes key;         // WEBSOCKET_KEY_BYTES
    struct bytes subprotocol; // "mqtt" or "mqttv3.1"
    // When refused.
    uint16_t http_status;
    const char *why; // a phrase for the log and the answer
};

// Reads the request at the start of `stream`, which holds all bytes since the beginning of the connection:
// the caller collects them, may move them in between, and calls again with the same `upgrade` when more have
// come. Once ready or refused it is not called again.
//
// Strict, so that no proxy in front can have understood the request otherwise: lines end with CR LF and only
// so, no folded lines, no space before a colon, no body, no header twice that may be there once.
// [RFC 9112, 2.2, 3, 5, 6]
//
// Refuses with 400 what is malformed or offers no subprotocol for MQTT [MQTT-6.0.0-3], with 405 another
// method than GET, with 426 a request that does not ask for WebSocket or for another version than 13 (section
// 4.2.2), with 431 what is above the limits [RFC 6585, 5], with 505 another version than HTTP/1.1. The path
// and the origin are the caller's to judge, who refuses with 404 and 403.
__attribute__((warn_unused_result)) enum websocket_upgrade_status
websocket_upgrade_read(struct bytes stream, const struct websocket_upgrade_limits *limits,
                       struct websocket_upgrade *upgrade);

// Whether `path` is one of the `count` paths of `list`, byte by byte.
bool websocket_path_listed(struct bytes path, const struct bytes *list, size_t count);

// Whether `origin` is one of the `count` origins of `list`, such as https://example.com:8443. Scheme and host
// have no case [RFC 6454, 4]. No list has an empty origin.
bool websocket_origin_listed(struct bytes origin, const struct bytes *list, size_t count);

// Writes the answer to a request that is ready: 101 (section 4.2.2, 5). `accept`: base64 of SHA-1 of the key
// and WEBSOCKET_GUID. `subprotocol`: that of the request [MQTT-6.0.0-4]. Extensions that were offered are
// declined by silence (section 9.1).
void websocket_upgrade_put_accept(struct writer *writer, struct bytes accept, struct bytes subprotocol);

// Writes the answer that refuses: 400, 403, 404, 405, 408, 426, 429, 431, 500, 503 or 505, with `why` as its
// text, at most 128 bytes; an empty one if it is NULL. The connection is to be closed behind it.
void websocket_upgrade_put_refusal(struct writer *writer, uint16_t http_status, const char *why);

// ---- Frames in ----

#define WEBSOCKET_CONTROL_MAX 125u // payload of a ping, a pong or a close (section 5.5)
#define WEBSOCKET_REASON_MAX  123u // of a close, behind its code

// Close codes (section 7.4.1).
enum websocket_close_code {
    WEBSOCKET_CLOSE_NORMAL = 1000,
    WEBSOCKET_CLOSE_GOING_AWAY = 1001,
    WEBSOCKET_CLOSE_PROTOCOL_ERROR = 1002,
    WEBSOCKET_CLOSE_UNSUPPORTED = 1003,
    WEBSOCKET_CLOSE_NONE = 1005, // stands for a close without a code; never sent as a number
    WEBSOCKET_CLOSE_NOT_TEXT = 1007,
    WEBSOCKET_CLOSE_POLICY = 1008,
    WEBSOCKET_CLOSE_TOO_LARGE = 1009,
    WEBSOCKET_CLOSE_INTERNAL_ERROR = 1011,
    WEBSOCKET_CLOSE_RESTART = 1012, // by the registry of the IANA
};

// Where the stream of frames from a client stands. All zero: at its beginning. The members are private.
struct websocket_reader {
    uint32_t left;   // payload bytes of this frame that are still to come
    uint8_t mask[4]; // that of the next byte first
    uint8_t stage;
    uint8_t opcode;
    bool in_message;                     // the last data frame was not the final one of its message
    uint8_t held;                        // bytes in `room`
    uint8_t room[WEBSOCKET_CONTROL_MAX]; // a cut frame header, then the payload of a control frame
};

// Bytes as they were received, which are unmasked where they lie.
struct websocket_input {
    uint8_t *at;
    uint8_t *end;
};

enum websocket_event_type {
    WEBSOCKET_NEED_MORE, // all of the input is taken
    WEBSOCKET_PAYLOAD,   // a piece of binary payload, one byte or more, in the input
    WEBSOCKET_PING,      // to be answered with a pong of the same payload (section 5.5.2)
    WEBSOCKET_PONG,
    WEBSOCKET_CLOSE,  // to be answered with a close of the same code (section 5.5.1)
    WEBSOCKET_FAILED, // to be answered with a close of `code` (section 7.1.7)
};

struct websocket_event {
    enum websocket_event_type type;
    uint16_t code;      // WEBSOCKET_CLOSE, WEBSOCKET_FAILED
    struct bytes bytes; // payload, or the reason of a close; that of control frames lies in the reader until
                        // the next call
    const char *why;    // WEBSOCKET_FAILED: a phrase for the log
};

// Takes bytes off the front of `input` up to the next event. `frame_bytes_max`: the largest payload of a data
// frame that is allowed. After a close or a failure nothing more comes: what the client still sends is
// taken and thrown away (section 5.5.1).
//
// Fails with WEBSOCKET_CLOSE_PROTOCOL_ERROR for a frame that is not masked (section 5.1), reserved bits or
// opcodes, a length not in its shortest form (section 5.2), wrong fragmentation (section 5.4), a long or
// fragmented control frame (section 5.5), a close with half a code or one that may not be sent (section 7.4);
// WEBSOCKET_CLOSE_UNSUPPORTED for text [MQTT-6.0.0-1]; WEBSOCKET_CLOSE_NOT_TEXT for the reason of a close
// that is not UTF-8 (section 8.1); WEBSOCKET_CLOSE_TOO_LARGE. A frame is judged by its header, before its
// payload has come.
__attribute__((warn_unused_result)) enum websocket_event_type
websocket_read(struct websocket_reader *reader, struct websocket_input *input, uint32_t frame_bytes_max,
               struct websocket_event *ret_event);

// ---- Frames out ----

#define WEBSOCKET_BINARY_HEAD_MAX 10u

// How many bytes the header of a binary frame takes in front of `length` bytes of payload: 2, 4 or 10.
static inline uint32_t websocket_binary_head_size(uint64_t length)
{
    return length < 126 ? 2 : length <= UINT16_MAX ? 4 : 10;
}

// Writes the header of a binary frame that is a whole message. The payload of `length` bytes, at most 2^63 -
// 1, follows it as it is: a server does not mask (section 5.1).
void websocket_put_binary_head(struct writer *writer, uint64_t length);

// Write a whole control frame. `payload` is at most WEBSOCKET_CONTROL_MAX bytes.
void websocket_put_ping(struct writer *writer, struct bytes payload);
void websocket_put_pong(struct writer *writer, struct bytes payload);

// Writes a whole close frame. `code`: one that may be sent, or WEBSOCKET_CLOSE_NONE for none, then without a
// reason. `reason`: UTF-8 of at most WEBSOCKET_REASON_MAX bytes; may be empty.
void websocket_put_close(struct writer *writer, uint16_t code, struct bytes reason);

#endif
