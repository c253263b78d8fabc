// SPDX-License-Identifier: MIT
// What all TLS connections of a listener have in common: certificates, whom it believes, what it agrees to.
//
// A context never changes once it is made, and is counted atomically, so that all shards share one. To
// reload, a new one takes its place; connections keep the one that they began with. Its ticket keys are its
// own: a session is resumed on any shard, and never with a context that might judge it otherwise.
#ifndef TRANSPORT_TLS_CONTEXT_H
#define TRANSPORT_TLS_CONTEXT_H

#include "server/base/base.h"

enum tls_client_certificates {
    TLS_CLIENT_CERTIFICATES_NONE,     // none is asked for
    TLS_CLIENT_CERTIFICATES_OPTIONAL, // one is asked for, and must be good if there is one
    TLS_CLIENT_CERTIFICATES_REQUIRED
};

// Which part of a client certificate becomes the user name.
enum tls_identity {
    TLS_IDENTITY_NONE,
    TLS_IDENTITY_COMMON_NAME, // the last one of the subject, which is the most specific
    TLS_IDENTITY_DNS,         // the first subject alternative name of the kind
    TLS_IDENTITY_EMAIL,
    TLS_IDENTITY_URI,
};

enum tls_version { TLS_VERSION_1_2, TLS_VERSION_1_3 };

struct tls_certificate_files {
    const char *certfile; // the certificate, then those that lead to its CA
    const char *keyfile;  // NULL = in certfile too
};

// Borrowed for the call. NULL = not given. Zeroed options with a certfile are the defaults.
struct tls_options {
    struct tls_certificate_files certificate; // for all that name no other host; may lack with a psk_file
    const struct tls_certificate_files *more; // `more_count` others, for the hosts that they name;
    uint32_t more_count;                      // the first that fits is taken
    const char *cafile;                       // CAs of client certificates, in PEM
    const char *capath;                       // a directory of them; what else is in it does not matter
    const char *cadata;                       // the text itself
    const char *crlfile;                      // CRLs of the CAs that issue to clients
    enum tls_client_certificates client_certificates;
    enum tls_identity identity; // a client authenticated by PSK has its PSK identity, unless this is NONE
    enum tls_version version_min;
    const char *ciphers;      // of TLS 1.2, in OpenSSL's syntax
    const char *ciphersuites; // of TLS 1.3, with colons between; for a PSK beside a certificate, one with
                              // SHA256 must come first, as it does where none are given
    const char *groups;       // with colons between, the preferred first
    const char *psk_file;     // see tls_psk.h
    bool websocket;           // ALPN http/1.1 is served too, and preferred
};

struct tls_context;

// Returns 0 and a context with one reference, or -errno. ret_line (of TLS_LINE_BYTES) gets one line that says
// what is wrong, with which file or option, and what to do; with the result 0 a warning, or "".
WARN_UNUSED int tls_context_create(const struct tls_options *options, struct tls_context **ret_context,
                                   char *ret_line);

// From any thread.
struct tls_context *tls_context_ref(struct tls_context *context);
void tls_context_unref(struct tls_context *context); // NULL is accepted

// For tls.c: a connection that waits for its client's greeting, NULL if there is no memory; and which part of
// a certificate names the user.
struct tls_wire;
WARN_UNUSED struct ssl_st *tls_context_accept(const struct tls_context *context, struct tls_wire *wire);
enum tls_identity tls_context_identity(const struct tls_context *context);

#endif
