// SPDX-License-Identifier: MIT
#include "server/passwd/secret.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#define TOO_LONG "a password may have no more than 511 bytes"

void secret_wipe(struct secret *secret)
{
    OPENSSL_cleanse(secret, sizeof *secret);
}

// One question on the terminal.
static enum passwd_exit prompt_answer(const char *prompt, struct secret *ret_secret)
{
    // It takes so many bytes, and writes a NUL behind them.
    int status = EVP_read_pw_string_min(ret_secret->text, 0, PASSWORD_BYTES_MAX, prompt, 0);
    if (status == -2) { // by Ctrl-C: as if nobody had caught it
        (void)signal(SIGINT, SIG_DFL);
        (void)raise(SIGINT);
    }
    if (status != 0)
        return passwd_say(PASSWD_USAGE, "no password was given, or a longer one than 511 bytes");
    ret_secret->length = strlen(ret_secret->text);
    return PASSWD_DONE;
}

static enum passwd_exit terminal_ask(const char *user, bool twice, struct secret *ret_secret)
{
    char prompt[160];
    (void)snprintf(prompt, sizeof prompt, "Password of %.100s: ", user); // fits
    enum passwd_exit status = prompt_answer(prompt, ret_secret);
    if (status != PASSWD_DONE || !twice)
        return status;
    struct secret again;
    status = prompt_answer("The same again: ", &again);
    if (status == PASSWD_DONE && !bytes_equal(secret_bytes(&again), secret_bytes(ret_secret)))
        status = passwd_say(PASSWD_USAGE, "the two passwords differ; nothing was changed");
    secret_wipe(&again);
    return status;
}

// Byte by byte, for the next line to stay where it is.
static enum passwd_exit line_read(struct secret *ret_secret)
{
    ret_secret->length = 0;
    while (true) {
        char byte;
        ssize_t got = read(STDIN_FILENO, &byte, 1);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return passwd_say(PASSWD_USAGE, "standard input cannot be read: %s", strerror(errno));
        if (got == 0 && ret_secret->length == 0)
            return passwd_say(PASSWD_USAGE, "expected a password on standard input, and it is empty");
        if (got == 0 || byte == '\n')
            return PASSWD_DONE;
        if (ret_secret->length == PASSWORD_BYTES_MAX)
            return passwd_say(PASSWD_USAGE, TOO_LONG);
        ret_secret->text[ret_secret->length++] = byte;
    }
}

enum passwd_exit secret_ask(const char *user, bool twice, struct secret *ret_secret)
{
    return isatty(STDIN_FILENO) ? terminal_ask(user, twice, ret_secret) : line_read(ret_secret);
}

enum passwd_exit secret_take(char *word, struct secret *ret_secret)
{
    size_t length = strlen(word);
    if (length <= PASSWORD_BYTES_MAX) {
        memcpy(ret_secret->text, word, length);
        ret_secret->length = length;
    }
    OPENSSL_cleanse(word, length);
    return length <= PASSWORD_BYTES_MAX ? PASSWD_DONE : passwd_say(PASSWD_USAGE, TOO_LONG);
}
