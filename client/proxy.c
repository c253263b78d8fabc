// SPDX-License-Identifier: MIT
#include "client/proxy.h"

#include "client/buffer.h"

#include <arpa/inet.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REQUEST_BYTES_MAX 2048u
#define ANSWER_BYTES_MAX  8192u // of what a proxy may say before it has connected
#define NAME_BYTES_MAX    255u  // of a user, a password or a host in SOCKS

// What we wait for.
enum proxy_stage {
    HTTP_ANSWER,
    SOCKS_METHOD,
    SOCKS_LOGIN,
    SOCKS_ANSWER,
};

struct proxy {
    struct transport transport;
    const struct url *proxy;
    const struct url *broker;
    enum proxy_stage stage;
    uint8_t request[REQUEST_BYTES_MAX];
    size_t request_bytes; // that have not left
    size_t request_at;
    uint8_t answer[ANSWER_BYTES_MAX];
    size_t answer_bytes;
};

static int proxy_fault(const struct proxy *proxy, int code, const char *why, struct error *ret_error)
{
    char name[280];
    url_describe(proxy->proxy, name, sizeof name);
    return error_set(ret_error, code, "the proxy %s %s", name, why);
}

// Requests.

static void request_begin(struct proxy *proxy, const struct writer *written)
{
    proxy->request_at = 0;
    proxy->request_bytes = (size_t)(written->at - proxy->request);
}

// user:password in base64, or "".
static void http_credentials(const struct url *url, char *text, size_t size)
{
    char plain[2 * NAME_BYTES_MAX + 2] = "";
    *text = '\0';
    if (url->user_name == NULL)
        return;
    int length =
        snprintf(plain, sizeof plain, "%s:%s", url->user_name, url->password == NULL ? "" : url->password);
    if (length > 0 && (size_t)length < sizeof plain && ((size_t)length + 2) / 3 * 4 < size)
        (void)EVP_EncodeBlock((uint8_t *)text, (const uint8_t *)plain, length);
}

static int http_ask(struct proxy *proxy, struct error *ret_error)
{
    const struct url *broker = proxy->broker;
    char credentials[800];
    const char *open = broker->bracketed ? "[" : "";
    const char *close = broker->bracketed ? "]" : "";
    http_credentials(proxy->proxy, credentials, sizeof credentials);
    bool known = *credentials != '\0';
    int length = snprintf((char *)proxy->request, sizeof proxy->request,
                          "CONNECT %s%s%s:%u HTTP/1.1\r\nHost: %s%s%s:%u\r\n%s%s%s\r\n", open, broker->host,
                          close, broker->port, open, broker->host, close, broker->port,
                          known ? "Proxy-Authorization: Basic " : "", credentials, known ? "\r\n" : "");
    if (length < 0 || (size_t)length >= sizeof proxy->request)
        return error_set(ret_error, HBMQTT_ERROR_ARGUMENT, "bad URL: the host is too long for a proxy");
    struct writer written = {.at = proxy->request + length};
    request_begin(proxy, &written);
    proxy->stage = HTTP_ANSWER;
    return 0;
}

// Offers to say who we are only where we can.
static void socks_greet(struct proxy *proxy)
{
    bool known = proxy->proxy->user_name != NULL;
    struct writer writer = writer_of(proxy->request, sizeof proxy->request);
    writer_put_u8(&writer, 5);
    writer_put_u8(&writer, known ? 2 : 1);
    writer_put_u8(&writer, 0); // no authentication
    if (known)
        writer_put_u8(&writer, 2); // user name and password
    request_begin(proxy, &writer);
    proxy->stage = SOCKS_METHOD;
}

static void put_short(struct writer *writer, const char *text)
{
    struct bytes bytes = bytes_of(text == NULL ? "" : text);
    writer_put_u8(writer, (uint8_t)bytes.length);
    writer_put_bytes(writer, bytes);
}

static void socks_login(struct proxy *proxy)
{
    struct writer writer = writer_of(proxy->request, sizeof proxy->request);
    writer_put_u8(&writer, 1);
    put_short(&writer, proxy->proxy->user_name);
    put_short(&writer, proxy->proxy->password);
    request_begin(proxy, &writer);
    proxy->stage = SOCKS_LOGIN;
}

static void socks_ask(struct proxy *proxy)
{
    const struct url *broker = proxy->broker;
    struct in_addr v4;
    struct in6_addr v6;
    struct writer writer = writer_of(proxy->request, sizeof proxy->request);
    writer_put_u8(&writer, 5);
    writer_put_u8(&writer, 1); // connect
    writer_put_u8(&writer, 0);
    if (inet_pton(AF_INET, broker->host, &v4) == 1) {
        writer_put_u8(&writer, 1);
        writer_put_bytes(&writer, (struct bytes){(const uint8_t *)&v4, sizeof v4});
    } else if (inet_pton(AF_INET6, broker->host, &v6) == 1) {
        writer_put_u8(&writer, 4);
        writer_put_bytes(&writer, (struct bytes){(const uint8_t *)&v6, sizeof v6});
    } else {
        writer_put_u8(&writer, 3);
        put_short(&writer, broker->host);
    }
    writer_put_u16(&writer, broker->port);
    request_begin(proxy, &writer);
    proxy->stage = SOCKS_ANSWER;
}

// Answers. Each function returns 0 when its stage is over, TRANSPORT_AGAIN when bytes are lacking, or a
// status.

static void answer_taken(struct proxy *proxy, size_t size)
{
    proxy->answer_bytes -= size;
    memmove(proxy->answer, proxy->answer + size, proxy->answer_bytes);
}

static int http_judge(struct proxy *proxy, struct error *ret_error)
{
    const char *end = memmem(proxy->answer, proxy->answer_bytes, "\r\n\r\n", 4);
    if (end == NULL)
        return proxy->answer_bytes < sizeof proxy->answer
                   ? TRANSPORT_AGAIN
                   : proxy_fault(proxy, HBMQTT_ERROR_UNREACHABLE, "does not answer in HTTP", ret_error);
    const char *line = (const char *)proxy->answer;
    size_t length = (size_t)((const char *)memchr(line, '\r', proxy->answer_bytes) - line);
    if (length < 12 || strncmp(line, "HTTP/1.", 7) != 0)
        return proxy_fault(proxy, HBMQTT_ERROR_UNREACHABLE, "does not answer in HTTP", ret_error);
    if (line[9] != '2') {
        char why[120];
        snprintf(why, sizeof why, "did not connect: %.*s", (int)(length < 90 ? length : 90), line);
        return proxy_fault(proxy, HBMQTT_ERROR_UNREACHABLE, why, ret_error);
    }
    answer_taken(proxy, (size_t)(end + 4 - line));
    return 0;
}

static int socks_judge_method(struct proxy *proxy, struct error *ret_error)
{
    if (proxy->answer_bytes < 2)
        return TRANSPORT_AGAIN;
    uint8_t version = proxy->answer[0];
    uint8_t method = proxy->answer[1];
    answer_taken(proxy, 2);
    if (version != 5)
        return proxy_fault(proxy, HBMQTT_ERROR_UNREACHABLE, "does not answer in SOCKS 5", ret_error);
    if (method == 0)
        socks_ask(proxy);
    else if (method == 2 && proxy->proxy->user_name != NULL)
        socks_login(proxy);
    else
        return proxy_fault(proxy, HBMQTT_ERROR_UNREACHABLE,
                           "wants to know who we are in a way that we do not offer", ret_error);
    return TRANSPORT_AGAIN;
}

static int socks_judge_login(struct proxy *proxy, struct error *ret_error)
{
    if (proxy->answer_bytes < 2)
        return TRANSPORT_AGAIN;
    uint8_t status = proxy->answer[1];
    answer_taken(proxy, 2);
    if (status != 0)
        return proxy_fault(proxy, HBMQTT_ERROR_UNREACHABLE, "did not accept the user name or password",
                           ret_error);
    socks_ask(proxy);
    return TRANSPORT_AGAIN;
}

static int socks_judge(struct proxy *proxy, struct error *ret_error)
{
    static const char *const faults[] = {
        "general failure",       "not allowed by its rules",   "network unreachable",
        "host unreachable",      "connection refused",         "time to live expired",
        "command not supported", "address type not supported",
    };
    if (proxy->answer_bytes < 5)
        return TRANSPORT_AGAIN;
    const uint8_t *answer = proxy->answer;
    size_t size = 6u + (answer[3] == 1 ? 4u : answer[3] == 4 ? 16u : 1u + answer[4]);
    if (answer[0] != 5 || (answer[3] != 1 && answer[3] != 3 && answer[3] != 4))
        return proxy_fault(proxy, HBMQTT_ERROR_UNREACHABLE, "does not answer in SOCKS 5", ret_error);
    if (answer[1] != 0) {
        char why[80];
        snprintf(why, sizeof why, "did not connect: %s",
                 answer[1] <= 8 ? faults[answer[1] - 1] : "no reason given");
        return proxy_fault(proxy, HBMQTT_ERROR_UNREACHABLE, why, ret_error);
    }
    if (proxy->answer_bytes < size)
        return TRANSPORT_AGAIN;
    answer_taken(proxy, size);
    return 0;
}

static int proxy_judge(struct proxy *proxy, struct error *ret_error)
{
    switch (proxy->stage) {
    case HTTP_ANSWER:
        return http_judge(proxy, ret_error);
    case SOCKS_METHOD:
        return socks_judge_method(proxy, ret_error);
    case SOCKS_LOGIN:
        return socks_judge_login(proxy, ret_error);
    default:
        return socks_judge(proxy, ret_error);
    }
}

// The layer.

static int proxy_lost(const struct proxy *proxy, const struct error *why, struct error *ret_error)
{
    char text[ERROR_TEXT_BYTES + 40];
    snprintf(text, sizeof text, "ended the connection: %s", why->text);
    return proxy_fault(proxy, HBMQTT_ERROR_UNREACHABLE, text, ret_error);
}

static int proxy_send_request(struct proxy *proxy, struct error *ret_error)
{
    struct error why;
    struct bytes left = {proxy->request + proxy->request_at, proxy->request_bytes - proxy->request_at};
    if (left.length == 0)
        return 0;
    ssize_t count = transport_send(proxy->transport.below, left, &why);
    if (count < 0)
        return proxy_lost(proxy, &why, ret_error);
    proxy->request_at += (size_t)count;
    proxy->transport.wants_write = proxy->request_at != proxy->request_bytes;
    return proxy->transport.wants_write ? TRANSPORT_AGAIN : 0;
}

static int proxy_open(struct transport *transport, struct error *ret_error)
{
    struct proxy *proxy = (struct proxy *)transport;
    if (proxy->request_bytes == 0) {
        int asked = 0;
        if (proxy->proxy->scheme == URL_SCHEME_HTTP)
            asked = http_ask(proxy, ret_error);
        else
            socks_greet(proxy);
        if (asked != 0)
            return asked;
    }
    for (;;) {
        struct error why;
        int status = proxy_send_request(proxy, ret_error);
        if (status != 0)
            return status;
        ssize_t count = transport_receive(transport->below, proxy->answer + proxy->answer_bytes,
                                          sizeof proxy->answer - proxy->answer_bytes, &why);
        if (count < 0)
            return proxy_lost(proxy, &why, ret_error);
        if (count == 0)
            return TRANSPORT_AGAIN;
        proxy->answer_bytes += (size_t)count;
        status = proxy_judge(proxy, ret_error);
        if (status != TRANSPORT_AGAIN) {
            transport->has_input = proxy->answer_bytes != 0;
            return status;
        }
    }
}

static ssize_t proxy_send(struct transport *transport, struct bytes bytes, struct error *ret_error)
{
    return transport_send(transport->below, bytes, ret_error);
}

// What came behind the answer is the broker's.
static ssize_t proxy_receive(struct transport *transport, uint8_t *room, size_t size, struct error *ret_error)
{
    struct proxy *proxy = (struct proxy *)transport;
    if (proxy->answer_bytes == 0)
        return transport_receive(transport->below, room, size, ret_error);
    size_t count = proxy->answer_bytes < size ? proxy->answer_bytes : size;
    memcpy(room, proxy->answer, count);
    answer_taken(proxy, count);
    transport->has_input = proxy->answer_bytes != 0;
    return (ssize_t)count;
}

static void proxy_farewell(struct transport *transport)
{
}

static void proxy_destroy(struct transport *transport)
{
    free(transport);
}

static const struct transport_layer proxy_layer = {
    .opening = "conversation with the proxy",
    .open = proxy_open,
    .send = proxy_send,
    .receive = proxy_receive,
    .farewell = proxy_farewell,
    .destroy = proxy_destroy,
};

// SOCKS has one byte for their lengths.
static bool is_short(const char *text)
{
    return text == NULL || strlen(text) <= NAME_BYTES_MAX;
}

int proxy_push(const struct url *url, const struct url *broker, struct transport **ret_top,
               struct error *ret_error)
{
    if (!is_short(url->user_name) || !is_short(url->password) || !is_short(broker->host))
        return error_set(ret_error, HBMQTT_ERROR_ARGUMENT,
                         "user name, password and host have at most 255 bytes with a proxy");
    struct proxy *proxy = calloc(1, sizeof *proxy);
    if (proxy == NULL)
        return error_set(ret_error, HBMQTT_ERROR_SYSTEM, "out of memory");
    proxy->transport = (struct transport){.layer = &proxy_layer, .below = *ret_top, .fd = -1};
    proxy->proxy = url;
    proxy->broker = broker;
    *ret_top = &proxy->transport;
    return 0;
}
