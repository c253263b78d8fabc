// SPDX-License-Identifier: MIT
#include "server/transport/tls_trust.h"

#include <dirent.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>

#include "server/transport/tls_file.h"

// A client is told the names of the CAs that it may have a certificate from. The message would be large for
// many, and without names a client sends what it has.
#define CA_NAMES_MAX 64

// Whether the queue of errors says that a PEM text ended where a next object could have begun.
static bool pem_ended(void)
{
    unsigned long error = ERR_peek_last_error();
    return ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
}

// Adds all certificates of a PEM text. Returns how many, or -EINVAL or -ENOMEM with OpenSSL's error still in
// its queue.
static int authorities_add(SSL_CTX *settings, BIO *bio)
{
    int count = 0;
    X509 *authority;
    ERR_clear_error();
    while ((authority = PEM_read_bio_X509_AUX(bio, NULL, NULL, NULL)) != NULL) {
        bool added = X509_STORE_add_cert(SSL_CTX_get_cert_store(settings), authority) &&
                     SSL_CTX_add_client_CA(settings, authority);
        X509_free(authority);
        if (!added)
            return -ENOMEM;
        count++;
    }
    if (!pem_ended())
        return -EINVAL;
    ERR_clear_error();
    return count;
}

// The same with the line; `bio` is freed, NULL accepted. `path` is "" where there is none.
static int authorities_take(SSL_CTX *settings, BIO *bio, const char *option, const char *path, char *ret_line)
{
    if (bio == NULL)
        return tls_line_openssl(ret_line, -ENOMEM, "%s %s", option, path);
    int count = authorities_add(settings, bio);
    BIO_free(bio);
    if (count < 0)
        return tls_line_openssl(ret_line, count, "%s %s: a CA certificate in it is not correct PEM", option,
                                path);
    if (count == 0)
        return tls_line(ret_line, -EINVAL, "%s %s: holds no certificate in PEM; give that of the CA", option,
                        path);
    return 0;
}

static int authorities_of_file(SSL_CTX *settings, const char *path, char *ret_line)
{
    FILE *file;
    int failed = tls_file_open("cafile", path, &file, ret_line);
    if (failed)
        return failed;
    BIO *bio = BIO_new_fp(file, BIO_CLOSE);
    if (bio == NULL)
        (void)fclose(file); // only opened
    return authorities_take(settings, bio, "cafile", path, ret_line);
}

// What is no certificate is passed over: such directories hold other files as well. Returns how many there
// were, or -ENOMEM.
static int authorities_of_entry(SSL_CTX *settings, const char *directory, const char *name)
{
    char path[4096];
    if (snprintf(path, sizeof path, "%s/%s", directory, name) >= (int)sizeof path)
        return 0;
    BIO *bio = BIO_new_file(path, "r");
    int count = bio != NULL ? authorities_add(settings, bio) : 0;
    BIO_free(bio);
    ERR_clear_error();
    return count == -EINVAL ? 0 : count;
}

static int authorities_of_directory(SSL_CTX *settings, const char *path, char *ret_line)
{
    DIR *directory = opendir(path);
    if (directory == NULL)
        return tls_line(ret_line, -errno, "capath %s: %s; name a directory of CA certificates", path,
                        strerror(errno));
    int total = 0;
    int count = 0;
    const struct dirent *entry;
    while (count >= 0 && (entry = readdir(directory)) != NULL)
        if (entry->d_type != DT_DIR && (count = authorities_of_entry(settings, path, entry->d_name)) > 0)
            total += count;
    (void)closedir(directory); // only read from
    if (count < 0)
        return tls_line(ret_line, count, "capath %s: no memory", path);
    if (total == 0)
        return tls_line(ret_line, -EINVAL, "capath %s: no file in it is a CA certificate in PEM", path);
    return 0;
}

static int revocations_load(SSL_CTX *settings, const char *path, char *ret_line)
{
    FILE *file;
    int failed = tls_file_open("crlfile", path, &file, ret_line);
    if (failed)
        return failed;
    X509_STORE *store = SSL_CTX_get_cert_store(settings);
    X509_CRL *list;
    bool added = true;
    int count = 0;
    ERR_clear_error();
    while (added && (list = PEM_read_X509_CRL(file, NULL, NULL, NULL)) != NULL) {
        added = X509_STORE_add_crl(store, list);
        X509_CRL_free(list);
        count++;
    }
    (void)fclose(file); // only read from
    if (!added || !pem_ended())
        return tls_line_openssl(ret_line, -EINVAL, "crlfile %s: a CRL in it is not correct PEM", path);
    ERR_clear_error();
    if (count == 0)
        return tls_line(ret_line, -EINVAL, "crlfile %s: holds no CRL in PEM", path);
    // The client's own certificate is looked up. CRLs of every CA above it are rarely at hand.
    if (!X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK))
        return tls_line_openssl(ret_line, -ENOMEM, "crlfile %s", path);
    return 0;
}

int tls_trust_load(SSL_CTX *settings, const struct tls_options *options, char *ret_line)
{
    int failed = 0;
    if (options->cafile != NULL)
        failed = authorities_of_file(settings, options->cafile, ret_line);
    if (!failed && options->capath != NULL)
        failed = authorities_of_directory(settings, options->capath, ret_line);
    if (!failed && options->cadata != NULL)
        failed = authorities_take(settings, BIO_new_mem_buf(options->cadata, -1), "cadata", "", ret_line);
    if (!failed && options->crlfile != NULL)
        failed = revocations_load(settings, options->crlfile, ret_line);
    if (!failed && sk_X509_NAME_num(SSL_CTX_get_client_CA_list(settings)) > CA_NAMES_MAX)
        SSL_CTX_set_client_CA_list(settings, NULL);
    return failed;
}
