// SPDX-License-Identifier: MIT
#include "server/passwd/secret.h"

#include "server/passwd/terminal.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <unistd.h>

#define TOO_LONG "a password may have no more than 511 bytes"

void secret_wipe(struct secret *secret)
{
    OPENSSL_cleanse(secret, sizeof *secret);
}

static enum passwd_exit question_ask(const char *question, struct secret *ret_secret)
{
    ssize_t length = terminal_ask(question, ret_secret->text, PASSWORD_BYTES_MAX);
    if (length >= 0) {
        ret_secret->length = (size_t)length;
        return PASSWD_DONE;
    }
    if (length == -EMSGSIZE)
        return passwd_say(PASSWD_USAGE, TOO_LONG);
    if (length == -ENODATA)
        return passwd_say(PASSWD_USAGE, "no password was given; nothing was changed");
    return passwd_say(PASSWD_USAGE, "the terminal cannot be read: %s", strerror((int)-length));
}

static enum passwd_exit secret_ask_terminal(const char *user, bool twice, struct secret *ret_secret)
{
    char question[160];
    (void)snprintf(question, sizeof question, "Password of %.100s: ", user); // fits
    enum passwd_exit status = question_ask(question, ret_secret);
    if (status != PASSWD_DONE || !twice)
        return status;
    struct secret again;
    status = question_ask("The same again: ", &again);
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
    return isatty(STDIN_FILENO) ? secret_ask_terminal(user, twice, ret_secret) : line_read(ret_secret);
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
