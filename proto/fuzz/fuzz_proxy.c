// SPDX-License-Identifier: MIT
// PROXY headers: a verdict on a prefix is the verdict on the whole, nothing but the header counts, the views
// lie in it, and a line that is written anew says the same.
//
//     input: largest header (two bytes), a stream
#include <arpa/inet.h>

#include "proto/proxy.h"
#include "proto/test/block.h"
#include "proto/utf8.h"
#include "test/fuzz.h"

static void check_view(struct bytes view, struct bytes header, bool text)
{
    if (view.length != 0 &&
        (view.data < header.data || view.data + view.length > header.data + header.length))
        fuzz_fail("a view does not lie in the header");
    if (text && !utf8_valid(view))
        fuzz_fail("a view is no text");
}

static bool address_equal(const struct proxy_address *a, const struct proxy_address *b)
{
    return memcmp(a->host, b->host, sizeof a->host) == 0 && a->port == b->port;
}

// Writes the addresses as a line, whatever the version was in which they came.
static void write_anew(const struct proxy_header *header)
{
    char source[INET6_ADDRSTRLEN], destination[INET6_ADDRSTRLEN], line[PROXY_LINE_MAX + 1];
    int family = header->family == PROXY_INET ? AF_INET : AF_INET6;
    struct proxy_header again;
    if (inet_ntop(family, header->source.host, source, sizeof source) == NULL ||
        inet_ntop(family, header->destination.host, destination, sizeof destination) == NULL)
        fuzz_fail("an address cannot be written");
    int length = snprintf(line, sizeof line, "PROXY TCP%c %s %s %u %u\r\n", family == AF_INET ? '4' : '6',
                          source, destination, header->source.port, header->destination.port);
    if (length < 0 || (size_t)length >= sizeof line)
        fuzz_fail("a line is longer than lines are");
    struct bytes stream = {(const uint8_t *)line, (size_t)length};
    if (proxy_read(stream, PROXY_SIZE_MIN, &again) != PROXY_READY || again.family != header->family ||
        !address_equal(&again.source, &header->source) ||
        !address_equal(&again.destination, &header->destination))
        fuzz_fail("written anew, it says something else");
}

static void check_ready(struct bytes stream, uint32_t size_max, const struct proxy_header *header)
{
    bool line = stream.data[0] == 'P';
    if (header->size > stream.length || header->size > (line ? PROXY_LINE_MAX : size_max))
        fuzz_fail("a header is ready that is not there, or too large");
    struct bytes whole = {stream.data, header->size};
    check_view(header->source.path, whole, false);
    check_view(header->destination.path, whole, false);
    check_view(header->authority, whole, true);
    check_view(header->tls.version, whole, true);
    check_view(header->tls.common_name, whole, true);
    if (header->local && header->family != PROXY_UNSPEC)
        fuzz_fail("a health check has an address");
    if (header->tls.verified && !header->tls.certificate && !header->tls.certificate_earlier)
        fuzz_fail("no certificate was verified");
    if (header->family == PROXY_INET || header->family == PROXY_INET6)
        write_anew(header);
    struct block block = block_copy(whole);
    struct proxy_header alone;
    if (proxy_read(block_view(block), size_max, &alone) != PROXY_READY || alone.size != header->size)
        fuzz_fail("what follows the header changes it");
    block_destroy(block);
}

static void check_prefix(struct bytes prefix, uint32_t size_max, enum proxy_status whole_status,
                         const struct proxy_header *whole)
{
    struct block block = block_copy(prefix);
    struct proxy_header header;
    enum proxy_status status = proxy_read(block_view(block), size_max, &header);
    if (status != PROXY_NEED_MORE && status != whole_status)
        fuzz_fail("more bytes change the verdict");
    if (status != PROXY_NEED_MORE && (header.size != whole->size || header.why != whole->why))
        fuzz_fail("more bytes change what is said");
    if (status == PROXY_NEED_MORE && whole_status == PROXY_READY && prefix.length >= whole->size)
        fuzz_fail("the whole header is not enough");
    block_destroy(block);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct reader input = reader_of((struct bytes){data, size});
    uint32_t size_max = reader_get_u16(&input);
    struct bytes stream = reader_get_bytes(&input, reader_left(&input));
    struct proxy_header whole;
    enum proxy_status status = proxy_read(stream, size_max, &whole);
    if ((status == PROXY_MALFORMED) != (whole.why != NULL))
        fuzz_fail("what is malformed has no reason, or something else has one");
    for (size_t length = 0; length < stream.length; length += 1 + length / 64)
        check_prefix((struct bytes){stream.data, length}, size_max, status, &whole);
    if (status == PROXY_READY)
        check_ready(stream, size_max, &whole);
    else if (status == PROXY_NEED_MORE && whole.size == 0 && stream.length >= PROXY_LINE_MAX)
        fuzz_fail("more is waited for than a header has");
    else if (status == PROXY_NEED_MORE && whole.size > size_max)
        fuzz_fail("more is waited for than is allowed");
    return 0;
}
