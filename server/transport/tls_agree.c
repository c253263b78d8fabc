// SPDX-License-Identifier: MIT
#include "server/transport/tls_agree.h"

#include <errno.h>
#include <openssl/err.h>
#include <string.h>

#include "server/transport/tls_file.h"

#define NAME_BYTES 128u

// What nobody chooses otherwise. SHA-256 first: processors have instructions for it, so that handshakes cost
// less; and a PSK from a file goes with it [RFC 8446, 4.2.11], while beside a certificate OpenSSL takes the
// suite that it prefers first and then looks whether the PSK goes with that.
#define CIPHERSUITES_DEFAULT "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384"

static int cipher_try(SSL_CTX *settings, const char *name)
{
    // "!RC4" is right also where OpenSSL has no RC4, and "@..." is a command.
    return strchr("!-+@", name[0]) != NULL || SSL_CTX_set_cipher_list(settings, name);
}

static int ciphersuite_try(SSL_CTX *settings, const char *name)
{
    static const char *const names[] = {
        "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_GCM_SHA256",
        "TLS_AES_128_CCM_SHA256", "TLS_AES_128_CCM_8_SHA256",
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(name, names[i]) == 0)
            return 1;
    return 0;
}

// As SSL_CTX_set1_groups_list, whose macro casts the const away where the compiler sees it.
static int group_try(SSL_CTX *settings, const char *names)
{
    return SSL_CTX_ctrl(settings, SSL_CTRL_SET_GROUPS_LIST, 0, (void *)(uintptr_t)names) == 1;
}

struct agreement {
    const char *option;
    const char *list;
    const char *separators;
    const char *command; // that lists what there is
    int (*try)(SSL_CTX *settings, const char *name);
};

static int agreement_check(SSL_CTX *settings, const struct agreement *agreement, char *ret_line)
{
    char name[NAME_BYTES];
    for (const char *at = agreement->list; *at != '\0';) {
        size_t length = strcspn(at, agreement->separators);
        (void)snprintf(name, sizeof name, "%.*s", (int)length, at); // a longer one is no name
        at += length;
        at += strspn(at, agreement->separators);
        if (length > 0 && (length >= sizeof name || !agreement->try(settings, name))) {
            ERR_clear_error();
            return tls_line(ret_line, -EINVAL, "%s: nothing is known by the name '%s'; see: %s",
                            agreement->option, name, agreement->command);
        }
    }
    return 0;
}

int tls_agree_load(SSL_CTX *settings, const struct tls_options *options, char *ret_line)
{
    const struct agreement agreements[] = {
        {"ciphers", options->ciphers, ": ,", "openssl ciphers -tls1_2", cipher_try},
        {"ciphersuites", options->ciphersuites, ":", "openssl ciphers -tls1_3 -s", ciphersuite_try},
        {"groups", options->groups, ":", "openssl ecparam -list_curves; also X25519 and X448", group_try},
    };
    int version = options->version_min == TLS_VERSION_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION;
    for (size_t i = 0; i < sizeof agreements / sizeof agreements[0]; i++) {
        int failed = 0;
        if (agreements[i].list != NULL)
            failed = agreement_check(settings, &agreements[i], ret_line);
        if (failed)
            return failed;
    }
    if (!SSL_CTX_set_min_proto_version(settings, version))
        return tls_line_openssl(ret_line, -EINVAL, "the lowest TLS version");
    if (options->ciphers != NULL && !SSL_CTX_set_cipher_list(settings, options->ciphers))
        return tls_line_openssl(ret_line, -EINVAL, "ciphers '%s'", options->ciphers);
    const char *suites = options->ciphersuites != NULL ? options->ciphersuites : CIPHERSUITES_DEFAULT;
    if (!SSL_CTX_set_ciphersuites(settings, suites))
        return tls_line_openssl(ret_line, -EINVAL, "ciphersuites '%s'", suites);
    if (options->groups != NULL && !group_try(settings, options->groups))
        return tls_line_openssl(ret_line, -EINVAL, "groups '%s'", options->groups);
    return 0;
}
