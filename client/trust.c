// SPDX-License-Identifier: MIT
#include "client/trust.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// What OpenSSL stumbled over first, in its own words.
static const char *openssl_why(void)
{
    const char *why = ERR_reason_error_string(ERR_peek_error());
    return why == NULL ? "it cannot be used" : why;
}

static int context_fault(struct error *ret_error, const char *what, const char *file, const char *why)
{
    ERR_clear_error();
    return error_set(ret_error, HBMQTT_ERROR_ARGUMENT, "%s '%s': %s", what, file, why);
}

// A file that cannot be read is told as that; OpenSSL would only tell which call of its own failed.
static int check_readable(const char *what, const char *file, bool directory, struct error *ret_error)
{
    struct stat status;
    if (stat(file, &status) != 0 || access(file, R_OK) != 0)
        return context_fault(ret_error, what, file, strerror(errno));
    if (S_ISDIR(status.st_mode) != directory)
        return context_fault(ret_error, what, file,
                             directory ? "it is not a directory" : "it is a directory");
    return 0;
}

static int trust_file(SSL_CTX *context, const char *file, struct error *ret_error)
{
    int status = check_readable("CA file", file, false, ret_error);
    if (status == 0 && SSL_CTX_load_verify_locations(context, file, NULL) != 1)
        return context_fault(ret_error, "CA file", file, "it holds no certificate in PEM form");
    return status;
}

static int trust_path(SSL_CTX *context, const char *path, struct error *ret_error)
{
    int status = check_readable("CA path", path, true, ret_error);
    if (status == 0 && SSL_CTX_load_verify_locations(context, NULL, path) != 1)
        return context_fault(ret_error, "CA path", path, openssl_why());
    return status;
}

static int trust_data(SSL_CTX *context, const char *pem, struct error *ret_error)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);
    if (bio == NULL)
        return error_set(ret_error, HBMQTT_ERROR_SYSTEM, "out of memory");
    X509 *certificate;
    int count = 0;
    bool taken = true;
    while (taken && (certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
        taken = X509_STORE_add_cert(SSL_CTX_get_cert_store(context), certificate) == 1;
        X509_free(certificate);
        count++;
    }
    BIO_free(bio);
    bool ended = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    ERR_clear_error();
    if (count > 0 && taken && ended)
        return 0;
    return error_set(ret_error, HBMQTT_ERROR_ARGUMENT,
                     "the CA data is not a certificate in PEM form (-----BEGIN CERTIFICATE----- ...)");
}

static int context_trust(SSL_CTX *context, const struct hbmqtt_options *options, struct error *ret_error)
{
    int status = 0;
    if (options->ca_file != NULL)
        status = trust_file(context, options->ca_file, ret_error);
    if (status == 0 && options->ca_path != NULL)
        status = trust_path(context, options->ca_path, ret_error);
    if (status == 0 && options->ca_data != NULL)
        status = trust_data(context, options->ca_data, ret_error);
    if (options->ca_file == NULL && options->ca_path == NULL && options->ca_data == NULL)
        (void)SSL_CTX_set_default_verify_paths(
            context); // without a store nobody is trusted, and that is told
    ERR_clear_error();
    return status;
}

// OpenSSL would ask for it on the terminal.
static int no_passphrase(char *buffer, int size, int writing, void *context)
{
    return -1;
}

static int context_identify(SSL_CTX *context, const struct hbmqtt_options *options, struct error *ret_error)
{
    const char *certificate = options->certificate_file;
    const char *key = options->key_file == NULL ? certificate : options->key_file;
    if (certificate == NULL && key == NULL)
        return 0;
    if (certificate == NULL)
        return context_fault(ret_error, "key file", key, "it needs a certificate file beside it");
    int status = check_readable("certificate file", certificate, false, ret_error);
    if (status == 0)
        status = check_readable("key file", key, false, ret_error);
    if (status != 0)
        return status;
    SSL_CTX_set_default_passwd_cb(context, no_passphrase);
    if (SSL_CTX_use_certificate_chain_file(context, certificate) != 1)
        return context_fault(ret_error, "certificate file", certificate,
                             "it holds no certificate in PEM form");
    if (SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1) {
        bool mismatch = ERR_GET_REASON(ERR_peek_last_error()) == X509_R_KEY_VALUES_MISMATCH;
        return context_fault(ret_error, "key file", key,
                             mismatch ? "it is not the key of the certificate"
                                      : "it holds no private key in PEM form, or one with a passphrase");
    }
    return 0;
}

int trust_create(const struct hbmqtt_options *options, SSL_CTX **ret_context, struct error *ret_error)
{
    ERR_clear_error();
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    if (context == NULL || SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1) {
        SSL_CTX_free(context);
        return error_set(ret_error, HBMQTT_ERROR_SYSTEM, "cannot use OpenSSL: %s", openssl_why());
    }
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_verify(context, options->verify_certificate ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
    int status = context_trust(context, options, ret_error);
    if (status == 0)
        status = context_identify(context, options, ret_error);
    if (status == 0)
        *ret_context = context;
    else
        SSL_CTX_free(context);
    return status;
}
