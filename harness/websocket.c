// SPDX-License-Identifier: MIT
#include "harness/websocket.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <string.h>
#include <strings.h>

#include "harness/arena.h"

enum { HEAD_MAX = 16384 };

struct bytes websocket_frame(unsigned first, bool masked, struct bytes payload)
{
    static const uint8_t mask[4] = {0x1B, 0x2C, 0x3D, 0x4E};
    struct buffer out = {0};
    unsigned bit = masked ? 0x80 : 0;
    buffer_put_u8(&out, first);
    if (payload.length < 126)
        buffer_put_u8(&out, bit | (unsigned)payload.length);
    else if (payload.length < 65536) {
        buffer_put_u8(&out, bit | 126);
        buffer_put_u16(&out, (unsigned)payload.length);
    } else {
        buffer_put_u8(&out, bit | 127);
        for (int shift = 56; shift >= 0; shift -= 8)
            buffer_put_u8(&out, (unsigned)((uint64_t)payload.length >> shift) & 0xFF);
    }
    if (masked)
        buffer_append(&out, (struct bytes){mask, 4});
    for (size_t i = 0; i < payload.length; i++)
        buffer_put_u8(&out, masked ? payload.data[i] ^ mask[i % 4] : payload.data[i]);
    struct bytes frame = bytes_join(buffer_bytes(&out), (struct bytes){0});
    buffer_finish(&out);
    return frame;
}

// Reads until the empty line behind a head.
static const char *head_read(struct stream *stream, struct deadline deadline, struct buffer *rest,
                             const char **ret_why)
{
    for (;;) {
        const char *end = rest->length < 4 ? NULL : memmem(rest->data, rest->length, "\r\n\r\n", 4);
        if (end != NULL) {
            size_t length = (size_t)(end - (const char *)rest->data) + 4;
            const char *head = arena_print("%.*s", (int)length, (const char *)rest->data);
            buffer_consume(rest, length);
            return head;
        }
        ssize_t count = rest->length > HEAD_MAX ? -EMSGSIZE : stream_receive(stream, rest, deadline);
        if (count <= 0) {
            *ret_why = count == 0 ? "closed before the end of the head" : strerror((int)-count);
            return NULL;
        }
    }
}

const char *websocket_ask(struct stream *stream, const char *path, const char *protocols,
                          struct deadline deadline, struct buffer *rest, const char **ret_why)
{
    const char *offer = protocols == NULL ? "" : arena_print("Sec-WebSocket-Protocol: %s\r\n", protocols);
    const char *request =
        arena_print("GET %s HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                    "Sec-WebSocket-Key: AAECAwQFBgcICQoLDA0ODw==\r\nSec-WebSocket-Version: 13\r\n%s\r\n",
                    path, offer);
    int result = stream_send(stream, bytes_text(request), deadline);
    if (result != 0) {
        *ret_why = strerror(-result);
        return NULL;
    }
    return head_read(stream, deadline, rest, ret_why);
}

const char *websocket_header(const char *head, const char *name)
{
    for (const char *line = strstr(head, "\r\n"); line != NULL; line = strstr(line, "\r\n")) {
        line += 2;
        const char *colon = line + strcspn(line, ":\r");
        if (*colon != ':' || (size_t)(colon - line) != strlen(name) ||
            strncasecmp(line, name, strlen(name)) != 0)
            continue;
        const char *value = colon + 1 + strspn(colon + 1, " \t");
        return arena_print("%.*s", (int)strcspn(value, "\r"), value);
    }
    return NULL;
}

const char *websocket_accept(struct stream *stream, const char *protocol, struct deadline deadline,
                             struct buffer *rest, const char **ret_why)
{
    const char *head = head_read(stream, deadline, rest, ret_why);
    const char *key = head == NULL ? NULL : websocket_header(head, "Sec-WebSocket-Key");
    if (head != NULL && key == NULL)
        *ret_why = "no Sec-WebSocket-Key in the request";
    if (key == NULL)
        return NULL;
    const char *salted = arena_print("%s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key);
    uint8_t digest[SHA_DIGEST_LENGTH];
    unsigned char encoded[32];
    SHA1((const unsigned char *)salted, strlen(salted), digest);
    EVP_EncodeBlock(encoded, digest, sizeof digest);
    const char *answer =
        arena_print("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                    "Sec-WebSocket-Accept: %s\r\nSec-WebSocket-Protocol: %s\r\n\r\n",
                    (const char *)encoded, protocol);
    int result = stream_send(stream, bytes_text(answer), deadline);
    if (result != 0)
        *ret_why = strerror(-result);
    return result == 0 ? head : NULL;
}

// The length of the frame that the bytes begin with, 0 when more are needed; *ret_head is that of what
// precedes the payload.
static size_t frame_length(struct bytes bytes, size_t *ret_head)
{
    if (bytes.length < 2)
        return 0;
    size_t length = bytes.data[1] & 0x7F;
    size_t head = 2 + (length == 126 ? 2 : length == 127 ? 8 : 0);
    if (bytes.length < head)
        return 0;
    if (head > 2) {
        length = 0;
        for (size_t i = 2; i < head; i++)
            length = length << 8 | bytes.data[i];
    }
    *ret_head = head + ((bytes.data[1] & 0x80) != 0 ? 4 : 0);
    return bytes.length >= *ret_head && bytes.length - *ret_head >= length ? *ret_head + length : 0;
}

int websocket_read(struct stream *stream, struct buffer *rest, struct deadline deadline,
                   struct websocket_frame *ret_frame)
{
    for (;;) {
        size_t head = 0;
        size_t length = frame_length(buffer_bytes(rest), &head);
        if (length > 0) {
            struct bytes whole = bytes_join(bytes_slice(buffer_bytes(rest), 0, length), (struct bytes){0});
            bool masked = (whole.data[1] & 0x80) != 0;
            uint8_t *payload = (uint8_t *)(uintptr_t)whole.data + head;
            for (size_t i = 0; masked && i < length - head; i++)
                payload[i] ^= whole.data[head - 4 + i % 4];
            *ret_frame = (struct websocket_frame){whole.data[0], masked, bytes_slice(whole, head, length)};
            buffer_consume(rest, length);
            return 1;
        }
        ssize_t count = stream_receive(stream, rest, deadline);
        if (count <= 0)
            return (int)count;
    }
}

struct served {
    struct stream stream;
    struct stream *inner;
    struct buffer rest;
};

static int served_send(struct stream *stream, struct bytes bytes, unsigned frame, struct deadline deadline)
{
    struct served *served = (struct served *)stream;
    unsigned opcode = (frame & (FRAME_CONTINUATION | FRAME_LAST)) != 0 ? 0
                      : (frame & FRAME_TEXT) != 0                      ? OPCODE_TEXT
                                                                       : OPCODE_BINARY;
    unsigned last = (frame & (FRAME_FIRST_OF_SEVERAL | FRAME_CONTINUATION)) != 0 ? 0 : 0x80;
    return stream_send(served->inner, websocket_frame(last | opcode, false, bytes), deadline);
}

static ssize_t served_receive(struct stream *stream, struct buffer *buffer, struct deadline deadline)
{
    struct served *served = (struct served *)stream;
    for (;;) {
        struct websocket_frame frame;
        int result = websocket_read(served->inner, &served->rest, deadline, &frame);
        if (result <= 0)
            return result;
        unsigned opcode = frame.first & 0x0F;
        if (!frame.masked || (frame.first & 0x70) != 0 || opcode == OPCODE_TEXT)
            return -EPROTO;
        if (opcode == OPCODE_CLOSE)
            return 0;
        if (opcode == OPCODE_PING)
            (void)stream_send(served->inner, websocket_frame(0x80 | OPCODE_PONG, false, frame.payload),
                              deadline); // shows when reading
        else if (opcode != OPCODE_PONG && frame.payload.length > 0) {
            buffer_append(buffer, frame.payload);
            return (ssize_t)frame.payload.length;
        }
    }
}

static int served_descriptor(const struct stream *stream)
{
    const struct served *served = (const struct served *)stream;
    return served->inner->operations->descriptor(served->inner);
}

static void served_close(struct stream *stream)
{
    struct served *served = (struct served *)stream;
    stream_close(served->inner);
    buffer_finish(&served->rest);
}

struct stream *websocket_serve(struct stream *inner, struct buffer *rest)
{
    static const struct stream_operations operations = {served_send, served_receive, served_descriptor,
                                                        served_close};
    struct served *served = arena_take(sizeof *served);
    *served = (struct served){{&operations}, inner, *rest};
    *rest = (struct buffer){0};
    return &served->stream;
}
