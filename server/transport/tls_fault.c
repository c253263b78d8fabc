// SPDX-License-Identifier: MIT
#include "server/transport/tls_fault.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <stdio.h>

#define ALERT_REASON_FIRST 1000 // OpenSSL's reason for a received alert is its number and this

static const char *const kind_texts[] = {
    [TLS_FAULT_NONE] = "",
    [TLS_FAULT_PLAIN_MQTT] = "plain MQTT on a TLS port",
    [TLS_FAULT_PLAIN_HTTP] = "plain HTTP on a TLS port",
    [TLS_FAULT_PLAIN_PROXY] = "a PROXY protocol header on a TLS port that expects none",
    [TLS_FAULT_PLAIN_OTHER] = "not TLS",
    [TLS_FAULT_ALPN] = "no shared ALPN protocol",
    [TLS_FAULT_IDENTITY] = "client certificate lacks the part that becomes the user name",
    [TLS_FAULT_KEY_UPDATES] = "too many key updates",
    [TLS_FAULT_RENEGOTIATION] = "renegotiation attempted",
    [TLS_FAULT_OUTPUT] = "does not read what TLS answers",
    [TLS_FAULT_MEMORY] = "out of memory for TLS",
};

struct phrase {
    int code;
    const char *text;
};

static const struct phrase certificate_phrases[] = {
    {X509_V_ERR_CERT_HAS_EXPIRED, "client certificate has expired"},
    {X509_V_ERR_CERT_NOT_YET_VALID, "client certificate is not valid yet"},
    {X509_V_ERR_CERT_REVOKED, "client certificate is revoked"},
    {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, "client certificate is from an unknown CA"},
    {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, "client certificate is from an unknown CA"},
    {X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, "client certificate is from an unknown CA"},
    {X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, "client certificate is from an unknown CA"},
    {X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, "client certificate is signed by itself"},
    {X509_V_ERR_UNABLE_TO_GET_CRL, "no CRL from the issuer of the client certificate"},
    {X509_V_ERR_CRL_HAS_EXPIRED, "the CRL has expired: the crlfile must be renewed"},
    {X509_V_ERR_INVALID_PURPOSE, "client certificate is not made for clients"},
};

static const struct phrase openssl_phrases[] = {
    {SSL_R_NO_SHARED_CIPHER, "no shared cipher"},
    {SSL_R_NO_SUITABLE_KEY_SHARE, "no shared group"},
    {SSL_R_NO_SUITABLE_GROUPS, "no shared group"},
    {SSL_R_NO_SHARED_GROUPS, "no shared group"},
    {SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM, "no shared signature algorithm"},
    {SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS, "no shared signature algorithm"},
    {SSL_R_UNSUPPORTED_PROTOCOL, "no shared TLS version"},
    {SSL_R_VERSION_TOO_LOW, "no shared TLS version"},
    {SSL_R_WRONG_VERSION_NUMBER, "not a TLS record"},
    {SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE, "no client certificate"},
    {SSL_R_PSK_IDENTITY_NOT_FOUND, "unknown PSK identity"},
    {SSL_R_BINDER_DOES_NOT_VERIFY, "wrong PSK"},
    {SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC, "a record that does not decrypt"},
};

static const char *phrase_of(const struct phrase *phrases, size_t count, int code)
{
    for (size_t i = 0; i < count; i++)
        if (phrases[i].code == code)
            return phrases[i].text;
    return NULL;
}

#define PHRASE_OF(phrases, code) phrase_of(phrases, sizeof(phrases) / sizeof((phrases)[0]), code)

enum tls_fault_kind tls_fault_of_greeting(enum greeting greeting)
{
    switch (greeting) {
    case GREETING_TLS:
        return TLS_FAULT_NONE;
    case GREETING_MQTT:
        return TLS_FAULT_PLAIN_MQTT;
    case GREETING_HTTP:
        return TLS_FAULT_PLAIN_HTTP;
    case GREETING_PROXY:
        return TLS_FAULT_PLAIN_PROXY;
    case GREETING_OTHER:
        break;
    }
    return TLS_FAULT_PLAIN_OTHER;
}

void tls_fault_take(struct tls_fault *fault, long verified)
{
    unsigned long first = ERR_get_error();
    unsigned long error = first;
    // What libcrypto says is said before, and is less clear: a forged record is a cipher operation that
    // failed.
    while (error != 0 && ERR_GET_LIB(error) != ERR_LIB_SSL)
        error = ERR_get_error();
    if (error == 0)
        error = first;
    int reason = ERR_GET_REASON(error);
    if (ERR_GET_REASON(first) == ERR_R_MALLOC_FAILURE)
        tls_fault_set(fault, TLS_FAULT_MEMORY, 0);
    else if (ERR_GET_LIB(error) == ERR_LIB_SSL && reason >= ALERT_REASON_FIRST &&
             reason <= ALERT_REASON_FIRST + UINT8_MAX)
        tls_fault_set(fault, TLS_FAULT_ALERT, (unsigned long)(reason - ALERT_REASON_FIRST));
    else if (reason == SSL_R_CERTIFICATE_VERIFY_FAILED && verified != X509_V_OK)
        tls_fault_set(fault, TLS_FAULT_CERTIFICATE, (unsigned long)verified);
    else
        tls_fault_set(fault, TLS_FAULT_OPENSSL, error);
}

static const char *openssl_text(unsigned long error)
{
    const char *text =
        ERR_GET_LIB(error) == ERR_LIB_SSL ? PHRASE_OF(openssl_phrases, ERR_GET_REASON(error)) : NULL;
    if (text == NULL)
        text = ERR_reason_error_string(error);
    return text != NULL ? text : "TLS failed without a reason";
}

void tls_fault_text(const struct tls_fault *fault, char ret_text[TLS_FAULT_BYTES])
{
    const char *text = NULL;
    switch (fault->kind) {
    case TLS_FAULT_PLAIN_OTHER:
        (void)snprintf(ret_text, TLS_FAULT_BYTES, "not TLS: its first byte is 0x%02lx",
                       fault->detail); // fits
        return;
    case TLS_FAULT_ALERT:
        (void)snprintf(ret_text, TLS_FAULT_BYTES, "the client ended the handshake or connection: %s",
                       SSL_alert_desc_string_long((int)fault->detail)); // fits
        return;
    case TLS_FAULT_CERTIFICATE:
        text = PHRASE_OF(certificate_phrases, (int)fault->detail);
        if (text == NULL)
            text = X509_verify_cert_error_string((long)fault->detail);
        break;
    case TLS_FAULT_OPENSSL:
        text = openssl_text(fault->detail);
        break;
    default:
        text = kind_texts[fault->kind];
    }
    (void)snprintf(ret_text, TLS_FAULT_BYTES, "%s", text); // cut if ever too long
}
