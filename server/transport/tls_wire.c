// SPDX-License-Identifier: MIT
#include "server/transport/tls_wire.h"

static int wire_read(BIO *bio, char *into, int room)
{
    struct tls_wire *wire = BIO_get_data(bio);
    struct bytes *input = &wire->input;
    size_t length = input->length < (size_t)room ? input->length : (size_t)room;
    BIO_clear_retry_flags(bio);
    if (wire->fault.kind != TLS_FAULT_NONE)
        return -1; // a callback has found one: it ends here
    if (length == 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    memcpy(into, input->data, length);
    input->data += length;
    input->length -= length;
    return (int)length;
}

static int wire_write(BIO *bio, const char *data, int length)
{
    struct tls_wire *wire = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (wire->queue.bytes > wire->queued_limit)
        tls_fault_set(&wire->fault, TLS_FAULT_OUTPUT, 0);
    else if (tls_queue_append(&wire->queue, (struct bytes){(const uint8_t *)data, (size_t)length}))
        return length;
    else
        tls_fault_set(&wire->fault, TLS_FAULT_MEMORY, 0);
    return -1;
}

static long wire_control(BIO *bio, int command, long number, void *more)
{
    return command == BIO_CTRL_FLUSH; // there is nothing to flush; of other commands it knows none
}

BIO_METHOD *tls_wire_method_create(void)
{
    // Without a number of its own: OpenSSL has few of them, and contexts are made again and again.
    BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "hbmqtt");
    if (method != NULL && BIO_meth_set_read(method, wire_read) && BIO_meth_set_write(method, wire_write) &&
        BIO_meth_set_ctrl(method, wire_control))
        return method;
    BIO_meth_free(method);
    return NULL;
}

bool tls_wire_attach(struct tls_wire *wire, SSL *ssl, const BIO_METHOD *method)
{
    BIO *bio = BIO_new(method);
    if (bio == NULL)
        return false;
    BIO_set_data(bio, wire);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl, bio, bio); // takes it
    return SSL_set_app_data(ssl, wire);
}
