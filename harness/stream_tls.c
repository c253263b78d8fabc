// SPDX-License-Identifier: MIT
// TLS by OpenSSL over a socket that does not block. The certificate of a broker under test proves nothing
// that the harness would want to know, so it is not verified.
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <unistd.h>

#include "harness/arena.h"
#include "harness/stream.h"

struct encrypted {
    struct stream stream;
    int descriptor;
    SSL *ssl;
};

static SSL_CTX *client_context(void)
{
    static SSL_CTX *context;
    if (context == NULL) {
        context = SSL_CTX_new(TLS_client_method());
        if (context != NULL) {
            SSL_CTX_set_verify(context, SSL_VERIFY_NONE, NULL);
            SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
            SSL_CTX_set_options(context, SSL_OP_IGNORE_UNEXPECTED_EOF);
        }
    }
    return context;
}

// With the certificate of the run. NULL when there is none to be used.
static SSL_CTX *server_context(const char *certificates)
{
    static SSL_CTX *context;
    if (context != NULL)
        return context;
    context = SSL_CTX_new(TLS_server_method());
    const char *certificate = arena_print("%s/server.pem", certificates);
    const char *key = arena_print("%s/server.key", certificates);
    if (context == NULL || SSL_CTX_use_certificate_chain_file(context, certificate) != 1 ||
        SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1) {
        SSL_CTX_free(context);
        context = NULL;
        return NULL;
    }
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_options(context, SSL_OP_IGNORE_UNEXPECTED_EOF);
    return context;
}

// After a call that did not succeed: waits for what it lacks. 0 to go on, or a negative errno; *ret_end for
// the end of the stream.
static int tls_wait(struct encrypted *encrypted, int result, struct deadline deadline, bool *ret_end)
{
    int saved = errno;
    int error = SSL_get_error(encrypted->ssl, result);
    ERR_clear_error();
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
        short events = error == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT;
        return deadline_wait(deadline, encrypted->descriptor, events) ? 0 : -ETIMEDOUT;
    }
    *ret_end = error == SSL_ERROR_ZERO_RETURN;
    return error == SSL_ERROR_SYSCALL && saved != 0 ? -saved : -EPROTO;
}

static int tls_send(struct stream *stream, struct bytes bytes, unsigned frame, struct deadline deadline)
{
    struct encrypted *encrypted = (struct encrypted *)stream;
    while (bytes.length > 0) {
        size_t sent = 0;
        errno = 0;
        int result = SSL_write_ex(encrypted->ssl, bytes.data, bytes.length, &sent);
        bool end = false;
        if (result == 1)
            bytes = bytes_slice(bytes, sent, bytes.length);
        else if ((result = tls_wait(encrypted, result, deadline, &end)) != 0)
            return result;
    }
    return 0;
}

static ssize_t tls_receive(struct stream *stream, struct buffer *buffer, struct deadline deadline)
{
    enum { PORTION = 16384 };
    struct encrypted *encrypted = (struct encrypted *)stream;
    for (;;) {
        size_t count = 0;
        errno = 0;
        int result = SSL_read_ex(encrypted->ssl, buffer_reserve(buffer, PORTION), PORTION, &count);
        if (result == 1) {
            buffer->length += count;
            return (ssize_t)count;
        }
        bool end = false;
        result = tls_wait(encrypted, result, deadline, &end);
        if (end)
            return 0;
        if (result != 0)
            return result;
    }
}

static int tls_descriptor(const struct stream *stream)
{
    return ((const struct encrypted *)stream)->descriptor;
}

// Without close_notify: an end that a case wants to be orderly has DISCONNECT in it.
static void tls_close(struct stream *stream)
{
    struct encrypted *encrypted = (struct encrypted *)stream;
    SSL_free(encrypted->ssl);
    close(encrypted->descriptor);
}

// Takes the socket and `ssl`, which knows which end it is; NULL: there was no memory for it.
static struct stream *tls_shake_hands(int descriptor, SSL *ssl, struct deadline deadline,
                                      const char **ret_why)
{
    static const struct stream_operations operations = {tls_send, tls_receive, tls_descriptor, tls_close};
    struct encrypted *encrypted = arena_take(sizeof *encrypted);
    *encrypted = (struct encrypted){{&operations}, descriptor, ssl};
    if (ssl == NULL || SSL_set_fd(ssl, descriptor) != 1) {
        *ret_why = "OpenSSL has no memory";
        tls_close(&encrypted->stream);
        return NULL;
    }
    for (;;) {
        errno = 0;
        int result = SSL_do_handshake(ssl);
        if (result == 1)
            return &encrypted->stream;
        bool end = false;
        const char *reason = ERR_reason_error_string(ERR_peek_error());
        result = tls_wait(encrypted, result, deadline, &end);
        if (result != 0) {
            *ret_why = arena_print("TLS handshake: %s", result == -ETIMEDOUT ? "no answer in time"
                                                        : reason == NULL     ? "closed"
                                                                             : reason);
            tls_close(&encrypted->stream);
            return NULL;
        }
    }
}

struct stream *stream_tls_open(int descriptor, const char *host, struct deadline deadline,
                               const char **ret_why)
{
    SSL *ssl = client_context() == NULL ? NULL : SSL_new(client_context());
    char *name = arena_print("%s", host); // OpenSSL asks for one that it could change
    if (ssl != NULL) {
        SSL_set_connect_state(ssl);
        (void)SSL_set_tlsext_host_name(ssl, name); // a server that needs it says so in the handshake
    }
    return tls_shake_hands(descriptor, ssl, deadline, ret_why);
}

struct stream *stream_tls_serve(int descriptor, const char *certificates, struct deadline deadline,
                                const char **ret_why)
{
    SSL_CTX *context = server_context(certificates);
    SSL *ssl = context == NULL ? NULL : SSL_new(context);
    if (ssl != NULL)
        SSL_set_accept_state(ssl);
    return tls_shake_hands(descriptor, ssl, deadline, ret_why);
}
