// SPDX-License-Identifier: MIT
// Upgrades: a verdict on a prefix is the verdict on the whole, the views lie in the request, a request that
// is written anew from them is understood alike, and each refusal has an answer.
//
//     input: largest request (two bytes), most header lines (one byte), a stream
#include "proto/test/block.h"
#include "proto/websocket.h"
#include "test/fuzz.h"

#define REQUEST_MAX 8192u

static void check_view(struct bytes view, struct bytes request, bool may_be_empty)
{
    if (view.length == 0 && may_be_empty)
        return;
    if (view.length == 0 || view.data < request.data ||
        view.data + view.length > request.data + request.length)
        fuzz_fail("a view does not lie in the request");
    for (size_t i = 0; i < view.length; i++)
        if (view.data[i] <= ' ' || view.data[i] >= 0x7f)
            fuzz_fail("a view holds what is not visible");
}

// A request that is ready has one way to be understood: no line ends otherwise than the others.
static void check_request(struct bytes request)
{
    for (size_t i = 0; i < request.length; i++) {
        bool cr = i > 0 && request.data[i - 1] == '\r';
        if (cr != (request.data[i] == '\n') || request.data[i] == 0)
            fuzz_fail("a line ends in a strange way");
        if (i >= 3 && i + 1 < request.length && memcmp(request.data + i - 3, "\r\n\r\n", 4) == 0)
            fuzz_fail("the request has ended before");
    }
    if (memcmp(request.data + request.length - 4, "\r\n\r\n", 4) != 0)
        fuzz_fail("the request does not end with an empty line");
}

static void put_line(struct writer *writer, const char *name, struct bytes value)
{
    writer_put_bytes(writer, bytes_of(name));
    writer_put_bytes(writer, value);
    writer_put_bytes(writer, bytes_of("\r\n"));
}

static void write_anew(const struct websocket_upgrade *upgrade)
{
    static uint8_t room[REQUEST_MAX];
    static const struct websocket_upgrade_limits limits = {REQUEST_MAX, 10};
    struct writer writer = writer_of(room, sizeof room);
    struct websocket_upgrade again = {0};
    writer_put_bytes(&writer, bytes_of("GET "));
    writer_put_bytes(&writer, upgrade->path);
    writer_put_bytes(&writer, bytes_of("?"));
    writer_put_bytes(&writer, upgrade->query);
    put_line(&writer, " HTTP/1.1", (struct bytes){NULL, 0});
    put_line(&writer, "Host:", upgrade->host);
    put_line(&writer, "Origin:", upgrade->origin);
    put_line(&writer, "Upgrade:", bytes_of("websocket"));
    put_line(&writer, "Connection:", bytes_of("upgrade"));
    put_line(&writer, "Sec-WebSocket-Version:", bytes_of("13"));
    put_line(&writer, "Sec-WebSocket-Key:", upgrade->key);
    put_line(&writer, "Sec-WebSocket-Protocol:", upgrade->subprotocol);
    put_line(&writer, "", (struct bytes){NULL, 0});
    struct bytes request = {room, (size_t)(writer.at - room)};
    if (writer.overflow || websocket_upgrade_read(request, &limits, &again) != WEBSOCKET_UPGRADE_READY)
        fuzz_fail("written anew, it is not ready");
    if (!bytes_equal(again.path, upgrade->path) || !bytes_equal(again.query, upgrade->query) ||
        !bytes_equal(again.host, upgrade->host) || !bytes_equal(again.origin, upgrade->origin) ||
        !bytes_equal(again.key, upgrade->key) || !bytes_equal(again.subprotocol, upgrade->subprotocol))
        fuzz_fail("written anew, it says something else");
}

static void check_ready(struct bytes stream, const struct websocket_upgrade_limits *limits,
                        const struct websocket_upgrade *upgrade)
{
    if (upgrade->size > stream.length || upgrade->size > limits->request_bytes_max || upgrade->why != NULL)
        fuzz_fail("a request is ready that is not there, or too long");
    struct bytes request = {stream.data, upgrade->size};
    check_request(request);
    check_view(upgrade->host, request, false);
    check_view(upgrade->origin, request, true);
    check_view(upgrade->query, request, true);
    check_view(upgrade->key, request, false);
    if (upgrade->path.length != 1)
        check_view(upgrade->path, request, false);
    if (upgrade->path.data[0] != '/' || upgrade->key.length != WEBSOCKET_KEY_BYTES)
        fuzz_fail("a path or a key is none");
    if (request.length < REQUEST_MAX / 2)
        write_anew(upgrade);
    uint8_t room[WEBSOCKET_ANSWER_MAX];
    struct writer writer = writer_of(room, sizeof room);
    websocket_upgrade_put_accept(&writer, bytes_of("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), upgrade->subprotocol);
    if (writer.overflow)
        fuzz_fail("the answer has no room");
}

static void check_refused(const struct websocket_upgrade *upgrade)
{
    uint8_t room[WEBSOCKET_ANSWER_MAX];
    struct writer writer = writer_of(room, sizeof room);
    websocket_upgrade_put_refusal(&writer, upgrade->http_status, upgrade->why);
    if (writer.overflow)
        fuzz_fail("the refusal has no room");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct reader input = reader_of((struct bytes){data, size});
    struct websocket_upgrade_limits limits = {.request_bytes_max = reader_get_u16(&input)};
    limits.header_lines_max = reader_get_u8(&input);
    struct bytes stream = reader_get_bytes(&input, reader_left(&input));
    struct websocket_upgrade whole = {0}, grown = {0};
    enum websocket_upgrade_status status = websocket_upgrade_read(stream, &limits, &whole);
    enum websocket_upgrade_status grown_status = WEBSOCKET_UPGRADE_NEED_MORE;
    for (size_t length = 0; grown_status == WEBSOCKET_UPGRADE_NEED_MORE && length <= stream.length;
         length += 1 + length / 8) {
        struct block block = block_copy((struct bytes){stream.data, length});
        grown_status = websocket_upgrade_read(block_view(block), &limits, &grown);
        block_destroy(block);
    }
    if (grown_status == WEBSOCKET_UPGRADE_NEED_MORE)
        grown_status = websocket_upgrade_read(stream, &limits, &grown);
    if (grown_status != status || grown.size != whole.size || grown.why != whole.why ||
        grown.http_status != whole.http_status)
        fuzz_fail("cuts change the verdict");
    if (status == WEBSOCKET_UPGRADE_READY)
        check_ready(stream, &limits, &whole);
    else if (status == WEBSOCKET_UPGRADE_REFUSED)
        check_refused(&whole);
    else if (stream.length >= limits.request_bytes_max)
        fuzz_fail("more is waited for than is allowed");
    return 0;
}
