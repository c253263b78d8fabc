// SPDX-License-Identifier: MIT
// Where a password comes from: the terminal, without echo; standard input, one line; or the command line.
#ifndef PASSWD_SECRET_H
#define PASSWD_SECRET_H

#include "server/passwd/passwd.h"

struct secret {
    char text[PASSWORD_BYTES_MAX];
    size_t length; // of it
};

static inline struct bytes secret_bytes(const struct secret *secret)
{
    return (struct bytes){(const uint8_t *)secret->text, secret->length};
}

// Asks for the password of `user`: twice on a terminal if it is a new one. No more of standard input is read
// than the line, so that the next program finds the next one. An interruption by the keyboard ends the
// process. Returns PASSWD_DONE, or PASSWD_USAGE after having said why.
WARN_UNUSED enum passwd_exit secret_ask(const char *user, bool twice, struct secret *ret_secret);

// Takes the password out of the command line, where it lasts no longer than this.
WARN_UNUSED enum passwd_exit secret_take(char *word, struct secret *ret_secret);

void secret_wipe(struct secret *secret);

#endif
