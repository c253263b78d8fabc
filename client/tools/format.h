// SPDX-License-Identifier: MIT
// How hbmqtt_sub prints a message: -F, in the manner of printf and strftime.
//
//     %t topic   %p payload   %x %X payload in hex   %l its length   %q QoS
//     %r retained: 0 or 1   %d sent before: 0 or 1   %I time, ISO 8601   %U seconds since 1970
//     %j all of it as JSON   %J the same, the payload being JSON itself
//     @Y @m @d @H @M @S its parts, @N nanoseconds, @s seconds since 1970, @z the zone
//     %% a percent sign   @@ an at sign   \n \r \t \0 \e \a \\ as in C
//
// A JSON text is UTF-8: a payload that is not is given as "payload_base64" instead.
#ifndef TOOLS_FORMAT_H
#define TOOLS_FORMAT_H

#include "client/error.h"

#include <stdio.h>
#include <time.h>

// Judges a format. Returns 0 or HBMQTT_ERROR_ARGUMENT with *ret_error set.
int format_check(const char *format, struct error *ret_error);

// Prints `message`, which came at `when`, as a format that was judged says. False: writing failed, with errno
// set.
bool format_print(const char *format, const struct hbmqtt_message *message, const struct timespec *when,
                  FILE *out);

#endif
