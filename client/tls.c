// SPDX-License-Identifier: MIT
#include "client/tls.h"

#include "client/tls_fault.h"
#include "client/trust.h"

#include <arpa/inet.h>
#include <assert.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct tls {
    struct transport transport;
    SSL_CTX *context;
    SSL *ssl;
    const char *host;
    uint16_t port;
    struct tls_memory *memory;
    struct tls_verdict verdict;
    struct error below;  // why the layer below failed; code 0: it did not
    struct error ending; // what the next receive says; code 0: nothing
};

// The layer below as what OpenSSL reads and writes. A socket BIO would raise SIGPIPE.

static BIO_METHOD *below_method;
static pthread_once_t below_method_once = PTHREAD_ONCE_INIT;

static struct tls *tls_of(BIO *bio)
{
    return BIO_get_data(bio);
}

// What a BIO returns for what a transport returned.
static int below_result(BIO *bio, ssize_t count, int retry_flag)
{
    BIO_clear_retry_flags(bio);
    if (count > 0)
        return (int)count;
    if (count == 0)
        BIO_set_flags(bio, retry_flag | BIO_FLAGS_SHOULD_RETRY);
    return -1;
}

static int below_write(BIO *bio, const char *data, int size)
{
    struct tls *tls = tls_of(bio);
    struct bytes bytes = {(const uint8_t *)data, (uint32_t)size};
    return below_result(bio, transport_send(tls->transport.below, bytes, &tls->below), BIO_FLAGS_WRITE);
}

static int below_read(BIO *bio, char *room, int size)
{
    struct tls *tls = tls_of(bio);
    ssize_t count = transport_receive(tls->transport.below, (uint8_t *)room, (size_t)size, &tls->below);
    return below_result(bio, count, BIO_FLAGS_READ);
}

static long below_control(BIO *bio, int command, long number, void *pointer)
{
    return command == BIO_CTRL_FLUSH; // nothing is held back
}

static int below_create(BIO *bio)
{
    BIO_set_init(bio, 1);
    return 1;
}

static void below_method_make(void)
{
    below_method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "transport");
    if (below_method == NULL)
        return;
    BIO_meth_set_write(below_method, below_write);
    BIO_meth_set_read(below_method, below_read);
    BIO_meth_set_ctrl(below_method, below_control);
    BIO_meth_set_create(below_method, below_create);
}

// Verification.

static int note_verdict(int accepted, X509_STORE_CTX *store)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct tls *tls = SSL_get_app_data(ssl);
    if (!accepted && tls->verdict.fault == X509_V_OK)
        tls_verdict_note(&tls->verdict, store);
    return accepted;
}

static bool is_address(const char *host)
{
    struct in6_addr address;
    return inet_pton(AF_INET, host, &address) == 1 || inet_pton(AF_INET6, host, &address) == 1;
}

// Tells OpenSSL whom it has to meet. False: memory is lacking.
static bool tls_expect(struct tls *tls, const struct url *url, const struct hbmqtt_options *options)
{
    char host[256] = "";
    size_t length = strcspn(url->host, "%"); // no certificate knows the zone of an address
    if (length >= sizeof host)
        return false;
    memcpy(host, url->host, length);
    bool address = is_address(host);
    if (!address && SSL_set_tlsext_host_name(tls->ssl, host) != 1)
        return false;
    if (!options->verify_certificate || !options->check_host_name)
        return true;
    X509_VERIFY_PARAM *parameters = SSL_get0_param(tls->ssl);
    X509_VERIFY_PARAM_set_hostflags(parameters, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return address ? X509_VERIFY_PARAM_set1_ip_asc(parameters, host) == 1
                   : X509_VERIFY_PARAM_set1_host(parameters, host, 0) == 1;
}

// Resumption.

void tls_memory_finish(struct tls_memory *memory)
{
    SSL_SESSION_free(memory->session);
    *memory = (struct tls_memory){.session = NULL};
}

static bool memory_is_for(const struct tls_memory *memory, const struct tls *tls)
{
    return memory->session != NULL && memory->port == tls->port && strcmp(memory->host, tls->host) == 0;
}

// The server has given a session. The latest one is kept; a result of 1 says that it is ours now.
static int note_session(SSL *ssl, SSL_SESSION *session)
{
    struct tls *tls = SSL_get_app_data(ssl);
    struct tls_memory *memory = tls->memory;
    if (strlen(tls->host) >= sizeof memory->host)
        return 0;
    tls_memory_finish(memory);
    memory->session = session;
    memory->port = tls->port;
    memcpy(memory->host, tls->host, strlen(tls->host) + 1);
    return 1;
}

static void tls_remember(struct tls *tls)
{
    SSL_CTX_set_session_cache_mode(tls->context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(tls->context, note_session);
    if (memory_is_for(tls->memory, tls))
        (void)SSL_set_session(tls->ssl, tls->memory->session); // without it the handshake is a whole one
}

// The layer.

// Says why OpenSSL did not do what it was asked to, 0 if it only has to wait.
static int tls_judge(struct tls *tls, int result, bool handshake, struct error *ret_error)
{
    int why = SSL_get_error(tls->ssl, result);
    if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE) {
        tls->transport.wants_write = why == SSL_ERROR_WANT_WRITE;
        return 0;
    }
    if (why == SSL_ERROR_ZERO_RETURN)
        return error_set(ret_error, HBMQTT_ERROR_LOST, "the broker closed it");
    if (handshake && tls->verdict.fault != X509_V_OK) {
        ERR_clear_error();
        return tls_fault_untrusted(&tls->verdict, tls->host, ret_error);
    }
    if (why == SSL_ERROR_SSL && tls->below.code == 0)
        return tls_fault_library(handshake, ret_error);
    ERR_clear_error();
    const char *text = tls->below.code == 0 ? "the broker closed it" : tls->below.text;
    if (handshake)
        return error_set(ret_error, HBMQTT_ERROR_UNREACHABLE,
                         "connection lost in the TLS handshake: %s (does this port speak TLS?)", text);
    return error_set(ret_error, HBMQTT_ERROR_LOST, "%s", text);
}

// Before each call of OpenSSL: what is judged afterwards is of this call.
static void tls_begin(struct tls *tls)
{
    ERR_clear_error();
    error_clear(&tls->below);
    tls->transport.wants_write = false;
}

static int tls_open(struct transport *transport, struct error *ret_error)
{
    struct tls *tls = (struct tls *)transport;
    tls_begin(tls);
    int result = SSL_connect(tls->ssl);
    if (result == 1)
        return 0;
    int status = tls_judge(tls, result, true, ret_error);
    return status == 0 ? TRANSPORT_AGAIN : status;
}

static ssize_t tls_send(struct transport *transport, struct bytes bytes, struct error *ret_error)
{
    struct tls *tls = (struct tls *)transport;
    size_t count = 0;
    tls_begin(tls);
    int result = SSL_write_ex(tls->ssl, bytes.data, bytes.length, &count);
    return result == 1 ? (ssize_t)count : tls_judge(tls, result, false, ret_error);
}

static ssize_t tls_receive(struct transport *transport, uint8_t *room, size_t size, struct error *ret_error)
{
    struct tls *tls = (struct tls *)transport;
    if (tls->ending.code != 0) {
        *ret_error = tls->ending;
        return tls->ending.code;
    }
    size_t total = 0;
    int status = 0;
    while (status == 0 && total < size) {
        size_t count = 0;
        tls_begin(tls);
        int result = SSL_read_ex(tls->ssl, room + total, size - total, &count);
        total += count;
        if (result == 1)
            continue;
        status = tls_judge(tls, result, false, &tls->ending);
        if (status == 0)
            break;
    }
    // What came before the end is given first.
    transport->has_input = status != 0 || SSL_pending(tls->ssl) > 0;
    if (status == 0 || total > 0)
        return (ssize_t)total;
    *ret_error = tls->ending;
    return status;
}

static void tls_farewell(struct transport *transport)
{
    struct tls *tls = (struct tls *)transport;
    ERR_clear_error();
    if (tls->below.code == 0 && tls->ending.code == 0)
        (void)SSL_shutdown(tls->ssl); // a courtesy: MQTT has said that it ends
    ERR_clear_error();
}

static void tls_destroy(struct transport *transport)
{
    struct tls *tls = (struct tls *)transport;
    // A network that breaks is no reason to mistrust the session, which OpenSSL would do.
    if (tls->ssl != NULL)
        SSL_set_shutdown(tls->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(tls->ssl);
    SSL_CTX_free(tls->context);
    free(tls);
}

static const struct transport_layer tls_layer = {
    .opening = "TLS handshake",
    .open = tls_open,
    .send = tls_send,
    .receive = tls_receive,
    .farewell = tls_farewell,
    .destroy = tls_destroy,
};

// Returns 0 or HBMQTT_ERROR_SYSTEM.
static int tls_prepare(struct tls *tls, const struct url *url, const struct hbmqtt_options *options,
                       struct error *ret_error)
{
    pthread_once(&below_method_once, below_method_make);
    tls->ssl = SSL_new(tls->context);
    BIO *bio = below_method == NULL ? NULL : BIO_new(below_method);
    bool ready = tls->ssl != NULL && bio != NULL;
    if (bio != NULL)
        BIO_set_data(bio, tls);
    if (ready) {
        SSL_set_bio(tls->ssl, bio, bio);
        SSL_set_app_data(tls->ssl, tls);
        SSL_set_verify(tls->ssl, SSL_CTX_get_verify_mode(tls->context), note_verdict);
        SSL_set_connect_state(tls->ssl);
        tls_remember(tls);
    } else {
        BIO_free(bio);
    }
    if (ready && tls_expect(tls, url, options))
        return 0;
    ERR_clear_error();
    return error_set(ret_error, HBMQTT_ERROR_SYSTEM, "cannot prepare TLS for the host '%s'", url->host);
}

int tls_push(const struct url *url, const struct hbmqtt_options *options, struct tls_memory *memory,
             struct transport **ret_top, struct error *ret_error)
{
    struct tls *tls = calloc(1, sizeof *tls);
    if (tls == NULL)
        return error_set(ret_error, HBMQTT_ERROR_SYSTEM, "out of memory");
    tls->transport = (struct transport){.layer = &tls_layer, .fd = -1};
    tls->host = url->host;
    tls->port = url->port;
    tls->memory = memory;
    int status = trust_create(options, &tls->context, ret_error);
    if (status == 0)
        status = tls_prepare(tls, url, options, ret_error);
    if (status != 0) {
        tls_destroy(&tls->transport);
        return status;
    }
    tls->transport.below = *ret_top;
    *ret_top = &tls->transport;
    return 0;
}
