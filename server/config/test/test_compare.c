// SPDX-License-Identifier: MIT
// config_compare: what a running broker has to do for another configuration.
#include "server/config/config.h"

#include "server/config/test/reading.h"
#include "test/suite.h"

// The comparison of two texts. What is returned lasts until the next call.
static const struct config_comparison *compare(const char *before, const char *after)
{
    static struct config_comparison comparison;
    static const struct config *old;
    config_unref(old);
    old = config_ref(good(before));
    config_compare(old, good(after), &comparison);
    return &comparison;
}

static void expect_nothing(const struct config_comparison *comparison)
{
    CU_ASSERT_EQUAL(comparison->restart_key_count, 0);
    for (uint32_t i = 0; i < COMPARE_LISTENERS_MAX; i++)
        CU_ASSERT_FALSE(comparison->removed[i] || comparison->listeners[i].changed);
}

static void test_the_same_is_the_same(void)
{
    static const char *const texts[] = {
        "",
        "listeners: {a: {bind: 1}, b: {bind: 'unix:/s', owner: o}, c: {bind: '[::1]:0', type: ws, path: [/a, "
        "/b]}}\n",
        "listeners: {a: {bind: 1, ssl: on, certfile: c, cafile: d, ciphers: e, certificates: [{certfile: "
        "f}]}}\n",
        "shards: 2\nuser: a\nplugins: [{mine: {a: [1, {b: c}]}}, /x.so]\nlimits: {receive_buffers: 8}\n",
    };
    char elsewhere[512];
    for (size_t i = 0; i < COUNT(texts); i++) {
        (void)snprintf(elsewhere, sizeof(elsewhere), "\n\n%s", texts[i]); // in other lines
        const struct config_comparison *comparison = compare(texts[i], elsewhere);
        expect_nothing(comparison);
        CU_ASSERT_EQUAL(comparison->listeners[0].before, 0);
    }
}

static void test_listeners_come_and_go(void)
{
    const struct config_comparison *comparison =
        compare("listeners: {a: {bind: 1}, b: {bind: 2}, c: {bind: 'unix:/s'}}\n",
                "listeners: {c: {bind: 'unix:/s'}, d: {bind: 4}, a: {bind: 1}}\n");
    CU_ASSERT_EQUAL(comparison->listeners[0].before, 2);
    CU_ASSERT_EQUAL(comparison->listeners[1].before, COMPARE_NONE);
    CU_ASSERT_EQUAL(comparison->listeners[2].before, 0);
    CU_ASSERT_TRUE(!comparison->removed[0] && comparison->removed[1] && !comparison->removed[2]);
    for (uint32_t i = 0; i < 3; i++)
        CU_ASSERT_FALSE(comparison->listeners[i].changed);
}

static void test_a_listener_with_another_address_is_another(void)
{
    static const char *const pairs[][2] = {
        {"listeners: {a: {bind: 'h:1'}}\n", "listeners: {a: {bind: 'h:2'}}\n"},
        {"listeners: {a: {bind: 'h:1'}}\n", "listeners: {a: {bind: 'i:1'}}\n"},
        {"listeners: {a: {bind: 'h:1'}}\n", "listeners: {a: {bind: 'unix:/h'}}\n"},
        {"listeners: {a: {bind: 'unix:/i'}}\n", "listeners: {a: {bind: 'unix:/h'}}\n"},
        {"listeners: {a: {bind: 'h:0'}}\n", "listeners: {b: {bind: 'h:0'}}\n"}, // a free port of its own
    };
    for (size_t i = 0; i < COUNT(pairs); i++) {
        const struct config_comparison *comparison = compare(pairs[i][0], pairs[i][1]);
        CU_ASSERT_EQUAL(comparison->listeners[0].before, COMPARE_NONE);
        CU_ASSERT_FALSE(comparison->listeners[0].changed);
        CU_ASSERT_TRUE(comparison->removed[0]);
    }
}

#define TLS "ssl: on, certfile: c, cafile: d, "

// Every key of a listener beside its bind.
static void test_each_key_of_a_listener_is_a_change(void)
{
    static const char *const pairs[][2] = {
        {"", "type: ws"},
        {"", "max-connections: 3"},
        {"", "proxy-protocol: on"},
        {"proxy-protocol: on", "proxy-protocol: on, user-name-from: common-name"},
        {"", "limits: {inflight_max: 3}"},
        {"", "ssl: on, certfile: c"},
        {TLS "", TLS "certfile: e"},
        {TLS "", TLS "keyfile: e"},
        {TLS "", TLS "certificates: [{certfile: e}]"},
        {TLS "certificates: [{certfile: e}]", TLS "certificates: [{certfile: f}]"},
        {TLS "certificates: [{certfile: e}]", TLS "certificates: [{certfile: e, keyfile: f}]"},
        {TLS "", TLS "psk-file: e"},
        {TLS "", TLS "client-certificate: required"},
        {TLS "", TLS "cafile: e"},
        {TLS "", TLS "capath: e"},
        {TLS "", TLS "cadata: \"-----BEGIN \\n\""},
        {TLS "", TLS "crlfile: e"},
        {TLS "", TLS "user-name-from: common-name"},
        {TLS "", TLS "tls-version-min: 1.3"},
        {TLS "", TLS "ciphers: e"},
        {TLS "", TLS "ciphersuites: e"},
        {TLS "", TLS "groups: e"},
        {TLS "", TLS "handshakes-max: 1"},
        {"type: ws", "type: ws, path: /"},
        {"type: ws, path: [/a, /b]", "type: ws, path: [/a, /c]"},
        {"type: ws", "type: ws, origins: 'http://a'"},
    };
    char before[256];
    char after[256];
    for (size_t i = 0; i < COUNT(pairs); i++) {
        // a key that is there twice is a fault, so what both have comes from `default`
        (void)snprintf(before, sizeof(before), "listeners: {default: {%s}, a: {bind: 1}}\n", pairs[i][0]);
        size_t common = strncmp(pairs[i][1], TLS, strlen(TLS)) == 0 ? strlen(TLS) : 0;
        (void)snprintf(after, sizeof(after), "listeners: {default: {%.*s}, a: {bind: 1, %s}}\n", (int)common,
                       pairs[i][1], pairs[i][1] + common);
        const struct config_comparison *comparison = compare(before, after);
        CU_ASSERT_EQUAL(comparison->listeners[0].before, 0);
        CU_ASSERT_TRUE(comparison->listeners[0].changed);
        if (!comparison->listeners[0].changed)
            printf("\n    %s", after);
        CU_ASSERT_FALSE(comparison->removed[0]);
        CU_ASSERT_EQUAL(comparison->restart_key_count, 0);
    }
}

static void test_changes_of_unix_sockets_and_names(void)
{
    static const char before[] = "listeners: {a: {bind: 'unix:/s'}}\n";
    static const char *const after[] = {
        "listeners: {a: {bind: 'unix:/s', mode: 0600}}\n",
        "listeners: {a: {bind: 'unix:/s', owner: o}}\n",
        "listeners: {a: {bind: 'unix:/s', group: g}}\n",
        "listeners: {b: {bind: 'unix:/s'}}\n",
        "listeners: {a: {bind: 'unix:/s'}}\nlimits: {inflight_max: 3}\n", // which it has from there
    };
    for (size_t i = 0; i < COUNT(after); i++)
        CU_ASSERT_TRUE(compare(before, after[i])->listeners[0].changed);
}

static void test_keys_that_need_a_restart(void)
{
    static const char *const cases[][2] = {
        {"shards: 3\n", "shards"},
        {"user: a\n", "user"},
        {"group: a\n", "group"},
        {"seccomp: off\n", "seccomp"},
        {"plugin-directory: a\n", "plugin-directory"},
        {"limits: {receive_buffers: 8}\n", "limits.receive_buffers"},
        {"limits: {receive_buffer_bytes: 2048}\n", "limits.receive_buffer_bytes"},
        {"limits: {authentication_threads: 3}\n", "limits.authentication_threads"},
        {"limits: {authentications_max: 3}\n", "limits.authentications_max"},
        {"limits: {plugin_queue_max: 3}\n", "limits.plugin_queue_max"},
        {"limits: {plugin_timeout_ms: 3}\n", "limits.plugin_timeout_ms"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct config_comparison *comparison = compare("", cases[i][0]);
        CU_ASSERT_EQUAL_FATAL(comparison->restart_key_count, 1);
        expect_text(cases[i][1], comparison->restart_keys[0]);
        CU_ASSERT_EQUAL(compare(cases[i][0], "")->restart_key_count, 1);
    }
    const struct config_comparison *all =
        compare("", "shards: 3\nuser: a\ngroup: a\nseccomp: off\nplugin-directory: a\n"
                    "limits: {receive_buffers: 8, receive_buffer_bytes: 2048, authentication_threads: 3}\n");
    CU_ASSERT_EQUAL(all->restart_key_count, 8);
}

static void test_what_a_reload_applies_is_no_restart(void)
{
    static const char *const texts[] = {
        "auth: {allow-anonymous: off, password-file: p}\n",
        "topic-check: {enabled: on, acl: {a: b}}\n",
        "log: {level: debug}\n",
        "sys_interval: 3\n",
        "plugins: [{mine: {a: 1}}]\n",
        "max-qos: 1\n",
        "session_expiry_interval: 3\n",
        "limits: {inflight_max: 3, sessions_max: 4, connect_timeout_ms: 5000}\n",
    };
    for (size_t i = 0; i < COUNT(texts); i++)
        CU_ASSERT_EQUAL(compare("", texts[i])->restart_key_count, 0);
}

int main(void)
{
    static const CU_TestInfo cases[] = {
        {"the same is the same", test_the_same_is_the_same},
        {"listeners come and go", test_listeners_come_and_go},
        {"a listener with another address is another", test_a_listener_with_another_address_is_another},
        {"each key of a listener is a change", test_each_key_of_a_listener_is_a_change},
        {"changes of unix sockets and names", test_changes_of_unix_sockets_and_names},
        {"keys that need a restart", test_keys_that_need_a_restart},
        {"what a reload applies is no restart", test_what_a_reload_applies_is_no_restart},
    };
    return RUN_TESTS("compare", cases);
}
