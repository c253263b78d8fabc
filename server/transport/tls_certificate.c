// SPDX-License-Identifier: MIT
#include "server/transport/tls_certificate.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <time.h>

#include "server/transport/tls_file.h"

// The broker has nobody to ask for a passphrase.
static int passphrase_refuse(char *text, int room, int writing, void *ret_asked)
{
    *(bool *)ret_asked = true;
    return -1;
}

static int pem_open(const char *option, const char *path, BIO **ret_bio, char *ret_line)
{
    FILE *file;
    int failed = tls_file_open(option, path, &file, ret_line);
    if (failed)
        return failed;
    BIO *bio = BIO_new_fp(file, BIO_CLOSE);
    if (bio == NULL) {
        (void)fclose(file); // only opened
        return tls_line_openssl(ret_line, -ENOMEM, "%s %s", option, path);
    }
    *ret_bio = bio;
    return 0;
}

static int chain_read(struct tls_certificate *certificate, BIO *bio, const char *path, char *ret_line)
{
    certificate->leaf = PEM_read_bio_X509_AUX(bio, NULL, NULL, NULL);
    if (certificate->leaf == NULL)
        return tls_line_openssl(ret_line, -EINVAL, "certfile %s: holds no certificate in PEM", path);
    certificate->chain = sk_X509_new_null();
    X509 *issuer = NULL;
    while (certificate->chain != NULL && (issuer = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
        if (!sk_X509_push(certificate->chain, issuer))
            break;
        issuer = NULL;
    }
    X509_free(issuer); // what found no place
    if (certificate->chain == NULL || issuer != NULL)
        return tls_line_openssl(ret_line, -ENOMEM, "certfile %s", path);
    if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
        return tls_line_openssl(ret_line, -EINVAL, "certfile %s: the chain behind the certificate is no PEM",
                                path);
    ERR_clear_error(); // it was the end of the file
    return 0;
}

static int key_read(struct tls_certificate *certificate, BIO *bio, const struct tls_certificate_files *files,
                    char *ret_line)
{
    bool asked = false;
    certificate->key = PEM_read_bio_PrivateKey(bio, NULL, passphrase_refuse, &asked);
    if (asked) {
        ERR_clear_error();
        return tls_line(
            ret_line, -EINVAL,
            "keyfile %s: the key has a passphrase; take it off with: openssl pkey -in OLD -out NEW",
            files->keyfile);
    }
    if (certificate->key == NULL)
        return tls_line_openssl(ret_line, -EINVAL, "keyfile %s: holds no private key in PEM", files->keyfile);
    if (X509_check_private_key(certificate->leaf, certificate->key) == 1)
        return 0;
    ERR_clear_error();
    return tls_line(ret_line, -EINVAL, "keyfile %s: does not belong to the first certificate of certfile %s",
                    files->keyfile, files->certfile);
}

static void certificate_warn(const struct tls_certificate *certificate, const char *path, char *ret_line)
{
    const ASN1_TIME *from = X509_get0_notBefore(certificate->leaf);
    const ASN1_TIME *until = X509_get0_notAfter(certificate->leaf);
    bool early = X509_cmp_current_time(from) > 0;
    if (!early && X509_cmp_current_time(until) > 0)
        return;
    char day[16] = "?";
    struct tm when;
    if (ASN1_TIME_to_tm(early ? from : until, &when))
        (void)strftime(day, sizeof day, "%Y-%m-%d", &when); // fits
    (void)tls_line(ret_line, 0, "certfile %s: %s %s; clients will refuse it: renew it", path,
                   early ? "is not valid before" : "has expired on", day); // a warning
}

int tls_certificate_read(struct tls_certificate *certificate, const struct tls_certificate_files *files,
                         char *ret_line)
{
    struct tls_certificate_files both = *files;
    if (both.keyfile == NULL)
        both.keyfile = both.certfile;
    *certificate = (struct tls_certificate){0};
    BIO *bio = NULL;
    int failed = pem_open("certfile", both.certfile, &bio, ret_line);
    if (failed)
        return failed;
    failed = chain_read(certificate, bio, both.certfile, ret_line);
    BIO_free(bio);
    if (!failed && (failed = pem_open("keyfile", both.keyfile, &bio, ret_line)) == 0) {
        failed = key_read(certificate, bio, &both, ret_line);
        BIO_free(bio);
    }
    if (failed)
        tls_certificate_finish(certificate);
    else
        certificate_warn(certificate, both.certfile, ret_line);
    return failed;
}

void tls_certificate_finish(struct tls_certificate *certificate)
{
    X509_free(certificate->leaf);
    sk_X509_pop_free(certificate->chain, X509_free);
    EVP_PKEY_free(certificate->key);
    *certificate = (struct tls_certificate){0};
}

bool tls_certificate_is_for(const struct tls_certificate *certificate, const char *host)
{
    return certificate->leaf != NULL && X509_check_host(certificate->leaf, host, strlen(host), 0, NULL) == 1;
}
