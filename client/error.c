// SPDX-License-Identifier: MIT
#include "client/error.h"

#include <stdarg.h>
#include <stdio.h>

void error_clear(struct error *error)
{
    error->code = 0;
    error->text[0] = '\0';
}

int error_set(struct error *error, int code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->text, sizeof error->text, format, arguments);
    va_end(arguments);
    // One line stays one line, whatever a command line or a configuration file had in it.
    for (char *at = error->text; *at != '\0'; at++)
        if ((unsigned char)*at < ' ' || *at == 0x7f)
            *at = '?';
    error->code = code;
    return code;
}
