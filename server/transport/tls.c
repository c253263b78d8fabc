// SPDX-License-Identifier: MIT
#include "server/transport/tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>

#include "server/transport/tls_identity.h"
#include "server/transport/tls_wire.h"

struct tls {
    SSL *ssl;
    struct tls_context *context;
    struct tls_wire wire;
    char *user_name;
    uint64_t received; // bytes
    uint32_t queued_max;
    uint32_t key_updates;
    uint32_t renegotiations;
    uint8_t state; // enum tls_state
    bool peer_ended;
};

// OpenSSL tells one error from another only while its queue, which is the thread's, holds nothing older.
static void errors_forget(void)
{
    if (ERR_peek_error() != 0)
        ERR_clear_error();
}

static void tls_watch(const SSL *ssl, int where, int value)
{
    struct tls *tls = container_of(SSL_get_app_data(ssl), struct tls, wire);
    if (where == SSL_CB_ACCEPT_LOOP && SSL_get_state(ssl) == TLS_ST_SR_KEY_UPDATE &&
        ++tls->key_updates > TLS_KEY_UPDATES_MAX + tls->received / TLS_KEY_UPDATE_BYTES)
        tls_fault_set(&tls->wire.fault, TLS_FAULT_KEY_UPDATES, 0);
    if (where == SSL_CB_WRITE_ALERT && (value & 0xff) == SSL_AD_NO_RENEGOTIATION &&
        ++tls->renegotiations > TLS_RENEGOTIATIONS_MAX)
        tls_fault_set(&tls->wire.fault, TLS_FAULT_RENEGOTIATION, 0);
}

struct tls *tls_create(struct tls_context *context, struct tls_pool *pool, uint32_t queued_max)
{
    struct tls *tls = calloc(1, sizeof *tls);
    if (tls == NULL)
        return NULL;
    tls->wire.queue.pool = pool;
    tls->wire.queued_limit = queued_max + TLS_HANDSHAKE_MAX;
    tls->queued_max = queued_max;
    tls->context = tls_context_ref(context);
    tls->ssl = tls_context_accept(context, &tls->wire);
    if (tls->ssl == NULL) {
        errors_forget();
        tls_destroy(tls);
        return NULL;
    }
    SSL_set_info_callback(tls->ssl, tls_watch);
    return tls;
}

void tls_destroy(struct tls *tls)
{
    if (tls == NULL)
        return;
    SSL_free(tls->ssl);
    tls_context_unref(tls->context);
    tls_queue_finish(&tls->wire.queue);
    free(tls->user_name);
    free(tls);
}

void tls_move(struct tls *tls, struct tls_pool *pool)
{
    assert(!tls_sending(tls));
    tls->wire.queue.pool = pool;
}

// The end of the connection; returns what a caller is told.
static int tls_fail(struct tls *tls)
{
    tls->state = TLS_CLOSED;
    return tls->wire.fault.kind == TLS_FAULT_MEMORY ? -ENOMEM : -EPROTO;
}

// Why the last call of OpenSSL did not succeed; returns 0 if it only wants more input.
static int tls_judge(struct tls *tls, int result)
{
    struct tls_fault *fault = &tls->wire.fault;
    int error = SSL_get_error(tls->ssl, result);
    if (fault->kind == TLS_FAULT_NONE && error == SSL_ERROR_WANT_READ)
        return 0;
    if (fault->kind == TLS_FAULT_NONE && error == SSL_ERROR_ZERO_RETURN) {
        tls->peer_ended = true;
        return -EPIPE;
    }
    tls_fault_take(fault, SSL_get_verify_result(tls->ssl));
    return tls_fail(tls);
}

static char *text_copy(const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = malloc(size);
    if (copy != NULL)
        memcpy(copy, text, size);
    return copy;
}

// The PSK identity that the client is authenticated by: TLS 1.2 keeps it itself, see psk_session for TLS 1.3.
// Returns 0 also if there is none.
static int tls_take_psk_identity(struct tls *tls)
{
    const char *identity = SSL_get_psk_identity(tls->ssl);
    void *carried = NULL;
    size_t length = 0;
    if (identity == NULL && SSL_SESSION_get0_ticket_appdata(SSL_get0_session(tls->ssl), &carried, &length) &&
        length > 0) {
        tls->user_name = malloc(length + 1);
        if (tls->user_name == NULL)
            return -ENOMEM;
        memcpy(tls->user_name, carried, length);
        tls->user_name[length] = '\0';
        return 0;
    }
    if (identity != NULL && (tls->user_name = text_copy(identity)) == NULL)
        return -ENOMEM;
    return 0;
}

// A resumed session has the certificate of the first one.
static int tls_take_user_name(struct tls *tls)
{
    enum tls_identity identity = tls_context_identity(tls->context);
    if (identity == TLS_IDENTITY_NONE)
        return 0;
    X509 *certificate = SSL_get0_peer_certificate(tls->ssl);
    if (certificate == NULL)
        return tls_take_psk_identity(tls);
    return tls_identity_of(certificate, identity, &tls->user_name);
}

static int tls_establish(struct tls *tls)
{
    int failed = tls_take_user_name(tls);
    if (failed) {
        tls_fault_set(&tls->wire.fault, failed == -ENOMEM ? TLS_FAULT_MEMORY : TLS_FAULT_IDENTITY, 0);
        return tls_fail(tls);
    }
    tls->state = TLS_ESTABLISHED;
    return 0;
}

// What is not TLS is not shown to OpenSSL: who sent it would not understand an alert.
static int tls_greet(struct tls *tls, struct bytes input)
{
    enum greeting greeting = greeting_of(input);
    enum tls_fault_kind kind = tls_fault_of_greeting(greeting);
    if (kind == TLS_FAULT_NONE)
        return 0;
    uint8_t answer[GREETING_ANSWER_MAX];
    struct writer writer = writer_of(answer, sizeof answer);
    greeting_answer(greeting, "This port speaks TLS", &writer);
    if (!tls_queue_append(&tls->wire.queue, (struct bytes){answer, (size_t)(writer.at - answer)}))
        tls_fault_set(&tls->wire.fault, TLS_FAULT_MEMORY, 0);
    tls_fault_set(&tls->wire.fault, kind, input.data[0]);
    return tls_fail(tls);
}

// Reads records until there is no room or no input. Returns 0 or an error; `ret_length` is right with both.
static int tls_read(struct tls *tls, uint8_t *into, uint32_t room, uint32_t *ret_length)
{
    size_t length;
    while (*ret_length < room) {
        int result = SSL_read_ex(tls->ssl, into + *ret_length, room - *ret_length, &length);
        int failed = result == 1 ? 0 : tls_judge(tls, result);
        if (tls->state == TLS_HANDSHAKING && SSL_is_init_finished(tls->ssl))
            failed = tls_establish(tls);
        if (result != 1 || failed)
            return failed;
        *ret_length += (uint32_t)length;
        if (tls->wire.input.length == 0 && SSL_pending(tls->ssl) == 0)
            return 0; // it would only say that it wants more
    }
    return 0;
}

int tls_open(struct tls *tls, struct bytes *input, uint8_t *into, uint32_t room)
{
    assert(room > 0);
    struct bytes *wire_input = &tls->wire.input;
    uint32_t length = 0;
    int failed = 0;
    if (tls->wire.fault.kind != TLS_FAULT_NONE)
        failed = tls_fail(tls);
    else if (tls->peer_ended)
        failed = -EPIPE;
    else if (tls->received == 0 && input->length > 0)
        failed = tls_greet(tls, *input);
    if (!failed) {
        *wire_input = *input;
        failed = tls_read(tls, into, room, &length);
        tls->received += input->length - wire_input->length;
        *input = *wire_input;
        *wire_input = (struct bytes){NULL, 0};
        errors_forget();
    }
    if (length > 0)
        return (int)length; // an error comes again
    if (failed)
        *input = (struct bytes){NULL, 0}; // nobody is to look at it
    return failed;
}

uint32_t tls_room(const struct tls *tls)
{
    uint32_t queued = tls->wire.queue.bytes;
    if (tls->state != TLS_ESTABLISHED || queued >= tls->queued_max || SSL_in_init(tls->ssl))
        return 0;
    return (tls->queued_max - queued + TLS_RECORD_BYTES - 1) / TLS_RECORD_BYTES * TLS_RECORD_BYTES;
}

// A place in a list of spans.
struct spans {
    const struct iovec *at;
    const struct iovec *end;
    size_t offset; // in the span `at`
};

static void spans_pass(struct spans *spans, size_t length)
{
    spans->offset += length;
    while (spans->at < spans->end && spans->offset == spans->at->iov_len) {
        spans->at++;
        spans->offset = 0;
    }
}

static struct bytes spans_first(const struct spans *spans, size_t length_max)
{
    size_t length = spans->at->iov_len - spans->offset;
    return (struct bytes){(const uint8_t *)spans->at->iov_base + spans->offset,
                          length < length_max ? length : length_max};
}

// The plaintext of the next record, of at most `length_max` bytes: where it lies if it lies together, else
// gathered in `buffer`.
static struct bytes spans_take(struct spans *spans, uint8_t *buffer, size_t length_max)
{
    struct bytes piece = spans_first(spans, length_max);
    spans_pass(spans, piece.length);
    if (piece.length == length_max || spans->at == spans->end)
        return piece;
    size_t length = 0;
    for (;;) {
        memcpy(buffer + length, piece.data, piece.length);
        length += piece.length;
        if (length == length_max || spans->at == spans->end)
            return (struct bytes){buffer, length};
        piece = spans_first(spans, length_max - length);
        spans_pass(spans, piece.length);
    }
}

// Returns 1, 0 if TLS has a message of the peer to wait for first, or an error.
static int tls_seal_record(struct tls *tls, struct bytes record)
{
    size_t written;
    int result = SSL_write_ex(tls->ssl, record.data, record.length, &written);
    return result == 1 ? 1 : tls_judge(tls, result);
}

int tls_seal(struct tls *tls, const struct iovec *spans, uint32_t count)
{
    if (tls->wire.fault.kind != TLS_FAULT_NONE)
        return tls_fail(tls);
    struct spans place = {spans, spans + count, 0};
    uint32_t room = tls_room(tls);
    uint32_t taken = 0;
    int result = 1;
    spans_pass(&place, 0); // empty ones
    while (result == 1 && taken < room && place.at < place.end) {
        size_t length_max = room - taken < TLS_RECORD_BYTES ? room - taken : TLS_RECORD_BYTES;
        struct bytes record = spans_take(&place, tls->wire.queue.pool->record, length_max);
        result = tls_seal_record(tls, record);
        if (result == 1)
            taken += (uint32_t)record.length;
    }
    errors_forget();
    return result < 0 ? result : (int)taken;
}

void tls_close(struct tls *tls)
{
    // In the midst of a message of TLS there can be no close_notify; the end of the stream must do.
    if (tls->state == TLS_ESTABLISHED)
        (void)SSL_shutdown(tls->ssl);
    tls->state = TLS_CLOSED;
    errors_forget();
}

uint32_t tls_gather(struct tls *tls, struct iovec *ret_spans, uint32_t count_max)
{
    return tls_queue_gather(&tls->wire.queue, ret_spans, count_max);
}

void tls_sent(struct tls *tls, uint32_t length)
{
    tls_queue_sent(&tls->wire.queue, length);
}

uint32_t tls_queued(const struct tls *tls)
{
    return tls->wire.queue.bytes;
}

bool tls_sending(const struct tls *tls)
{
    return tls->wire.queue.sending > 0;
}

enum tls_state tls_state(const struct tls *tls)
{
    return tls->state;
}

bool tls_peer_ended(const struct tls *tls)
{
    return tls->peer_ended;
}

const struct tls_fault *tls_fault(const struct tls *tls)
{
    return &tls->wire.fault;
}

const char *tls_version_name(const struct tls *tls)
{
    return SSL_get_version(tls->ssl);
}

const char *tls_cipher_name(const struct tls *tls)
{
    return SSL_get_cipher_name(tls->ssl);
}

bool tls_resumed(const struct tls *tls)
{
    return SSL_session_reused(tls->ssl);
}

const char *tls_server_name(const struct tls *tls)
{
    return SSL_get_servername(tls->ssl, TLSEXT_NAMETYPE_host_name);
}

struct bytes tls_protocol(const struct tls *tls)
{
    const unsigned char *name;
    unsigned length;
    SSL_get0_alpn_selected(tls->ssl, &name, &length);
    return (struct bytes){name, length};
}

const char *tls_user_name(const struct tls *tls)
{
    return tls->user_name;
}

bool tls_has_certificate(const struct tls *tls)
{
    return SSL_get0_peer_certificate(tls->ssl) != NULL;
}
