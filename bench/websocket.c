// SPDX-License-Identifier: MIT
// The client's side of WebSocket: see websocket.h for its bytes. Sections are those of RFC 6455.
#include "bench/websocket.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define ACCEPT_CONSTANT "258EAFA5-E914-47DA-95CA-C5AB0DC85B11" // section 1.3
#define FINAL           0x80u
#define RESERVED        0x70u
#define OPCODE          0x0fu
#define CONTROL         0x08u // the bit that opcodes of control frames have
#define MASKED          0x80u
#define LENGTH          0x7fu
#define LENGTH_16       126u
#define LENGTH_64       127u
#define MASK_BYTES      4u

// ---- The upgrade ----

void websocket_make_key(const uint8_t nonce[WEBSOCKET_NONCE_BYTES], char ret_key[WEBSOCKET_KEY_SIZE])
{
    EVP_EncodeBlock((uint8_t *)ret_key, nonce, WEBSOCKET_NONCE_BYTES);
}

void websocket_make_accept(const char *key, char ret_accept[WEBSOCKET_ACCEPT_SIZE])
{
    char text[WEBSOCKET_KEY_SIZE + sizeof(ACCEPT_CONSTANT)];
    uint8_t digest[SHA_DIGEST_LENGTH];
    snprintf(text, sizeof(text), "%s%s", key, ACCEPT_CONSTANT);
    SHA1((const uint8_t *)text, strlen(text), digest);
    EVP_EncodeBlock((uint8_t *)ret_accept, digest, sizeof(digest));
}

size_t websocket_put_request(char *at, const struct websocket_request *request)
{
    int length = snprintf(at, WEBSOCKET_REQUEST_MAX,
                          "GET %s HTTP/1.1\r\n"
                          "Host: %s\r\n"
                          "Upgrade: websocket\r\n"
                          "Connection: Upgrade\r\n"
                          "Sec-WebSocket-Key: %s\r\n"
                          "Sec-WebSocket-Version: 13\r\n"
                          "Sec-WebSocket-Protocol: mqtt\r\n" // [MQTT-6.0.0-3]
                          "\r\n",
                          request->path, request->host, request->key);
    return length > 0 && (size_t)length < WEBSOCKET_REQUEST_MAX ? (size_t)length : 0;
}

// A line, or a part of one, of the answer.
struct text {
    const char *at;
    size_t length;
};

static bool text_is(struct text text, const char *wanted)
{
    return text.length == strlen(wanted) && memcmp(text.at, wanted, text.length) == 0;
}

static bool text_is_like(struct text text, const char *wanted)
{
    return text.length == strlen(wanted) && strncasecmp(text.at, wanted, text.length) == 0;
}

static struct text text_trim(struct text text)
{
    while (text.length > 0 && (text.at[0] == ' ' || text.at[0] == '\t')) {
        text.at++;
        text.length--;
    }
    while (text.length > 0 && (text.at[text.length - 1] == ' ' || text.at[text.length - 1] == '\t'))
        text.length--;
    return text;
}

// Takes what stands before `delimiter`, and the delimiter; or all that is left.
static struct text text_take(struct text *rest, const char *delimiter)
{
    struct text taken = *rest;
    const char *found = memmem(rest->at, rest->length, delimiter, strlen(delimiter));
    if (found != NULL)
        taken.length = (size_t)(found - rest->at);
    size_t step = taken.length + (found != NULL ? strlen(delimiter) : 0);
    rest->at += step;
    rest->length -= step;
    return taken;
}

static bool list_holds(struct text list, const char *wanted)
{
    while (list.length > 0)
        if (text_is_like(text_trim(text_take(&list, ",")), wanted))
            return true;
    return false;
}

// Section 4.1, the client's checks: each of the four must be there, and a field that is wrong spoils it all.
enum { UPGRADES = 1, CONNECTED = 2, ACCEPTED = 4, IS_MQTT = 8, ALL_FOUND = 15 };

static const char *check_field(struct text line, const char *accept, unsigned *found)
{
    struct text name = text_take(&line, ":");
    struct text value = text_trim(line);
    if (text_is_like(name, "Upgrade") && text_is_like(value, "websocket"))
        *found |= UPGRADES;
    else if (text_is_like(name, "Connection") && list_holds(value, "upgrade"))
        *found |= CONNECTED;
    else if (text_is_like(name, "Sec-WebSocket-Accept") && !text_is(value, accept))
        return "it answered the WebSocket upgrade with another Sec-WebSocket-Accept than its key asks for";
    else if (text_is_like(name, "Sec-WebSocket-Accept"))
        *found |= ACCEPTED;
    else if (text_is_like(name, "Sec-WebSocket-Protocol") && !text_is(value, "mqtt"))
        return "it chose another WebSocket subprotocol than mqtt";
    else if (text_is_like(name, "Sec-WebSocket-Protocol"))
        *found |= IS_MQTT;
    else if (text_is_like(name, "Sec-WebSocket-Extensions"))
        return "it chose WebSocket extensions, and none was offered";
    return NULL;
}

static const char *check_head(struct text head, const char *key)
{
    char accept[WEBSOCKET_ACCEPT_SIZE];
    unsigned found = 0;
    struct text status = text_take(&head, "\r\n");
    if (status.length < 12 || memcmp(status.at, "HTTP/1.1 101", 12) != 0 ||
        (status.length > 12 && status.at[12] != ' '))
        return "it refused the WebSocket upgrade";
    websocket_make_accept(key, accept);
    while (head.length > 0) {
        const char *why = check_field(text_take(&head, "\r\n"), accept, &found);
        if (why != NULL)
            return why;
    }
    return found == ALL_FOUND ? NULL : "its answer to the WebSocket upgrade is not complete";
}

int websocket_check_answer(const char *answer, size_t length, const char *key, const char **ret_why)
{
    const char *end = memmem(answer, length, "\r\n\r\n", 4);
    if (end == NULL && length < WEBSOCKET_ANSWER_MAX)
        return -EAGAIN;
    if (end == NULL) {
        *ret_why = "its answer to the WebSocket upgrade does not end";
        return -EPROTO;
    }
    const char *why = check_head((struct text){answer, (size_t)(end - answer) + 2}, key);
    if (why != NULL) {
        *ret_why = why;
        return -EPROTO;
    }
    return (int)(end - answer) + 4;
}

// ---- Frames ----

static uint64_t get_number(const uint8_t *at, uint32_t size)
{
    uint64_t number = 0;
    for (uint32_t place = 0; place < size; place++)
        number = number << 8 | at[place];
    return number;
}

static uint32_t put_number(uint8_t *at, uint64_t number, uint32_t size)
{
    for (uint32_t place = size; place-- > 0; number >>= 8)
        at[place] = (uint8_t)number;
    return size;
}

// What a client sends is masked, and the key ought to be unpredictable (section 5.3), so that no script in a
// browser chooses the bytes which a proxy sees. We are no browser: with a key of zero the payload stays as it
// is and where it is, while the broker has the same work with it as with any other key.
uint32_t websocket_put_header(uint8_t *at, enum websocket_opcode opcode, uint64_t length)
{
    uint32_t size = 2;
    at[0] = (uint8_t)(FINAL | opcode);
    if (length < LENGTH_16) {
        at[1] = (uint8_t)(MASKED | length);
    } else if (length <= UINT16_MAX) {
        at[1] = MASKED | LENGTH_16;
        size += put_number(at + size, length, 2);
    } else {
        at[1] = MASKED | LENGTH_64;
        size += put_number(at + size, length, 8);
    }
    memset(at + size, 0, MASK_BYTES);
    return size + MASK_BYTES;
}

static uint32_t header_size(const struct websocket *websocket)
{
    if (websocket->header_length < 2)
        return 2;
    uint8_t length = websocket->header[1] & LENGTH;
    return length == LENGTH_16 ? 4 : length == LENGTH_64 ? 10 : 2;
}

// Sections 5.1 to 5.5.
static const char *check_header(const struct websocket *websocket)
{
    const uint8_t *header = websocket->header;
    bool control = websocket->opcode & CONTROL;
    if (header[0] & RESERVED)
        return "it sent a WebSocket frame with a reserved bit";
    if (header[1] & MASKED)
        return "it sent a masked WebSocket frame";
    if (websocket->left > INT64_MAX)
        return "it sent a WebSocket frame of an impossible length";
    if (control && (!(header[0] & FINAL) || (header[1] & LENGTH) > WEBSOCKET_CONTROL_MAX))
        return "it sent a WebSocket control frame that is cut or too long";
    switch (websocket->opcode) {
    case WEBSOCKET_CLOSE:
    case WEBSOCKET_PING:
    case WEBSOCKET_PONG:
        return NULL;
    case WEBSOCKET_BINARY:
        return websocket->unfinished ? "it began a WebSocket message within another" : NULL;
    case WEBSOCKET_CONTINUATION:
        return websocket->unfinished ? NULL : "it went on with a WebSocket message that it had not begun";
    default:
        return "it sent a WebSocket frame that is not binary"; // [MQTT-6.0.0-1]
    }
}

// Returns whether the header is complete. A length in a longer form than it needs is let pass: it costs us
// nothing.
static bool take_header(struct websocket *websocket, struct websocket_span *bytes)
{
    while (websocket->header_length < header_size(websocket)) {
        if (bytes->at == bytes->end)
            return false;
        websocket->header[websocket->header_length++] = *bytes->at++;
    }
    const uint8_t *header = websocket->header;
    uint32_t size = header_size(websocket);
    websocket->header_length = 0;
    websocket->control_length = 0;
    websocket->in_frame = true;
    websocket->opcode = header[0] & OPCODE;
    websocket->left = size == 2 ? header[1] & LENGTH : get_number(header + 2, size - 2);
    return true;
}

static struct websocket_span take_payload(struct websocket *websocket, struct websocket_span *bytes)
{
    size_t there = (size_t)(bytes->end - bytes->at);
    size_t step = there < websocket->left ? there : (size_t)websocket->left;
    struct websocket_span piece = {bytes->at, bytes->at + step};
    bytes->at += step;
    websocket->left -= step;
    websocket->in_frame = websocket->left > 0;
    return piece;
}

// Returns WEBSOCKET_MORE for a frame that is not complete or asks for nothing.
static enum websocket_event take_control(struct websocket *websocket, struct websocket_span piece,
                                         struct websocket_span *ret_payload)
{
    size_t length = (size_t)(piece.end - piece.at);
    memcpy(websocket->control + websocket->control_length, piece.at, length);
    websocket->control_length += (uint8_t)length;
    if (websocket->in_frame || websocket->opcode == WEBSOCKET_PONG)
        return WEBSOCKET_MORE;
    *ret_payload =
        (struct websocket_span){websocket->control, websocket->control + websocket->control_length};
    return websocket->opcode == WEBSOCKET_PING ? WEBSOCKET_PINGED : WEBSOCKET_CLOSED;
}

enum websocket_event websocket_next(struct websocket *websocket, struct websocket_span *bytes,
                                    struct websocket_span *ret_payload)
{
    while (websocket->why == NULL) {
        if (!websocket->in_frame) {
            if (!take_header(websocket, bytes))
                return WEBSOCKET_MORE;
            websocket->why = check_header(websocket);
            if (websocket->why != NULL)
                break;
            if (!(websocket->opcode & CONTROL))
                websocket->unfinished = !(websocket->header[0] & FINAL);
        } else if (bytes->at == bytes->end) {
            return WEBSOCKET_MORE;
        }
        struct websocket_span piece = take_payload(websocket, bytes);
        if (websocket->opcode & CONTROL) {
            enum websocket_event event = take_control(websocket, piece, ret_payload);
            if (event != WEBSOCKET_MORE)
                return event;
        } else if (piece.at < piece.end) {
            *ret_payload = piece;
            return WEBSOCKET_DATA;
        }
    }
    return WEBSOCKET_FAILED;
}
