// SPDX-License-Identifier: MIT
#include "server/transport/tls_context.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "server/transport/tls_agree.h"
#include "server/transport/tls_certificate.h"
#include "server/transport/tls_file.h"
#include "server/transport/tls_identity.h"
#include "server/transport/tls_psk.h"
#include "server/transport/tls_trust.h"
#include "server/transport/tls_wire.h"

#define SESSION_TICKETS 1 // after a handshake: a client goes on with one connection

struct tls_context {
    SSL_CTX *settings;
    BIO_METHOD *method;
    struct tls_certificate certificate;
    struct tls_certificate *more;
    uint32_t more_count;
    struct tls_psks psks;
    enum tls_identity identity;
    bool websocket;
    _Atomic uint32_t references;
};

// The callbacks below run inside the calls of tls.c.
static struct tls_fault *fault_of(SSL *ssl)
{
    struct tls_wire *wire = SSL_get_app_data(ssl);
    return &wire->fault;
}

static struct tls_context *context_of(const SSL *ssl)
{
    return SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
}

// The list is of names with their lengths in front, and OpenSSL has seen that it is well-formed.
static const unsigned char *protocol_find(struct bytes offered, const char *name)
{
    size_t length = strlen(name);
    for (size_t at = 0; at < offered.length; at += 1u + offered.data[at])
        if (offered.data[at] == length && memcmp(offered.data + at + 1, name, length) == 0)
            return offered.data + at;
    return NULL;
}

static int protocol_choose(SSL *ssl, const unsigned char **ret_name, unsigned char *ret_length,
                           const unsigned char *offered, unsigned offered_length, void *owner)
{
    const struct tls_context *context = owner;
    struct bytes list = {offered, offered_length};
    const unsigned char *found = context->websocket ? protocol_find(list, "http/1.1") : NULL;
    if (found == NULL)
        found = protocol_find(list, "mqtt");
    if (found == NULL) {
        tls_fault_set(fault_of(ssl), TLS_FAULT_ALPN, 0);
        return SSL_TLSEXT_ERR_ALERT_FATAL; // no_application_protocol
    }
    *ret_length = found[0];
    *ret_name = found + 1;
    return SSL_TLSEXT_ERR_OK;
}

static int certificate_choose(SSL *ssl, void *owner)
{
    const struct tls_context *context = owner;
    const char *host = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    if (host == NULL || tls_certificate_is_for(&context->certificate, host))
        return 1;
    for (uint32_t i = 0; i < context->more_count; i++) {
        const struct tls_certificate *other = &context->more[i];
        if (tls_certificate_is_for(other, host)) {
            SSL_certs_clear(ssl); // else one with a key of another kind would stay beside it
            return SSL_use_cert_and_key(ssl, other->leaf, other->key, other->chain, 1);
        }
    }
    return 1;
}

// A client whose certificate does not say who it is would come in as if it had none.
static int certificate_verified(int good, X509_STORE_CTX *verification)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(verification, SSL_get_ex_data_X509_STORE_CTX_idx());
    const struct tls_context *context = context_of(ssl);
    if (!good || context->identity == TLS_IDENTITY_NONE || X509_STORE_CTX_get_error_depth(verification) > 0)
        return good;
    char *name = NULL;
    int failed = tls_identity_of(X509_STORE_CTX_get_current_cert(verification), context->identity, &name);
    free(name);
    if (!failed)
        return 1;
    tls_fault_set(fault_of(ssl), failed == -ENOMEM ? TLS_FAULT_MEMORY : TLS_FAULT_IDENTITY, 0);
    X509_STORE_CTX_set_error(verification, X509_V_ERR_APPLICATION_VERIFICATION);
    return 0;
}

// TLS 1.2.
static unsigned psk_key(SSL *ssl, const char *identity, unsigned char *ret_key, unsigned room)
{
    const struct tls_psk *psk = tls_psks_find(&context_of(ssl)->psks, bytes_of(identity));
    if (psk == NULL || psk->key_length > room || SSL_version(ssl) >= TLS1_3_VERSION)
        return 0;
    memcpy(ret_key, psk->key, psk->key_length);
    return psk->key_length;
}

// TLS 1.3. The identity travels with the session, also in its tickets: a client may offer several, and which
// one is taken is known only when the handshake is over.
static int psk_session(SSL *ssl, const unsigned char *identity, size_t length, SSL_SESSION **ret_session)
{
    static const unsigned char aes_128_gcm_sha256[] = {0x13, 0x01};
    *ret_session = NULL;
    const struct tls_psk *psk = tls_psks_find(&context_of(ssl)->psks, (struct bytes){identity, length});
    if (psk == NULL)
        return 1; // it may be a ticket
    SSL_SESSION *session = SSL_SESSION_new();
    const SSL_CIPHER *cipher = SSL_CIPHER_find(ssl, aes_128_gcm_sha256);
    if (session != NULL && cipher != NULL &&
        SSL_SESSION_set1_master_key(session, psk->key, psk->key_length) &&
        SSL_SESSION_set_cipher(session, cipher) &&
        SSL_SESSION_set_protocol_version(session, TLS1_3_VERSION) &&
        SSL_SESSION_set1_ticket_appdata(session, psk->identity, strlen(psk->identity))) {
        *ret_session = session;
        return 1;
    }
    SSL_SESSION_free(session);
    return 0;
}

static void settings_secure(struct tls_context *context)
{
    SSL_CTX *settings = context->settings;
    SSL_CTX_set_options(settings,
                        SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(settings, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_session_cache_mode(settings, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_app_data(settings, context);
    SSL_CTX_set_alpn_select_cb(settings, protocol_choose, context);
    if (context->more_count > 0)
        SSL_CTX_set_cert_cb(settings, certificate_choose, context);
    if (context->psks.count > 0) {
        SSL_CTX_set_psk_server_callback(settings, psk_key);
        SSL_CTX_set_psk_find_session_callback(settings, psk_session);
    }
}

static int clients_load(struct tls_context *context, const struct tls_options *options, char *ret_line)
{
    if (options->client_certificates == TLS_CLIENT_CERTIFICATES_NONE)
        return 0;
    if (options->cafile == NULL && options->capath == NULL && options->cadata == NULL)
        return tls_line(ret_line, -EINVAL,
                        "client certificates cannot be checked without a CA: give cafile, capath or cadata");
    int mode = SSL_VERIFY_PEER | SSL_VERIFY_CLIENT_ONCE;
    if (options->client_certificates == TLS_CLIENT_CERTIFICATES_REQUIRED)
        mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
    SSL_CTX_set_verify(context->settings, mode, certificate_verified);
    return tls_trust_load(context->settings, options, ret_line);
}

static int more_load(struct tls_context *context, const struct tls_options *options, char *ret_line)
{
    if (options->more_count == 0)
        return 0;
    context->more = calloc(options->more_count, sizeof *context->more);
    if (context->more == NULL)
        return tls_line(ret_line, -ENOMEM, "no memory for TLS");
    for (uint32_t i = 0; i < options->more_count; i++) {
        int failed = tls_certificate_read(&context->more[i], &options->more[i], ret_line);
        if (failed)
            return failed;
        context->more_count++;
    }
    return 0;
}

static int certificates_load(struct tls_context *context, const struct tls_options *options, char *ret_line)
{
    if (options->certificate.certfile == NULL && options->psk_file == NULL)
        return tls_line(ret_line, -EINVAL,
                        "TLS needs a certificate: give certfile and keyfile, or a psk_file");
    int failed = more_load(context, options, ret_line);
    if (failed || options->certificate.certfile == NULL)
        return failed;
    struct tls_certificate *own = &context->certificate;
    failed = tls_certificate_read(own, &options->certificate, ret_line);
    if (!failed && !SSL_CTX_use_cert_and_key(context->settings, own->leaf, own->key, own->chain, 1))
        failed = tls_line_openssl(ret_line, -EINVAL, "certfile %s", options->certificate.certfile);
    return failed;
}

static int context_load(struct tls_context *context, const struct tls_options *options, char *ret_line)
{
    static const unsigned char session_context[] = "hbmqtt"; // OpenSSL resumes nothing without one
    context->settings = SSL_CTX_new(TLS_server_method());
    context->method = tls_wire_method_create();
    if (context->settings == NULL || context->method == NULL ||
        !SSL_CTX_set_session_id_context(context->settings, session_context, sizeof session_context - 1) ||
        !SSL_CTX_set_num_tickets(context->settings, SESSION_TICKETS))
        return tls_line_openssl(ret_line, -ENOMEM, "TLS");
    int failed = tls_agree_load(context->settings, options, ret_line);
    if (!failed)
        failed = certificates_load(context, options, ret_line);
    if (!failed)
        failed = clients_load(context, options, ret_line);
    if (!failed && options->psk_file != NULL)
        failed = tls_psks_read(&context->psks, options->psk_file, ret_line);
    if (!failed)
        settings_secure(context);
    return failed;
}

int tls_context_create(const struct tls_options *options, struct tls_context **ret_context, char *ret_line)
{
    ret_line[0] = '\0';
    struct tls_context *context = calloc(1, sizeof *context);
    if (context == NULL)
        return tls_line(ret_line, -ENOMEM, "no memory for TLS");
    atomic_init(&context->references, 1);
    context->identity = options->identity;
    context->websocket = options->websocket;
    ERR_clear_error();
    int failed = context_load(context, options, ret_line);
    ERR_clear_error();
    if (failed) {
        tls_context_unref(context);
        return failed;
    }
    *ret_context = context;
    return 0;
}

struct tls_context *tls_context_ref(struct tls_context *context)
{
    atomic_fetch_add_explicit(&context->references, 1, memory_order_relaxed);
    return context;
}

void tls_context_unref(struct tls_context *context)
{
    if (context == NULL || atomic_fetch_sub_explicit(&context->references, 1, memory_order_acq_rel) > 1)
        return;
    SSL_CTX_free(context->settings);
    BIO_meth_free(context->method);
    tls_certificate_finish(&context->certificate);
    for (uint32_t i = 0; i < context->more_count; i++)
        tls_certificate_finish(&context->more[i]);
    free(context->more);
    tls_psks_finish(&context->psks);
    free(context);
}

struct ssl_st *tls_context_accept(const struct tls_context *context, struct tls_wire *wire)
{
    SSL *ssl = SSL_new(context->settings);
    if (ssl != NULL && tls_wire_attach(wire, ssl, context->method)) {
        SSL_set_accept_state(ssl);
        return ssl;
    }
    SSL_free(ssl);
    return NULL;
}

enum tls_identity tls_context_identity(const struct tls_context *context)
{
    return context->identity;
}
