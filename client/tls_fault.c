// SPDX-License-Identifier: MIT
#include "client/tls_fault.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>

#define ADVICE_CA "name the CA that signed it, by file, path or data"

void tls_verdict_note(struct tls_verdict *verdict, X509_STORE_CTX *store)
{
    X509 *certificate = X509_STORE_CTX_get_current_cert(store);
    *verdict = (struct tls_verdict){.fault = X509_STORE_CTX_get_error(store),
                                    .depth = X509_STORE_CTX_get_error_depth(store)};
    if (certificate == NULL)
        return;
    BIO *bio = BIO_new(BIO_s_mem());
    if (bio == NULL)
        return; // the text will do without
    X509_NAME_print_ex(bio, X509_get_subject_name(certificate), 0, XN_FLAG_ONELINE & ~ASN1_STRFLGS_ESC_MSB);
    (void)BIO_read(bio, verdict->subject, sizeof verdict->subject - 1); // cut where it is longer
    (void)BIO_reset(bio);
    ASN1_TIME_print(bio, X509_get0_notAfter(certificate));
    (void)BIO_read(bio, verdict->not_after, sizeof verdict->not_after - 1);
    BIO_free(bio);
}

int tls_fault_untrusted(const struct tls_verdict *verdict, const char *host, struct error *ret_error)
{
    const char *whose = verdict->depth == 0 ? "the broker's certificate" : "a CA certificate of the broker";
    const char *subject = verdict->subject;
    switch (verdict->fault) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        return error_set(ret_error, HBMQTT_ERROR_UNTRUSTED,
                         "%s (%s) is not for the host name '%s': use a name that it is for", whose, subject,
                         host);
    case X509_V_ERR_CERT_HAS_EXPIRED:
        return error_set(ret_error, HBMQTT_ERROR_UNTRUSTED,
                         "%s (%s) expired on %s: the broker needs a new one, or the clock here is wrong",
                         whose, subject, verdict->not_after);
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return error_set(ret_error, HBMQTT_ERROR_UNTRUSTED,
                         "%s (%s) is not valid yet: the clock here or that of its CA is wrong", whose,
                         subject);
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
        return error_set(
            ret_error, HBMQTT_ERROR_UNTRUSTED,
            "the broker's certificate leads to no CA that is trusted here, it ends with (%s): " ADVICE_CA,
            subject);
    default:
        return error_set(ret_error, HBMQTT_ERROR_UNTRUSTED, "%s (%s) is not accepted: %s", whose, subject,
                         X509_verify_cert_error_string(verdict->fault));
    }
}

// Alerts by which a server says that the client's certificate is lacking or wrong.
static bool alert_is_about_certificate(int alert)
{
    switch (alert) {
    case SSL_AD_BAD_CERTIFICATE:
    case SSL_AD_UNSUPPORTED_CERTIFICATE:
    case SSL_AD_CERTIFICATE_REVOKED:
    case SSL_AD_CERTIFICATE_EXPIRED:
    case SSL_AD_CERTIFICATE_UNKNOWN:
    case SSL_AD_UNKNOWN_CA:
    case SSL_AD_ACCESS_DENIED:
    case SSL_AD_CERTIFICATE_REQUIRED:
        return true;
    default:
        return false;
    }
}

static int fault_alert(int alert, const char *why, struct error *ret_error)
{
    if (alert_is_about_certificate(alert))
        return error_set(ret_error, HBMQTT_ERROR_REFUSED,
                         "refused by the broker, which wants a client certificate that it trusts (%s)", why);
    return error_set(
        ret_error, HBMQTT_ERROR_UNREACHABLE,
        "refused in TLS (%s): the broker may want a client certificate or another version of TLS", why);
}

// Whether a handshake fails so at a port without TLS: another protocol answers, or the broker's alert says
// that it expects none.
static bool is_of_no_tls(int reason)
{
    return reason == SSL_R_WRONG_VERSION_NUMBER || reason == SSL_R_HTTP_REQUEST ||
           reason == SSL_AD_REASON_OFFSET + SSL_AD_UNEXPECTED_MESSAGE;
}

int tls_fault_library(bool handshake, struct error *ret_error)
{
    unsigned long fault = ERR_peek_error();
    int reason = ERR_GET_REASON(fault);
    const char *reason_text = ERR_reason_error_string(fault);
    const char *why = reason_text == NULL ? "unknown fault" : reason_text;
    bool of_tls = ERR_GET_LIB(fault) == ERR_LIB_SSL;
    ERR_clear_error();
    if (of_tls && handshake && is_of_no_tls(reason))
        return error_set(ret_error, HBMQTT_ERROR_UNREACHABLE,
                         "this port does not speak TLS: is mqtt:// or ws:// meant?");
    if (of_tls && reason > SSL_AD_REASON_OFFSET)
        return fault_alert(reason - SSL_AD_REASON_OFFSET, why, ret_error);
    if (!handshake)
        return error_set(ret_error, HBMQTT_ERROR_LOST, "TLS: %s", why);
    return error_set(ret_error, HBMQTT_ERROR_UNREACHABLE, "the TLS handshake failed: %s", why);
}
