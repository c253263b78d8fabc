// SPDX-License-Identifier: MIT
// The upgrade. A request is read in two passes: the first finds the empty line at its end, as bytes come, and
// refuses what no request holds; the second takes the whole request apart, once.
//
//     GET SP target SP HTTP/1.1 CR LF
//     name: value CR LF                any number of them
//     CR LF
//
// The sections are those of RFC 9112 (HTTP/1.1), RFC 9110 (HTTP) and RFC 6455 (WebSocket).
#include <assert.h>

#include "proto/websocket.h"

// What a character may be part of.
enum character {
    IN_TOKEN,  // names, methods, list items [RFC 9110, 5.6.2]
    IN_HOST,   // with its port [RFC 3986, 3.2.2, 3.2.3]
    IN_BASE64, // without padding
    IN_TARGET, // more than RFC 3986 allows, since browsers send more, but neither a space nor a fragment
    IN_VALUE,  // of a header: no control characters [RFC 9110, 5.5]
};

static bool is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

static bool is_in(uint8_t byte, enum character set)
{
    static const char *const others[] = {
        [IN_TOKEN] = "!#$%&'*+-.^_`|~",
        [IN_HOST] = "-._~%!$&'()*+,;=:[]",
        [IN_BASE64] = "+/",
    };
    if (set == IN_VALUE)
        return byte == '\t' || (byte >= ' ' && byte != 0x7f);
    if (set == IN_TARGET)
        return byte > ' ' && byte < 0x7f && byte != '#';
    return is_digit(byte) || (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte != 0 && strchr(others[set], byte) != NULL);
}

static bool all_in(struct bytes text, enum character set)
{
    for (size_t i = 0; i < text.length; i++)
        if (!is_in(text.data[i], set))
            return false;
    return true;
}

static bool is_token(struct bytes text)
{
    return text.length != 0 && all_in(text, IN_TOKEN);
}

static uint8_t lower(uint8_t byte)
{
    return byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte + ('a' - 'A')) : byte;
}

// ASCII without case.
static bool text_equal(struct bytes a, struct bytes b)
{
    if (a.length != b.length)
        return false;
    for (size_t i = 0; i < a.length; i++)
        if (lower(a.data[i]) != lower(b.data[i]))
            return false;
    return true;
}

static struct bytes drop_front(struct bytes text, size_t length)
{
    return length != 0 ? (struct bytes){text.data + length, text.length - length} : text;
}

// Takes what lies before the first `end` off the front of `rest`, and `end` too; all of it if there is none.
// Returns whether there was one.
static bool split(struct bytes *rest, char end, struct bytes *ret_part)
{
    const uint8_t *found = rest->length != 0 ? memchr(rest->data, end, rest->length) : NULL;
    size_t length = found != NULL ? (size_t)(found - rest->data) : rest->length;
    *ret_part = (struct bytes){rest->data, length};
    *rest = drop_front(*rest, found != NULL ? length + 1 : length);
    return found != NULL;
}

static bool is_blank(uint8_t byte)
{
    return byte == ' ' || byte == '\t';
}

static struct bytes trim(struct bytes text)
{
    while (text.length != 0 && is_blank(text.data[0]))
        text = drop_front(text, 1);
    while (text.length != 0 && is_blank(text.data[text.length - 1]))
        text.length--;
    return text;
}

// ---- Refusals ----

// Why a request is refused. None: `why` is NULL.
struct refusal {
    uint16_t http_status;
    const char *why;
};

static const struct refusal no_refusal = {0, NULL};

static struct refusal bad_request(const char *why)
{
    return (struct refusal){400, why};
}

// ---- Where the request ends ----

// What is wrong with the byte at `upgrade->seen`, as far as the bytes before tell.
static struct refusal byte_check(struct bytes stream, const struct websocket_upgrade *upgrade)
{
    uint8_t byte = stream.data[upgrade->seen];
    bool after_cr = upgrade->seen != 0 && stream.data[upgrade->seen - 1] == '\r';
    if (after_cr != (byte == '\n'))
        return bad_request("a line of the request does not end with CR LF"); // [RFC 9112, 2.2]
    if (upgrade->seen == 0 && !is_in(byte, IN_TOKEN))
        return bad_request("what came is no HTTP request");
    if (byte != '\r' && byte != '\n' && !is_in(byte, IN_VALUE))
        return bad_request("a control character is in the request");
    return no_refusal;
}

// Goes on to the end of the empty line. Returns NEED_MORE if the stream ends before.
static enum websocket_upgrade_status end_find(struct bytes stream,
                                              const struct websocket_upgrade_limits *limits,
                                              struct websocket_upgrade *upgrade, struct refusal *ret_refusal)
{
    for (;; upgrade->seen++) {
        if (upgrade->seen >= limits->request_bytes_max)
            *ret_refusal = (struct refusal){431, "the request is too long"};
        else if (upgrade->seen >= stream.length)
            return WEBSOCKET_UPGRADE_NEED_MORE;
        else
            *ret_refusal = byte_check(stream, upgrade);
        if (ret_refusal->why != NULL)
            return WEBSOCKET_UPGRADE_REFUSED;
        if (stream.data[upgrade->seen] != '\n')
            continue;
        if (upgrade->seen >= 3 && stream.data[upgrade->seen - 2] == '\n')
            break;
        // The request line and the empty one are none of the header lines.
        if (upgrade->lines_seen++ > limits->header_lines_max) {
            *ret_refusal = (struct refusal){431, "the request has too many header lines"};
            return WEBSOCKET_UPGRADE_REFUSED;
        }
    }
    upgrade->size = ++upgrade->seen;
    return WEBSOCKET_UPGRADE_READY;
}

// ---- The request line [RFC 9112, 3] ----

// Takes the scheme and the host of a target in absolute form, which a server has to accept, off its front
// [RFC 9112, 3.2.2]. Left of them may be nothing, which means '/'.
static bool target_take_host(struct bytes *target, struct bytes *ret_host)
{
    static const char *const schemes[] = {"http://", "https://"};
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        struct bytes scheme = bytes_of(schemes[i]);
        if (target->length < scheme.length ||
            !text_equal((struct bytes){target->data, scheme.length}, scheme))
            continue;
        struct bytes rest = drop_front(*target, scheme.length);
        size_t length = 0;
        while (length < rest.length && rest.data[length] != '/' && rest.data[length] != '?')
            length++;
        *ret_host = (struct bytes){rest.data, length};
        *target = drop_front(rest, length);
        return length != 0;
    }
    return false;
}

// Sets `ret_host` to the host that a target in absolute form names, else to nothing.
static struct refusal target_read(struct bytes target, struct websocket_upgrade *upgrade,
                                  struct bytes *ret_host)
{
    if (!all_in(target, IN_TARGET))
        return bad_request("the target of the request holds what no path does");
    if (target.length == 0 || (target.data[0] != '/' && !target_take_host(&target, ret_host)))
        return bad_request("the target of the request is no path");
    upgrade->query = target;
    (void)split(&upgrade->query, '?', &upgrade->path); // without a query nothing is left, as it should be
    if (upgrade->path.length == 0)
        upgrade->path = bytes_of("/");
    return no_refusal;
}

static struct refusal version_check(struct bytes version)
{
    if (version.length != 8 || memcmp(version.data, "HTTP/", 5) != 0 || !is_digit(version.data[5]) ||
        version.data[6] != '.' || !is_digit(version.data[7]))
        return bad_request("the request line ends with no HTTP version");
    if (!bytes_equal(version, bytes_of("HTTP/1.1")))
        return (struct refusal){505, "the request is not HTTP/1.1"};
    return no_refusal;
}

static struct refusal request_line_read(struct bytes line, struct websocket_upgrade *upgrade,
                                        struct bytes *ret_host)
{
    struct bytes method, target;
    if (!split(&line, ' ', &method) || !split(&line, ' ', &target) || !is_token(method))
        return bad_request("the request line is malformed");
    struct refusal refusal = version_check(line);
    if (refusal.why != NULL)
        return refusal;
    if (!bytes_equal(method, bytes_of("GET")))
        return (struct refusal){405, "the method is not GET"};
    return target_read(target, upgrade, ret_host);
}

// ---- The headers ----

enum header {
    HEADER_CONNECTION,
    HEADER_CONTENT_LENGTH,
    HEADER_HOST,
    HEADER_KEY,
    HEADER_ORIGIN,
    HEADER_PROTOCOL,
    HEADER_TRANSFER_ENCODING,
    HEADER_UPGRADE,
    HEADER_VERSION,
    HEADER_OTHER,
};

static const struct {
    const char *name;
    bool list; // may come several times, which is the same as once with all items [RFC 9110, 5.3]
    const char *twice;
} headers[] = {
    [HEADER_CONNECTION] = {"Connection", true, NULL},
    [HEADER_CONTENT_LENGTH] = {"Content-Length", false, "Content-Length is there twice"},
    [HEADER_HOST] = {"Host", false, "Host is there twice"},
    [HEADER_KEY] = {"Sec-WebSocket-Key", false, "Sec-WebSocket-Key is there twice"},
    [HEADER_ORIGIN] = {"Origin", false, "Origin is there twice"},
    [HEADER_PROTOCOL] = {"Sec-WebSocket-Protocol", true, NULL},
    [HEADER_TRANSFER_ENCODING] = {"Transfer-Encoding", true, NULL},
    [HEADER_UPGRADE] = {"Upgrade", true, NULL},
    [HEADER_VERSION] = {"Sec-WebSocket-Version", false, "Sec-WebSocket-Version is there twice"},
};

// What the headers said that is no part of the result.
struct headers_read {
    uint32_t there; // bit n: header n
    bool connection_upgrades;
    bool upgrade_to_websocket;
    struct bytes version;
};

static enum header header_find(struct bytes name)
{
    for (enum header header = 0; header < HEADER_OTHER; header++)
        if (text_equal(name, bytes_of(headers[header].name)))
            return header;
    return HEADER_OTHER;
}

// Takes the next item of a list off the front of `rest`. Empty items are passed over [RFC 9110, 5.6.1.2].
static bool item_next(struct bytes *rest, struct bytes *ret_item)
{
    while (rest->length != 0) {
        (void)split(rest, ',', ret_item); // the last item has no comma behind it
        *ret_item = trim(*ret_item);
        if (ret_item->length != 0)
            return true;
    }
    return false;
}

static bool list_has(struct bytes list, const char *wanted)
{
    struct bytes item;
    while (item_next(&list, &item))
        if (text_equal(item, bytes_of(wanted)))
            return true;
    return false;
}

// The first subprotocol offered that is one of ours wins (section 4.2.2, 4), over all headers. Unlike header
// names their names have case.
static struct refusal protocol_read(struct bytes offered, struct websocket_upgrade *upgrade)
{
    static const char *const ours[] = {"mqtt", "mqttv3.1"};
    struct bytes item;
    while (item_next(&offered, &item)) {
        if (!is_token(item))
            return bad_request("Sec-WebSocket-Protocol is no list of names");
        for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++)
            if (upgrade->subprotocol.length == 0 && bytes_equal(item, bytes_of(ours[i])))
                upgrade->subprotocol = bytes_of(ours[i]);
    }
    return no_refusal;
}

// 16 bytes in base64 are 22 digits and two times padding. The low bits of the last digit stand for nothing,
// and may be set: even an example of the standard (section 4.1) has them so.
static bool key_valid(struct bytes key)
{
    return key.length == WEBSOCKET_KEY_BYTES && all_in((struct bytes){key.data, 22}, IN_BASE64) &&
           key.data[22] == '=' && key.data[23] == '=';
}

static struct refusal value_read(enum header header, struct bytes value, struct websocket_upgrade *upgrade,
                                 struct headers_read *read)
{
    switch (header) {
    case HEADER_CONNECTION:
        read->connection_upgrades |= list_has(value, "upgrade");
        break;
    case HEADER_CONTENT_LENGTH:
        return bytes_equal(value, bytes_of("0")) ? no_refusal : bad_request("the request announces a body");
    case HEADER_HOST:
        upgrade->host = value;
        return value.length != 0 && all_in(value, IN_HOST) ? no_refusal : bad_request("Host is no host");
    case HEADER_KEY:
        upgrade->key = value;
        return key_valid(value) ? no_refusal : bad_request("Sec-WebSocket-Key is not 16 bytes in base64");
    case HEADER_ORIGIN:
        upgrade->origin = value;
        return all_in(value, IN_TARGET) ? no_refusal : bad_request("Origin is no origin");
    case HEADER_PROTOCOL:
        return protocol_read(value, upgrade);
    case HEADER_TRANSFER_ENCODING:
        return bad_request("the request announces a body");
    case HEADER_UPGRADE:
        read->upgrade_to_websocket |= list_has(value, "websocket");
        break;
    case HEADER_VERSION:
        read->version = value;
        break;
    case HEADER_OTHER:
        break;
    }
    return no_refusal;
}

// One header line [RFC 9112, 5].
static struct refusal header_line_read(struct bytes line, struct websocket_upgrade *upgrade,
                                       struct headers_read *read)
{
    struct bytes name;
    if (is_blank(line.data[0]))
        return bad_request("a header line is folded"); // [RFC 9112, 5.2]
    if (!split(&line, ':', &name) || !is_token(name))
        return bad_request("a header line does not begin with a name and a colon"); // [RFC 9112, 5.1]
    enum header header = header_find(name);
    if (header != HEADER_OTHER && !headers[header].list && (read->there >> header & 1) != 0)
        return bad_request(headers[header].twice);
    read->there |= 1u << header;
    return value_read(header, trim(line), upgrade, read);
}

// What all headers together have to say (section 4.2.1).
static struct refusal headers_check(const struct headers_read *read, const struct websocket_upgrade *upgrade,
                                    struct bytes target_host)
{
    if (upgrade->host.length == 0)
        return bad_request("there is no Host");
    if (target_host.length != 0 && !text_equal(target_host, upgrade->host))
        return bad_request("Host is another one than that of the target");
    if (!read->upgrade_to_websocket)
        return (struct refusal){426, "the request does not ask for an upgrade to WebSocket"};
    if (!read->connection_upgrades)
        return bad_request("Connection does not name Upgrade");
    if ((read->there >> HEADER_VERSION & 1) == 0)
        return bad_request("there is no Sec-WebSocket-Version");
    if (!bytes_equal(read->version, bytes_of("13")))
        return (struct refusal){426, "the version of WebSocket is not 13"};
    if (upgrade->key.length == 0)
        return bad_request("there is no Sec-WebSocket-Key");
    if (upgrade->subprotocol.length == 0)
        return bad_request("no subprotocol offered is mqtt or mqttv3.1"); // [MQTT-6.0.0-3]
    return no_refusal;
}

// Takes the whole request apart. All its lines are known to end with CR LF, the last of them being empty.
static struct refusal request_read(struct bytes request, struct websocket_upgrade *upgrade)
{
    struct headers_read read = {0};
    struct bytes line, target_host = {NULL, 0};
    struct refusal refusal = no_refusal;
    for (uint32_t number = 0; split(&request, '\n', &line); number++) {
        line.length--; // CR
        if (line.length == 0)
            break;
        if (number == 0)
            refusal = request_line_read(line, upgrade, &target_host);
        else
            refusal = header_line_read(line, upgrade, &read);
        if (refusal.why != NULL)
            return refusal;
    }
    return headers_check(&read, upgrade, target_host);
}

enum websocket_upgrade_status websocket_upgrade_read(struct bytes stream,
                                                     const struct websocket_upgrade_limits *limits,
                                                     struct websocket_upgrade *upgrade)
{
    struct refusal refusal = no_refusal;
    enum websocket_upgrade_status status = end_find(stream, limits, upgrade, &refusal);
    if (status == WEBSOCKET_UPGRADE_NEED_MORE)
        return status;
    if (status == WEBSOCKET_UPGRADE_READY)
        refusal = request_read((struct bytes){stream.data, upgrade->size}, upgrade);
    upgrade->http_status = refusal.http_status;
    upgrade->why = refusal.why;
    return refusal.why == NULL ? WEBSOCKET_UPGRADE_READY : WEBSOCKET_UPGRADE_REFUSED;
}

// ---- Lists of what is allowed ----

bool websocket_path_listed(struct bytes path, const struct bytes *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (bytes_equal(path, list[i]))
            return true;
    return false;
}

bool websocket_origin_listed(struct bytes origin, const struct bytes *list, size_t count)
{
    for (size_t i = 0; origin.length != 0 && i < count; i++)
        if (text_equal(origin, list[i]))
            return true;
    return false;
}

// ---- Answers ----

static void put_text(struct writer *writer, const char *text)
{
    writer_put_bytes(writer, bytes_of(text));
}

void websocket_upgrade_put_accept(struct writer *writer, struct bytes accept, struct bytes subprotocol)
{
    assert(accept.length == WEBSOCKET_ACCEPT_BYTES);
    put_text(writer, "HTTP/1.1 101 Switching Protocols\r\n"
                     "Upgrade: websocket\r\n"
                     "Connection: Upgrade\r\n"
                     "Sec-WebSocket-Accept: ");
    writer_put_bytes(writer, accept);
    put_text(writer, "\r\nSec-WebSocket-Protocol: ");
    writer_put_bytes(writer, subprotocol);
    put_text(writer, "\r\n\r\n");
}

// Status lines, and the headers that a status asks for.
static const struct {
    uint16_t http_status;
    const char *phrase;
    const char *headers;
} refusals[] = {
    {400, "400 Bad Request", "Connection: close\r\n"},
    {403, "403 Forbidden", "Connection: close\r\n"},
    {404, "404 Not Found", "Connection: close\r\n"},
    {405, "405 Method Not Allowed", "Allow: GET\r\nConnection: close\r\n"}, // [RFC 9110, 15.5.6]
    {408, "408 Request Timeout", "Connection: close\r\n"},
    // [RFC 9110, 15.5.22, 7.8] and section 4.4 of RFC 6455.
    {426, "426 Upgrade Required",
     "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nConnection: close, Upgrade\r\n"},
    {429, "429 Too Many Requests", "Connection: close\r\n"},
    {431, "431 Request Header Fields Too Large", "Connection: close\r\n"},
    {500, "500 Internal Server Error", "Connection: close\r\n"},
    {503, "503 Service Unavailable", "Connection: close\r\n"},
    {505, "505 HTTP Version Not Supported", "Connection: close\r\n"},
};

static void put_decimal(struct writer *writer, size_t number)
{
    if (number >= 10)
        put_decimal(writer, number / 10);
    writer_put_u8(writer, (uint8_t)('0' + number % 10));
}

void websocket_upgrade_put_refusal(struct writer *writer, uint16_t http_status, const char *why)
{
    size_t row = 0;
    while (refusals[row].http_status != http_status) {
        row++;
        assert(row < sizeof refusals / sizeof refusals[0]);
    }
    struct bytes text = bytes_of(why != NULL ? why : "");
    put_text(writer, "HTTP/1.1 ");
    put_text(writer, refusals[row].phrase);
    put_text(writer, "\r\n");
    put_text(writer, refusals[row].headers);
    if (text.length != 0)
        put_text(writer, "Content-Type: text/plain\r\n");
    put_text(writer, "Content-Length: ");
    put_decimal(writer, text.length != 0 ? text.length + 1 : 0);
    put_text(writer, "\r\n\r\n");
    if (text.length != 0) {
        writer_put_bytes(writer, text);
        put_text(writer, "\n");
    }
}
