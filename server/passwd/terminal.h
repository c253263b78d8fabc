// SPDX-License-Identifier: MIT
// A question on the terminal whose answer is not shown.
#ifndef PASSWD_TERMINAL_H
#define PASSWD_TERMINAL_H

#include <stddef.h>
#include <sys/types.h>

// Asks once, on the controlling terminal or else on standard input, and reads one line of at most `capacity`
// bytes. What was typed before the question is dropped. A signal that ends the process, such as that of
// Ctrl-C, does so after the terminal is as it was.
//
// Returns the length of the answer; -EMSGSIZE if it is longer; -ENODATA if there is none (Ctrl-D); -errno.
__attribute__((warn_unused_result)) ssize_t terminal_ask(const char *question, char *ret_text,
                                                         size_t capacity);

#endif
