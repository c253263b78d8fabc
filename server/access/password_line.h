// SPDX-License-Identifier: MIT
// The lines of a password file:
//
//     # a comment, and blank lines
//     USER:HASH
//
// Blanks around the user and the hash do not count, nor does the carriage return of a file from Windows. A
// user is text without a colon, as mosquitto and the Python broker have it.
#ifndef ACCESS_PASSWORD_LINE_H
#define ACCESS_PASSWORD_LINE_H

#include "proto/proto.h"
#include "server/base/base.h"

#define PASSWORD_USER_BYTES_MAX 65535u // as a user name in a CONNECT

// Views into the line. `user` is empty where there is nothing but a comment or blanks.
struct password_line {
    struct bytes user;
    struct bytes hash; // what is behind the colon; not looked at
};

// The text without the byte-order mark that some editors of Windows begin a file with.
struct bytes password_lines_begin(struct bytes text);

// Takes the next line off `rest`, its end (LF or CR LF) left out of `ret_line`; false when nothing is left.
bool password_line_next(struct bytes *rest, struct bytes *ret_line);

// Returns NULL, or a phrase that says what is expected, without a part of the line.
WARN_UNUSED const char *password_line_read(struct bytes line, struct password_line *ret_line);

// The same for a user that a line is to be written for.
WARN_UNUSED const char *password_user_check(struct bytes user);

#endif
