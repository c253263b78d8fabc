// SPDX-License-Identifier: MIT
// One connection: how it begins, what is agreed, how it ends.
#include <errno.h>
#include <string.h>

#include "server/transport/test/rig.h"
#include "test/heap.h"

static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

#define VERSIONS (sizeof versions / sizeof versions[0])

static struct rig rig;

// Begins the usual connection; ends with what `rig_close` frees.
static struct tls_context *context;
static SSL_CTX *settings;
static uint64_t blocks;

static void rig_open(const struct tls_options *options, int version)
{
    blocks = heap_blocks();
    context = rig_context(options);
    settings = rig_client(version, NULL);
    rig_init(&rig, context, settings);
    tls_context_unref(context); // the connection has its own reference
}

static void rig_close(void)
{
    rig_finish(&rig);
    SSL_CTX_free(settings);
    CU_ASSERT_EQUAL(heap_blocks(), blocks);
}

static void test_handshake(void)
{
    struct tls_options options = rig_options();
    for (size_t i = 0; i < VERSIONS; i++) {
        rig_open(&options, versions[i]);
        CU_ASSERT_EQUAL(tls_state(rig.tls), TLS_HANDSHAKING);
        CU_ASSERT_EQUAL(tls_room(rig.tls), 0);
        CU_ASSERT_FALSE(rig_established(&rig));
        rig_run(&rig);
        CU_ASSERT_TRUE(rig_established(&rig));
        CU_ASSERT_TRUE(rig_echoes(&rig));
        CU_ASSERT_STRING_EQUAL(tls_version_name(rig.tls), i == 0 ? "TLSv1.2" : "TLSv1.3");
        CU_ASSERT_STRING_EQUAL(tls_cipher_name(rig.tls), SSL_get_cipher_name(rig.client));
        CU_ASSERT_FALSE(tls_resumed(rig.tls));
        CU_ASSERT_PTR_NULL(tls_server_name(rig.tls));
        CU_ASSERT_PTR_NULL(tls_user_name(rig.tls));
        CU_ASSERT_EQUAL(tls_protocol(rig.tls).length, 0);
        CU_ASSERT_FALSE(tls_has_certificate(rig.tls));
        CU_ASSERT_EQUAL(tls_fault(rig.tls)->kind, TLS_FAULT_NONE);
        CU_ASSERT_TRUE(rig_fault_is(&rig, ""));
        rig_close();
    }
}

// Nothing waits for an answer that the peer would delay: the flight leaves together, and so do the ticket and
// what the broker answers to the CONNECT that came with the client's last flight.
static void test_sends(void)
{
    struct tls_options options = rig_options();
    rig_open(&options, TLS1_3_VERSION);
    rig_client_turn(&rig);
    rig_carry_to_server(&rig);
    rig_carry_to_client(&rig);
    CU_ASSERT_EQUAL(tls_queued(rig.tls), 0);
    rig_client_turn(&rig);
    rig_client_write(&rig, "CONNECT", 7);
    rig_carry_to_server(&rig);
    CU_ASSERT_EQUAL(rig.server_got.length, 7);
    CU_ASSERT_TRUE(tls_queued(rig.tls) > 0);
    rig_server_write(&rig, "CONNACK", 7);
    rig_carry_to_client(&rig);
    CU_ASSERT_EQUAL(tls_queued(rig.tls), 0);
    rig_client_turn(&rig);
    CU_ASSERT_EQUAL(rig.client_got.length, 7);
    CU_ASSERT_EQUAL(rig.sends, 2);
    rig_close();
}

static void test_version_min(void)
{
    struct tls_options options = rig_options();
    options.version_min = TLS_VERSION_1_3;
    rig_open(&options, TLS1_2_VERSION);
    rig_run(&rig);
    CU_ASSERT_EQUAL(rig.server_error, -EPROTO);
    CU_ASSERT_EQUAL(tls_state(rig.tls), TLS_CLOSED);
    CU_ASSERT_EQUAL(rig.client_alert, SSL_AD_PROTOCOL_VERSION);
    CU_ASSERT_TRUE(rig_fault_is(&rig, "no shared TLS version"));
    rig_close();
    rig_open(&options, TLS1_3_VERSION);
    rig_run(&rig);
    CU_ASSERT_TRUE(rig_echoes(&rig));
    rig_close();
}

static void test_ciphers(void)
{
    struct tls_options options = rig_options();
    options.ciphers = "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-GCM-SHA256";
    options.ciphersuites = "TLS_CHACHA20_POLY1305_SHA256";
    options.groups = "P-384:X25519";
    for (size_t i = 0; i < VERSIONS; i++) {
        rig_open(&options, versions[i]);
        rig_run(&rig);
        CU_ASSERT_TRUE(rig_echoes(&rig));
        CU_ASSERT_PTR_NOT_NULL(strstr(tls_cipher_name(rig.tls), "CHACHA20"));
        rig_close();
        rig_open(&options, versions[i]);
        CU_ASSERT_TRUE(SSL_set_cipher_list(rig.client, "ECDHE-ECDSA-AES256-GCM-SHA384"));
        CU_ASSERT_TRUE(SSL_set_ciphersuites(rig.client, "TLS_AES_128_GCM_SHA256"));
        rig_run(&rig);
        CU_ASSERT_TRUE(rig_fault_is(&rig, "no shared cipher"));
        CU_ASSERT_EQUAL(rig.client_alert, SSL_AD_HANDSHAKE_FAILURE);
        rig_close();
    }
    rig_open(&options, TLS1_3_VERSION);
    CU_ASSERT_TRUE(SSL_set1_groups_list(rig.client, (char[]){"P-521"}));
    rig_run(&rig);
    CU_ASSERT_TRUE(rig_fault_is(&rig, "no shared group"));
    rig_close();
}

static void alpn_check(bool websocket, const char *offered, const char *agreed)
{
    struct tls_options options = rig_options();
    options.websocket = websocket;
    for (size_t i = 0; i < VERSIONS; i++) {
        rig_open(&options, versions[i]);
        CU_ASSERT_EQUAL(
            SSL_set_alpn_protos(rig.client, (const unsigned char *)offered, (unsigned)strlen(offered)), 0);
        rig_run(&rig);
        if (agreed != NULL) {
            CU_ASSERT_TRUE(rig_echoes(&rig));
            CU_ASSERT_TRUE(bytes_equal(tls_protocol(rig.tls), bytes_of(agreed)));
        } else {
            CU_ASSERT_EQUAL(rig.server_error, -EPROTO);
            CU_ASSERT_EQUAL(rig.client_alert, SSL_AD_NO_APPLICATION_PROTOCOL);
            CU_ASSERT_TRUE(rig_fault_is(&rig, "no shared ALPN protocol"));
        }
        rig_close();
    }
}

static void test_alpn(void)
{
    alpn_check(false, "\004mqtt", "mqtt");
    alpn_check(false, "\002h2\004mqtt", "mqtt");
    alpn_check(false, "\010http/1.1", NULL);
    alpn_check(false, "\005mqttx\003mqt", NULL);
    alpn_check(true, "\004mqtt\010http/1.1", "http/1.1");
    alpn_check(true, "\004mqtt", "mqtt");
    alpn_check(true, "\002h2", NULL);
}

static void sni_check(const struct tls_options *options, const char *host, const char *subject)
{
    char name[64] = "";
    for (size_t i = 0; i < VERSIONS; i++) {
        rig_open(options, versions[i]);
        CU_ASSERT_TRUE(SSL_set_tlsext_host_name(rig.client, (void *)(uintptr_t)host));
        rig_run(&rig);
        CU_ASSERT_TRUE(rig_echoes(&rig));
        CU_ASSERT_STRING_EQUAL(tls_server_name(rig.tls), host);
        X509_NAME_get_text_by_NID(X509_get_subject_name(SSL_get0_peer_certificate(rig.client)),
                                  NID_commonName, name, sizeof name);
        CU_ASSERT_STRING_EQUAL(name, subject);
        rig_close();
    }
}

static void test_sni(void)
{
    struct tls_certificate_files more[] = {
        {rig_file("server-other.pem"), rig_file("server-other.key")},
        {rig_file("server-rsa.pem"), rig_file("server-rsa.key")},
    };
    struct tls_options options = rig_options();
    options.more = more;
    options.more_count = 2;
    sni_check(&options, "localhost", "localhost");
    sni_check(&options, "other.example", "other.example");
    sni_check(&options, "deep.other.example", "other.example");
    sni_check(&options, "RSA.example", "rsa.example"); // although the client would rather see a curve
    sni_check(&options, "unknown.example", "localhost");
}

static void test_chain(void)
{
    struct tls_options options = rig_options();
    options.certificate =
        (struct tls_certificate_files){rig_file("server-chain.pem"), rig_file("server-chain.key")};
    rig_open(&options, 0);
    rig_run(&rig);
    CU_ASSERT_TRUE(rig_echoes(&rig));
    rig_close();
}

// The client sees it, and says so; the broker began with a warning alone.
static void test_expired(void)
{
    struct tls_options options = rig_options();
    options.certificate =
        (struct tls_certificate_files){rig_file("server-expired.pem"), rig_file("server-expired.key")};
    for (size_t i = 0; i < VERSIONS; i++) {
        rig_open(&options, versions[i]);
        rig_run(&rig);
        CU_ASSERT_EQUAL(rig.server_error, -EPROTO);
        CU_ASSERT_TRUE(
            rig_fault_is(&rig, "the client ended the handshake or connection: certificate expired"));
        rig_close();
    }
}

static void test_broker_ends(void)
{
    struct tls_options options = rig_options();
    for (size_t i = 0; i < VERSIONS; i++) {
        rig_open(&options, versions[i]);
        rig_run(&rig);
        rig_server_write(&rig, "last", 4);
        tls_close(rig.tls);
        tls_close(rig.tls);
        CU_ASSERT_EQUAL(tls_state(rig.tls), TLS_CLOSED);
        CU_ASSERT_EQUAL(tls_room(rig.tls), 0);
        struct iovec span = {(char[]){"more"}, 4};
        CU_ASSERT_EQUAL(tls_seal(rig.tls, &span, 1), 0);
        rig_client_write(&rig, "still", 5);
        rig_run(&rig);
        CU_ASSERT_EQUAL(rig.client_got.length, 4);
        CU_ASSERT_EQUAL(rig.client_error, SSL_ERROR_ZERO_RETURN);
        CU_ASSERT_EQUAL(rig.server_got.length, 5);
        CU_ASSERT_EQUAL(SSL_shutdown(rig.client), 1);
        rig_run(&rig);
        CU_ASSERT_TRUE(tls_peer_ended(rig.tls));
        rig_close();
    }
}

static void test_client_ends(void)
{
    struct tls_options options = rig_options();
    for (size_t i = 0; i < VERSIONS; i++) {
        rig_open(&options, versions[i]);
        rig_run(&rig);
        rig_client_write(&rig, "DISCONNECT", 10);
        CU_ASSERT_FALSE(tls_peer_ended(rig.tls));
        CU_ASSERT_EQUAL(SSL_shutdown(rig.client), 0);
        rig_carry_to_server(&rig);
        CU_ASSERT_EQUAL(rig.server_got.length, 10);
        CU_ASSERT_EQUAL(rig.server_error, -EPIPE);
        CU_ASSERT_TRUE(tls_peer_ended(rig.tls));
        CU_ASSERT_EQUAL(tls_fault(rig.tls)->kind, TLS_FAULT_NONE);
        rig_server_take(&rig, "garbage", 7); // taken, and not looked at
        CU_ASSERT_EQUAL(rig.server_got.length, 10);
        rig_server_write(&rig, "bye", 3);
        tls_close(rig.tls);
        rig_carry_to_client(&rig);
        rig_client_turn(&rig);
        CU_ASSERT_EQUAL(rig.client_got.length, 3);
        rig_close();
    }
}

// A record whose end never comes is no end of the stream.
static void test_truncation(void)
{
    struct tls_options options = rig_options();
    rig_open(&options, TLS1_3_VERSION);
    rig_run(&rig);
    rig_client_write(&rig, "cut off", 7);
    uint8_t record[64];
    int length = BIO_read(SSL_get_wbio(rig.client), record, sizeof record);
    rig_server_take(&rig, record, (size_t)length - 1);
    CU_ASSERT_EQUAL(rig.server_got.length, 0);
    CU_ASSERT_EQUAL(rig.server_error, 0);
    CU_ASSERT_FALSE(tls_peer_ended(rig.tls));
    rig_close();
}

// `answer`: how what it is told begins, once; "": nothing is said.
static void plain_check(const char *data, size_t length, const char *fault, const char *answer)
{
    struct tls_options options = rig_options();
    rig_open(&options, 0);
    rig_server_take(&rig, data, length);
    CU_ASSERT_EQUAL(rig.server_error, -EPROTO);
    uint32_t queued = tls_queued(rig.tls);
    CU_ASSERT_EQUAL(queued > 0, answer[0] != '\0');
    CU_ASSERT_TRUE(rig_fault_is(&rig, fault));
    rig_server_take(&rig, data, length);
    struct iovec span = {(char[]){"x"}, 1};
    CU_ASSERT_EQUAL(tls_seal(rig.tls, &span, 1), -EPROTO);
    tls_close(rig.tls);
    CU_ASSERT_EQUAL(tls_queued(rig.tls), queued);
    if (queued > 0) {
        struct iovec said;
        CU_ASSERT_EQUAL_FATAL(tls_gather(rig.tls, &said, 1), 1);
        CU_ASSERT_TRUE(bytes_begin_with((struct bytes){said.iov_base, said.iov_len}, bytes_of(answer)));
        tls_sent(rig.tls, queued);
    }
    rig_close();
}

static void test_plain(void)
{
    static const char refusal[] = "HTTP/1.1 400 Bad Request\r\n";
    plain_check("\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00", 14, "plain MQTT on a TLS port", "");
    plain_check("\x10", 1, "plain MQTT on a TLS port", "");
    plain_check("GET /mqtt HTTP/1.1\r\n", 20, "plain HTTP on a TLS port", refusal);
    plain_check("GE", 2, "plain HTTP on a TLS port", refusal);
    plain_check("PUT /", 5, "plain HTTP on a TLS port", refusal);
    plain_check("PROXY TCP4 ", 11, "a PROXY protocol header on a TLS port that expects none", "");
    plain_check("SSH-2.0", 7, "not TLS: its first byte is 0x53", "");
    plain_check("\x80\x2e\x01", 3, "not TLS: its first byte is 0x80", "");
}

static void test_garbage(void)
{
    struct tls_options options = rig_options();
    struct random random;
    suite_seed(&random);
    for (int round = 0; round < 300; round++) {
        uint8_t data[600];
        for (size_t i = 0; i < sizeof data; i++)
            data[i] = (uint8_t)random_next(&random);
        memcpy(data, "\x16\x03\x01\x01", 4); // the head of a record of a handshake
        rig_open(&options, 0);
        rig_server_take(&rig, data, sizeof data);
        CU_ASSERT_EQUAL(rig.server_error, -EPROTO);
        CU_ASSERT_EQUAL(tls_queued(rig.tls), 7); // an alert
        CU_ASSERT_EQUAL(tls_state(rig.tls), TLS_CLOSED);
        rig_close();
    }
}

// One byte of the client's flights is another one. Some do not matter, and some make it wait for more.
static void test_wrong_bytes(void)
{
    struct tls_options options = rig_options();
    struct random random;
    unsigned faults = 0;
    suite_seed(&random);
    options.cafile = rig_file("ca.pem");
    options.client_certificates = TLS_CLIENT_CERTIFICATES_OPTIONAL;
    for (unsigned round = 0; round < 400; round++) {
        rig_open(&options, versions[round % VERSIONS]);
        for (unsigned flight = 0; flight < 2; flight++) {
            rig_client_turn(&rig);
            char *bytes;
            long length = BIO_get_mem_data(SSL_get_wbio(rig.client), &bytes);
            if (flight == round / 2 % 2 && length > 0)
                bytes[suite_below(&random, (uint32_t)length)] ^= (char)(1 + suite_below(&random, 255));
            rig_carry_to_server(&rig);
            rig_carry_to_client(&rig);
        }
        rig_run(&rig);
        CU_ASSERT_TRUE(rig.server_error == 0 || rig.server_error == -EPROTO);
        CU_ASSERT_EQUAL(rig.server_error != 0, tls_fault(rig.tls)->kind != TLS_FAULT_NONE);
        faults += rig.server_error != 0;
        rig_close();
    }
    CU_ASSERT_TRUE(faults > 200);
}

// Records of an established connection that are not the client's.
static void test_forged(void)
{
    struct tls_options options = rig_options();
    for (size_t i = 0; i < VERSIONS; i++) {
        rig_open(&options, versions[i]);
        rig_run(&rig);
        rig_client_write(&rig, "first", 5);
        rig_carry_to_server(&rig);
        rig_client_write(&rig, "second", 6);
        char *record;
        long length = BIO_get_mem_data(SSL_get_wbio(rig.client), &record);
        record[length - 1] ^= 1;
        rig_carry_to_server(&rig);
        CU_ASSERT_EQUAL(rig.server_got.length, 5);
        CU_ASSERT_EQUAL(rig.server_error, -EPROTO);
        CU_ASSERT_TRUE(rig_fault_is(&rig, "a record that does not decrypt"));
        rig_run(&rig);
        CU_ASSERT_EQUAL(rig.client_alert, SSL_AD_BAD_RECORD_MAC);
        rig_close();
    }
}

// Every allocation of ours fails once.
static void test_no_memory(void)
{
    struct tls_options options = rig_options();
    for (uint64_t passed = 0;; passed++) {
        rig_open(&options, TLS1_3_VERSION);
        (void)tls_context_ref(context);
        tls_destroy(rig.tls);
        heap_fail_after(passed);
        rig.tls = tls_create(context, &rig.pool, RIG_QUEUED_MAX);
        if (rig.tls != NULL)
            for (int i = 0; i < 3; i++) {
                rig_client_turn(&rig);
                char *flight;
                long length = BIO_get_mem_data(SSL_get_wbio(rig.client), &flight);
                rig_server_take(&rig, flight, (size_t)length);
                (void)BIO_reset(SSL_get_wbio(rig.client));
                rig_carry_to_client(&rig);
            }
        bool happened = heap_recover();
        CU_ASSERT_EQUAL(happened, rig.tls == NULL || rig.server_error == -ENOMEM);
        if (rig.tls != NULL && happened)
            CU_ASSERT_TRUE(rig_fault_is(&rig, "out of memory for TLS"));
        if (rig.tls != NULL && !happened)
            CU_ASSERT_TRUE(rig_echoes(&rig));
        tls_context_unref(context);
        rig_close();
        if (!happened)
            break;
    }
}

int main(void)
{
    static const CU_TestInfo cases[] = {
        {"a handshake in both versions", test_handshake},
        {"what is ready leaves in one send", test_sends},
        {"an older version is refused", test_version_min},
        {"ciphers and groups", test_ciphers},
        {"ALPN", test_alpn},
        {"the certificate for the name that is wanted", test_sni},
        {"a chain", test_chain},
        {"an expired certificate of the broker", test_expired},
        {"the broker ends", test_broker_ends},
        {"the client ends", test_client_ends},
        {"a stream that is cut off", test_truncation},
        {"what is not TLS is told", test_plain},
        {"garbage", test_garbage},
        {"a handshake with a wrong byte", test_wrong_bytes},
        {"a forged record", test_forged},
        {"no memory", test_no_memory},
    };
    return RUN_TESTS("transport/tls", cases);
}
