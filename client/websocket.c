// SPDX-License-Identifier: MIT
#include "client/websocket.h"

#include "client/buffer.h"
#include "client/local.h"

#include <errno.h>
#include <libwebsockets.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define FRAME_BYTES     32768u // payload of one message that we send
#define CHUNK_BYTES     65536u // read at once, from below and from libwebsockets
#define HEADERS_BYTES   8192u  // of the request that libwebsockets keeps, and of the answer
#define PATIENCE_S      1000000
#define IDLE_ROUNDS     2 // so many rounds without a movement: it does not get further now
#define DESCRIPTORS_MAX 8u
#define SUBPROTOCOL     "mqtt" // [MQTT-6.0.0-3]
#define NOT_HTTP        "this port does not speak WebSocket: the answer to the upgrade is not HTTP"

struct websocket {
    struct transport transport;
    const struct hbmqtt_options *options;
    const struct url *url;       // until it is open
    struct lws_context *context; // NULL until opening begins
    struct lws *wsi;             // NULL when libwebsockets has given it up
    int listener;                // for the local connection; -1: none
    int local;                   // our end of it; -1: none
    struct buffer arriving;      // from below, for libwebsockets
    struct buffer leaving;       // from libwebsockets, for below
    struct buffer payload;       // for receive
    struct error below;          // why the layer below ended; code 0: it has not
    struct error ending;         // why the WebSocket ended; code 0: it has not
    uint64_t moved;              // whatever moved, counted
    size_t framed;               // bytes of the message that is under way
    bool frame_written;
    bool answered; // the first bytes of the answer came
    bool established;
    bool leave; // say good-bye
    uint8_t frame[LWS_PRE + FRAME_BYTES];
};

// The first reason is the one that counts.
static void websocket_end(struct websocket *websocket, int code, const char *text)
{
    if (websocket->ending.code == 0)
        error_set(&websocket->ending, code, "%s", text);
    websocket->moved++;
}

// What libwebsockets tells.

// Writes the headers of the options behind those of the upgrade request.
static int tell_headers(const struct websocket *websocket, uint8_t **at, size_t size)
{
    const struct hbmqtt_options *options = websocket->options;
    for (size_t i = 0; i < options->header_count; i++) {
        const struct hbmqtt_header *header = &options->headers[i];
        int length = snprintf((char *)*at, size, "%s: %s\r\n", header->name, header->value);
        if (length < 0 || (size_t)length >= size)
            return -1;
        *at += length;
        size -= (size_t)length;
    }
    return 0;
}

static void tell_refusal(struct websocket *websocket, struct lws *wsi, const char *why)
{
    char text[ERROR_TEXT_BYTES];
    int status = (int)lws_http_client_http_response(wsi);
    char path[128];
    url_request_target(websocket->url, path, sizeof path);
    if (status == 0) {
        websocket_end(websocket, HBMQTT_ERROR_UNREACHABLE, NOT_HTTP);
        return;
    }
    if (status == 101) {
        snprintf(text, sizeof text, "the answer to the WebSocket upgrade is wrong: %s", why);
        websocket_end(websocket, HBMQTT_ERROR_PROTOCOL, text);
        return;
    }
    const char *advice = "it may serve WebSocket elsewhere";
    if (status == 401 || status == 403)
        advice = "it wants credentials, perhaps in extra headers";
    else if (status == 404)
        advice = "check the path of the URL";
    else if (status == 400 && websocket->url->scheme == URL_SCHEME_WS)
        advice = "it may want TLS, so wss://, or serve WebSocket elsewhere";
    snprintf(text, sizeof text, "WebSocket refused with HTTP status %d for the path %s: %s", status, path,
             advice);
    websocket_end(websocket, HBMQTT_ERROR_REFUSED, text);
}

// [MQTT-6.0.0-4]
static int judge_subprotocol(struct websocket *websocket, struct lws *wsi)
{
    char chosen[16] = "";
    if (lws_hdr_copy(wsi, chosen, sizeof chosen, WSI_TOKEN_PROTOCOL) > 0 && strcmp(chosen, SUBPROTOCOL) == 0)
        return 0;
    websocket_end(
        websocket, HBMQTT_ERROR_PROTOCOL,
        "the server did not choose the WebSocket subprotocol mqtt: it may serve something else here");
    return -1;
}

static int take_payload(struct websocket *websocket, struct lws *wsi, const void *data, size_t size)
{
    if (!lws_frame_is_binary(wsi)) { // [MQTT-6.0.0-1]
        websocket_end(websocket, HBMQTT_ERROR_PROTOCOL,
                      "the broker broke the protocol: a WebSocket message of text");
        return -1;
    }
    uint8_t *room = size == 0 ? NULL : buffer_reserve(&websocket->payload, size);
    if (room != NULL) {
        memcpy(room, data, size);
        buffer_added(&websocket->payload, size);
        websocket->moved++;
    } else if (size != 0) {
        websocket_end(websocket, HBMQTT_ERROR_SYSTEM, "out of memory");
        return -1;
    }
    return 0;
}

static int give_frame(struct websocket *websocket, struct lws *wsi)
{
    if (websocket->leave) {
        lws_close_reason(wsi, LWS_CLOSE_STATUS_NORMAL, NULL, 0);
        return -1;
    }
    if (websocket->framed == 0 || websocket->frame_written)
        return 0;
    websocket->frame_written = true;
    websocket->moved++;
    int count = lws_write(wsi, websocket->frame + LWS_PRE, websocket->framed, LWS_WRITE_BINARY);
    return count < (int)websocket->framed ? -1 : 0;
}

static void tell_closing(struct websocket *websocket, const uint8_t *data, size_t size)
{
    char text[ERROR_TEXT_BYTES] = "the broker closed it";
    if (size >= 2)
        snprintf(text, sizeof text, "the broker closed it (WebSocket status %u%s%.*s)",
                 data[0] * 256u + data[1], size > 2 ? ": " : "", (int)size - 2, (const char *)data + 2);
    websocket_end(websocket, HBMQTT_ERROR_LOST, text);
}

static int websocket_told(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *data,
                          size_t size)
{
    struct websocket *websocket = lws_context_user(lws_get_context(wsi));
    switch ((int)reason) {
    case LWS_CALLBACK_CLIENT_APPEND_HANDSHAKE_HEADER:
        return tell_headers(websocket, data, size);
    case LWS_CALLBACK_CLIENT_FILTER_PRE_ESTABLISH:
        return judge_subprotocol(websocket, wsi);
    case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
        tell_refusal(websocket, wsi, data == NULL ? "no reason given" : data);
        websocket->wsi = NULL;
        return 0;
    case LWS_CALLBACK_CLIENT_ESTABLISHED:
        websocket->established = true;
        websocket->moved++;
        return 0;
    case LWS_CALLBACK_CLIENT_RECEIVE:
        return take_payload(websocket, wsi, data, size);
    case LWS_CALLBACK_CLIENT_WRITEABLE:
        return give_frame(websocket, wsi);
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
        tell_closing(websocket, data, size);
        return 0;
    case LWS_CALLBACK_CLIENT_CLOSED:
        websocket_end(websocket, HBMQTT_ERROR_LOST, "the WebSocket was closed");
        websocket->wsi = NULL;
        return 0;
    default:
        return 0;
    }
}

// Moving.

static void pump_connect_local(struct websocket *websocket)
{
    if (websocket->listener < 0)
        return;
    websocket->local = local_accept(websocket->listener);
    if (websocket->local < 0)
        return;
    close(websocket->listener);
    websocket->listener = -1;
    websocket->moved++;
}

// libwebsockets would wait for the end of anything's headers.
static bool sounds_like_http(const uint8_t *bytes, size_t count)
{
    static const char begin[] = "HTTP/1.";
    size_t length = sizeof begin - 1;
    return memcmp(bytes, begin, count < length ? count : length) == 0;
}

// Reads once from below if nothing waits to be moved on.
static void pump_from_below(struct websocket *websocket)
{
    if (websocket->below.code != 0 || buffer_length(&websocket->arriving) != 0 ||
        buffer_length(&websocket->payload) != 0)
        return;
    uint8_t *room = buffer_reserve(&websocket->arriving, CHUNK_BYTES);
    if (room == NULL) {
        websocket_end(websocket, HBMQTT_ERROR_SYSTEM, "out of memory");
        return;
    }
    ssize_t count = transport_receive(websocket->transport.below, room, CHUNK_BYTES, &websocket->below);
    if (count == 0)
        return;
    websocket->moved++;
    if (count < 0)
        return;
    buffer_added(&websocket->arriving, (size_t)count);
    if (!websocket->answered && !sounds_like_http(room, (size_t)count))
        websocket_end(websocket, HBMQTT_ERROR_UNREACHABLE, NOT_HTTP);
    websocket->answered = true;
}

static void pump_to_local(struct websocket *websocket)
{
    struct bytes bytes = buffer_bytes(&websocket->arriving);
    if (websocket->local < 0 || bytes.length == 0)
        return;
    ssize_t count = send(websocket->local, bytes.data, bytes.length, MSG_NOSIGNAL);
    if (count > 0) {
        buffer_taken(&websocket->arriving, (size_t)count);
        websocket->moved++;
    } else if (errno != EAGAIN && errno != EINTR) {
        buffer_taken(&websocket->arriving, bytes.length); // libwebsockets has closed its end, and says why
    }
}

static void pump_from_local(struct websocket *websocket)
{
    if (websocket->local < 0 || buffer_length(&websocket->leaving) != 0)
        return;
    uint8_t *room = buffer_reserve(&websocket->leaving, CHUNK_BYTES);
    if (room == NULL) {
        websocket_end(websocket, HBMQTT_ERROR_SYSTEM, "out of memory");
        return;
    }
    ssize_t count = recv(websocket->local, room, CHUNK_BYTES, 0);
    if (count > 0) {
        buffer_added(&websocket->leaving, (size_t)count);
        websocket->moved++;
    }
}

static void pump_to_below(struct websocket *websocket)
{
    struct bytes bytes = buffer_bytes(&websocket->leaving);
    if (websocket->below.code != 0 || bytes.length == 0)
        return;
    ssize_t count = transport_send(websocket->transport.below, bytes, &websocket->below);
    if (count > 0)
        buffer_taken(&websocket->leaving, (size_t)count);
    if (count != 0)
        websocket->moved++;
}

// Moves everything as far as it gets now. `reading`: also from below.
static void websocket_pump(struct websocket *websocket, bool reading)
{
    for (unsigned idle = 0; idle < IDLE_ROUNDS;) {
        uint64_t moved = websocket->moved;
        if (websocket->local < 0)
            pump_connect_local(websocket);
        if (reading)
            pump_from_below(websocket);
        pump_to_local(websocket);
        (void)lws_service(websocket->context, -1); // does not wait; what ends is told to websocket_told
        pump_from_local(websocket);
        pump_to_below(websocket);
        idle = websocket->moved == moved ? idle + 1 : 0;
    }
    websocket->transport.wants_write = buffer_length(&websocket->leaving) != 0 && websocket->below.code == 0;
    websocket->transport.has_input =
        buffer_length(&websocket->payload) != 0 || websocket->below.code != 0 || websocket->ending.code != 0;
}

// Sets *ret_error to why it is over, and returns its code; 0 when it is not.
static int websocket_over(const struct websocket *websocket, struct error *ret_error)
{
    const struct error *why = websocket->ending.code != 0 ? &websocket->ending : &websocket->below;
    if (why->code != 0)
        *ret_error = *why;
    return why->code;
}

// Opening.

static const struct lws_protocols protocols[] = {{.name = SUBPROTOCOL, .callback = websocket_told},
                                                 {.name = NULL}};

// libwebsockets ignores SIGPIPE from here on for the whole process, which is not ours to decide.
static struct lws_context *context_create(const struct lws_context_creation_info *info)
{
    static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    struct sigaction before;
    pthread_mutex_lock(&mutex);
    sigaction(SIGPIPE, NULL, &before);
    struct lws_context *context = lws_create_context(info);
    sigaction(SIGPIPE, &before, NULL);
    pthread_mutex_unlock(&mutex);
    return context;
}

static int websocket_begin(struct websocket *websocket, struct error *ret_error)
{
    // All patience is ours: link_open has the deadline, MQTT the keep-alive.
    static const lws_retry_bo_t no_pings = {.secs_since_valid_ping = 0};
    struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN,
        .protocols = protocols,
        .user = websocket,
        .gid = (gid_t)-1,
        .uid = (uid_t)-1,
        .timeout_secs = PATIENCE_S,
        .connect_timeout_secs = PATIENCE_S,
        .pt_serv_buf_size = CHUNK_BYTES,
        .max_http_header_data = HEADERS_BYTES,
        .fd_limit_per_thread = DESCRIPTORS_MAX,
        .retry_and_idle_policy = &no_pings,
        .http_proxy_address = "", // or it would follow $http_proxy
#if defined(LWS_WITH_SOCKS5)
        .socks_proxy_address = "", // and $socks_proxy
#endif
    };
    lws_set_log_level(0, NULL);
    websocket->context = context_create(&info);
    return websocket->context == NULL
               ? error_set(ret_error, HBMQTT_ERROR_SYSTEM, "cannot begin with libwebsockets")
               : 0;
}

// Has libwebsockets connect to our listener and ask for the upgrade.
static int websocket_connect(struct websocket *websocket, struct error *ret_error)
{
    char name[LOCAL_NAME_BYTES];
    char address[LOCAL_NAME_BYTES + 2];
    char host[300];
    char target[HEADERS_BYTES / 2];
    websocket->listener = local_listen(name);
    if (websocket->listener < 0)
        return error_set(ret_error, HBMQTT_ERROR_SYSTEM, "cannot make a local socket: %s",
                         strerror(-websocket->listener));
    snprintf(address, sizeof address, "+@%s", name);
    url_request_host(websocket->url, host, sizeof host);
    if (url_request_target(websocket->url, target, sizeof target) >= sizeof target)
        return error_set(ret_error, HBMQTT_ERROR_ARGUMENT, "bad URL: the path is too long");
    struct lws_client_connect_info info = {
        .context = websocket->context,
        .address = address,
        .port = websocket->url->port,
        .path = target,
        .host = host,
        .protocol = SUBPROTOCOL,
        .local_protocol_name = SUBPROTOCOL,
        .ietf_version_or_minus_one = -1,
        .ssl_connection = LCCSCF_HTTP_NO_FOLLOW_REDIRECT,
        .pwsi = &websocket->wsi,
    };
    if (lws_client_connect_via_info(&info) == NULL && websocket->ending.code == 0)
        return error_set(ret_error, HBMQTT_ERROR_SYSTEM, "libwebsockets cannot begin the upgrade");
    return 0;
}

static int websocket_open(struct transport *transport, struct error *ret_error)
{
    struct websocket *websocket = (struct websocket *)transport;
    int status = 0;
    if (websocket->context == NULL) {
        status = websocket_begin(websocket, ret_error);
        if (status == 0)
            status = websocket_connect(websocket, ret_error);
    }
    if (status != 0)
        return status;
    websocket_pump(websocket, true);
    if (websocket->established)
        return 0;
    status = websocket_over(websocket, ret_error);
    if (status == 0)
        return TRANSPORT_AGAIN;
    if (status != HBMQTT_ERROR_LOST)
        return status;
    return error_set(ret_error, HBMQTT_ERROR_UNREACHABLE,
                     "connection lost in the WebSocket upgrade: %s (does this port speak WebSocket?)",
                     websocket->below.code != 0 ? websocket->below.text : websocket->ending.text);
}

// The layer.

static ssize_t websocket_send(struct transport *transport, struct bytes bytes, struct error *ret_error)
{
    struct websocket *websocket = (struct websocket *)transport;
    int over = websocket_over(websocket, ret_error);
    if (over != 0)
        return over;
    if (websocket->framed == 0) {
        websocket->framed = bytes.length < FRAME_BYTES ? bytes.length : FRAME_BYTES;
        websocket->frame_written = false;
        memcpy(websocket->frame + LWS_PRE, bytes.data, websocket->framed);
        lws_callback_on_writable(websocket->wsi);
    }
    websocket_pump(websocket, false);
    over = websocket_over(websocket, ret_error);
    if (over != 0)
        return over;
    if (!websocket->frame_written || lws_partial_buffered(websocket->wsi) ||
        buffer_length(&websocket->leaving) != 0)
        return 0;
    size_t count = websocket->framed;
    websocket->framed = 0;
    return (ssize_t)count;
}

static ssize_t websocket_receive(struct transport *transport, uint8_t *room, size_t size,
                                 struct error *ret_error)
{
    struct websocket *websocket = (struct websocket *)transport;
    websocket_pump(websocket, true);
    struct bytes bytes = buffer_bytes(&websocket->payload);
    size_t count = bytes.length < size ? bytes.length : size;
    if (count == 0)
        return websocket_over(websocket, ret_error);
    memcpy(room, bytes.data, count);
    buffer_taken(&websocket->payload, count);
    transport->has_input = count < bytes.length || websocket->below.code != 0 || websocket->ending.code != 0;
    return (ssize_t)count;
}

static void websocket_farewell(struct transport *transport)
{
    struct websocket *websocket = (struct websocket *)transport;
    if (websocket->wsi == NULL)
        return;
    websocket->leave = true;
    lws_callback_on_writable(websocket->wsi);
    websocket_pump(websocket, false);
}

static void websocket_destroy(struct transport *transport)
{
    struct websocket *websocket = (struct websocket *)transport;
    lws_context_destroy(websocket->context);
    if (websocket->listener >= 0)
        close(websocket->listener);
    if (websocket->local >= 0)
        close(websocket->local);
    buffer_finish(&websocket->arriving);
    buffer_finish(&websocket->leaving);
    buffer_finish(&websocket->payload);
    free(websocket);
}

static const struct transport_layer websocket_layer = {
    .opening = "WebSocket upgrade",
    .open = websocket_open,
    .send = websocket_send,
    .receive = websocket_receive,
    .farewell = websocket_farewell,
    .destroy = websocket_destroy,
};

int websocket_push(const struct url *url, const struct hbmqtt_options *options, struct transport **ret_top,
                   struct error *ret_error)
{
    struct websocket *websocket = calloc(1, sizeof *websocket);
    if (websocket == NULL)
        return error_set(ret_error, HBMQTT_ERROR_SYSTEM, "out of memory");
    websocket->transport = (struct transport){.layer = &websocket_layer, .below = *ret_top, .fd = -1};
    websocket->options = options;
    websocket->url = url;
    websocket->listener = websocket->local = -1;
    buffer_init(&websocket->arriving);
    buffer_init(&websocket->leaving);
    buffer_init(&websocket->payload);
    *ret_top = &websocket->transport;
    return 0;
}
