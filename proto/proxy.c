// SPDX-License-Identifier: MIT
// Reading the header of the PROXY protocol. Version 1 is a line of text, taken apart when its end has come;
// version 2 is binary and tells its size in its first 16 bytes. What returns a phrase says with it what is
// wrong with the header, and with NULL that nothing is.
#include "proto/proxy.h"

#include <arpa/inet.h>

#include "proto/utf8.h"

// How many bytes `stream` and `expected` have in common at their beginning.
static size_t common_length(struct bytes stream, struct bytes expected)
{
    size_t length = 0;
    while (length < stream.length && length < expected.length && stream.data[length] == expected.data[length])
        length++;
    return length;
}

// ---- Version 1 (section 2.1) ----

// Takes the next field off the front of the line, and the one space behind it. The last field has none.
static bool field_next(struct bytes *line, bool last, struct bytes *ret_field)
{
    const uint8_t *space = line->length != 0 ? memchr(line->data, ' ', line->length) : NULL;
    if ((space == NULL) != last)
        return false;
    size_t length = last ? line->length : (size_t)(space - line->data);
    *ret_field = (struct bytes){line->data, length};
    if (!last)
        *line = (struct bytes){line->data + length + 1, line->length - length - 1};
    return length != 0;
}

// An address as text. Which forms there are is left to libc, which knows no leading zeroes in IPv4.
static bool address_parse(struct bytes field, int family, uint8_t host[PROXY_HOST_MAX])
{
    char text[INET6_ADDRSTRLEN] = {0};
    if (field.length >= sizeof text)
        return false;
    memcpy(text, field.data, field.length);
    return inet_pton(family, text, host) == 1;
}

// A number from 0 to 65535 without leading zeroes.
static bool port_parse(struct bytes field, uint16_t *ret_port)
{
    uint32_t port = 0;
    if (field.length > 5 || (field.length > 1 && field.data[0] == '0'))
        return false;
    for (size_t i = 0; i < field.length; i++) {
        if (field.data[i] < '0' || field.data[i] > '9')
            return false;
        port = port * 10 + (field.data[i] - '0');
    }
    *ret_port = (uint16_t)port;
    return port <= UINT16_MAX;
}

static const char *addresses_parse(struct bytes line, int family, struct proxy_header *header)
{
    struct bytes source, destination, source_port, destination_port;
    if (!field_next(&line, false, &source) || !field_next(&line, false, &destination) ||
        !field_next(&line, false, &source_port) || !field_next(&line, true, &destination_port))
        return "the PROXY line does not have six fields";
    if (!address_parse(source, family, header->source.host) ||
        !address_parse(destination, family, header->destination.host))
        return "an address of the PROXY line is malformed";
    if (!port_parse(source_port, &header->source.port) ||
        !port_parse(destination_port, &header->destination.port))
        return "a port of the PROXY line is malformed";
    return NULL;
}

// A whole line without its end, from behind "PROXY ".
static const char *line_parse(struct bytes line, struct proxy_header *header)
{
    static const struct bytes tcp4 = {(const uint8_t *)"TCP4 ", 5};
    static const struct bytes tcp6 = {(const uint8_t *)"TCP6 ", 5};
    static const struct bytes unknown = {(const uint8_t *)"UNKNOWN", 7};
    if (common_length(line, unknown) == unknown.length &&
        (line.length == unknown.length || line.data[unknown.length] == ' '))
        return NULL; // what follows is to be ignored
    bool is_tcp4 = common_length(line, tcp4) == tcp4.length;
    if (!is_tcp4 && common_length(line, tcp6) != tcp6.length)
        return "the PROXY line names none of TCP4, TCP6 and UNKNOWN";
    header->family = is_tcp4 ? PROXY_INET : PROXY_INET6;
    struct bytes rest = {line.data + tcp4.length, line.length - tcp4.length};
    return addresses_parse(rest, is_tcp4 ? AF_INET : AF_INET6, header);
}

// Looks for the end of the line behind the first `begun` bytes, which are known. Sets `size` when it is
// there.
static const char *line_end(struct bytes stream, size_t begun, struct proxy_header *header)
{
    for (size_t at = begun; at < stream.length && at < PROXY_LINE_MAX; at++) {
        uint8_t byte = stream.data[at];
        bool after_cr = stream.data[at - 1] == '\r';
        if (after_cr != (byte == '\n'))
            return "the PROXY line does not end with CR LF";
        if (after_cr) {
            header->size = (uint32_t)at + 1;
            return NULL;
        }
        if (byte != '\r' && (byte < ' ' || byte > '~'))
            return "the PROXY line holds what is not text";
    }
    return stream.length >= PROXY_LINE_MAX ? "the PROXY line is longer than 107 bytes" : NULL;
}

static const char *line_read(struct bytes stream, size_t begun, struct proxy_header *header)
{
    const char *why = line_end(stream, begun, header);
    if (why != NULL || header->size == 0)
        return why;
    return line_parse((struct bytes){stream.data + begun, header->size - begun - 2}, header);
}

// ---- Version 2 (section 2.2) ----

enum {
    COMMAND_LOCAL = 0x20, // with the version in the high nibble
    COMMAND_PROXY = 0x21,
    FAMILY_HIGHEST = PROXY_UNIX,
    TRANSPORT_HIGHEST = 2, // datagrams
    UNIX_PATH_BYTES = 108,
};

enum tlv_type {
    TLV_AUTHORITY = 0x02,
    TLV_CRC32C = 0x03,
    TLV_TLS = 0x20,
    TLV_TLS_VERSION = 0x21, // these two inside of TLV_TLS only
    TLV_TLS_COMMON_NAME = 0x22,
};

enum tls_client {
    CLIENT_TLS = 0x01,
    CLIENT_CERTIFICATE = 0x02,
    CLIENT_CERTIFICATE_EARLIER = 0x04,
};

static void address_get(struct reader *reader, uint32_t host_bytes, struct proxy_header *header)
{
    struct bytes source = reader_get_bytes(reader, host_bytes);
    struct bytes destination = reader_get_bytes(reader, host_bytes);
    header->source.port = reader_get_u16(reader);
    header->destination.port = reader_get_u16(reader);
    if (reader->failed)
        return;
    memcpy(header->source.host, source.data, host_bytes);
    memcpy(header->destination.host, destination.data, host_bytes);
}

// The path of a socket: up to the first zero byte, or an abstract name up to the zeroes at its end. A failed
// reader gives an empty one.
static struct bytes path_get(struct reader *reader)
{
    struct bytes path = reader_get_bytes(reader, UNIX_PATH_BYTES);
    const uint8_t *zero = path.length != 0 && path.data[0] != 0 ? memchr(path.data, 0, path.length) : NULL;
    if (zero != NULL)
        path.length = (size_t)(zero - path.data);
    while (path.length != 0 && path.data[path.length - 1] == 0)
        path.length--;
    return path;
}

static const char *addresses_read(struct reader *reader, struct proxy_header *header)
{
    if (header->family == PROXY_INET) {
        address_get(reader, 4, header);
    } else if (header->family == PROXY_INET6) {
        address_get(reader, PROXY_HOST_MAX, header);
    } else {
        header->source.path = path_get(reader);
        header->destination.path = path_get(reader);
    }
    return reader->failed ? "the addresses of the PROXY header are cut" : NULL;
}

// CRC-32C of the whole header, in which the bytes of the sum itself count as zeroes [RFC 4960, appendix B].
static uint32_t crc32c(struct bytes header, struct bytes sum)
{
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < header.length; i++) {
        bool in_sum = header.data + i >= sum.data && header.data + i < sum.data + sum.length;
        crc ^= in_sum ? 0 : header.data[i];
        for (uint32_t bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ ((crc & 1) != 0 ? 0x82f63b78u : 0);
    }
    return ~crc;
}

static const char *crc32c_check(struct bytes whole, struct bytes value)
{
    struct reader sum = reader_of(value);
    uint32_t expected = reader_get_u32(&sum);
    if (sum.failed || reader_left(&sum) != 0)
        return "the checksum of the PROXY header has not four bytes";
    return crc32c(whole, value) == expected ? NULL : "the checksum of the PROXY header is wrong";
}

// Takes a text that may be there once.
static const char *text_take(struct bytes value, struct bytes *text)
{
    if (text->data != NULL)
        return "a text of the PROXY header is there twice";
    if (!utf8_valid(value))
        return "a text of the PROXY header is not UTF-8";
    *text = value;
    return NULL;
}

static const char *tls_read(struct bytes value, struct proxy_tls *tls)
{
    struct reader reader = reader_of(value);
    if (tls->there)
        return "the PROXY header tells of TLS twice";
    uint8_t client = reader_get_u8(&reader);
    tls->there = true;
    tls->used = (client & CLIENT_TLS) != 0;
    tls->certificate = (client & CLIENT_CERTIFICATE) != 0;
    tls->certificate_earlier = (client & CLIENT_CERTIFICATE_EARLIER) != 0;
    // Zero is also what a proxy leaves there that had no certificate to verify.
    tls->verified = reader_get_u32(&reader) == 0 && (tls->certificate || tls->certificate_earlier);
    const char *why = NULL;
    while (why == NULL && reader_left(&reader) != 0) {
        uint8_t type = reader_get_u8(&reader);
        struct bytes part = reader_get_binary(&reader);
        if (reader.failed)
            break;
        if (type == TLV_TLS_VERSION)
            why = text_take(part, &tls->version);
        else if (type == TLV_TLS_COMMON_NAME)
            why = text_take(part, &tls->common_name);
    }
    return reader.failed ? "what the PROXY header tells of TLS is cut" : why;
}

static const char *tlvs_read(struct bytes whole, struct reader *reader, struct proxy_header *header)
{
    bool checked = false;
    const char *why = NULL;
    while (why == NULL && reader_left(reader) != 0) {
        uint8_t type = reader_get_u8(reader);
        struct bytes value = reader_get_binary(reader);
        if (reader->failed)
            return "a TLV of the PROXY header is cut";
        if (type == TLV_AUTHORITY) {
            why = text_take(value, &header->authority);
        } else if (type == TLV_TLS) {
            why = tls_read(value, &header->tls);
        } else if (type == TLV_CRC32C) {
            why = checked ? "the PROXY header has two checksums" : crc32c_check(whole, value);
            checked = true;
        }
    }
    return why;
}

// A header of version 2 of which the signature is right.
static const char *binary_read(struct bytes stream, size_t signature, uint32_t size_max,
                               struct proxy_header *header)
{
    struct reader reader = reader_of(stream);
    (void)reader_get_bytes(&reader, (uint32_t)signature); // it has been looked at
    uint8_t command = reader_get_u8(&reader);
    uint8_t family = reader_get_u8(&reader);
    uint32_t size = PROXY_FIXED + reader_get_u16(&reader);
    if (stream.length > signature && command != COMMAND_LOCAL && command != COMMAND_PROXY)
        return "the version or the command of the PROXY header is unknown";
    // A health check may have any family.
    bool known = family >> 4 <= FAMILY_HIGHEST && (family & 0x0f) <= TRANSPORT_HIGHEST;
    if (command == COMMAND_PROXY && !known)
        return "the family or the transport of the PROXY header is unknown";
    if (reader.failed)
        return NULL;
    if (size > size_max)
        return "the PROXY header is too large";
    header->size = size;
    header->local = command == COMMAND_LOCAL;
    if (stream.length < size || header->local || family >> 4 == 0 || (family & 0x0f) == 0)
        return NULL;
    header->family = (enum proxy_family)(family >> 4);
    struct bytes whole = {stream.data, size};
    struct reader rest = reader_of((struct bytes){reader.at, size - PROXY_FIXED});
    const char *why = addresses_read(&rest, header);
    return why != NULL ? why : tlvs_read(whole, &rest, header);
}

enum proxy_status proxy_read(struct bytes stream, uint32_t size_max, struct proxy_header *ret_header)
{
    static const struct bytes text = {(const uint8_t *)"PROXY ", 6};
    static const struct bytes signature = {(const uint8_t *)"\r\n\r\n\0\r\nQUIT\n", 12};
    *ret_header = (struct proxy_header){0};
    size_t begun_text = common_length(stream, text);
    size_t begun_binary = common_length(stream, signature);
    const char *why = NULL;
    if (begun_text == text.length)
        why = line_read(stream, begun_text, ret_header);
    else if (begun_binary == signature.length)
        why = binary_read(stream, begun_binary, size_max, ret_header);
    else if (begun_text != stream.length && begun_binary != stream.length)
        why = "the connection does not begin with a PROXY header";
    if (why != NULL) {
        *ret_header = (struct proxy_header){.why = why};
        return PROXY_MALFORMED;
    }
    return ret_header->size != 0 && ret_header->size <= stream.length ? PROXY_READY : PROXY_NEED_MORE;
}
