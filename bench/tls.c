// SPDX-License-Identifier: MIT
// TLS over bytes, by OpenSSL: its BIO reads from the input of the call and writes to the context's `sealed`,
// so it never has to wait for room, and only ever wants more input.
#include "bench/tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RECORD_BYTES 16384u // of payload

struct tls_context {
    SSL_CTX *settings;
    BIO_METHOD *method;
    char host[256]; // no name is longer
    bool host_is_address;
    struct bytes sealed;
    struct tls_use use;
    SSL_SESSION *session; // the latest that the broker gave out, if the next connection is to resume it
    uint8_t record[RECORD_BYTES]; // where a head is put in front of a body
};

struct tls {
    SSL *ssl;
    struct tls_context *context;
    struct span input; // of this call, as far as it was not read
    bool noted;        // its handshake is counted
    const char *why;
};

static int bio_read(BIO *bio, char *into, int room)
{
    struct tls *tls = BIO_get_data(bio);
    size_t length = tls->input.length < (size_t)room ? tls->input.length : (size_t)room;
    BIO_clear_retry_flags(bio);
    if (length == 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    memcpy(into, tls->input.data, length);
    tls->input.data += length;
    tls->input.length -= length;
    return (int)length;
}

static int bio_write(BIO *bio, const char *data, int length)
{
    struct tls *tls = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    return bytes_add(&tls->context->sealed, (struct span){(const uint8_t *)data, (size_t)length}) == 0
               ? length
               : -1;
}

static long bio_control(BIO *bio, int command, long number, void *more)
{
    return command == BIO_CTRL_FLUSH; // there is nothing to flush; of other commands it knows none
}

// What OpenSSL's queue of errors says, in words that stay; it is empty afterwards, as OpenSSL tells one error
// from another only while it holds nothing older.
static const char *take_error(void)
{
    unsigned long error = ERR_get_error();
    ERR_clear_error();
    if (ERR_SYSTEM_ERROR(error))
        return strerror(ERR_GET_REASON(error));
    return error != 0 ? ERR_reason_error_string(error) : NULL;
}

static int context_fail(const char *what)
{
    const char *why = take_error();
    fprintf(stderr, "hbmqtt_load: TLS: %s: %s\n", what, why != NULL ? why : "no memory");
    return -EINVAL;
}

static int keep_session(SSL *ssl, SSL_SESSION *session)
{
    struct tls_context *context = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    SSL_SESSION_free(context->session);
    context->session = session;
    return 1; // it is ours
}

static void context_keep_sessions(struct tls_context *context)
{
    SSL_CTX_set_app_data(context->settings, context);
    SSL_CTX_set_session_cache_mode(context->settings, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context->settings, keep_session);
}

// Returns 0, or a negative errno after one line on stderr.
static int context_prepare(struct tls_context *context, const char *cafile)
{
    context->settings = SSL_CTX_new(TLS_client_method());
    context->method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "hbmqtt_load");
    if (context->settings == NULL || context->method == NULL ||
        !BIO_meth_set_read(context->method, bio_read) || !BIO_meth_set_write(context->method, bio_write) ||
        !BIO_meth_set_ctrl(context->method, bio_control))
        return context_fail("cannot prepare");
    // With many connections, buffers that go from one to the next stay in the cache.
    SSL_CTX_set_mode(context->settings, SSL_MODE_RELEASE_BUFFERS);
    if (cafile == NULL)
        return 0;
    if (!SSL_CTX_load_verify_file(context->settings, cafile))
        return context_fail(cafile);
    SSL_CTX_set_verify(context->settings, SSL_VERIFY_PEER, NULL);
    return 0;
}

struct tls_context *tls_context_create(const char *host, const char *cafile, bool resume)
{
    struct tls_context *context = calloc(1, sizeof(*context));
    if (context == NULL) {
        fprintf(stderr, "hbmqtt_load: no memory\n");
        return NULL;
    }
    ASN1_OCTET_STRING *address = a2i_IPADDRESS(host);
    snprintf(context->host, sizeof(context->host), "%s", host);
    context->host_is_address = address != NULL;
    ASN1_OCTET_STRING_free(address);
    ERR_clear_error(); // a name is no address, and no error
    if (context_prepare(context, cafile) == 0) {
        if (resume)
            context_keep_sessions(context);
        return context;
    }
    tls_context_destroy(context);
    return NULL;
}

void tls_context_destroy(struct tls_context *context)
{
    if (context == NULL)
        return;
    SSL_SESSION_free(context->session);
    SSL_CTX_free(context->settings);
    BIO_meth_free(context->method);
    bytes_finish(&context->sealed);
    free(context);
}

const struct tls_use *tls_context_use(const struct tls_context *context)
{
    return &context->use;
}

struct bytes *tls_context_sealed(struct tls_context *context)
{
    return &context->sealed;
}

// Whom the certificate must be of, and what the broker is told of whom we want.
static bool tls_name_host(struct tls *tls)
{
    struct tls_context *context = tls->context;
    if (context->host_is_address)
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(tls->ssl), context->host);
    return SSL_set1_host(tls->ssl, context->host) && SSL_set_tlsext_host_name(tls->ssl, context->host);
}

static bool tls_begin(struct tls *tls)
{
    tls->ssl = SSL_new(tls->context->settings);
    BIO *bio = tls->ssl != NULL ? BIO_new(tls->context->method) : NULL;
    if (bio == NULL)
        return false;
    BIO_set_data(bio, tls);
    BIO_set_init(bio, 1);
    SSL_set_bio(tls->ssl, bio, bio); // takes it
    SSL_set_connect_state(tls->ssl);
    if (tls->context->session != NULL && !SSL_set_session(tls->ssl, tls->context->session))
        return false;
    return tls_name_host(tls) && SSL_get_error(tls->ssl, SSL_do_handshake(tls->ssl)) == SSL_ERROR_WANT_READ;
}

struct tls *tls_create(struct tls_context *context)
{
    struct tls *tls = calloc(1, sizeof(*tls));
    if (tls == NULL)
        return NULL;
    tls->context = context;
    if (tls_begin(tls))
        return tls;
    ERR_clear_error();
    bytes_clear(&context->sealed);
    tls_destroy(tls);
    return NULL;
}

void tls_destroy(struct tls *tls)
{
    if (tls == NULL)
        return;
    // OpenSSL does not resume the session of a connection that ended without close_notify.
    if (tls->ssl != NULL)
        SSL_set_shutdown(tls->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(tls->ssl);
    free(tls);
}

bool tls_stands(const struct tls *tls)
{
    return SSL_is_init_finished(tls->ssl);
}

const char *tls_why(const struct tls *tls)
{
    return tls->why;
}

static void tls_note(struct tls *tls)
{
    struct tls_use *use = &tls->context->use;
    tls->noted = true;
    use->handshakes++;
    use->resumed += SSL_session_reused(tls->ssl) ? 1 : 0;
    snprintf(use->cipher, sizeof(use->cipher), "%s %s", SSL_get_version(tls->ssl),
             SSL_get_cipher_name(tls->ssl));
}

static int tls_fail(struct tls *tls)
{
    long verdict = SSL_get_verify_result(tls->ssl);
    tls->why = take_error();
    if (verdict != X509_V_OK && SSL_get_verify_mode(tls->ssl) != SSL_VERIFY_NONE)
        tls->why = X509_verify_cert_error_string(verdict);
    return -EPROTO;
}

int tls_open(struct tls *tls, struct span input, struct tls_room room)
{
    size_t length = 0;
    size_t read = 0;
    tls->input = input;
    while (SSL_read_ex(tls->ssl, room.data + length, room.size - length, &read))
        length += read;
    if (!tls->noted && tls_stands(tls))
        tls_note(tls);
    switch (SSL_get_error(tls->ssl, 0)) {
    case SSL_ERROR_WANT_READ:
        return (int)length; // it wants more than the input had
    case SSL_ERROR_ZERO_RETURN:
        return length > 0 ? (int)length : -ECONNRESET; // its socket ends too, and is read again
    default:
        return tls_fail(tls);
    }
}

// The head and what fits beside it make the first record, and OpenSSL makes records of the rest.
int tls_seal(struct tls *tls, struct span head, struct span body)
{
    size_t written;
    tls->input = (struct span){NULL, 0};
    if (head.length > 0) {
        uint8_t *record = tls->context->record;
        size_t beside = RECORD_BYTES - head.length < body.length ? RECORD_BYTES - head.length : body.length;
        memcpy(record, head.data, head.length);
        memcpy(record + head.length, body.data, beside);
        if (!SSL_write_ex(tls->ssl, record, head.length + beside, &written))
            return tls_fail(tls);
        body.data += beside;
        body.length -= beside;
    }
    if (body.length > 0 && !SSL_write_ex(tls->ssl, body.data, body.length, &written))
        return tls_fail(tls);
    return 0;
}
