// SPDX-License-Identifier: MIT
#include "server/transport/tls_file.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

int tls_line(char *ret_line, int error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(ret_line, TLS_LINE_BYTES, format, arguments); // cut if ever too long
    va_end(arguments);
    return error;
}

int tls_line_openssl(char *ret_line, int error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(ret_line, TLS_LINE_BYTES, format, arguments); // cut if ever too long
    va_end(arguments);
    unsigned long code = ERR_peek_error();
    const char *reason = ERR_reason_error_string(code);
    size_t length = strlen(ret_line);
    (void)snprintf(ret_line + length, TLS_LINE_BYTES - length, ": %s",
                   reason != NULL ? reason : "no memory"); // cut if ever too long
    ERR_clear_error();
    return ERR_GET_REASON(code) == ERR_R_MALLOC_FAILURE ? -ENOMEM : error;
}

static const char *advice_of(int error)
{
    switch (error) {
    case ENOENT:
    case ENOTDIR:
        return "correct the path or create the file";
    case EACCES:
        return "let the user of the broker read it";
    default:
        return "name a file that can be read";
    }
}

int tls_file_open(const char *option, const char *path, FILE **ret_file, char *ret_line)
{
    FILE *file = fopen(path, "re");
    int error = file == NULL ? errno : 0;
    struct stat status;
    if (file != NULL && fstat(fileno(file), &status) == 0 && S_ISDIR(status.st_mode)) {
        error = EISDIR;
        (void)fclose(file); // only opened
    }
    if (error != 0)
        return tls_line(ret_line, -error, "%s %s: %s; %s", option, path, strerror(error), advice_of(error));
    *ret_file = file;
    return 0;
}
