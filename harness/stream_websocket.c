// SPDX-License-Identifier: MIT
// WebSocket by libwebsockets, which nothing of the broker under test is made of. One context serves all
// connections of the process: while one is waited for, what comes on the others is taken too.
#include <errno.h>
#include <libwebsockets.h>
#include <poll.h>
#include <string.h>

#include "harness/arena.h"
#include "harness/stream.h"

enum state { OPENING, OPEN, ENDED };

struct websocket {
    struct stream stream;
    struct lws *wsi; // NULL when it has ended
    enum state state;
    struct buffer received;
    const char *why;       // it did not open
    struct buffer sending; // LWS_PRE bytes of room, then what is to be sent
    enum lws_write_protocol kind;
    bool wants_sending;
};

static struct lws_context *context;

static int websocket_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                           size_t length)
{
    struct websocket *websocket = user;
    if (websocket == NULL)
        return 0;
    switch (reason) {
    case LWS_CALLBACK_CLIENT_ESTABLISHED:
        websocket->state = OPEN;
        break;
    case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
        websocket->why = arena_print("WebSocket: %s", in == NULL ? "no connection" : (const char *)in);
        websocket->state = ENDED;
        websocket->wsi = NULL;
        break;
    case LWS_CALLBACK_CLIENT_RECEIVE:
        buffer_append(&websocket->received, (struct bytes){in, length});
        break;
    case LWS_CALLBACK_CLIENT_WRITEABLE:
        if (websocket->wants_sending) {
            websocket->wants_sending = false;
            size_t count = websocket->sending.length - LWS_PRE;
            if (lws_write(wsi, websocket->sending.data + LWS_PRE, count, websocket->kind) < 0)
                return -1;
        }
        break;
    case LWS_CALLBACK_CLIENT_CLOSED:
    case LWS_CALLBACK_WSI_DESTROY:
        websocket->state = ENDED;
        websocket->wsi = NULL;
        break;
    default:
        break;
    }
    return 0;
}

static const struct lws_protocols protocols[] = {
    {.name = "mqtt", .callback = websocket_event, .rx_buffer_size = 65536}, {0}};

static bool context_make(void)
{
    if (context != NULL)
        return true;
    lws_set_log_level(0, NULL);
    struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN,
        .protocols = protocols,
        .gid = (gid_t)-1,
        .uid = (uid_t)-1,
        .options = LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT | LWS_SERVER_OPTION_DISABLE_OS_CA_CERTS,
        .fd_limit_per_thread = 256,
    };
    context = lws_create_context(&info);
    return context != NULL;
}

// One round: what is there is handled; if nothing is, waits for the socket for a moment.
static void websocket_serve(struct websocket *websocket, struct deadline deadline)
{
    (void)lws_service(context, -1); // -1 does not wait; what failed shows in the state
    if (websocket->wsi == NULL || websocket->received.length > 0)
        return;
    // While it opens, libwebsockets changes sockets and has timers of its own.
    struct deadline soon =
        deadline_earlier(deadline, deadline_in_exact_ms(websocket->state == OPENING ? 2 : 50));
    int descriptor = lws_get_socket_fd(websocket->wsi);
    short events = websocket->wants_sending ? POLLIN | POLLOUT : POLLIN;
    if (descriptor >= 0)
        (void)deadline_wait(soon, descriptor, events); // either way there is another round
    else
        deadline_await(soon);
}

static int websocket_send(struct stream *stream, struct bytes bytes, unsigned frame, struct deadline deadline)
{
    struct websocket *websocket = (struct websocket *)stream;
    if (websocket->wsi == NULL)
        return -EPIPE;
    websocket->sending.length = 0;
    (void)buffer_reserve(&websocket->sending, LWS_PRE + bytes.length); // length is set below
    websocket->sending.length = LWS_PRE;
    buffer_append(&websocket->sending, bytes);
    int kind = (frame & (FRAME_CONTINUATION | FRAME_LAST)) != 0 ? LWS_WRITE_CONTINUATION
               : (frame & FRAME_TEXT) != 0                      ? LWS_WRITE_TEXT
                                                                : LWS_WRITE_BINARY;
    if ((frame & (FRAME_FIRST_OF_SEVERAL | FRAME_CONTINUATION)) != 0)
        kind |= LWS_WRITE_NO_FIN;
    websocket->kind = (enum lws_write_protocol)kind;
    websocket->wants_sending = true;
    (void)lws_callback_on_writable(
        websocket->wsi); // fails only for a connection that has ended, which is seen below
    while (websocket->wsi != NULL && (websocket->wants_sending || lws_partial_buffered(websocket->wsi))) {
        if (deadline_passed(deadline))
            return -ETIMEDOUT;
        (void)lws_service(context, -1); // as above
        if (websocket->wsi != NULL && (websocket->wants_sending || lws_partial_buffered(websocket->wsi)))
            (void)deadline_wait(deadline_earlier(deadline, deadline_in_exact_ms(20)),
                                lws_get_socket_fd(websocket->wsi), POLLOUT);
    }
    return websocket->wsi == NULL && websocket->wants_sending ? -EPIPE : 0;
}

static ssize_t websocket_receive(struct stream *stream, struct buffer *buffer, struct deadline deadline)
{
    struct websocket *websocket = (struct websocket *)stream;
    for (;;) {
        websocket_serve(websocket, deadline);
        size_t count = websocket->received.length;
        if (count > 0) {
            buffer_append(buffer, buffer_bytes(&websocket->received));
            websocket->received.length = 0;
            return (ssize_t)count;
        }
        if (websocket->wsi == NULL)
            return 0;
        if (deadline_passed(deadline))
            return -ETIMEDOUT;
    }
}

static int websocket_descriptor(const struct stream *stream)
{
    const struct websocket *websocket = (const struct websocket *)stream;
    return websocket->wsi == NULL ? -1 : lws_get_socket_fd(websocket->wsi);
}

// At once and without a close frame, as when a cable is cut.
static void websocket_close(struct stream *stream)
{
    struct websocket *websocket = (struct websocket *)stream;
    if (websocket->wsi != NULL)
        lws_set_timeout(websocket->wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_SYNC);
    buffer_finish(&websocket->received);
    buffer_finish(&websocket->sending);
}

struct stream *stream_websocket_open(const struct address *address, bool encrypted, const char *offered,
                                     struct deadline deadline, const char **ret_why)
{
    static const struct stream_operations operations = {websocket_send, websocket_receive,
                                                        websocket_descriptor, websocket_close};
    struct websocket *websocket = arena_take(sizeof *websocket);
    websocket->stream.operations = &operations;
    if (!context_make()) {
        *ret_why = "libwebsockets has no memory";
        return NULL;
    }
    struct lws_client_connect_info info = {
        .context = context,
        .address = address->host,
        .port = address->port,
        .path = address->path == NULL ? "/mqtt" : address->path,
        .host = address->host,
        .origin = NULL,
        .protocol = offered,
        .local_protocol_name = "mqtt",
        .userdata = websocket,
        .pwsi = &websocket->wsi,
        .ssl_connection = encrypted ? LCCSCF_USE_SSL | LCCSCF_ALLOW_SELFSIGNED |
                                          LCCSCF_SKIP_SERVER_CERT_HOSTNAME_CHECK | LCCSCF_ALLOW_EXPIRED |
                                          LCCSCF_ALLOW_INSECURE
                                    : 0,
    };
    if (lws_client_connect_via_info(&info) == NULL && websocket->state == OPENING)
        websocket->state = ENDED;
    while (websocket->state == OPENING && !deadline_passed(deadline))
        websocket_serve(websocket, deadline);
    if (websocket->state == OPEN)
        return &websocket->stream;
    *ret_why = websocket->state == OPENING ? "WebSocket: no answer in time"
               : websocket->why == NULL    ? "WebSocket: closed"
                                           : websocket->why;
    websocket_close(&websocket->stream);
    return NULL;
}
