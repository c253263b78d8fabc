// SPDX-License-Identifier: MIT
// Files that a TLS context is made from, and the one line that says what is wrong with one of them.
#ifndef TRANSPORT_TLS_FILE_H
#define TRANSPORT_TLS_FILE_H

#include <stdio.h>

#include "server/base/base.h"

#define TLS_LINE_BYTES 512u

// Writes the line and returns `error`.
__attribute__((format(printf, 3, 4))) int tls_line(char *ret_line, int error, const char *format, ...);

// The same for a failed call of OpenSSL, with its reason at the end; its queue of errors is empty afterwards.
__attribute__((format(printf, 3, 4))) int tls_line_openssl(char *ret_line, int error, const char *format,
                                                           ...);

// Opens a file to read; `option` is what names it in the configuration. Returns 0, or -errno and the line.
WARN_UNUSED int tls_file_open(const char *option, const char *path, FILE **ret_file, char *ret_line);

#endif
