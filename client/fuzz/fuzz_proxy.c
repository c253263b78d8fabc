// SPDX-License-Identifier: MIT
// A proxy that answers anything, in pieces of any size: it is refused with one line, or what came behind its
// answer is given to the layer above, byte for byte.
//
// The first byte of the input chooses the proxy, the second how much is read at once.
#include "client/proxy.h"
#include "test/fuzz.h"

#include <string.h>

#define SENT_AT_ONCE 7u // so that requests leave in pieces, too

struct script {
    struct transport transport;
    struct bytes left;
    size_t piece;
};

static int script_open(struct transport *transport, struct error *ret_error)
{
    return 0;
}

static ssize_t script_send(struct transport *transport, struct bytes bytes, struct error *ret_error)
{
    return bytes.length < SENT_AT_ONCE ? (ssize_t)bytes.length : (ssize_t)SENT_AT_ONCE;
}

static ssize_t script_receive(struct transport *transport, uint8_t *room, size_t size,
                              struct error *ret_error)
{
    struct script *script = (struct script *)transport;
    size_t count = size < script->piece ? size : script->piece;
    if (size == 0)
        fuzz_fail("no room, and yet it reads");
    if (script->left.length == 0)
        return error_set(ret_error, HBMQTT_ERROR_LOST, "the script is over");
    if (count > script->left.length)
        count = script->left.length;
    memcpy(room, script->left.data, count);
    script->left.data += count;
    script->left.length -= (uint32_t)count;
    return (ssize_t)count;
}

static void script_destroy(struct transport *transport)
{
    free(transport);
}

static const struct transport_layer script_layer = {
    .open = script_open,
    .send = script_send,
    .receive = script_receive,
    .destroy = script_destroy,
};

static struct transport *make_stack(const struct url *proxy, const struct url *broker, struct bytes answers,
                                    size_t piece)
{
    struct script *script = calloc(1, sizeof *script);
    struct error error;
    if (script == NULL)
        fuzz_fail("no memory");
    *script =
        (struct script){.transport = {.layer = &script_layer, .fd = -1}, .left = answers, .piece = piece};
    struct transport *top = &script->transport;
    if (proxy_push(proxy, broker, &top, &error) != 0)
        fuzz_fail("the proxy is refused");
    return top;
}

// What came behind the answer is the end of the input.
static void read_rest(struct transport *top, struct bytes answers)
{
    struct error error;
    uint8_t *rest = malloc(answers.length + 1u);
    size_t length = 0;
    ssize_t count = 0;
    if (rest == NULL)
        fuzz_fail("no memory");
    while ((count = transport_receive(top, rest + length, answers.length + 1u - length, &error)) > 0)
        length += (size_t)count;
    if (count != HBMQTT_ERROR_LOST)
        fuzz_fail("the end is not told");
    if (length != 0 && memcmp(rest, answers.data + answers.length - length, length) != 0)
        fuzz_fail("bytes behind the answer were lost or changed");
    free(rest);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const proxies[] = {"http://p", "http://u:p@p", "socks5://p", "socks5://u:p@p"};
    struct url proxy, broker;
    struct error error = {0};
    if (size < 2)
        return 0;
    if (url_parse_proxy(proxies[data[0] % 4], &proxy, &error) != 0 ||
        url_parse("mqtt://broker", &broker, &error) != 0)
        fuzz_fail("a URL is refused");
    struct bytes answers = {data + 2, (uint32_t)size - 2};
    struct transport *top = make_stack(&proxy, &broker, answers, data[1] % 64 + 1u);
    int status;
    while ((status = transport_open(top, &error)) == TRANSPORT_AGAIN)
        ;
    if (status == 0)
        read_rest(top, answers);
    else if (status != HBMQTT_ERROR_UNREACHABLE || error.text[0] == '\0' ||
             strpbrk(error.text, "\r\n") != NULL)
        fuzz_fail("it is not refused with one line");
    transport_destroy(top);
    url_finish(&proxy);
    url_finish(&broker);
    return 0;
}
