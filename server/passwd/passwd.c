// SPDX-License-Identifier: MIT
#include "server/passwd/passwd.h"

#include <stdarg.h>
#include <stdio.h>

enum passwd_exit passwd_say(enum passwd_exit status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("hbmqtt_passwd: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    return status;
}
