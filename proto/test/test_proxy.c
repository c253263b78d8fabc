// SPDX-License-Identifier: MIT
// PROXY headers of both versions: what they say, what is malformed, wherever they are cut.
#include "proto/proxy.h"

#include "proto/test/block.h"
#include "proto/test/suite.h"

#define SIZE_MAX_USUAL 4096u

#define SIGNATURE  "0d0a0d0a000d0a515549540a "
#define INET       "c0000201 c6336402 3039 075b " // 192.0.2.1:12345 to 198.51.100.2:1883
#define LINE(rest) "'PROXY " rest "' 0d0a"

// The verdict on the whole, which must be the same at each cut before, and with bytes behind it.
static enum proxy_status read_cut(struct bytes stream, uint32_t size_max, struct proxy_header *ret_header)
{
    enum proxy_status whole = proxy_read(stream, size_max, ret_header);
    for (uint32_t cut = 0; cut < stream.length; cut++) {
        struct block block = block_copy((struct bytes){stream.data, cut});
        struct proxy_header header;
        enum proxy_status status = proxy_read(block_view(block), size_max, &header);
        bool ended = whole == PROXY_READY && cut >= ret_header->size;
        CHECK(status == (ended ? PROXY_READY : PROXY_NEED_MORE) || (!ended && status == whole),
              "cut at %u: %d", cut, status);
        CHECK(status != PROXY_NEED_MORE || whole != PROXY_READY || header.size == 0 ||
                  header.size == ret_header->size,
              "cut at %u: %u", cut, header.size);
        CHECK(status != PROXY_MALFORMED || header.why == ret_header->why, "cut at %u: %s", cut, header.why);
        block_destroy(block);
    }
    return whole;
}

static bool address_is(const struct proxy_address *address, const char *host, uint16_t port)
{
    struct block expected = block_of(host);
    bool is = memcmp(address->host, expected.data, expected.length) == 0 && address->port == port;
    block_destroy(expected);
    return is;
}

#define V6_A "20010db8000000000000000000000001"
#define V6_B "00000000000000000000ffffc0000201"

static void addresses_are_read(void)
{
    static const struct {
        const char *header;
        bool local;
        enum proxy_family family;
        const char *source, *destination;
        uint16_t source_port, destination_port;
    } vectors[] = {
        {LINE("TCP4 192.0.2.1 198.51.100.2 12345 1883"), false, PROXY_INET, "c0000201", "c6336402", 12345,
         1883},
        {LINE("TCP4 255.255.255.255 0.0.0.0 65535 0"), false, PROXY_INET, "ffffffff", "00000000", 65535, 0},
        {LINE("TCP6 2001:db8::1 ::ffff:192.0.2.1 1 2"), false, PROXY_INET6, V6_A, V6_B, 1, 2},
        {LINE("TCP6 2001:0DB8:0000:0000:0000:0000:0000:0001 ::ffff:c000:201 1 2"), false, PROXY_INET6, V6_A,
         V6_B, 1, 2},
        {LINE("UNKNOWN"), false, PROXY_UNSPEC, "", "", 0, 0},
        {LINE("UNKNOWN "), false, PROXY_UNSPEC, "", "", 0, 0},
        {LINE("UNKNOWN what ever  it says"), false, PROXY_UNSPEC, "", "", 0, 0},
        {SIGNATURE "21 11 000c " INET, false, PROXY_INET, "c0000201", "c6336402", 12345, 1883},
        {SIGNATURE "21 12 000c " INET, false, PROXY_INET, "c0000201", "c6336402", 12345, 1883},
        {SIGNATURE "21 21 0024 " V6_A V6_B "0001 ffff", false, PROXY_INET6, V6_A, V6_B, 1, 65535},
        {SIGNATURE "20 00 0000", true, PROXY_UNSPEC, "", "", 0, 0},
        {SIGNATURE "20 11 000c " INET, true, PROXY_UNSPEC, "", "", 0, 0},
        {SIGNATURE "20 ff 0003 010203", true, PROXY_UNSPEC, "", "", 0, 0},
        {SIGNATURE "21 00 0000", false, PROXY_UNSPEC, "", "", 0, 0},
        {SIGNATURE "21 00 0002 0102", false, PROXY_UNSPEC, "", "", 0, 0},
        {SIGNATURE "21 10 000c " INET, false, PROXY_UNSPEC, "", "", 0, 0},
        {SIGNATURE "21 01 000c " INET, false, PROXY_UNSPEC, "", "", 0, 0},
    };
    for (size_t i = 0; i < COUNT(vectors); i++) {
        struct block block = block_of(vectors[i].header);
        struct proxy_header header;
        enum proxy_status status = read_cut(block_view(block), SIZE_MAX_USUAL, &header);
        CHECK(status == PROXY_READY && header.size == block.length, "%s: %s", vectors[i].header, header.why);
        CHECK(header.local == vectors[i].local, "%s", vectors[i].header);
        CHECK(header.family == vectors[i].family, "%s", vectors[i].header);
        CHECK(address_is(&header.source, vectors[i].source, vectors[i].source_port), "%s", vectors[i].header);
        CHECK(address_is(&header.destination, vectors[i].destination, vectors[i].destination_port), "%s",
              vectors[i].header);
        CHECK(!header.tls.there && header.authority.length == 0, "%s", vectors[i].header);
        block_destroy(block);
    }
}

static void what_follows_is_the_clients(void)
{
    static const char *const streams[] = {
        LINE("TCP4 192.0.2.1 198.51.100.2 12345 1883") " 10 0c 00 04 'MQTT' 0d0a",
        SIGNATURE "21 11 000c " INET "10 0c 00 04 'MQTT' 0d0a",
        SIGNATURE "20 00 0000 10 0c 00 04 'MQTT' 0d0a",
    };
    for (size_t i = 0; i < COUNT(streams); i++) {
        struct block block = block_of(streams[i]);
        struct proxy_header header;
        CU_ASSERT_EQUAL(read_cut(block_view(block), SIZE_MAX_USUAL, &header), PROXY_READY);
        CHECK(header.size == block.length - 10, "%s: %u", streams[i], header.size);
        block_destroy(block);
    }
}

static void the_size_is_known_as_soon_as_can_be(void)
{
    struct block block = block_of(SIGNATURE "21 21 0124");
    struct proxy_header header;
    CU_ASSERT_EQUAL(read_cut(block_view(block), SIZE_MAX_USUAL, &header), PROXY_NEED_MORE);
    CU_ASSERT_EQUAL(header.size, 16 + 0x124);
    CU_ASSERT_EQUAL(read_cut(block_view(block), 16 + 0x124, &header), PROXY_NEED_MORE);
    CU_ASSERT_EQUAL(read_cut(block_view(block), 16 + 0x123, &header), PROXY_MALFORMED);
    CU_ASSERT_EQUAL(header.size, 0);
    struct bytes cut = {block.data, block.length - 1};
    CU_ASSERT_EQUAL(proxy_read(cut, SIZE_MAX_USUAL, &header), PROXY_NEED_MORE);
    CU_ASSERT_EQUAL(header.size, 0);
    block_destroy(block);
}

static void paths_of_sockets_end_with_their_zeroes(void)
{
    static const struct {
        const char *field, *path;
    } vectors[] = {
        {"'/run/a'", "'/run/a'"},
        {"'/run/a' 00 'rest'", "'/run/a'"},
        {"00 'abstract' 00 'b'", "00 'abstract' 00 'b'"},
        {"", ""},
    };
    for (size_t i = 0; i < COUNT(vectors); i++) {
        struct block begin = block_of(SIGNATURE "21 31 00d8");
        struct block field = block_of(vectors[i].field);
        struct block path = block_of(vectors[i].path);
        struct block block = block_create(16 + 216);
        memset(block.data, 0, block.length);
        memcpy(block.data, begin.data, begin.length);
        memcpy(block.data + 16, field.data, field.length);
        memset(block.data + 16 + 108, 'x', 108);
        struct proxy_header header;
        CU_ASSERT_EQUAL(read_cut(block_view(block), PROXY_SIZE_MIN, &header), PROXY_READY);
        CU_ASSERT_EQUAL(header.family, PROXY_UNIX);
        CHECK(bytes_equal(header.source.path, block_view(path)), "%s", vectors[i].field);
        CU_ASSERT_EQUAL(header.destination.path.length, 108);
        block_destroy(begin);
        block_destroy(field);
        block_destroy(path);
        block_destroy(block);
    }
}

static bool same(struct bytes view, const char *expected)
{
    return bytes_equal(view, bytes_of(expected));
}

static void tls_and_authority_are_read(void)
{
    struct block block =
        block_of(SIGNATURE "21 11 0040 " INET "01 0004 'mqtt' 02 0006 'broker' 04 0000"
                           "20 001a 07 00000000 21 0007 'TLSv1.3' 23 0001 'c' 22 0004 'J' c3b8 'e'"
                           "ee 0001 ff");
    struct proxy_header header;
    CU_ASSERT_EQUAL(read_cut(block_view(block), SIZE_MAX_USUAL, &header), PROXY_READY);
    CU_ASSERT_TRUE(header.tls.there && header.tls.used && header.tls.certificate);
    CU_ASSERT_TRUE(header.tls.certificate_earlier && header.tls.verified);
    CU_ASSERT_TRUE(same(header.authority, "broker"));
    CU_ASSERT_TRUE(same(header.tls.version, "TLSv1.3"));
    CU_ASSERT_TRUE(same(header.tls.common_name, "J\xc3\xb8"
                                                "e"));
    block_destroy(block);
}

static void a_certificate_is_verified_only_if_there_was_one(void)
{
    static const struct {
        const char *tls;
        bool used, certificate, earlier, verified;
    } vectors[] = {
        {"00 00000000", false, false, false, false}, {"01 00000000", true, false, false, false},
        {"03 00000000", true, true, false, true},    {"05 00000000", true, false, true, true},
        {"03 00000001", true, true, false, false},   {"07 80000000", true, true, true, false},
        {"f8 00000000", false, false, false, false}, // other bits say nothing
    };
    for (size_t i = 0; i < COUNT(vectors); i++) {
        char notation[200];
        snprintf(notation, sizeof notation, SIGNATURE "21 11 0014 " INET "20 0005 %s", vectors[i].tls);
        struct block block = block_of(notation);
        struct proxy_header header;
        CU_ASSERT_EQUAL(read_cut(block_view(block), SIZE_MAX_USUAL, &header), PROXY_READY);
        CHECK(header.tls.there, "%s", vectors[i].tls);
        CHECK(header.tls.used == vectors[i].used, "%s", vectors[i].tls);
        CHECK(header.tls.certificate == vectors[i].certificate, "%s", vectors[i].tls);
        CHECK(header.tls.certificate_earlier == vectors[i].earlier, "%s", vectors[i].tls);
        CHECK(header.tls.verified == vectors[i].verified, "%s", vectors[i].tls);
        block_destroy(block);
    }
}

static void a_checksum_is_that_of_the_header_without_it(void)
{
    static const char *const headers[] = {
        SIGNATURE "21 11 0013 " INET "03 0004 d893f42a",
        SIGNATURE "21 11 0017 " INET "03 0004 7f3e0370 04 0001 aa",
    };
    for (size_t i = 0; i < COUNT(headers); i++) {
        struct block block = block_of(headers[i]);
        struct proxy_header header;
        CU_ASSERT_EQUAL(read_cut(block_view(block), SIZE_MAX_USUAL, &header), PROXY_READY);
        // Whichever byte is changed, it is noticed.
        for (uint32_t at = 16; at < block.length; at++) {
            block.data[at] ^= 0x10;
            bool ignored = at == 28; // the type: then it is no checksum
            enum proxy_status status = proxy_read(block_view(block), SIZE_MAX_USUAL, &header);
            CHECK((status == PROXY_READY) == ignored, "byte %u", at);
            block.data[at] ^= 0x10;
        }
        block_destroy(block);
    }
}

struct malformed {
    const char *header;
    const char *why;
};

static void check_malformed(const struct malformed *vectors, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct block block = block_of(vectors[i].header);
        struct proxy_header header;
        enum proxy_status status = read_cut(block_view(block), SIZE_MAX_USUAL, &header);
        CHECK(status == PROXY_MALFORMED, "%s: %d", vectors[i].header, status);
        CHECK(header.why != NULL && strcmp(header.why, vectors[i].why) == 0, "%s: %s", vectors[i].header,
              header.why);
        block_destroy(block);
    }
}

static void malformed_lines_are_told(void)
{
    static const char *const none = "the connection does not begin with a PROXY header";
    static const char *const ending = "the PROXY line does not end with CR LF";
    static const char *const fields = "the PROXY line does not have six fields";
    static const char *const family = "the PROXY line names none of TCP4, TCP6 and UNKNOWN";
    static const char *const address = "an address of the PROXY line is malformed";
    static const char *const port = "a port of the PROXY line is malformed";
    static const char *const text = "the PROXY line holds what is not text";
    const struct malformed vectors[] = {
        {"'G'", none},
        {"10 0c 00 04 'MQTT'", none},
        {"'PROXY' 09 'TCP4'", none},
        {"'proxy TCP4'", none},
        {"'PROXZ'", none},
        {"0d0a 'PROXY '", none},
        {"'PROXY UNKNOWN' 0a", ending},
        {"'PROXY UNKNOWN' 0d 'x'", ending},
        {"'PROXY UNKNOWN' 0d0d0a", ending},
        {"'PROXY UNKNOWN ' 00", text},
        {"'PROXY TCP4' 09", text},
        {"'PROXY UNKNOWN ' ff", text},
        {LINE(""), family},
        {LINE("UNKNOWN1"), family},
        {LINE("unknown"), family},
        {LINE("TCP5 1.2.3.4 1.2.3.4 1 2"), family},
        {LINE("TCP41.2.3.4 1.2.3.4 1 2"), family},
        {LINE("TCP4"), family},
        {LINE("TCP4 "), fields},
        {LINE("TCP4 1.2.3.4"), fields},
        {LINE("TCP4 1.2.3.4 1.2.3.4 1"), fields},
        {LINE("TCP4 1.2.3.4 1.2.3.4 1 "), fields},
        {LINE("TCP4 1.2.3.4 1.2.3.4  1 2"), fields},
        {LINE("TCP4  1.2.3.4 1.2.3.4 1 2"), fields},
        {LINE("TCP4 1.2.3.4 1.2.3.4 1 2 "), fields},
        {LINE("TCP4 1.2.3.4 1.2.3.4 1 2 3"), fields},
        {LINE("TCP4 1.2.3 1.2.3.4 1 2"), address},
        {LINE("TCP4 1.2.3.4 1.2.3.256 1 2"), address},
        {LINE("TCP4 01.2.3.4 1.2.3.4 1 2"), address},
        {LINE("TCP4 1.2.3.4.5 1.2.3.4 1 2"), address},
        {LINE("TCP4 ::1 1.2.3.4 1 2"), address},
        {LINE("TCP4 0x1.2.3.4 1.2.3.4 1 2"), address},
        {LINE("TCP6 1.2.3.4 ::1 1 2"), address},
        {LINE("TCP6 1::2::3 ::1 1 2"), address},
        {LINE("TCP6 ::1 1:2:3:4:5:6:7 1 2"), address},
        {LINE("TCP6 ::1 fe80::1%lo 1 2"), address},
        {LINE("TCP6 0000:0000:0000:0000:0000:0000:255.255.255.2551 :: 1 2"), address},
        {LINE("TCP6 ::1 00000000000000000000000000000000000000000000000000000000000000000000000001 1 2"),
         address},
        {LINE("TCP4 1.2.3.4 1.2.3.4 01 2"), port},
        {LINE("TCP4 1.2.3.4 1.2.3.4 4294967297 2"), port},
        {LINE("TCP4 1.2.3.4 1.2.3.4 1/ 2"), port},
        {LINE("TCP4 1.2.3.4 1.2.3.4 1 00"), port},
        {LINE("TCP4 1.2.3.4 1.2.3.4 1 65536"), port},
        {LINE("TCP4 1.2.3.4 1.2.3.4 100000 2"), port},
        {LINE("TCP4 1.2.3.4 1.2.3.4 -1 2"), port},
        {LINE("TCP4 1.2.3.4 1.2.3.4 +1 2"), port},
        {LINE("TCP4 1.2.3.4 1.2.3.4 1 2a"), port},
    };
    check_malformed(vectors, COUNT(vectors));
}

static void a_line_has_107_bytes_at_most(void)
{
    for (uint32_t length = 100; length < 115; length++) {
        struct block block = block_create(length);
        memset(block.data, 'x', length);
        memcpy(block.data, "PROXY UNKNOWN ", 14);
        memcpy(block.data + length - 2, "\r\n", 2);
        struct proxy_header header;
        enum proxy_status status = read_cut(block_view(block), SIZE_MAX_USUAL, &header);
        CHECK(status == (length <= PROXY_LINE_MAX ? PROXY_READY : PROXY_MALFORMED), "%u: %d", length, status);
        struct bytes cut = {block.data, length - 2};
        status = proxy_read(cut, SIZE_MAX_USUAL, &header);
        CHECK(status == (cut.length < PROXY_LINE_MAX ? PROXY_NEED_MORE : PROXY_MALFORMED), "%u: %d", length,
              status);
        block_destroy(block);
    }
}

static void malformed_headers_are_told(void)
{
    static const char *const none = "the connection does not begin with a PROXY header";
    static const char *const command = "the version or the command of the PROXY header is unknown";
    static const char *const family = "the family or the transport of the PROXY header is unknown";
    static const char *const addresses = "the addresses of the PROXY header are cut";
    static const char *const tlv = "a TLV of the PROXY header is cut";
    static const char *const tls = "what the PROXY header tells of TLS is cut";
    static const char *const twice = "a text of the PROXY header is there twice";
    static const char *const text = "a text of the PROXY header is not UTF-8";
    const struct malformed vectors[] = {
        {"0d0a0d0b", none},
        {"0d0a0d0a000d0a515549540b", none},
        {SIGNATURE "11", command},
        {SIGNATURE "31", command},
        {SIGNATURE "22", command},
        {SIGNATURE "01", command},
        {SIGNATURE "21 41", family},
        {SIGNATURE "21 13", family},
        {SIGNATURE "21 03", family},
        {SIGNATURE "21 f0", family},
        {SIGNATURE "21 00 ffff", "the PROXY header is too large"},
        {SIGNATURE "20 00 0ff1", "the PROXY header is too large"},
        {SIGNATURE "21 11 0000", addresses},
        {SIGNATURE "21 11 000b c0000201 c6336402 3039 07", addresses},
        {SIGNATURE "21 21 000c " INET, addresses},
        {SIGNATURE "21 31 000c " INET, addresses},
        {SIGNATURE "21 11 000d " INET "04", tlv},
        {SIGNATURE "21 11 000e " INET "0400", tlv},
        {SIGNATURE "21 11 000f " INET "040001", tlv},
        {SIGNATURE "21 11 0012 " INET "040000 050002 ff", tlv},
        {SIGNATURE "21 11 000f " INET "20 0000", tls},
        {SIGNATURE "21 11 0013 " INET "20 0004 01000000", tls},
        {SIGNATURE "21 11 0015 " INET "20 0006 01 00000000 22", tls},
        {SIGNATURE "21 11 0017 " INET "20 0008 01 00000000 220001", tls},
        {SIGNATURE "21 11 001c " INET "20 0005 01 00000000 20 0005 01 00000000",
         "the PROXY header tells of TLS twice"},
        {SIGNATURE "21 11 0012 " INET "02 0000 02 0000", twice},
        {SIGNATURE "21 11 001a " INET "20 000b 01 00000000 220000 220000", twice},
        {SIGNATURE "21 11 001a " INET "20 000b 01 00000000 210000 210000", twice},
        {SIGNATURE "21 11 0010 " INET "02 0001 ff", text},
        {SIGNATURE "21 11 0010 " INET "02 0001 00", text},
        {SIGNATURE "21 11 0018 " INET "20 0009 01 00000000 22 0001 80", text},
        {SIGNATURE "21 11 000f " INET "03 0000", "the checksum of the PROXY header has not four bytes"},
        {SIGNATURE "21 11 0014 " INET "03 0005 d893f42a00",
         "the checksum of the PROXY header has not four bytes"},
        {SIGNATURE "21 11 0013 " INET "03 0004 d893f42b", "the checksum of the PROXY header is wrong"},
        {SIGNATURE "21 11 001a " INET "03 0004 4e88d138 03 0004 00000000",
         "the PROXY header has two checksums"},
    };
    check_malformed(vectors, COUNT(vectors));
}

int main(void)
{
    static const CU_TestInfo cases[] = {
        {"addresses are read", addresses_are_read},
        {"what follows is the client's", what_follows_is_the_clients},
        {"the size is known as soon as can be", the_size_is_known_as_soon_as_can_be},
        {"paths of sockets end with their zeroes", paths_of_sockets_end_with_their_zeroes},
        {"TLS and authority are read", tls_and_authority_are_read},
        {"a certificate is verified only if there was one", a_certificate_is_verified_only_if_there_was_one},
        {"a checksum is that of the header without it", a_checksum_is_that_of_the_header_without_it},
        {"malformed lines are told", malformed_lines_are_told},
        {"a line has 107 bytes at most", a_line_has_107_bytes_at_most},
        {"malformed headers are told", malformed_headers_are_told},
    };
    return RUN_TESTS("proxy", cases);
}
