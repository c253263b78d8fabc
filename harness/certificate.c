// SPDX-License-Identifier: MIT
#include "harness/certificate.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>

#include "harness/arena.h"

static bool extension_add(X509 *certificate, X509 *issuer, int kind, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, kind, value);
    bool added = extension != NULL && X509_add_ext(certificate, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return added;
}

// A certificate of `name` for `key`, signed by the issuer: itself when that is NULL.
static X509 *certificate_make(const char *name, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key)
{
    X509 *certificate = X509_new();
    if (certificate == NULL)
        return NULL;
    X509_NAME *subject = X509_get_subject_name(certificate);
    bool made =
        X509_set_version(certificate, 2) == 1 &&
        ASN1_INTEGER_set(X509_get_serialNumber(certificate), issuer == NULL ? 1 : 2) == 1 &&
        X509_gmtime_adj(X509_getm_notBefore(certificate), -86400) != NULL &&
        X509_gmtime_adj(X509_getm_notAfter(certificate), 86400L * 30) != NULL &&
        X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0) ==
            1 &&
        X509_set_issuer_name(certificate, issuer == NULL ? subject : X509_get_subject_name(issuer)) == 1 &&
        X509_set_pubkey(certificate, key) == 1;
    if (issuer == NULL)
        made = made && extension_add(certificate, certificate, NID_basic_constraints, "critical,CA:TRUE");
    else
        made = made &&
               extension_add(certificate, issuer, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1,IP:::1");
    if (made && X509_sign(certificate, issuer == NULL ? key : issuer_key, EVP_sha256()) > 0)
        return certificate;
    X509_free(certificate);
    return NULL;
}

static bool certificate_write(const char *directory, const char *name, X509 *certificate)
{
    FILE *file = fopen(arena_print("%s/%s", directory, name), "w");
    bool written = file != NULL && PEM_write_X509(file, certificate) == 1;
    return file != NULL && fclose(file) == 0 && written;
}

static bool key_write(const char *directory, const char *name, EVP_PKEY *key)
{
    FILE *file = fopen(arena_print("%s/%s", directory, name), "w");
    bool written = file != NULL && PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) == 1;
    return file != NULL && fclose(file) == 0 && written;
}

bool certificates_write(const char *directory)
{
    EVP_PKEY *ca_key = EVP_EC_gen("P-256");
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *ca = ca_key == NULL ? NULL : certificate_make("hbmqtt_conformance", ca_key, NULL, NULL);
    X509 *server = ca == NULL || key == NULL ? NULL : certificate_make("localhost", key, ca, ca_key);
    bool written = server != NULL && certificate_write(directory, "ca.pem", ca) &&
                   certificate_write(directory, "server.pem", server) &&
                   key_write(directory, "server.key", key);
    X509_free(server);
    X509_free(ca);
    EVP_PKEY_free(key);
    EVP_PKEY_free(ca_key);
    return written;
}
