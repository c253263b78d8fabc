// SPDX-License-Identifier: MIT
#include "server/transport/test/rig.h"

#include <string.h>

const char *rig_file(const char *name)
{
    static char paths[64][512];
    const char *directory = getenv("TEST_CERTIFICATES");
    char path[512];
    if (directory == NULL)
        abort(); // meson sets it
    snprintf(path, sizeof path, "%s/%s", directory, name);
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        if (paths[i][0] == '\0')
            memcpy(paths[i], path, sizeof path);
        if (strcmp(paths[i], path) == 0)
            return paths[i];
    }
    abort();
}

struct tls_options rig_options(void)
{
    return (struct tls_options){.certificate = {rig_file("server.pem"), rig_file("server.key")}};
}

struct tls_context *rig_context(const struct tls_options *options)
{
    char line[TLS_LINE_BYTES];
    struct tls_context *context = NULL;
    int failed = tls_context_create(options, &context, line);
    if (failed) {
        printf(" (%s) ", line);
        abort();
    }
    return context;
}

SSL_CTX *rig_client(int version, const char *certificate)
{
    char name[64];
    SSL_CTX *settings = SSL_CTX_new(TLS_client_method());
    bool good = settings != NULL && SSL_CTX_load_verify_file(settings, rig_file("ca.pem")) &&
                SSL_CTX_set_min_proto_version(settings, version) &&
                SSL_CTX_set_max_proto_version(settings, version);
    if (good && certificate != NULL) {
        snprintf(name, sizeof name, "%s.pem", certificate);
        good = SSL_CTX_use_certificate_chain_file(settings, rig_file(name));
        snprintf(name, sizeof name, "%s.key", certificate);
        good = good && SSL_CTX_use_PrivateKey_file(settings, rig_file(name), SSL_FILETYPE_PEM);
    }
    if (!good)
        abort();
    SSL_CTX_set_verify(settings, SSL_VERIFY_PEER, NULL);
    return settings;
}

void rig_text_add(struct rig_text *text, const void *data, size_t length)
{
    if (text->length + length > text->capacity) {
        text->capacity = (text->length + length) * 2;
        text->data = realloc(text->data, text->capacity);
        if (text->data == NULL)
            abort();
    }
    memcpy(text->data + text->length, data, length);
    text->length += length;
}

static void client_watch(const SSL *ssl, int where, int value)
{
    struct rig *rig = SSL_get_app_data(ssl);
    if (where == SSL_CB_READ_ALERT)
        rig->client_alert = value & 0xff;
}

void rig_init(struct rig *rig, struct tls_context *context, SSL_CTX *settings)
{
    *rig = (struct rig){.client_alert = -1};
    tls_pool_init(&rig->pool, 4);
    rig->tls = tls_create(context, &rig->pool, RIG_QUEUED_MAX);
    rig->client = SSL_new(settings);
    if (rig->tls == NULL || rig->client == NULL)
        abort();
    SSL_set_bio(rig->client, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_app_data(rig->client, rig);
    SSL_set_info_callback(rig->client, client_watch);
    SSL_set_connect_state(rig->client);
}

static size_t rig_piece(const struct rig *rig, size_t length)
{
    size_t most = rig->piece_max != 0 && rig->piece_max < length ? rig->piece_max : length;
    return rig->random != NULL && most > 1 ? 1 + suite_below(rig->random, (uint32_t)most) : most;
}

bool rig_client_turn(struct rig *rig)
{
    uint8_t text[20000];
    bool moved = false;
    int length;
    if (rig->client_error != 0)
        return false;
    while ((length = SSL_read(rig->client, text, sizeof text)) > 0) {
        rig_text_add(&rig->client_got, text, (size_t)length);
        moved = true;
    }
    int error = SSL_get_error(rig->client, length);
    if (error != SSL_ERROR_WANT_READ)
        rig->client_error = error;
    ERR_clear_error();
    return moved;
}

void rig_server_take(struct rig *rig, const void *data, size_t length)
{
    uint8_t text[20000];
    struct bytes input = {data, length};
    uint32_t room = (uint32_t)rig_piece(rig, sizeof text);
    int result;
    while ((result = tls_open(rig->tls, &input, text, room)) > 0)
        rig_text_add(&rig->server_got, text, (size_t)result);
    CU_ASSERT_EQUAL(input.length, 0);
    CU_ASSERT_EQUAL(ERR_peek_error(), 0);
    if (result < 0 && rig->server_error == 0)
        rig->server_error = result;
}

bool rig_carry_to_server(struct rig *rig)
{
    // A block of its own, so that a look beyond its end is found.
    char *all;
    long length = BIO_get_mem_data(SSL_get_wbio(rig->client), &all);
    if (length <= 0)
        return false;
    size_t piece = rig_piece(rig, (size_t)length);
    uint8_t *block = malloc(piece);
    if (block == NULL || BIO_read(SSL_get_wbio(rig->client), block, (int)piece) != (int)piece)
        abort();
    rig_server_take(rig, block, piece);
    free(block);
    return true;
}

bool rig_carry_to_client(struct rig *rig)
{
    struct iovec spans[64];
    uint32_t count = tls_gather(rig->tls, spans, rig->random != NULL ? 1 + suite_below(rig->random, 64) : 64);
    size_t length = 0;
    for (uint32_t i = 0; i < count; i++)
        length += spans[i].iov_len;
    if (length == 0)
        return false;
    size_t sent = rig_piece(rig, length); // a short send
    size_t left = sent;
    for (uint32_t i = 0; i < count && left > 0; i++) {
        size_t part = spans[i].iov_len < left ? spans[i].iov_len : left;
        CU_ASSERT_EQUAL(BIO_write(SSL_get_rbio(rig->client), spans[i].iov_base, (int)part), (int)part);
        left -= part;
    }
    tls_sent(rig->tls, (uint32_t)sent);
    rig->sends++;
    return true;
}

void rig_run(struct rig *rig)
{
    bool moved = true;
    while (moved) {
        moved = rig_client_turn(rig);
        moved |= rig_carry_to_server(rig);
        moved |= rig_carry_to_client(rig);
    }
}

void rig_client_write(struct rig *rig, const void *data, size_t length)
{
    size_t written = 0;
    CU_ASSERT_EQUAL(SSL_write_ex(rig->client, data, length, &written), 1);
    CU_ASSERT_EQUAL(written, length);
}

void rig_server_write(struct rig *rig, const void *data, size_t length)
{
    struct iovec span = {(void *)(uintptr_t)data, length};
    CU_ASSERT_EQUAL(tls_seal(rig->tls, &span, 1), (int)length);
    CU_ASSERT_EQUAL(ERR_peek_error(), 0);
}

bool rig_established(const struct rig *rig)
{
    return tls_state(rig->tls) == TLS_ESTABLISHED && SSL_is_init_finished(rig->client) &&
           rig->server_error == 0 && rig->client_error == 0;
}

bool rig_echoes(struct rig *rig)
{
    if (!rig_established(rig))
        return false;
    rig->server_got.length = rig->client_got.length = 0;
    rig_client_write(rig, "from the client", 15);
    rig_server_write(rig, "from the broker", 15);
    rig_run(rig);
    return rig->server_got.length == 15 && memcmp(rig->server_got.data, "from the client", 15) == 0 &&
           rig->client_got.length == 15 && memcmp(rig->client_got.data, "from the broker", 15) == 0;
}

bool rig_fault_is(const struct rig *rig, const char *text)
{
    char line[TLS_FAULT_BYTES];
    tls_fault_text(tls_fault(rig->tls), line);
    if (strcmp(line, text) == 0)
        return true;
    printf(" (it says: %s) ", line);
    return false;
}

void rig_finish(struct rig *rig)
{
    tls_destroy(rig->tls);
    tls_pool_finish(&rig->pool);
    SSL_free(rig->client);
    free(rig->server_got.data);
    free(rig->client_got.data);
    CU_ASSERT_EQUAL(ERR_peek_error(), 0);
}
