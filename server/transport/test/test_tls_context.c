// SPDX-License-Identifier: MIT
// Options: what is wrong with them is said in one line.
#include <errno.h>
#include <openssl/pem.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/transport/test/rig.h"
#include "server/transport/tls_psk.h"
#include "test/heap.h"

static char line[TLS_LINE_BYTES];

static void fails(const struct tls_options *options, int error, const char *part, const char *other_part)
{
    uint64_t blocks = heap_blocks();
    struct tls_context *context = NULL;
    int result = tls_context_create(options, &context, line);
    CU_ASSERT_EQUAL(result, error);
    CU_ASSERT_PTR_NULL(context);
    if (strstr(line, part) == NULL || strstr(line, other_part) == NULL)
        printf(" (it says: %s) ", line);
    CU_ASSERT_PTR_NOT_NULL(strstr(line, part));
    CU_ASSERT_PTR_NOT_NULL(strstr(line, other_part));
    CU_ASSERT_PTR_NULL(strchr(line, '\n'));
    CU_ASSERT_EQUAL(ERR_peek_error(), 0);
    CU_ASSERT_EQUAL(heap_blocks(), blocks);
    tls_context_unref(context);
}

// A file with that text, removed by the next call and at the end.
static const char *file_of(const char *text)
{
    static char path[64];
    if (path[0] != '\0')
        (void)unlink(path);
    path[0] = '\0';
    if (text == NULL)
        return NULL;
    memcpy(path, "/tmp/hbmqtt-test-XXXXXX", sizeof "/tmp/hbmqtt-test-XXXXXX");
    int fd = mkstemp(path);
    if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text) || close(fd) != 0)
        abort();
    return path;
}

static void test_certificate(void)
{
    struct tls_options options = {0};
    fails(&options, -EINVAL, "certfile and keyfile", "psk_file");
    options.certificate.certfile = "/nowhere/server.pem";
    fails(&options, -ENOENT, "certfile /nowhere/server.pem: No such file", "correct the path");
    options.certificate.certfile = "/";
    fails(&options, -EISDIR, "certfile /: Is a directory", "name a file");
    options.certificate.certfile = rig_file("server.key");
    fails(&options, -EINVAL, "certfile", "holds no certificate in PEM");
    options.certificate.certfile = rig_file("server.pem"); // and no key in it
    fails(&options, -EINVAL, "keyfile", "holds no private key in PEM");
    options.certificate.keyfile = "/nowhere/server.key";
    fails(&options, -ENOENT, "keyfile /nowhere/server.key: No such file", "correct the path");
    options.certificate.keyfile = rig_file("client.key");
    fails(&options, -EINVAL, "client.key: does not belong to", "server.pem");
    options.certificate.certfile = file_of("-----BEGIN CERTIFICATE-----\nbad\n-----END CERTIFICATE-----\n");
    fails(&options, -EINVAL, "certfile", "holds no certificate");
}

static void test_unreadable(void)
{
    struct tls_options options = rig_options();
    const char *path = file_of("x");
    if (geteuid() == 0)
        return; // root reads everything
    CU_ASSERT_EQUAL(chmod(path, 0), 0);
    options.certificate.keyfile = path;
    fails(&options, -EACCES, "keyfile", "let the user of the broker read it");
}

static void test_passphrase(void)
{
    struct tls_options options = rig_options();
    BIO *bio = BIO_new_file(rig_file("server.key"), "r");
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    BIO *locked = BIO_new(BIO_s_mem());
    CU_ASSERT_TRUE(PEM_write_bio_PKCS8PrivateKey(locked, key, EVP_aes_128_cbc(), "secret", 6, NULL, NULL));
    CU_ASSERT_EQUAL(BIO_write(locked, "", 1), 1);
    char *text;
    (void)BIO_get_mem_data(locked, &text);
    options.certificate.keyfile = file_of(text);
    fails(&options, -EINVAL, "has a passphrase", "openssl pkey");
    EVP_PKEY_free(key);
    BIO_free(bio);
    BIO_free(locked);
}

static void test_more(void)
{
    struct tls_certificate_files more[] = {
        {rig_file("server-other.pem"), rig_file("server-other.key")},
        {rig_file("server-rsa.pem"), rig_file("server.key")},
    };
    struct tls_options options = rig_options();
    options.more = more;
    options.more_count = 2;
    fails(&options, -EINVAL, "server.key: does not belong to", "server-rsa.pem");
}

static void test_warning(void)
{
    struct tls_options options = rig_options();
    struct tls_context *context;
    CU_ASSERT_EQUAL(tls_context_create(&options, &context, line), 0);
    CU_ASSERT_STRING_EQUAL(line, "");
    tls_context_unref(context);
    options.certificate =
        (struct tls_certificate_files){rig_file("server-expired.pem"), rig_file("server-expired.key")};
    CU_ASSERT_EQUAL(tls_context_create(&options, &context, line), 0);
    CU_ASSERT_PTR_NOT_NULL(
        strstr(line, "server-expired.pem: has expired on 2020-02-01; clients will refuse it"));
    tls_context_unref(context);
}

static void test_authorities(void)
{
    struct tls_options options = rig_options();
    options.client_certificates = TLS_CLIENT_CERTIFICATES_OPTIONAL;
    fails(&options, -EINVAL, "without a CA", "cafile");
    options.cafile = "/nowhere/ca.pem";
    fails(&options, -ENOENT, "cafile /nowhere/ca.pem", "correct the path");
    options.cafile = rig_file("ca.key");
    fails(&options, -EINVAL, "cafile", "holds no certificate");
    options.cafile = file_of("-----BEGIN CERTIFICATE-----\nbad\n-----END CERTIFICATE-----\n");
    fails(&options, -EINVAL, "cafile", "not correct PEM");
    options.cafile = NULL;
    options.cadata = "no certificate";
    fails(&options, -EINVAL, "cadata", "holds no certificate");
    options.cadata = NULL;
    options.capath = "/nowhere";
    fails(&options, -ENOENT, "capath /nowhere", "name a directory");
    options.capath = "/proc/self/task";
    fails(&options, -EINVAL, "capath /proc/self/task", "no file in it");
    options.capath = NULL;
    options.cafile = rig_file("ca.pem");
    options.crlfile = "/nowhere/crl";
    fails(&options, -ENOENT, "crlfile /nowhere/crl", "correct the path");
    options.crlfile = rig_file("ca.pem");
    fails(&options, -EINVAL, "crlfile", "holds no CRL");
    options.crlfile = file_of("-----BEGIN X509 CRL-----\nbad\n-----END X509 CRL-----\n");
    fails(&options, -EINVAL, "crlfile", "not correct PEM");
}

static void test_agreement(void)
{
    struct tls_options options = rig_options();
    options.ciphers = "ECDHE-ECDSA-AES128-GCM-SHA256:NO-SUCH-CIPHER:!RC4";
    fails(&options, -EINVAL, "ciphers: nothing is known by the name 'NO-SUCH-CIPHER'", "openssl ciphers");
    options.ciphers = "!NO-SUCH-CIPHER";
    fails(&options, -EINVAL, "ciphers '!NO-SUCH-CIPHER'", "no cipher match");
    options.ciphers = NULL;
    options.ciphersuites = "TLS_AES_128_GCM_SHA256:TLS_ROT13";
    fails(&options, -EINVAL, "ciphersuites: nothing is known by the name 'TLS_ROT13'", "openssl ciphers");
    options.ciphersuites = NULL;
    options.groups = "X25519:P-111";
    fails(&options, -EINVAL, "groups: nothing is known by the name 'P-111'", "openssl ecparam");
}

static void psk_fails(const char *text, const char *part)
{
    struct tls_options options = {.psk_file = file_of(text)};
    fails(&options, -EINVAL, "psk_file /tmp/", part);
}

static void test_psk(void)
{
    struct tls_options options = {.psk_file = "/nowhere/psk"};
    fails(&options, -ENOENT, "psk_file /nowhere/psk", "correct the path");
    psk_fails("", "holds no line identity:hexkey");
    psk_fails("# nothing\n\n", "holds no line identity:hexkey");
    psk_fails("device\n", "line 1 is not identity:hexkey");
    psk_fails("# x\n:000102030405060708090a0b0c0d0e0f\n", "line 2 needs an identity");
    psk_fails("device:0001\n", "line 1 needs a key of 32");
    psk_fails("device:000102030405060708090a0b0c0d0e0g\n", "line 1 needs a key of 32");
    psk_fails("a:000102030405060708090a0b0c0d0e0f\nb:000102030405060708090a0b0c0d0e0f\n"
              "a:000102030405060708090a0b0c0d0e0f",
              "identity 'a' is there twice");
    char text[400];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    psk_fails(text, "line 1 is too long");
}

static void test_psk_find(void)
{
    struct tls_psks psks = {0};
    CU_ASSERT_EQUAL_FATAL(tls_psks_read(&psks, rig_file("psk"), line), 0);
    CU_ASSERT_EQUAL(psks.count, 2);
    const struct tls_psk *psk = tls_psks_find(&psks, bytes_of("device:7"));
    CU_ASSERT_PTR_NOT_NULL_FATAL(psk);
    CU_ASSERT_EQUAL(psk->key_length, 17);
    CU_ASSERT_EQUAL(psk->key[10], 0xaa);
    CU_ASSERT_PTR_NOT_NULL(tls_psks_find(&psks, bytes_of("device")));
    CU_ASSERT_PTR_NULL(tls_psks_find(&psks, bytes_of("devic")));
    CU_ASSERT_PTR_NULL(tls_psks_find(&psks, (struct bytes){(const uint8_t *)"device\0", 7}));
    CU_ASSERT_PTR_NULL(tls_psks_find(&psks, (struct bytes){NULL, 0}));
    tls_psks_finish(&psks);
}

static void test_no_memory(void)
{
    struct tls_certificate_files more[] = {{rig_file("server-other.pem"), rig_file("server-other.key")}};
    struct tls_options options = rig_options();
    options.more = more;
    options.more_count = 1;
    options.psk_file = rig_file("psk");
    uint64_t blocks = heap_blocks();
    for (uint64_t passed = 0;; passed++) {
        struct tls_context *context = NULL;
        heap_fail_after(passed);
        int failed = tls_context_create(&options, &context, line);
        bool happened = heap_recover();
        CU_ASSERT_EQUAL(failed, happened ? -ENOMEM : 0);
        CU_ASSERT_EQUAL(happened, line[0] != '\0');
        tls_context_unref(context);
        CU_ASSERT_EQUAL(heap_blocks(), blocks);
        if (!happened)
            break;
    }
}

// Reloading, as contexts: what began with the old one goes on with it.
static void test_reload(void)
{
    struct tls_options options = rig_options();
    struct tls_context *context = rig_context(&options);
    SSL_CTX *settings = rig_client(0, NULL);
    for (int i = 0; i < 300; i++) { // more often than OpenSSL has numbers for kinds of BIO
        struct tls_context *next = rig_context(&options);
        tls_context_unref(context);
        context = next;
    }
    struct rig rig;
    rig_init(&rig, context, settings);
    tls_context_unref(context);
    rig_run(&rig);
    CU_ASSERT_TRUE(rig_echoes(&rig));
    rig_finish(&rig);
    SSL_CTX_free(settings);
}

int main(void)
{
    static const CU_TestInfo cases[] = {
        {"certificate and key", test_certificate},
        {"a file that may not be read", test_unreadable},
        {"a key with a passphrase", test_passphrase},
        {"certificates for other names", test_more},
        {"an expired certificate is a warning", test_warning},
        {"CAs and CRLs", test_authorities},
        {"ciphers and groups", test_agreement},
        {"a file of pre-shared keys", test_psk},
        {"pre-shared keys are found", test_psk_find},
        {"no memory", test_no_memory},
        {"made again and again", test_reload},
    };
    int status = RUN_TESTS("transport/tls_context", cases);
    (void)file_of(NULL);
    return status;
}
