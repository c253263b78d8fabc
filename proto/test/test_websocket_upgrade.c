// SPDX-License-Identifier: MIT
// The upgrade: which requests are ready, what they yield, why others are refused, wherever they are cut; and
// the answers.
#include "proto/test/block.h"
#include "proto/test/suite.h"
#include "proto/websocket.h"

#define GET      "GET /mqtt HTTP/1.1\r\n"
#define HOST     "Host: broker.example:8083\r\n"
#define UPGRADE  "Upgrade: websocket\r\nConnection: Upgrade\r\n"
#define KEY      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define VERSION  "Sec-WebSocket-Version: 13\r\n"
#define PROTOCOL "Sec-WebSocket-Protocol: mqtt\r\n"
#define END      "\r\n"
#define REST     HOST UPGRADE KEY VERSION PROTOCOL END // behind the request line
#define FULL     HOST UPGRADE KEY VERSION PROTOCOL     // to be followed by other headers

#define TEXT(literal)                                                                                        \
    {                                                                                                        \
        (const uint8_t *)(literal), sizeof(literal) - 1                                                      \
    }

static const struct websocket_upgrade_limits generous = {.request_bytes_max = 4000, .header_lines_max = 32};

static bool same(struct bytes view, const char *expected)
{
    return bytes_equal(view, bytes_of(expected));
}

// The verdict on the whole stream at once, which is the same at each cut before. A view of `ret_upgrade` is
// one of `stream`.
static enum websocket_upgrade_status read_cut(struct bytes stream,
                                              const struct websocket_upgrade_limits *limits,
                                              struct websocket_upgrade *ret_upgrade)
{
    *ret_upgrade = (struct websocket_upgrade){0};
    enum websocket_upgrade_status whole = websocket_upgrade_read(stream, limits, ret_upgrade);
    for (uint32_t cut = 0; cut < stream.length; cut++) {
        struct websocket_upgrade upgrade = {0};
        struct block first = block_copy((struct bytes){stream.data, cut});
        enum websocket_upgrade_status status = websocket_upgrade_read(block_view(first), limits, &upgrade);
        bool early = status != WEBSOCKET_UPGRADE_NEED_MORE;
        block_destroy(first);
        if (!early)
            status = websocket_upgrade_read(stream, limits, &upgrade);
        CHECK(status == whole && upgrade.http_status == ret_upgrade->http_status &&
                  upgrade.why == ret_upgrade->why && upgrade.size == ret_upgrade->size,
              "%.*s, cut at %u: %d", (int)stream.length, stream.data, cut, status);
        CHECK(early || upgrade.key.data == ret_upgrade->key.data, "cut at %u", cut);
    }
    return whole;
}

// The same when each byte comes alone and the bytes collected are moved with each of them.
static enum websocket_upgrade_status read_bytes(struct bytes stream,
                                                const struct websocket_upgrade_limits *limits,
                                                struct websocket_upgrade *ret_upgrade)
{
    enum websocket_upgrade_status status = WEBSOCKET_UPGRADE_NEED_MORE;
    *ret_upgrade = (struct websocket_upgrade){0};
    for (uint32_t length = 0; length <= stream.length && status == WEBSOCKET_UPGRADE_NEED_MORE; length++) {
        struct block block = block_copy((struct bytes){stream.data, length});
        status = websocket_upgrade_read(block_view(block), limits, ret_upgrade);
        block_destroy(block);
    }
    return status;
}

static enum websocket_upgrade_status read_all_ways(struct bytes stream,
                                                   const struct websocket_upgrade_limits *limits,
                                                   struct websocket_upgrade *ret_upgrade)
{
    struct websocket_upgrade slow;
    enum websocket_upgrade_status status = read_cut(stream, limits, ret_upgrade);
    CU_ASSERT_EQUAL(read_bytes(stream, limits, &slow), status);
    CU_ASSERT_EQUAL(slow.http_status, ret_upgrade->http_status);
    CU_ASSERT_PTR_EQUAL(slow.why, ret_upgrade->why);
    CU_ASSERT_EQUAL(slow.size, ret_upgrade->size);
    return status;
}

static void the_request_of_the_standard_is_ready(void)
{
    static const struct bytes stream = TEXT("GET /chat HTTP/1.1\r\n" // RFC 6455, section 1.3
                                            "Host: server.example.com\r\n"
                                            "Upgrade: websocket\r\n"
                                            "Connection: Upgrade\r\n"
                                            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                                            "Origin: http://example.com\r\n"
                                            "Sec-WebSocket-Protocol: chat, mqtt\r\n"
                                            "Sec-WebSocket-Version: 13\r\n"
                                            "\r\n"
                                            "\x82\x80");
    struct websocket_upgrade upgrade;
    CU_ASSERT_EQUAL_FATAL(read_all_ways(stream, &generous, &upgrade), WEBSOCKET_UPGRADE_READY);
    CU_ASSERT_EQUAL(upgrade.size, stream.length - 2); // what follows is left alone
    CU_ASSERT_TRUE(same(upgrade.path, "/chat"));
    CU_ASSERT_TRUE(same(upgrade.query, ""));
    CU_ASSERT_TRUE(same(upgrade.host, "server.example.com"));
    CU_ASSERT_TRUE(same(upgrade.origin, "http://example.com"));
    CU_ASSERT_TRUE(same(upgrade.key, "dGhlIHNhbXBsZSBub25jZQ=="));
    CU_ASSERT_TRUE(same(upgrade.subprotocol, "mqtt"));
}

static void requests_may_look_different(void)
{
    static const struct {
        struct bytes stream;
        const char *path, *query, *host, *origin, *subprotocol;
    } vectors[] = {
        {TEXT(GET REST), "/mqtt", "", "broker.example:8083", "", "mqtt"},
        {TEXT(GET
              "hOST:broker\r\nUPGRADE:WebSocket\r\nconnection:UPGRADE\r\nsec-websocket-KEY:"
              "dGhlIHNhbXBsZSBub25jZQ==\r\nSEC-WEBSOCKET-VERSION:13\r\nsec-websocket-protocol:mqtt\r\n\r\n"),
         "/mqtt", "", "broker", "", "mqtt"},
        {TEXT(GET
              "Host: \t b \t\r\nUpgrade: h2c , websocket\r\nConnection: keep-alive,\tUpgrade \r\n" KEY VERSION
              "Sec-WebSocket-Protocol: mqttv3.1\t, mqtt\r\n" END),
         "/mqtt", "", "b", "", "mqttv3.1"},
        {TEXT(GET HOST
              "Upgrade: h2c\r\nUpgrade: websocket\r\nConnection: close\r\nConnection: upgrade\r\n" KEY VERSION
              "Sec-WebSocket-Protocol: a,b\r\nSec-WebSocket-Protocol: c ,,mqtt\r\n"
              "Sec-WebSocket-Protocol: mqttv3.1\r\n" END),
         "/mqtt", "", "broker.example:8083", "", "mqtt"},
        {TEXT(GET HOST UPGRADE KEY VERSION
              "Sec-WebSocket-Protocol: MQTT, mqttv3.1\r\n" END), // names have case
         "/mqtt", "", "broker.example:8083", "", "mqttv3.1"},
        {TEXT(GET FULL "Upgrade: h2c\r\nConnection: close\r\nSec-WebSocket-Protocol: mqttv3.1\r\n" END),
         "/mqtt", "", "broker.example:8083", "", "mqtt"},
        {TEXT("GET / HTTP/1.1\r\n" REST), "/", "", "broker.example:8083", "", "mqtt"},
        {TEXT("GET /a/%20b?token=x{?}/ HTTP/1.1\r\n" REST), "/a/%20b", "token=x{?}/", "broker.example:8083",
         "", "mqtt"},
        {TEXT("GET http://Broker.example:8083/mqtt HTTP/1.1\r\n" REST), "/mqtt", "", "broker.example:8083",
         "", "mqtt"},
        {TEXT("GET HTTPS://broker.example:8083 HTTP/1.1\r\n" REST), "/", "", "broker.example:8083", "",
         "mqtt"},
        {TEXT("GET http://broker.example:8083?a HTTP/1.1\r\n" REST), "/", "a", "broker.example:8083", "",
         "mqtt"},
        {TEXT(GET "Host: [::1]:80\r\nOrigin: null\r\n" UPGRADE KEY VERSION PROTOCOL END), "/mqtt", "",
         "[::1]:80", "null", "mqtt"},
        {TEXT(GET FULL "Origin:\r\nContent-Length: 0\r\nX-Other:\r\nCookie: a=\"\xc3\xa9\"\r\n"
                       "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n" END),
         "/mqtt", "", "broker.example:8083", "", "mqtt"},
        // The last digit of a key has bits that stand for nothing [RFC 6455, 4.1].
        {TEXT(GET HOST UPGRADE "Sec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEC==\r\n" VERSION PROTOCOL END),
         "/mqtt", "", "broker.example:8083", "", "mqtt"},
    };
    for (size_t i = 0; i < COUNT(vectors); i++) {
        struct websocket_upgrade upgrade;
        enum websocket_upgrade_status status = read_all_ways(vectors[i].stream, &generous, &upgrade);
        CHECK(status == WEBSOCKET_UPGRADE_READY, "%s: %s", vectors[i].stream.data, upgrade.why);
        CHECK(upgrade.size == vectors[i].stream.length, "%s", vectors[i].stream.data);
        CHECK(same(upgrade.path, vectors[i].path), "%s", vectors[i].stream.data);
        CHECK(same(upgrade.query, vectors[i].query), "%s", vectors[i].stream.data);
        CHECK(same(upgrade.host, vectors[i].host), "%s", vectors[i].stream.data);
        CHECK(same(upgrade.origin, vectors[i].origin), "%s", vectors[i].stream.data);
        CHECK(same(upgrade.subprotocol, vectors[i].subprotocol), "%s", vectors[i].stream.data);
    }
}

struct refused {
    struct bytes stream;
    uint16_t http_status;
    const char *why;
};

static void check_refused(const struct refused *vectors, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct websocket_upgrade upgrade;
        enum websocket_upgrade_status status = read_all_ways(vectors[i].stream, &generous, &upgrade);
        CHECK(status == WEBSOCKET_UPGRADE_REFUSED, "%s", vectors[i].stream.data);
        CHECK(upgrade.http_status == vectors[i].http_status, "%s: %u", vectors[i].stream.data,
              upgrade.http_status);
        CHECK(upgrade.why != NULL && strcmp(upgrade.why, vectors[i].why) == 0, "%s: %s",
              vectors[i].stream.data, upgrade.why);
    }
}

static void what_is_no_http_is_refused_at_once(void)
{
    static const char *const no_request = "what came is no HTTP request";
    static const char *const ending = "a line of the request does not end with CR LF";
    static const char *const control = "a control character is in the request";
    const struct refused vectors[] = {
        {TEXT("\x16\x03\x01"), 400, no_request},   // TLS
        {TEXT("\x10\x0c\x00"), 400, no_request},   // MQTT
        {TEXT("\r\n" GET REST), 400, no_request},  // an empty line in front
        {TEXT(" GET / HTTP"), 400, no_request},    //
        {TEXT("\n"), 400, ending},                 // a lone LF, and a lone CR
        {TEXT("GET / HTTP/1.1\n"), 400, ending},   //
        {TEXT("GET / HTTP/1.1\r\r"), 400, ending}, //
        {TEXT(GET "Host: b\nX: y"), 400, ending},  //
        {TEXT(GET "Host: b\rX: y"), 400, ending},  //
        {TEXT(GET "X: y\r\n\n"), 400, ending},     //
        {TEXT(GET "X: y\r\n\r "), 400, ending},    //
        {TEXT(GET "X: a\0"), 400, control},        //
        {TEXT(GET "X: \x7f"), 400, control},       //
        {TEXT(GET "X: \x1b"), 400, control},       //
        {TEXT("GE\x01"), 400, control},            //
    };
    check_refused(vectors, COUNT(vectors));
}

static void request_lines_are_strict(void)
{
    static const char *const line = "the request line is malformed";
    static const char *const version = "the request line ends with no HTTP version";
    static const char *const other = "the request is not HTTP/1.1";
    static const char *const method = "the method is not GET";
    static const char *const path = "the target of the request is no path";
    static const char *const held = "the target of the request holds what no path does";
    const struct refused vectors[] = {
        {TEXT("GET\r\n" REST), 400, line},
        {TEXT("GET /\r\n" REST), 400, line},
        {TEXT("G(T / HTTP/1.1\r\n" REST), 400, line},
        {TEXT("GET / \r\n" REST), 400, version},
        {TEXT("GET  / HTTP/1.1\r\n" REST), 400, version},
        {TEXT("GET /  HTTP/1.1\r\n" REST), 400, version},
        {TEXT("GET / HTTP/1.1 \r\n" REST), 400, version},
        {TEXT("GET / http/1.1\r\n" REST), 400, version},
        {TEXT("GET / HTTP/1.x\r\n" REST), 400, version},
        {TEXT("GET / HTTP/x.1\r\n" REST), 400, version},
        {TEXT("GET / HTTP/1,1\r\n" REST), 400, version},
        {TEXT("GET / HTTP/11\r\n" REST), 400, version},
        {TEXT("GET / HTTP/1.10\r\n" REST), 400, version},
        {TEXT("GET / HTTP/1.0\r\n" REST), 505, other},
        {TEXT("GET / HTTP/1.2\r\n" REST), 505, other},
        {TEXT("PRI * HTTP/2.0\r\n\r\n"), 505, other},
        {TEXT("POST / HTTP/1.1\r\n" REST), 405, method},
        {TEXT("get / HTTP/1.1\r\n" REST), 405, method},
        {TEXT("OPTIONS * HTTP/1.1\r\n" REST), 405, method},
        {TEXT("GET mqtt HTTP/1.1\r\n" REST), 400, path},
        {TEXT("GET * HTTP/1.1\r\n" REST), 400, path},
        {TEXT("GET ?a HTTP/1.1\r\n" REST), 400, path},
        {TEXT("GET http:///mqtt HTTP/1.1\r\n" REST), 400, path},
        {TEXT("GET ws://broker.example:8083/mqtt HTTP/1.1\r\n" REST), 400, path},
        {TEXT("GET /#a HTTP/1.1\r\n" REST), 400, held},
        {TEXT("GET /\t HTTP/1.1\r\n" REST), 400, held},
        {TEXT("GET /\xc3\xa9 HTTP/1.1\r\n" REST), 400, held},
        {TEXT("GET http://other/mqtt HTTP/1.1\r\n" REST), 400, "Host is another one than that of the target"},
        {TEXT("GET http://a@broker.example:8083/ HTTP/1.1\r\n" REST), 400,
         "Host is another one than that of the target"},
    };
    check_refused(vectors, COUNT(vectors));
}

static void header_lines_are_strict(void)
{
    static const char *const name = "a header line does not begin with a name and a colon";
    static const char *const folded = "a header line is folded";
    static const char *const body = "the request announces a body";
    const struct refused vectors[] = {
        {TEXT(GET "Host : b\r\n" REST), 400, name},
        {TEXT(GET ": b\r\n" REST), 400, name},
        {TEXT(GET "Host\r\n" REST), 400, name},
        {TEXT(GET "X Y: b\r\n" REST), 400, name},
        {TEXT(GET "X\xff: b\r\n" REST), 400, name},
        {TEXT(GET " X: y\r\n" REST), 400, folded},
        {TEXT(GET "X: y\r\n z\r\n" REST), 400, folded},
        {TEXT(GET "X: y\r\n\tz\r\n" REST), 400, folded},
        {TEXT(GET "X: y\r\n \r\n" REST), 400, folded},
        {TEXT(GET FULL "Content-Length: 1\r\n" END), 400, body},
        {TEXT(GET FULL "Content-Length: 00\r\n" END), 400, body},
        {TEXT(GET FULL "Content-Length: 0, 0\r\n" END), 400, body},
        {TEXT(GET FULL "Content-Length:\r\n" END), 400, body},
        {TEXT(GET FULL "Transfer-Encoding: chunked\r\n" END), 400, body},
        {TEXT(GET FULL "Transfer-Encoding: identity\r\n" END), 400, body},
        {TEXT(GET FULL "Content-Length: 0\r\ncontent-length: 0\r\n" END), 400,
         "Content-Length is there twice"},
        {TEXT(GET FULL "Host: broker.example:8083\r\n" END), 400, "Host is there twice"},
        {TEXT(GET FULL KEY END), 400, "Sec-WebSocket-Key is there twice"},
        {TEXT(GET FULL VERSION END), 400, "Sec-WebSocket-Version is there twice"},
        {TEXT(GET FULL "Origin: a\r\nOrigin: a\r\n" END), 400, "Origin is there twice"},
        {TEXT(GET FULL "Origin:\r\nOrigin: a\r\n" END), 400, "Origin is there twice"},
        {TEXT(GET FULL "Origin: http://a http://b\r\n" END), 400, "Origin is no origin"},
        {TEXT(GET FULL "Sec-WebSocket-Protocol: a b\r\n" END), 400,
         "Sec-WebSocket-Protocol is no list of names"},
        {TEXT(GET "Host:\r\n" UPGRADE KEY VERSION PROTOCOL END), 400, "Host is no host"},
        {TEXT(GET "Host: a/b\r\n" UPGRADE KEY VERSION PROTOCOL END), 400, "Host is no host"},
        {TEXT(GET "Host: a, b\r\n" UPGRADE KEY VERSION PROTOCOL END), 400, "Host is no host"},
        {TEXT(GET "Host: a@b\r\n" UPGRADE KEY VERSION PROTOCOL END), 400, "Host is no host"},
    };
    check_refused(vectors, COUNT(vectors));
}

static void what_is_no_handshake_for_mqtt_is_refused(void)
{
    static const char *const upgrade = "the request does not ask for an upgrade to WebSocket";
    static const char *const connection = "Connection does not name Upgrade";
    static const char *const version = "the version of WebSocket is not 13";
    static const char *const key = "Sec-WebSocket-Key is not 16 bytes in base64";
    static const char *const protocol = "no subprotocol offered is mqtt or mqttv3.1";
#define WITH_KEY(key) TEXT(GET HOST UPGRADE "Sec-WebSocket-Key: " key "\r\n" VERSION PROTOCOL END)
    const struct refused vectors[] = {
        {TEXT(GET "\r\n"), 400, "there is no Host"},
        {TEXT(GET UPGRADE KEY VERSION PROTOCOL END), 400, "there is no Host"},
        {TEXT(GET HOST END), 426, upgrade}, // what a browser asks that wants a page
        {TEXT(GET HOST "Connection: Upgrade\r\n" KEY VERSION PROTOCOL END), 426, upgrade},
        {TEXT(GET HOST "Connection: Upgrade\r\nUpgrade: h2c\r\n" KEY VERSION PROTOCOL END), 426, upgrade},
        {TEXT(GET HOST "Connection: Upgrade\r\nUpgrade: websockets\r\n" KEY VERSION PROTOCOL END), 426,
         upgrade},
        {TEXT(GET HOST "Upgrade: websocket\r\n" KEY VERSION PROTOCOL END), 400, connection},
        {TEXT(GET HOST "Upgrade: websocket\r\nConnection: close\r\n" KEY VERSION PROTOCOL END), 400,
         connection},
        {TEXT(GET HOST UPGRADE KEY PROTOCOL END), 400, "there is no Sec-WebSocket-Version"},
        {TEXT(GET HOST UPGRADE KEY "Sec-WebSocket-Version: 8\r\n" PROTOCOL END), 426, version},
        {TEXT(GET HOST UPGRADE KEY "Sec-WebSocket-Version: 013\r\n" PROTOCOL END), 426, version},
        {TEXT(GET HOST UPGRADE KEY "Sec-WebSocket-Version: 13, 8\r\n" PROTOCOL END), 426, version},
        {TEXT(GET HOST UPGRADE KEY "Sec-WebSocket-Version:\r\n" PROTOCOL END), 426, version},
        {TEXT(GET HOST UPGRADE VERSION PROTOCOL END), 400, "there is no Sec-WebSocket-Key"},
        {WITH_KEY(""), 400, key},
        {WITH_KEY("dGhlIHNhbXBsZSBub25jZQ="), 400, key},
        {WITH_KEY("dGhlIHNhbXBsZSBub25jZQ==="), 400, key},
        {WITH_KEY("dGhlIHNhbXBsZSBub25jZQA="), 400, key}, // 17 bytes
        {WITH_KEY("dGhlIHNhbXBsZSBub25jZQ=A"), 400, key},
        {WITH_KEY("dGhlIHNhbXBsZSBub25jZ==="), 400, key},
        {WITH_KEY("dGhl-HNhbXBsZSBub25jZQ=="), 400, key}, // of another base64
        {WITH_KEY("dGhl HNhbXBsZSBub25jZQ=="), 400, key},
        {WITH_KEY("\xffGhlIHNhbXBsZSBub25jZQ=="), 400, key},
        {TEXT(GET HOST UPGRADE KEY VERSION END), 400, protocol}, // [MQTT-6.0.0-3]
        {TEXT(GET HOST UPGRADE KEY VERSION "Sec-WebSocket-Protocol:\r\n" END), 400, protocol},
        {TEXT(GET HOST UPGRADE KEY VERSION "Sec-WebSocket-Protocol: MQTT, mqtt5\r\n" END), 400, protocol},
    };
    check_refused(vectors, COUNT(vectors));
}

static void limits_are_kept_to_the_byte(void)
{
    static const struct bytes stream = TEXT(GET REST);
    static const uint32_t lines = 6;
    struct websocket_upgrade upgrade;
    for (uint32_t bytes_max = 0; bytes_max <= stream.length + 1; bytes_max++) {
        struct websocket_upgrade_limits limits = {bytes_max, 100};
        bool fits = bytes_max >= stream.length;
        enum websocket_upgrade_status status = read_bytes(stream, &limits, &upgrade);
        CHECK(status == (fits ? WEBSOCKET_UPGRADE_READY : WEBSOCKET_UPGRADE_REFUSED), "%u bytes", bytes_max);
        CHECK(fits || upgrade.http_status == 431, "%u bytes", bytes_max);
    }
    for (uint32_t lines_max = 0; lines_max <= lines + 1; lines_max++) {
        struct websocket_upgrade_limits limits = {1000, lines_max};
        bool fits = lines_max >= lines;
        enum websocket_upgrade_status status = read_all_ways(stream, &limits, &upgrade);
        CHECK(status == (fits ? WEBSOCKET_UPGRADE_READY : WEBSOCKET_UPGRADE_REFUSED), "%u lines", lines_max);
        CHECK(fits || upgrade.http_status == 431, "%u lines", lines_max);
    }
}

static void lists_say_what_is_allowed(void)
{
    static const struct bytes paths[] = {TEXT("/mqtt"), TEXT("/")};
    static const struct bytes origins[] = {TEXT("https://example.com"), TEXT("https://Example.com:8443")};
    CU_ASSERT_TRUE(websocket_path_listed(bytes_of("/mqtt"), paths, COUNT(paths)));
    CU_ASSERT_TRUE(websocket_path_listed(bytes_of("/"), paths, COUNT(paths)));
    CU_ASSERT_FALSE(websocket_path_listed(bytes_of("/mqtt/"), paths, COUNT(paths)));
    CU_ASSERT_FALSE(websocket_path_listed(bytes_of("/MQTT"), paths, COUNT(paths)));
    CU_ASSERT_FALSE(websocket_path_listed(bytes_of("/mqtt"), paths, 0));
    CU_ASSERT_TRUE(websocket_origin_listed(bytes_of("https://example.com"), origins, COUNT(origins)));
    CU_ASSERT_TRUE(websocket_origin_listed(bytes_of("HTTPS://example.COM:8443"), origins, COUNT(origins)));
    CU_ASSERT_FALSE(websocket_origin_listed(bytes_of("http://example.com"), origins, COUNT(origins)));
    CU_ASSERT_FALSE(websocket_origin_listed(bytes_of("https://example.co"), origins, COUNT(origins)));
    CU_ASSERT_FALSE(websocket_origin_listed(bytes_of("https://example.com.evil"), origins, COUNT(origins)));
    CU_ASSERT_FALSE(websocket_origin_listed(bytes_of(""), &(struct bytes){NULL, 0}, 1));
    CU_ASSERT_FALSE(websocket_origin_listed(bytes_of("null"), NULL, 0));
}

static uint32_t rotate(uint32_t word, uint32_t by)
{
    return word << by | word >> (32 - by);
}

// SHA-1 of a text that is longer than 55 and at most 119 bytes, which takes two blocks [RFC 3174].
static void sha1(const char *text, uint8_t digest[20])
{
    uint8_t blocks[128] = {0};
    uint32_t h[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
    size_t length = strlen(text);
    memcpy(blocks, text, length);
    blocks[length] = 0x80;
    blocks[126] = (uint8_t)(length * 8 >> 8);
    blocks[127] = (uint8_t)(length * 8);
    for (size_t at = 0; at < sizeof blocks; at += 64) {
        uint32_t w[80], v[5];
        memcpy(v, h, sizeof v);
        for (size_t t = 0; t < 80; t++) {
            const uint8_t *from = blocks + at + 4 * (t % 16);
            uint32_t f = t < 20              ? (v[1] & v[2]) | (~v[1] & v[3])
                         : t < 40 || t >= 60 ? v[1] ^ v[2] ^ v[3]
                                             : (v[1] & v[2]) | (v[1] & v[3]) | (v[2] & v[3]);
            static const uint32_t k[4] = {0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6};
            w[t] = t < 16
                       ? (uint32_t)from[0] << 24 | (uint32_t)from[1] << 16 | (uint32_t)from[2] << 8 | from[3]
                       : rotate(w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16], 1);
            uint32_t first = rotate(v[0], 5) + f + v[4] + w[t] + k[t / 20];
            v[4] = v[3];
            v[3] = v[2];
            v[2] = rotate(v[1], 30);
            v[1] = v[0];
            v[0] = first;
        }
        for (size_t i = 0; i < 5; i++)
            h[i] += v[i];
    }
    for (size_t i = 0; i < 20; i++)
        digest[i] = (uint8_t)(h[i / 4] >> (24 - 8 * (i % 4)));
}

static void the_guid_is_that_of_the_standard(void)
{
    // RFC 6455, section 1.3: the key, and the digest that its answer is in base64.
    static const uint8_t expected[20] = {0xb3, 0x7a, 0x4f, 0x2c, 0xc0, 0x62, 0x4f, 0x16, 0x90, 0xf6,
                                         0x46, 0x06, 0xcf, 0x38, 0x59, 0x45, 0xb2, 0xbe, 0xc4, 0xea};
    uint8_t digest[20];
    sha1("dGhlIHNhbXBsZSBub25jZQ==" WEBSOCKET_GUID, digest);
    CU_ASSERT_EQUAL(memcmp(digest, expected, sizeof digest), 0);
}

static void the_answer_declines_extensions(void)
{
    uint8_t room[WEBSOCKET_ANSWER_MAX];
    struct writer writer = writer_of(room, sizeof room);
    websocket_upgrade_put_accept(&writer, bytes_of("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), bytes_of("mqtt"));
    CU_ASSERT_FALSE(writer.overflow);
    CU_ASSERT_TRUE(same((struct bytes){room, (size_t)(writer.at - room)},
                        "HTTP/1.1 101 Switching Protocols\r\n"
                        "Upgrade: websocket\r\n"
                        "Connection: Upgrade\r\n"
                        "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
                        "Sec-WebSocket-Protocol: mqtt\r\n"
                        "\r\n"));
}

static void refusals_are_whole_answers(void)
{
    static const struct {
        uint16_t http_status;
        const char *why;
        const char *answer;
    } vectors[] = {
        {400, "there is no Host",
         "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: "
         "17\r\n\r\n"
         "there is no Host\n"},
        {404, NULL, "HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"},
        {403, "", "HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"},
        {405, NULL,
         "HTTP/1.1 405 Method Not Allowed\r\nAllow: GET\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"},
        {426, NULL,
         "HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
         "Connection: close, Upgrade\r\nContent-Length: 0\r\n\r\n"},
        {503, "x",
         "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Type: "
         "text/plain\r\nContent-Length: "
         "2\r\n\r\nx\n"},
    };
    for (size_t i = 0; i < COUNT(vectors); i++) {
        uint8_t room[WEBSOCKET_ANSWER_MAX];
        struct writer writer = writer_of(room, sizeof room);
        websocket_upgrade_put_refusal(&writer, vectors[i].http_status, vectors[i].why);
        CU_ASSERT_FALSE(writer.overflow);
        CHECK(same((struct bytes){room, (size_t)(writer.at - room)}, vectors[i].answer), "%.*s",
              (int)(writer.at - room), room);
    }
}

static void every_refusal_fits_its_room(void)
{
    static const uint16_t statuses[] = {400, 403, 404, 405, 408, 426, 429, 431, 500, 503, 505};
    char why[129];
    memset(why, 'y', 128);
    why[128] = '\0';
    for (size_t i = 0; i < COUNT(statuses); i++) {
        uint8_t room[WEBSOCKET_ANSWER_MAX];
        struct writer writer = writer_of(room, sizeof room);
        websocket_upgrade_put_refusal(&writer, statuses[i], why);
        CHECK(!writer.overflow, "%u", statuses[i]);
        writer = writer_of(room, 40);
        websocket_upgrade_put_refusal(&writer, statuses[i], why);
        CHECK(writer.overflow, "%u", statuses[i]);
    }
}

int main(void)
{
    static const CU_TestInfo cases[] = {
        {"the request of the standard is ready", the_request_of_the_standard_is_ready},
        {"requests may look different", requests_may_look_different},
        {"what is no HTTP is refused at once", what_is_no_http_is_refused_at_once},
        {"request lines are strict", request_lines_are_strict},
        {"header lines are strict", header_lines_are_strict},
        {"what is no handshake for MQTT is refused", what_is_no_handshake_for_mqtt_is_refused},
        {"limits are kept to the byte", limits_are_kept_to_the_byte},
        {"lists say what is allowed", lists_say_what_is_allowed},
        {"the GUID is that of the standard", the_guid_is_that_of_the_standard},
        {"the answer declines extensions", the_answer_declines_extensions},
        {"refusals are whole answers", refusals_are_whole_answers},
        {"every refusal fits its room", every_refusal_fits_its_room},
    };
    return RUN_TESTS("websocket_upgrade", cases);
}
