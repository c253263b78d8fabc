// SPDX-License-Identifier: MIT
// The listeners of the configuration file: each key with what it may be and what it is without one, what an
// entry inherits, what is refused and the line that is said, texts of `bind`.
#include "server/config/config.h"

#include <CUnit/Basic.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/config/bind.h"
#include "server/config/test/reading.h"
#include "test/suite.h"

// The configuration of one listener, `x`, which has these keys beside its bind.
static const struct config *good_keys(const char *keys)
{
    char text[32768];
    (void)snprintf(text, sizeof(text), "listeners:\n  x:\n    bind: 127.0.0.1\n%s", keys);
    return good(text);
}

static void test_default_entry_gives_the_others_their_defaults(void)
{
    const struct config *config = good("listeners:\n"
                                       "  lan: {bind: '10.0.0.1:1884'}\n"
                                       "  default: {type: tcp, max_connections: 7}\n"
                                       "  six: {bind: '[::1]:1885', max-connections: -1}\n");
    CU_ASSERT_EQUAL(config->listener_count, 2); // `default` has no bind
    expect_listener(config, 0, "lan", "10.0.0.1", 1884);
    expect_listener(config, 1, "six", "::1", 1885);
    CU_ASSERT_EQUAL(config->listeners[0].connections_max, 7);
    CU_ASSERT_EQUAL(config->listeners[1].connections_max, UINT64_MAX);
    CU_ASSERT_EQUAL(config->listeners[0].line, 2);
}

static void test_default_entry_with_bind_listens(void)
{
    const struct config *config =
        good("listeners:\n  other:\n    bind: :1\n  default: {bind: 127.0.0.1:0}\n");
    CU_ASSERT_EQUAL(config->listener_count, 2);
    expect_listener(config, 0, "default", "127.0.0.1", 0);
    expect_listener(config, 1, "other", "", 1);
    config =
        good("listeners:\n  default: {bind: 127.0.0.1:0}\n  other: {}\n  third:\n"); // free ports do not meet
    CU_ASSERT_EQUAL(config->listener_count, 3);
}

static void test_default_entry_may_be_what_nobody_serves(void)
{
    const struct config *config = good("listeners:\n  default: {type: ws, ssl: on, path: /x, mode: 0600}\n  "
                                       "a: {type: tcp, ssl: off, bind: 1}\n");
    CU_ASSERT_EQUAL(config->listener_count, 1);
}

static void test_listeners_have_a_ceiling(void)
{
    char text[4096] = "listeners:\n";
    for (int i = 0; i < 65; i++)
        (void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "  l%d: {bind: %d}\n", i, 1000 + i);
    expect_fault(text, "f:66: more than 64 listeners");
}

static void test_listener_without_further_keys(void)
{
    const struct config *config = good_keys("");
    const struct config_listener *x = &config->listeners[0];
    CU_ASSERT_EQUAL_FATAL(config->listener_count, 1);
    expect_listener(config, 0, "x", "127.0.0.1", 1883);
    CU_ASSERT_EQUAL(x->type, CONFIG_TCP);
    CU_ASSERT_EQUAL(x->line, 3);
    CU_ASSERT_FALSE(x->proxy_protocol || x->tls.enabled);
    CU_ASSERT_TRUE(x->unix_path == NULL && x->unix_owner == NULL && x->unix_group == NULL);
    CU_ASSERT_EQUAL(x->unix_mode, 0);
    CU_ASSERT_EQUAL(x->path_count + x->origin_count, 0);
    CU_ASSERT_EQUAL(x->tls.handshakes_max, 0); // all of tls is zero unless enabled
    CU_ASSERT_EQUAL(config->warning_count, 0);
}

static void test_tls_without_further_keys(void)
{
    const struct config *config = good_keys("    ssl: on\n    certfile: /a b/c.pem\n");
    const struct config_tls *tls = &config->listeners[0].tls;
    CU_ASSERT_TRUE(tls->enabled);
    expect_text("/a b/c.pem", tls->certificate.certfile.path);
    expect_text("/a b/c.pem", tls->certificate.keyfile.path);
    CU_ASSERT_EQUAL(tls->certificate_count, 0);
    CU_ASSERT_EQUAL(tls->client_certificate, CONFIG_CLIENT_CERTIFICATE_NONE);
    CU_ASSERT_EQUAL(tls->user_name_from, CONFIG_USER_NAME_CONNECT);
    CU_ASSERT_EQUAL(tls->version_min, CONFIG_TLS_1_2);
    CU_ASSERT_EQUAL(tls->handshakes_max, 8);
    const char *none[] = {tls->psk_file.path, tls->cafile.path, tls->capath.path,  tls->cadata,
                          tls->crlfile.path,  tls->ciphers,     tls->ciphersuites, tls->groups};
    for (size_t i = 0; i < COUNT(none); i++)
        CU_ASSERT_PTR_NULL(none[i]);
}

static void test_every_key_of_tls(void)
{
    const struct config *config = good_keys("    ssl: 'ON'\n"
                                            "    certfile: c\n"
                                            "    keyfile: k\n"
                                            "    certificates:\n"
                                            "    - {certfile: c1, keyfile: k1}\n"
                                            "    - certfile: c2\n"
                                            "    psk-file: p\n"
                                            "    client-certificate: required\n"
                                            "    cafile: ca\n"
                                            "    capath: cap\n"
                                            "    cadata: |\n"
                                            "      -----BEGIN CERTIFICATE-----\n"
                                            "      MIIB\n"
                                            "      -----END CERTIFICATE-----\n"
                                            "    crlfile: crl\n"
                                            "    user-name-from: common-name\n"
                                            "    tls-version-min: 1.3\n"
                                            "    ciphers: 'ECDHE+AESGCM:!aNULL'\n"
                                            "    ciphersuites: TLS_AES_128_GCM_SHA256\n"
                                            "    groups: X25519:P-256\n"
                                            "    handshakes-max: 7\n");
    const struct config_tls *tls = &config->listeners[0].tls;
    CU_ASSERT_TRUE(tls->enabled);
    const struct {
        const char *text;
        const char *expected;
    } texts[] = {
        {tls->certificate.certfile.path, "c"},
        {tls->certificate.keyfile.path, "k"},
        {tls->certificates[0].certfile.path, "c1"},
        {tls->certificates[0].keyfile.path, "k1"},
        {tls->certificates[1].certfile.path, "c2"},
        {tls->certificates[1].keyfile.path, "c2"},
        {tls->psk_file.path, "p"},
        {tls->cafile.path, "ca"},
        {tls->capath.path, "cap"},
        {tls->cadata, "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"},
        {tls->crlfile.path, "crl"},
        {tls->ciphers, "ECDHE+AESGCM:!aNULL"},
        {tls->ciphersuites, "TLS_AES_128_GCM_SHA256"},
        {tls->groups, "X25519:P-256"},
    };
    for (size_t i = 0; i < COUNT(texts); i++)
        expect_text(texts[i].expected, texts[i].text);
    CU_ASSERT_EQUAL(tls->cafile.line, 12);
    CU_ASSERT_EQUAL(tls->certificate_count, 2);
    CU_ASSERT_EQUAL(tls->client_certificate, CONFIG_CLIENT_CERTIFICATE_REQUIRED);
    CU_ASSERT_EQUAL(tls->user_name_from, CONFIG_USER_NAME_COMMON_NAME);
    CU_ASSERT_EQUAL(tls->version_min, CONFIG_TLS_1_3);
    CU_ASSERT_EQUAL(tls->handshakes_max, 7);
    CU_ASSERT_EQUAL(config->warning_count, 0);
}

static void test_hyphens_and_underscores_are_the_same_in_listeners(void)
{
    const struct config *config =
        good_keys("    ssl: on\n    psk_file: p\n    proxy_protocol: on\n    tls_version_min: \"1.2\"\n"
                  "    handshakes_max: 1000000\n    client_certificate: none\n    user_name_from: none\n");
    const struct config_listener *x = &config->listeners[0];
    CU_ASSERT_TRUE(x->proxy_protocol);
    CU_ASSERT_EQUAL(x->tls.version_min, CONFIG_TLS_1_2);
    CU_ASSERT_EQUAL(x->tls.handshakes_max, 1000000);
    expect_text("p", x->tls.psk_file.path); // suffices without a certificate
    CU_ASSERT_PTR_NULL(x->tls.certificate.certfile.path);
    CU_ASSERT_PTR_NULL(x->tls.certificate.keyfile.path);
}

// As in the original, whoever shows a certificate must show a good one as soon as there is something to
// judge by.
static void test_client_certificates_are_optional_with_an_authority(void)
{
    static const char *const authorities[] = {"cafile: a", "capath: a",
                                              "cadata: \"-----BEGIN CERTIFICATE-----\\nMII\\n\""};
    char text[256];
    for (size_t i = 0; i < COUNT(authorities); i++) {
        (void)snprintf(text, sizeof(text), "    ssl: on\n    certfile: c\n    %s\n", authorities[i]);
        CU_ASSERT_EQUAL(good_keys(text)->listeners[0].tls.client_certificate,
                        CONFIG_CLIENT_CERTIFICATE_OPTIONAL);
        (void)snprintf(text, sizeof(text),
                       "    ssl: on\n    certfile: c\n    client-certificate: none\n    %s\n",
                       authorities[i]);
        CU_ASSERT_EQUAL(good_keys(text)->listeners[0].tls.client_certificate, CONFIG_CLIENT_CERTIFICATE_NONE);
    }
    const struct config *config = good_keys("    ssl: on\n    certfile: c\n    cafile: a\n"
                                            "    user-name-from: subject-alt-name\n    crlfile: r\n");
    CU_ASSERT_EQUAL(config->listeners[0].tls.user_name_from, CONFIG_USER_NAME_SUBJECT_ALT_NAME);
    expect_text("r", config->listeners[0].tls.crlfile.path);
}

// A proxy that ends TLS says whose certificate it has seen.
static void test_a_user_name_may_come_from_the_proxy(void)
{
    static const char *const taken[] = {
        "listeners: {x: {bind: 1, proxy-protocol: on, user-name-from: common-name}}\n",
        "listeners: {default: {user-name-from: common-name, proxy-protocol: on}, x: {bind: 1, ssl: off}}\n",
    };
    static const char *const others[] = {
        "listeners: {x: {bind: 1, proxy-protocol: on, user-name-from: none}}\n",
        ("listeners: {x: {bind: 1, proxy-protocol: on, user-name-from: common-name, ssl: on, certfile: c,\n"
         "  cafile: a}}\n"),
        "listeners: {default: {user-name-from: common-name}, x: {bind: 1, ssl: off}}\n",
    };
    for (size_t i = 0; i < COUNT(taken); i++)
        CU_ASSERT_TRUE(good(taken[i])->listeners[0].proxy_common_name);
    for (size_t i = 0; i < COUNT(others); i++)
        CU_ASSERT_FALSE(good(others[i])->listeners[0].proxy_common_name);
}

static void test_websocket(void)
{
    const struct config_listener *x = good_keys("    type: ws\n")->listeners;
    CU_ASSERT_EQUAL(x->type, CONFIG_WS);
    CU_ASSERT_EQUAL(x->path_count + x->origin_count, 0);
    x = good_keys("    type: ws\n    path: /mqtt\n    origins: https://a.example\n")->listeners;
    CU_ASSERT_EQUAL_FATAL(x->path_count, 1);
    expect_text("/mqtt", x->paths[0]);
    CU_ASSERT_EQUAL_FATAL(x->origin_count, 1);
    x = good_keys("    type: ws\n    path: [/, /a/b%20c]\n"
                  "    origins: ['https://a.example', 'http://[::1]:8080', 'null']\n")
            ->listeners;
    CU_ASSERT_EQUAL_FATAL(x->path_count, 2);
    expect_text("/", x->paths[0]);
    expect_text("/a/b%20c", x->paths[1]);
    CU_ASSERT_EQUAL_FATAL(x->origin_count, 3);
    expect_text("https://a.example", x->origins[0]);
    expect_text("http://[::1]:8080", x->origins[1]);
    expect_text("null", x->origins[2]);
}

static void test_unix_sockets(void)
{
    const struct config *config = good("listeners: {x: {bind: 'unix:/run/mqtt'}}\n");
    const struct config_listener *x = &config->listeners[0];
    expect_listener(config, 0, "x", "", 0);
    expect_text("/run/mqtt", x->unix_path);
    CU_ASSERT_EQUAL(x->unix_mode, 0660);
    CU_ASSERT_TRUE(x->unix_owner == NULL && x->unix_group == NULL);
    static const struct {
        const char *text;
        uint32_t mode;
    } modes[] = {{"\"0600\"", 0600}, {"0777", 0777}, {"640", 0640}, {"'0000'", 0}};
    char text[128];
    for (size_t i = 0; i < COUNT(modes); i++) {
        (void)snprintf(text, sizeof(text), "listeners: {x: {bind: 'unix:/s', mode: %s}}\n", modes[i].text);
        CU_ASSERT_EQUAL(good(text)->listeners[0].unix_mode, modes[i].mode);
    }
    config = good("listeners: {x: {bind: 'unix:/s', owner: mqtt, group: 1000, type: ws, path: /m, ssl: on,\n"
                  "  psk-file: p, proxy-protocol: on}}\n");
    x = config->listeners;
    expect_text("mqtt", x->unix_owner);
    expect_text("1000", x->unix_group);
    CU_ASSERT_EQUAL(x->port, 0);
    CU_ASSERT_TRUE(x->type == CONFIG_WS && x->tls.enabled && x->proxy_protocol);
}

static void test_ports_where_bind_names_none(void)
{
    const struct config *config = good("listeners:\n"
                                       "  default: {bind: h, certfile: c}\n"
                                       "  tls: {ssl: on}\n"
                                       "  ws: {type: ws}\n"
                                       "  wss: {type: ws, ssl: on}\n"
                                       "  other: {bind: '[::1]', type: ws, ssl: on}\n"
                                       "  named: {bind: 'h:1', type: ws, ssl: on}\n"
                                       "  free: {bind: 'h:0', ssl: on}\n");
    CU_ASSERT_EQUAL_FATAL(config->listener_count, 7);
    expect_listener(config, 0, "default", "h", 1883);
    expect_listener(config, 1, "tls", "h", 8883);
    expect_listener(config, 2, "ws", "h", 80);
    expect_listener(config, 3, "wss", "h", 443);
    expect_listener(config, 4, "other", "::1", 443);
    expect_listener(config, 5, "named", "h", 1);
    expect_listener(config, 6, "free", "h", 0);
}

static void test_default_entry_gives_what_each_can_use(void)
{
    const struct config *config = good(
        "listeners:\n"
        "  default: {ssl: on, certfile: c, keyfile: k, cafile: a, client-certificate: required, crlfile: r,\n"
        "            user-name-from: common-name, path: [/a, /b], origins: ['http://o'], mode: 0600,\n"
        "            owner: o, group: g, handshakes-max: 5, proxy-protocol: on, certificates: [{certfile: "
        "d}]}\n"
        "  plain: {bind: 1, ssl: off, proxy-protocol: off}\n"
        "  web: {bind: 2, type: ws, path: /c}\n"
        "  local: {bind: 'unix:/s', client-certificate: none, certificates: []}\n");
    const struct config_listener *plain = &config->listeners[0];
    const struct config_listener *web = &config->listeners[1];
    const struct config_listener *local = &config->listeners[2];
    static const struct config_tls no_tls;
    CU_ASSERT_EQUAL_FATAL(config->listener_count, 3);
    CU_ASSERT_EQUAL(memcmp(&plain->tls, &no_tls, sizeof(no_tls)), 0);
    CU_ASSERT_EQUAL(plain->path_count + plain->origin_count + plain->unix_mode, 0);
    CU_ASSERT_TRUE(plain->unix_owner == NULL && plain->paths[0] == NULL && plain->origins[0] == NULL);
    CU_ASSERT_FALSE(plain->proxy_protocol);

    CU_ASSERT_EQUAL(web->tls.client_certificate, CONFIG_CLIENT_CERTIFICATE_REQUIRED);
    CU_ASSERT_EQUAL(web->tls.handshakes_max, 5);
    CU_ASSERT_EQUAL(web->tls.certificate_count, 1);
    CU_ASSERT_EQUAL_FATAL(web->path_count, 1); // its own list, not a longer one
    expect_text("/c", web->paths[0]);
    CU_ASSERT_EQUAL(web->origin_count, 1);
    CU_ASSERT_EQUAL(web->unix_mode, 0);
    CU_ASSERT_TRUE(web->proxy_protocol);

    CU_ASSERT_EQUAL(local->unix_mode, 0600);
    expect_text("o", local->unix_owner);
    expect_text("g", local->unix_group);
    CU_ASSERT_EQUAL(local->tls.user_name_from, CONFIG_USER_NAME_CONNECT);
    CU_ASSERT_TRUE(local->tls.cafile.path == NULL && local->tls.crlfile.path == NULL);
    CU_ASSERT_EQUAL(local->tls.certificate_count, 0);
    CU_ASSERT_PTR_EQUAL(local->tls.certificate.certfile.path,
                        web->tls.certificate.certfile.path); // kept once
    CU_ASSERT_EQUAL(config->warning_count, 0);
}

static void test_files_without_ssl_are_one_warning(void)
{
    const struct config *config =
        good("listeners:\n  default:\n    bind: 1\n    keyfile: k\n    certfile: c\n"
             "    ciphers: x\n  other: {bind: 2}\n");
    CU_ASSERT_EQUAL_FATAL(config->warning_count, 1); // `other` only inherits
    expect_text("f:5: listener 'default': certfile has no effect while ssl is off", config->warnings[0]);
    config = good_keys("    ssl: off\n    psk-file: p\n");
    CU_ASSERT_EQUAL_FATAL(config->warning_count, 1);
    expect_text("f:5: listener 'x': psk-file has no effect while ssl is off", config->warnings[0]);
}

#define X   "listeners:\n  x:\n    bind: 1\n"
#define TLS X "    ssl: on\n    certfile: c\n"
#define WS  X "    type: ws\n"

static const struct fault faults[] = {
    {"listeners:\n", "f:1: listeners: expected at least one listener with a bind"},
    {"listeners: {default: {type: tcp}}\n", "f:1: listeners: expected at least one listener with a bind"},
    {"listeners: {x: {}}\n", "f:1: listener 'x' has no bind"},
    {"listeners: {x: {bind: 1, sssl: on}}\n", "f:1: unknown key 'sssl' in listeners.x; did you mean 'ssl'?"},
    {X "    origin: a\n", "f:4: unknown key 'origin' in listeners.x; did you mean 'origins'?"},
    // type, bind, numbers
    {X "    type: wss\n", "f:4: listeners.x.type: expected tcp or ws, seen 'wss'"},
    {"listeners: {x: {bind: 1, type: []}}\n", "f:1: listeners.x.type: expected tcp or ws, seen a list"},
    {"listeners:\n  x: {bind: a:b}\n", "f:2: listeners.x.bind: expected a port from 0 to 65535, seen 'a:b'"},
    {"listeners:\n  x: {bind: {}}\n", "f:2: listeners.x.bind: expected host:port, seen a map"},
    {X "    max-connections: many\n",
     "f:4: listeners.x.max-connections: expected a whole number from -1 to 10000000, seen 'many'"},
    {TLS "    handshakes-max: 0\n",
     "f:6: listeners.x.handshakes-max: expected a whole number from 1 to 1000000, seen '0'"},
    {X "    proxy-protocol: v2\n", "f:4: listeners.x.proxy-protocol: expected true or false, seen 'v2'"},
    {"listeners:\n  default: {bind: 1}\n  x: {max-connections: 3}\n",
     "f:3: listener 'x' would listen on the same address as 'default' (line 2); give it a bind of its own"},
    {"listeners:\n  a: {bind: h, ssl: on, certfile: c}\n  b: {bind: 'h:8883'}\n",
     "f:3: listener 'b' would listen on the same address as 'a' (line 2); give it a bind of its own"},
    {"listeners:\n  a: {bind: 'unix:/s'}\n  b:\n    type: ws\n    bind: unix:/s\n",
     "f:5: listener 'b' would listen on the same address as 'a' (line 2); give it a bind of its own"},
    // unix sockets
    {"listeners: {x: {bind: unix:s}}\n",
     "f:1: listeners.x.bind: expected the absolute path of a socket after 'unix:', seen 'unix:s'"},
    {"listeners:\n  x:\n    bind: unix:/s\n    mode: rw\n",
     "f:4: listeners.x.mode: expected permissions in octal digits, such as 0660, seen 'rw'"},
    {"listeners: {x: {bind: 'unix:/s', mode: 0888}}\n",
     "f:1: listeners.x.mode: expected permissions in octal digits, such as 0660, seen '0888'"},
    {"listeners: {x: {bind: 'unix:/s', mode: 4755}}\n",
     "f:1: listeners.x.mode: expected permissions in octal digits, such as 0660, seen '4755'"},
    {"listeners: {x: {bind: 'unix:/s', mode: ''}}\n",
     "f:1: listeners.x.mode: expected permissions in octal digits, such as 0660, seen ''"},
    {"listeners: {x: {bind: 'unix:/s', owner: -1}}\n",
     "f:1: listeners.x.owner: expected a name or a number, seen '-1'"},
    {"listeners: {x: {bind: 'unix:/s', owner: 4294967295}}\n",
     "f:1: listeners.x.owner: expected a name or a number, seen '4294967295'"},
    {"listeners: {x: {bind: 'unix:/s', group: []}}\n",
     "f:1: listeners.x.group: expected a name or a number, seen a list"},
    {X "    mode: 0660\n", "f:4: listener 'x': mode is for unix sockets only"},
    {X "    owner: a\n", "f:4: listener 'x': owner is for unix sockets only"},
    {X "    group: a\n", "f:4: listener 'x': group is for unix sockets only"},
    // WebSocket
    {X "    path: /\n", "f:4: listener 'x': path is for type ws only"},
    {X "    origins: ['http://a']\n", "f:4: listener 'x': origins is for type ws only"},
    {"listeners:\n  default: {bind: 1, path: /}\n  x: {bind: 2, type: ws}\n",
     "f:2: listener 'default': path is for type ws only"},
    {WS "    path: mqtt\n", "f:5: listeners.x.path: expected a path of a URL, such as /mqtt, seen 'mqtt'"},
    {WS "    path: [/a, '/b?c']\n",
     "f:5: listeners.x.path: expected a path of a URL, such as /mqtt, seen '/b?c'"},
    {WS "    path: '/\xc3\xa9'\n", "f:5: listeners.x.path: expected a path of a URL, such as /mqtt, seen '/?"
                                   "?'"},
    {WS "    path:\n", "f:5: listeners.x.path: expected a path of a URL, such as /mqtt, seen nothing"},
    {WS "    path: {}\n", "f:5: listeners.x.path: expected a path of a URL, such as /mqtt, seen a map"},
    {WS "    path: []\n", "f:5: listeners.x.path: expected at least one path"},
    {WS "    path: [/1,/2,/3,/4,/5,/6,/7,/8,\n      /9]\n", "f:6: listeners.x.path: more than 8 paths"},
    {WS "    origins: [example.com]\n",
     "f:5: listeners.x.origins: expected an origin, such as https://example.com, seen 'example.com'"},
    {WS "    origins: ['https://a/']\n",
     "f:5: listeners.x.origins: expected an origin, such as https://example.com, seen 'https://a/'"},
    {WS "    origins: ['://a']\n",
     "f:5: listeners.x.origins: expected an origin, such as https://example.com, seen '://a'"},
    {WS "    origins: ['*']\n",
     "f:5: listeners.x.origins: expected an origin, such as https://example.com, seen '*'"},
    {WS "    origins: []\n", "f:5: listeners.x.origins: expected at least one origin"},
    {WS "    origins: &o ['a://1','a://1','a://1','a://1','a://1','a://1','a://1','a://1','a://1','a://1',\n"
        "      'a://1','a://1','a://1','a://1','a://1','a://1','a://1']\n",
     "f:6: listeners.x.origins: more than 16 origins"},
    // TLS
    {X "    ssl: perhaps\n", "f:4: listeners.x.ssl: expected true or false, seen 'perhaps'"},
    {X "    ssl: on\n", "f:4: listener 'x': ssl needs a certfile or a psk-file"},
    {"listeners:\n  default: {ssl: yes}\n  x: {bind: 1}\n",
     "f:2: listener 'x': ssl needs a certfile or a psk-file"},
    {X "    keyfile: k\n    ssl: on\n    psk-file: p\n", "f:4: listener 'x': keyfile needs a certfile"},
    {X "    ssl: on\n    psk-file: p\n    certificates: [{certfile: c}]\n",
     "f:6: listener 'x': certificates needs a certfile beside it, for clients that name no host"},
    {TLS "    certificates: c\n", "f:6: listeners.x.certificates: expected a list, seen 'c'"},
    {TLS "    certificates:\n    - c\n", "f:7: listeners.x.certificates: expected a map, seen 'c'"},
    {TLS "    certificates:\n    - keyfile: c\n",
     "f:7: listeners.x.certificates: expected a map with a certfile"},
    {TLS "    certificates:\n    - certfile: c\n      kefile: d\n",
     "f:8: unknown key 'kefile' in listeners.x.certificates; did you mean 'keyfile'?"},
    {TLS "    certificates:\n    - certfile: []\n",
     "f:7: listeners.x.certificates.certfile: expected the name of a file, seen a list"},
    {TLS "    certificates: [{certfile: c},{certfile: c},{certfile: c},{certfile: c},{certfile: "
         "c},{certfile: c},\n"
         "      {certfile: c},{certfile: c},\n      {certfile: c}]\n",
     "f:8: listeners.x.certificates: more than 8 certificates"},
    {TLS "    cafile: ''\n", "f:6: listeners.x.cafile: expected the name of a file, seen ''"},
    {TLS "    capath:\n", "f:6: listeners.x.capath: expected the name of a directory, seen nothing"},
    {TLS "    psk-file: \"a\\nb\"\n", "f:6: listeners.x.psk-file: expected the name of a file, seen 'a?b'"},
    {TLS "    cadata: ca.pem\n",
     "f:6: listeners.x.cadata: expected PEM text with its lines, after 'cadata: |', seen 'ca.pem'"},
    {TLS "    cadata: -----BEGIN CERTIFICATE-----\n      MIIB\n",
     "f:6: listeners.x.cadata: expected PEM text with its lines, after 'cadata: |', seen '-----BEGIN "
     "CERTIFICATE----- MIIB'"},
    {TLS "    cadata: []\n", "f:6: listeners.x.cadata: expected certificates as PEM text, seen a list"},
    {TLS "    cadata: \"-----BEGIN \\0\\n\"\n",
     "f:6: listeners.x.cadata: expected certificates as PEM text, seen '-----BEGIN ?"
     "?'"},
    {TLS "    client-certificate: yes\n",
     "f:6: listeners.x.client-certificate: expected none, optional or required, seen 'yes'"},
    {TLS "    client-certificate: optional\n",
     "f:6: listener 'x': client-certificate needs a cafile, a capath or cadata to judge by"},
    {TLS "    crlfile: r\n", "f:6: listener 'x': crlfile needs client-certificate: optional or required"},
    {TLS "    user-name-from: email\n",
     "f:6: listeners.x.user-name-from: expected none, common-name or subject-alt-name, seen 'email'"},
    {TLS "    user-name-from: common-name\n",
     "f:6: listener 'x': user-name-from needs client-certificate: optional or required"},
    {TLS "    cafile: a\n    client-certificate: none\n    user-name-from: common-name\n",
     "f:8: listener 'x': user-name-from needs client-certificate: optional or required"},
    {TLS "    tls-version-min: 1.1\n", "f:6: listeners.x.tls-version-min: expected 1.2 or 1.3, seen '1.1'"},
    {TLS "    tls-version-min: 1.20\n", "f:6: listeners.x.tls-version-min: expected 1.2 or 1.3, seen '1.20'"},
    {TLS "    tls-version-min: TLSv1.3\n",
     "f:6: listeners.x.tls-version-min: expected 1.2 or 1.3, seen 'TLSv1.3'"},
    {TLS "    ciphers: ''\n",
     "f:6: listeners.x.ciphers: expected a list of ciphers as OpenSSL writes it, seen ''"},
    {TLS "    ciphersuites: [a]\n",
     "f:6: listeners.x.ciphersuites: expected a list of cipher suites as OpenSSL writes it, seen a list"},
    {TLS "    groups: {}\n",
     "f:6: listeners.x.groups: expected a list of groups as OpenSSL writes it, seen a map"},
    // what TLS would have kept out
    {X "    cafile: a\n    client-certificate: required\n",
     "f:5: listener 'x': client-certificate needs ssl: on"},
    {X "    user-name-from: common-name\n",
     "f:4: listener 'x': user-name-from needs ssl: on, or to be common-name with proxy-protocol: on"},
    {X "    user-name-from: subject-alt-name\n    proxy-protocol: on\n",
     "f:4: listener 'x': user-name-from needs ssl: on, or to be common-name with proxy-protocol: on"},
    {"listeners:\n  default: {cafile: a, client-certificate: optional}\n  x: {bind: 1}\n",
     "f:2: listener 'x': client-certificate needs ssl: on"},
    {"listeners:\n  default: {user-name-from: common-name, ssl: on, certfile: c}\n  x: {bind: 1}\n",
     "f:2: listener 'x': user-name-from needs client-certificate: optional or required"},
};

static void test_faults_name_the_listener_and_the_line_of_the_key(void)
{
    expect_faults(faults, COUNT(faults));
}

// The longest text that a key takes, then one byte more.
static void test_texts_have_ceilings(void)
{
    static const struct {
        const char *before; // what a text begins with
        const char *after;
        size_t longest;
        const char *error;
    } cases[] = {
        {TLS "    cafile: ", "", 1023,
         "f:6: listeners.x.cafile: expected the name of a file, of at most 1023 bytes"},
        {TLS "    ciphers: ", "", 511,
         "f:6: listeners.x.ciphers: expected a list of ciphers as OpenSSL writes it, of at most 511 bytes"},
        {TLS "    certificates: [{certfile: ", "}]", 1023,
         "f:6: listeners.x.certificates.certfile: expected the name of a file, of at most 1023 bytes"},
        {TLS "    cadata: \"-----BEGIN \\n", "\"", 16383 - 12,
         "f:6: listeners.x.cadata: expected certificates as PEM text, of at most 16383 bytes"},
        {WS "    path: /", "", 1022,
         "f:5: listeners.x.path: expected a path of a URL, such as /mqtt, of at most 1023 bytes"},
        {WS "    origins: 'a://", "'", 251,
         "f:5: listeners.x.origins: expected an origin, such as https://example.com, of at most 255 bytes"},
        {"listeners:\n  x:\n    bind: unix:/s\n    owner: ", "", 63,
         "f:4: listeners.x.owner: expected a name or a number, of at most 63 bytes"},
    };
    static char text[20000];
    static char filling[17000];
    char error[CONFIG_ERROR_BYTES];
    memset(filling, 'y', sizeof(filling));
    for (size_t i = 0; i < COUNT(cases); i++) {
        for (size_t more = 0; more < 2; more++) {
            (void)snprintf(text, sizeof(text), "%s%.*s%s\n", cases[i].before, (int)(cases[i].longest + more),
                           filling, cases[i].after);
            const struct config *config = NULL;
            CU_ASSERT_EQUAL(parse(text, &config, error), more == 0 ? 0 : -EINVAL);
            config_unref(config);
        }
        error[strlen(cases[i].error)] = '\0'; // what follows is what was seen
        expect_text(cases[i].error, error);
    }
}

static void test_bind_texts(void)
{
    static const struct {
        const char *text;
        const char *host; // NULL: refused
        int port;         // -1: none is named
        const char *unix_path;
    } cases[] = {
        {"127.0.0.1:1883", "127.0.0.1", 1883, ""},
        {"127.0.0.1:0", "127.0.0.1", 0, ""},
        {"localhost:65535", "localhost", 65535, ""},
        {"my_host-1.example.:1", "my_host-1.example.", 1, ""},
        {":1884", "", 1884, ""},
        {"1884", "", 1884, ""},
        {"127.0.0.1", "127.0.0.1", -1, ""},
        {"localhost", "localhost", -1, ""},
        {"[::1]:1884", "::1", 1884, ""},
        {"[::1]", "::1", -1, ""},
        {"::1", "::1", -1, ""},
        {"::", "::", -1, ""},
        {"[::]:0", "::", 0, ""},
        {"fe80::1%eth0", "fe80::1%eth0", -1, ""},
        {"[fe80::1%eth0]:9", "fe80::1%eth0", 9, ""},
        {"1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8", -1, ""},
        {"::ffff:1.2.3.4", "::ffff:1.2.3.4", -1, ""},
        {"unix", "unix", -1, ""},
        {"unix.example:1", "unix.example", 1, ""},
        {"unix:/run/mqtt.sock", "", -1, "/run/mqtt.sock"},
        {"unix:/a b:1", "", -1, "/a b:1"},
        // refused
        {"unix:", NULL, 0, NULL},
        {"unix:1883", NULL, 0, NULL},
        {"unix:mqtt.sock", NULL, 0, NULL},
        {"unix:/", NULL, 0, NULL},
        {"unix:/run/", NULL, 0, NULL},
        {"", NULL, 0, NULL},
        {":", NULL, 0, NULL},
        {"a:", NULL, 0, NULL},
        {"a:65536", NULL, 0, NULL},
        {"65536", NULL, 0, NULL},
        {"999999", NULL, 0, NULL},
        {"a:-1", NULL, 0, NULL},
        {"a:+1", NULL, 0, NULL},
        {"a: 1", NULL, 0, NULL},
        {" a:1", NULL, 0, NULL},
        {"a b", NULL, 0, NULL},
        {"tcp://a:1", NULL, 0, NULL},
        {"a:b:1", NULL, 0, NULL},
        {"[::1", NULL, 0, NULL},
        {"[::1]1883", NULL, 0, NULL},
        {"[::1]:", NULL, 0, NULL},
        {"[1.2.3.4]:1", NULL, 0, NULL},
        {"[]:1", NULL, 0, NULL},
        {"[::1%]:1", NULL, 0, NULL},
        {"*:1883", NULL, 0, NULL},
        {"-a:1", NULL, 0, NULL},
        {"1:2:3:4:5:6:7:8:1883", NULL, 0, NULL},
        {"::1%averyverylonginterface", NULL, 0, NULL},
        {"[::1]:99999", NULL, 0, NULL},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        bool taken = cases[i].host != NULL;
        struct bind bind = {.host = "untouched", .port = 77, .unix_path = "so"};
        const char *fault = bind_parse(cases[i].text, &bind);
        CU_ASSERT_EQUAL(fault == NULL, taken);
        expect_text(taken ? cases[i].host : "untouched", bind.host);
        expect_text(taken ? cases[i].unix_path : "so", bind.unix_path);
        CU_ASSERT_EQUAL(bind.port, !taken ? 77 : cases[i].port < 0 ? 0 : cases[i].port);
        CU_ASSERT_EQUAL(bind.port_given, taken && cases[i].port >= 0);
    }
}

static void test_bind_hosts_and_paths_have_a_ceiling(void)
{
    char text[600];
    struct bind bind;
    memset(text, 'a', sizeof(text));
    (void)snprintf(text + CONFIG_HOST_BYTES - 1, sizeof(text) - CONFIG_HOST_BYTES + 1, ":1");
    CU_ASSERT_PTR_NULL(bind_parse(text, &bind));
    memset(text, 'a', CONFIG_HOST_BYTES);
    (void)snprintf(text + CONFIG_HOST_BYTES, sizeof(text) - CONFIG_HOST_BYTES, ":1");
    CU_ASSERT_PTR_NOT_NULL(bind_parse(text, &bind));
    text[0] = '[';
    CU_ASSERT_PTR_NOT_NULL(bind_parse(text, &bind));

    memset(text, 'a', sizeof(text));
    memcpy(text, "unix:/", 6);
    text[5 + CONFIG_UNIX_BYTES] = '\0';
    expect_text("a path of at most 107 bytes after 'unix:'", bind_parse(text, &bind));
    text[5 + CONFIG_UNIX_BYTES - 1] = '\0';
    CU_ASSERT_PTR_NULL(bind_parse(text, &bind));
    CU_ASSERT_EQUAL(strlen(bind.unix_path), 107);
}

int main(void)
{
    static const CU_TestInfo cases[] = {
        {"default entry gives the others their defaults", test_default_entry_gives_the_others_their_defaults},
        {"default entry with bind listens", test_default_entry_with_bind_listens},
        {"default entry may be what nobody serves", test_default_entry_may_be_what_nobody_serves},
        {"listeners have a ceiling", test_listeners_have_a_ceiling},
        {"listener without further keys", test_listener_without_further_keys},
        {"tls without further keys", test_tls_without_further_keys},
        {"every key of tls", test_every_key_of_tls},
        {"hyphens and underscores are the same in listeners",
         test_hyphens_and_underscores_are_the_same_in_listeners},
        {"client certificates are optional with an authority",
         test_client_certificates_are_optional_with_an_authority},
        {"a user name may come from the proxy", test_a_user_name_may_come_from_the_proxy},
        {"websocket", test_websocket},
        {"unix sockets", test_unix_sockets},
        {"ports where bind names none", test_ports_where_bind_names_none},
        {"default entry gives what each can use", test_default_entry_gives_what_each_can_use},
        {"files without ssl are one warning", test_files_without_ssl_are_one_warning},
        {"faults name the listener and the line of the key",
         test_faults_name_the_listener_and_the_line_of_the_key},
        {"texts have ceilings", test_texts_have_ceilings},
        {"bind texts", test_bind_texts},
        {"bind hosts and paths have a ceiling", test_bind_hosts_and_paths_have_a_ceiling},
    };
    return RUN_TESTS("listeners", cases);
}
