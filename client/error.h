// SPDX-License-Identifier: MIT
// What failed, as a class for programs and one line for people.
#ifndef CLIENT_ERROR_H
#define CLIENT_ERROR_H

#include "client/hbmqtt.h"

#define ERROR_TEXT_BYTES 320u // a longer text is cut

struct error {
    int code; // 0 or an enum hbmqtt_error
    char text[ERROR_TEXT_BYTES];
};

void error_clear(struct error *error);

// Returns `code`, so that a function can leave with `return error_set(...)`. Control bytes of quoted text
// become '?'.
__attribute__((format(printf, 3, 4))) int error_set(struct error *error, int code, const char *format, ...);

#endif
