// SPDX-License-Identifier: MIT
// Who the client is: certificates, pre-shared keys, and sessions that are resumed.
#include <errno.h>
#include <string.h>

#include "server/transport/test/rig.h"
#include "test/heap.h"

static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

#define VERSIONS (sizeof versions / sizeof versions[0])

static struct tls_options asking(enum tls_client_certificates asked, enum tls_identity identity)
{
    struct tls_options options = rig_options();
    options.cafile = rig_file("ca.pem");
    options.client_certificates = asked;
    options.identity = identity;
    return options;
}

// One connection in each version: it stands, with that user name, if `fault` is NULL.
static void check(const struct tls_options *options, const char *certificate, const char *user_name,
                  const char *fault)
{
    uint64_t blocks = heap_blocks();
    for (size_t i = 0; i < VERSIONS; i++) {
        struct rig rig;
        struct tls_context *context = rig_context(options);
        SSL_CTX *settings = rig_client(versions[i], certificate);
        rig_init(&rig, context, settings);
        rig_run(&rig);
        if (fault == NULL) {
            CU_ASSERT_TRUE(rig_echoes(&rig));
            CU_ASSERT_EQUAL(tls_has_certificate(rig.tls), certificate != NULL);
        } else {
            CU_ASSERT_EQUAL(rig.server_error, -EPROTO);
            CU_ASSERT_TRUE(rig_fault_is(&rig, fault));
            CU_ASSERT_EQUAL(rig.client_error, SSL_ERROR_SSL);
            CU_ASSERT_NOT_EQUAL(rig.client_alert, -1);
        }
        if (user_name == NULL)
            CU_ASSERT_PTR_NULL(tls_user_name(rig.tls));
        if (user_name != NULL && tls_user_name(rig.tls) != NULL)
            CU_ASSERT_STRING_EQUAL(tls_user_name(rig.tls), user_name);
        CU_ASSERT_EQUAL(user_name != NULL, tls_user_name(rig.tls) != NULL);
        rig_finish(&rig);
        SSL_CTX_free(settings);
        tls_context_unref(context);
    }
    CU_ASSERT_EQUAL(heap_blocks(), blocks);
}

static void test_required(void)
{
    struct tls_options options = asking(TLS_CLIENT_CERTIFICATES_REQUIRED, TLS_IDENTITY_COMMON_NAME);
    check(&options, "client", "client", NULL);
    check(&options, "client-2", "client-2", NULL);
    check(&options, "client-chain", "client-chain", NULL);
    check(&options, NULL, NULL, "no client certificate");
    check(&options, "client-expired", NULL, "client certificate has expired");
    check(&options, "client-stranger", NULL, "client certificate is from an unknown CA");
    check(&options, "client-server", NULL, "client certificate is not made for clients");
    check(&options, "client-revoked", "client-revoked", NULL); // nobody has told of the CRL
}

static void test_optional(void)
{
    struct tls_options options = asking(TLS_CLIENT_CERTIFICATES_OPTIONAL, TLS_IDENTITY_COMMON_NAME);
    check(&options, "client", "client", NULL);
    check(&options, NULL, NULL, NULL);
    check(&options, "client-expired", NULL, "client certificate has expired");
    check(&options, "client-stranger", NULL, "client certificate is from an unknown CA");
}

static void test_revoked(void)
{
    struct tls_options options = asking(TLS_CLIENT_CERTIFICATES_REQUIRED, TLS_IDENTITY_NONE);
    options.crlfile = rig_file("ca.crl");
    check(&options, "client-revoked", NULL, "client certificate is revoked");
    check(&options, "client", NULL, NULL);
    check(&options, "client-chain", NULL, "no CRL from the issuer of the client certificate");
}

static void test_authorities(void)
{
    struct tls_options options = asking(TLS_CLIENT_CERTIFICATES_REQUIRED, TLS_IDENTITY_NONE);
    char text[8192];
    FILE *file = fopen(rig_file("ca.pem"), "r");
    size_t length = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[length] = '\0';
    options.cafile = NULL;
    options.cadata = text;
    check(&options, "client", NULL, NULL);
    check(&options, "client-stranger", NULL, "client certificate is from an unknown CA");
    options.cadata = NULL;
    options.capath = rig_file("");
    check(&options, "client", NULL, NULL);
    options.capath = NULL;
    options.cafile = rig_file("stranger-ca.pem");
    check(&options, "client-stranger", NULL, NULL);
    check(&options, "client", NULL, "client certificate is from an unknown CA");
}

static void test_identity(void)
{
    struct tls_options options = asking(TLS_CLIENT_CERTIFICATES_OPTIONAL, TLS_IDENTITY_DNS);
    const char *lacking = "client certificate lacks the part that becomes the user name";
    check(&options, "client-names", "device-7.example", NULL);
    check(&options, "client", NULL, lacking);
    options.identity = TLS_IDENTITY_EMAIL;
    check(&options, "client-names", "device@example.org", NULL);
    options.identity = TLS_IDENTITY_URI;
    check(&options, "client-names", "urn:device:7", NULL);
    check(&options, NULL, NULL, NULL);
    options.identity = TLS_IDENTITY_COMMON_NAME;
    check(&options, "client-names", "client-names", NULL);
    check(&options, "client-nameless", NULL, lacking);
    options.identity = TLS_IDENTITY_NONE;
    check(&options, "client-nameless", NULL, NULL);
}

// What the client says of itself; set by a test before the handshake.
static const char *psk_identity;
static const char *psk_key;
static SSL_SESSION *session; // the latest that the broker has given

static unsigned psk_client(SSL *ssl, const char *hint, char *identity, unsigned identity_room,
                           unsigned char *key, unsigned key_room)
{
    long length;
    unsigned char *bytes = OPENSSL_hexstr2buf(psk_key, &length);
    snprintf(identity, identity_room, "%s", psk_identity);
    memcpy(key, bytes, (size_t)length);
    OPENSSL_free(bytes);
    return (unsigned)length;
}

static int session_keep(SSL *ssl, SSL_SESSION *given)
{
    SSL_SESSION_free(session);
    session = given;
    return 1;
}

struct attempt {
    struct tls_context *context;
    SSL_CTX *settings;
    bool resumed;
    const char *user_name;
    const char *fault;
};

static void attempt_check(const struct attempt *attempt)
{
    struct rig rig;
    rig_init(&rig, attempt->context, attempt->settings);
    if (session != NULL)
        CU_ASSERT_TRUE(SSL_set_session(rig.client, session));
    rig_run(&rig);
    if (attempt->fault != NULL) {
        CU_ASSERT_TRUE(rig_fault_is(&rig, attempt->fault));
        CU_ASSERT_NOT_EQUAL(rig.client_alert, -1);
    } else {
        CU_ASSERT_TRUE(rig_echoes(&rig));
        CU_ASSERT_EQUAL(tls_resumed(rig.tls), attempt->resumed);
        CU_ASSERT_EQUAL(SSL_session_reused(rig.client), attempt->resumed);
    }
    const char *user_name = tls_user_name(rig.tls);
    CU_ASSERT_EQUAL(user_name != NULL, attempt->user_name != NULL);
    if (user_name != NULL && attempt->user_name != NULL)
        CU_ASSERT_STRING_EQUAL(user_name, attempt->user_name);
    SSL_shutdown(rig.client); // else OpenSSL takes the session for a bad one
    ERR_clear_error();        // after a handshake that failed
    rig_run(&rig);
    rig_finish(&rig);
}

static SSL_CTX *psk_settings(int version)
{
    SSL_CTX *settings = rig_client(version, NULL);
    SSL_CTX_set_psk_client_callback(settings, psk_client);
    SSL_CTX_set_session_cache_mode(settings, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(settings, session_keep);
    if (version == TLS1_2_VERSION)
        CU_ASSERT_TRUE(
            SSL_CTX_set_cipher_list(settings, "ECDHE-PSK-CHACHA20-POLY1305:PSK-AES128-GCM-SHA256"));
    return settings;
}

static void psk_forget_session(void)
{
    SSL_SESSION_free(session);
    session = NULL;
}

static void test_psk(void)
{
    struct tls_options options = {.psk_file = rig_file("psk"), .identity = TLS_IDENTITY_COMMON_NAME};
    for (size_t i = 0; i < VERSIONS; i++) {
        bool newer = versions[i] == TLS1_3_VERSION;
        struct attempt attempt = {rig_context(&options), psk_settings(versions[i]), newer, "device:7", NULL};
        psk_identity = "device:7";
        psk_key = "00112233445566778899aabbccddeeff00";
        psk_forget_session();
        attempt_check(&attempt);
        CU_ASSERT_PTR_NOT_NULL(session);
        attempt.resumed = true; // from the ticket, with the identity
        psk_identity = "nobody";
        attempt_check(&attempt);
        psk_forget_session();
        attempt.user_name = NULL;
        attempt.fault = newer ? "no shared signature algorithm" : "unknown PSK identity";
        attempt_check(&attempt);
        psk_identity = "device";
        attempt.fault = newer ? "wrong PSK" : "a record that does not decrypt";
        attempt_check(&attempt);
        psk_forget_session();
        SSL_CTX_free(attempt.settings);
        tls_context_unref(attempt.context);
    }
}

// Beside a certificate, for those who have a key; who has none sees the certificate.
static void test_psk_beside(void)
{
    struct tls_options options = rig_options();
    options.psk_file = rig_file("psk");
    check(&options, NULL, NULL, NULL);
    struct attempt attempt = {rig_context(&options), psk_settings(TLS1_3_VERSION), true, NULL, NULL};
    psk_identity = "device";
    psk_key = "000102030405060708090a0b0c0d0e0f";
    psk_forget_session();
    attempt_check(&attempt); // and no user name, as no identity is asked for
    psk_forget_session();
    psk_identity = "nobody";
    attempt.resumed = false;
    attempt_check(&attempt);
    psk_forget_session();
    SSL_CTX_free(attempt.settings);
    tls_context_unref(attempt.context);
}

static SSL_CTX *resuming_settings(int version, const char *certificate)
{
    SSL_CTX *settings = rig_client(version, certificate);
    SSL_CTX_set_session_cache_mode(settings, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(settings, session_keep);
    return settings;
}

static void test_resumed(void)
{
    struct tls_options options = asking(TLS_CLIENT_CERTIFICATES_REQUIRED, TLS_IDENTITY_COMMON_NAME);
    for (size_t i = 0; i < VERSIONS; i++) {
        struct attempt attempt = {rig_context(&options), resuming_settings(versions[i], "client"), false,
                                  "client", NULL};
        attempt_check(&attempt);
        CU_ASSERT_PTR_NOT_NULL(session);
        attempt.resumed = true;
        for (int again = 0; again < 3; again++)
            attempt_check(&attempt); // each with the ticket of the one before
        // A reloaded context judges the client anew.
        tls_context_unref(attempt.context);
        attempt.context = rig_context(&options);
        attempt.resumed = false;
        attempt_check(&attempt);
        psk_forget_session();
        SSL_CTX_free(attempt.settings);
        tls_context_unref(attempt.context);
    }
}

// Nobody comes in as somebody else with a ticket that was touched.
static void test_ticket_forged(void)
{
    struct tls_options options = asking(TLS_CLIENT_CERTIFICATES_OPTIONAL, TLS_IDENTITY_COMMON_NAME);
    struct attempt attempt = {rig_context(&options), resuming_settings(TLS1_2_VERSION, "client"), false,
                              "client", NULL};
    attempt_check(&attempt);
    unsigned char *encoded = NULL;
    int length = i2d_SSL_SESSION(session, &encoded);
    const unsigned char *ticket;
    size_t ticket_length;
    SSL_SESSION_get0_ticket(session, &ticket, &ticket_length);
    unsigned char *place = memmem(encoded, (size_t)length, ticket, ticket_length);
    CU_ASSERT_PTR_NOT_NULL_FATAL(place);
    place[40] ^= 1;
    const unsigned char *at = encoded;
    SSL_SESSION *forged = d2i_SSL_SESSION(NULL, &at, length);
    psk_forget_session();
    session = forged;
    attempt_check(&attempt); // a handshake like the first
    psk_forget_session();
    OPENSSL_free(encoded);
    SSL_CTX_free(attempt.settings);
    tls_context_unref(attempt.context);
}

int main(void)
{
    static const CU_TestInfo cases[] = {
        {"a certificate is required", test_required},
        {"a certificate is optional", test_optional},
        {"a revoked certificate", test_revoked},
        {"where CAs come from", test_authorities},
        {"what becomes the user name", test_identity},
        {"pre-shared keys", test_psk},
        {"pre-shared keys beside a certificate", test_psk_beside},
        {"a session is resumed", test_resumed},
        {"a forged ticket", test_ticket_forged},
    };
    return RUN_TESTS("transport/tls_client", cases);
}
