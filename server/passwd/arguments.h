// SPDX-License-Identifier: MIT
// The command line of hbmqtt_passwd: options first, as mosquitto_passwd has them. What follows FILE is never
// an option, since a password may begin with a dash; and no word of it is told again in a message.
#ifndef PASSWD_ARGUMENTS_H
#define PASSWD_ARGUMENTS_H

#include "server/passwd/passwd.h"

enum arguments_action {
    ARGUMENTS_SET, // creates a user or changes the password
    ARGUMENTS_DELETE,
    ARGUMENTS_CHECK,
    ARGUMENTS_UPGRADE,
    ARGUMENTS_HELP,
    ARGUMENTS_VERSION,
};

// Everything points into argv.
struct arguments {
    enum arguments_action action;
    bool create; // the file
    bool force;  // also if there is one
    enum password_scheme scheme;
    uint32_t rounds;
    const char *file;
    const char *user;
    char *password; // NULL: to be asked for; wiped when it has been read
};

// Returns PASSWD_DONE, or PASSWD_USAGE after having said why.
WARN_UNUSED enum passwd_exit arguments_parse(int argc, char **argv, struct arguments *ret_arguments);

// What -h prints.
void arguments_print_help(void);

#endif
