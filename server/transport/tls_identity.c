// SPDX-License-Identifier: MIT
#include "server/transport/tls_identity.h"

#include <errno.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#include "proto/proto.h"

// The text of a name has no NUL inside, which could make another name of it.
static int name_copy(struct bytes text, char **ret_name)
{
    if (text.length == 0 || text.length > TLS_USER_NAME_MAX || memchr(text.data, '\0', text.length) != NULL ||
        !utf8_valid(text))
        return -ENOENT;
    char *name = malloc(text.length + 1);
    if (name == NULL)
        return -ENOMEM;
    memcpy(name, text.data, text.length);
    name[text.length] = '\0';
    *ret_name = name;
    return 0;
}

static int string_copy(const ASN1_STRING *string, char **ret_name)
{
    unsigned char *text = NULL;
    int length = ASN1_STRING_to_UTF8(&text, string);
    if (length < 0)
        return -ENOENT;
    int failed = name_copy((struct bytes){text, (size_t)length}, ret_name);
    OPENSSL_free(text);
    return failed;
}

static int common_name_of(X509 *certificate, char **ret_name)
{
    X509_NAME *subject = X509_get_subject_name(certificate);
    int last = -1;
    for (int at = -1; (at = X509_NAME_get_index_by_NID(subject, NID_commonName, at)) >= 0;)
        last = at;
    if (last < 0)
        return -ENOENT;
    return string_copy(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, last)), ret_name);
}

static int alternative_name_of(X509 *certificate, int type, char **ret_name)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    int failed = -ENOENT;
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        int found;
        const ASN1_STRING *string = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, i), &found);
        if (found != type)
            continue;
        failed = string_copy(string, ret_name);
        break;
    }
    GENERAL_NAMES_free(names);
    return failed;
}

int tls_identity_of(X509 *certificate, enum tls_identity identity, char **ret_name)
{
    switch (identity) {
    case TLS_IDENTITY_COMMON_NAME:
        return common_name_of(certificate, ret_name);
    case TLS_IDENTITY_DNS:
        return alternative_name_of(certificate, GEN_DNS, ret_name);
    case TLS_IDENTITY_EMAIL:
        return alternative_name_of(certificate, GEN_EMAIL, ret_name);
    case TLS_IDENTITY_URI:
        return alternative_name_of(certificate, GEN_URI, ret_name);
    default:
        return -ENOENT;
    }
}
