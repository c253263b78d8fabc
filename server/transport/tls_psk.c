// SPDX-License-Identifier: MIT
#include "server/transport/tls_psk.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/transport/tls_file.h"

#define LINE_BYTES (TLS_PSK_IDENTITY_MAX + 2 * TLS_PSK_KEY_MAX + 8)

// Returns the key's length in bytes, or 0 if it is no key.
static uint8_t key_read(const char *text, uint8_t key[TLS_PSK_KEY_MAX])
{
    size_t digits = strlen(text);
    if (digits % 2 != 0 || digits < 2 * (size_t)TLS_PSK_KEY_MIN || digits > 2 * (size_t)TLS_PSK_KEY_MAX ||
        strspn(text, "0123456789abcdefABCDEF") != digits)
        return 0;
    for (size_t i = 0; i < digits / 2; i++) {
        char pair[3] = {text[2 * i], text[2 * i + 1], '\0'};
        key[i] = (uint8_t)strtoul(pair, NULL, 16);
    }
    return (uint8_t)(digits / 2);
}

// Reads one line into `psk`; returns NULL or what is wrong with it.
static const char *psk_read(struct tls_psk *psk, char *line)
{
    char *colon = strrchr(line, ':');
    if (colon == NULL)
        return "is not identity:hexkey";
    *colon = '\0';
    size_t length = strlen(line);
    if (length == 0 || length > TLS_PSK_IDENTITY_MAX || !utf8_valid(bytes_of(line)))
        return "needs an identity of 1 to 128 bytes in UTF-8";
    memcpy(psk->identity, line, length + 1);
    psk->key_length = key_read(colon + 1, psk->key);
    return psk->key_length > 0 ? NULL : "needs a key of 32 to 128 hexadecimal digits (16 to 64 bytes)";
}

static int psk_compare(const void *a, const void *b)
{
    return strcmp(((const struct tls_psk *)a)->identity, ((const struct tls_psk *)b)->identity);
}

// Room for one more; NULL if there is no memory. Keys leave no copies behind in freed memory.
static struct tls_psk *psks_grow(struct tls_psks *psks, size_t *capacity)
{
    if (psks->count == *capacity) {
        size_t more = *capacity == 0 ? 16 : *capacity * 2;
        struct tls_psk *all = malloc(more * sizeof *all);
        if (all == NULL)
            return NULL;
        size_t count = psks->count;
        if (count > 0)
            memcpy(all, psks->all, count * sizeof *all);
        tls_psks_finish(psks);
        psks->all = all;
        psks->count = count;
        *capacity = more;
    }
    return &psks->all[psks->count];
}

static int psks_read_lines(struct tls_psks *psks, FILE *file, const char *path, char *ret_line)
{
    char line[LINE_BYTES];
    size_t capacity = 0;
    for (unsigned number = 1; fgets(line, sizeof line, file) != NULL; number++) {
        size_t length = strcspn(line, "\r\n");
        if (line[length] == '\0' && !feof(file))
            return tls_line(ret_line, -EINVAL, "psk_file %s: line %u is too long", path, number);
        line[length] = '\0';
        if (length == 0 || line[0] == '#')
            continue;
        struct tls_psk *psk = psks_grow(psks, &capacity);
        if (psk == NULL)
            return tls_line(ret_line, -ENOMEM, "psk_file %s: no memory", path);
        const char *wrong = psk_read(psk, line);
        if (wrong != NULL)
            return tls_line(ret_line, -EINVAL, "psk_file %s: line %u %s", path, number, wrong);
        psks->count++;
    }
    OPENSSL_cleanse(line, sizeof line);
    if (ferror(file))
        return tls_line(ret_line, -EIO, "psk_file %s: cannot be read: %s", path, strerror(errno));
    if (psks->count == 0)
        return tls_line(ret_line, -EINVAL, "psk_file %s: holds no line identity:hexkey", path);
    return 0;
}

static int psks_sort(struct tls_psks *psks, const char *path, char *ret_line)
{
    qsort(psks->all, psks->count, sizeof psks->all[0], psk_compare);
    for (size_t i = 1; i < psks->count; i++)
        if (psk_compare(&psks->all[i - 1], &psks->all[i]) == 0)
            return tls_line(ret_line, -EINVAL, "psk_file %s: identity '%s' is there twice: remove one", path,
                            psks->all[i].identity);
    return 0;
}

int tls_psks_read(struct tls_psks *psks, const char *path, char *ret_line)
{
    FILE *file;
    int failed = tls_file_open("psk_file", path, &file, ret_line);
    if (failed)
        return failed;
    failed = psks_read_lines(psks, file, path, ret_line);
    (void)fclose(file); // only read from
    if (!failed)
        failed = psks_sort(psks, path, ret_line);
    if (failed)
        tls_psks_finish(psks);
    return failed;
}

void tls_psks_finish(struct tls_psks *psks)
{
    if (psks->all != NULL)
        OPENSSL_cleanse(psks->all, psks->count * sizeof psks->all[0]);
    free(psks->all);
    *psks = (struct tls_psks){NULL, 0};
}

static int psk_compare_identity(const void *identity, const void *psk)
{
    return strcmp(identity, ((const struct tls_psk *)psk)->identity);
}

const struct tls_psk *tls_psks_find(const struct tls_psks *psks, struct bytes identity)
{
    char text[TLS_PSK_IDENTITY_MAX + 1];
    if (psks->count == 0 || identity.length == 0 || identity.length > TLS_PSK_IDENTITY_MAX ||
        memchr(identity.data, '\0', identity.length) != NULL)
        return NULL;
    memcpy(text, identity.data, identity.length);
    text[identity.length] = '\0';
    return bsearch(text, psks->all, psks->count, sizeof psks->all[0], psk_compare_identity);
}
