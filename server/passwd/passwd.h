// SPDX-License-Identifier: MIT
// What the parts of hbmqtt_passwd share: how it ends, and the one line that says why.
#ifndef PASSWD_PASSWD_H
#define PASSWD_PASSWD_H

#include "server/access/access.h"

#define PASSWD_LINE_BYTES 1024u

// Documented in the manual page.
enum passwd_exit {
    PASSWD_DONE = 0,
    PASSWD_WRONG = 1, // the password, or there is no such user
    PASSWD_USAGE = 2, // the command line, a name or a password that cannot be taken
    PASSWD_FILE = 3,  // the file cannot be read or written, or has a fault
};

// Says one line on standard error, with the program's name in front, and returns `status`.
__attribute__((format(printf, 2, 3))) enum passwd_exit passwd_say(enum passwd_exit status, const char *format,
                                                                  ...);

#endif
